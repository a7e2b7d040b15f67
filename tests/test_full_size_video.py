"""Stable Video Diffusion at its full size through the commands that a user types: install, animate; and its layouts.

Takes some minutes and 15 GB of disk: `python packaging/dev.py test -m slow tests/test_full_size_video.py -s`
"""

import gc
from pathlib import Path

import av
import pytest
import torch
from PIL import Image

from tests.full_size import write_svd
from tests.test_full_size_job import command
from trainer.files import sha256
from trainer.models.svd import SVD

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("full") / "svd.safetensors"
    write_svd(path)
    return path


def test_install_and_animate(checkpoint: Path, tmp_path: Path) -> None:
    home, picture = tmp_path / "home", tmp_path / "still.png"
    installed, _ = command(home, "models", "install", str(checkpoint), "--link", "--name", "svd")
    assert (installed[-1]["identity"]["family"], installed[-1]["identity"]["certainty"]) == ("svd", "certain")
    print("; ".join(installed[-1]["identity"]["reasons"]))

    Image.linear_gradient("L").convert("RGB").resize((128, 64)).save(picture)
    animate = ["animate", "--model", "svd", "--picture", str(picture), "--size", "128x64", "--steps", "1"]
    events, peak = command(home, *animate, "--frames", "14", "--out", str(tmp_path / "out"))
    assert events[-1]["kind"] == "finished", events[-1]
    size = checkpoint.stat().st_size
    print(f"{events[-1]['seconds']:.0f} s; peak memory {peak / 2**30:.1f} GB, {peak / size:.2f} times the file's size")
    assert peak < 2.5 * size
    with av.open(str(events[-1]["paths"][0]), "r") as container:
        assert len(list(container.decode(video=0))) == 14


def test_single_file_to_folder_to_single_file_loses_no_bit(checkpoint: Path, tmp_path: Path) -> None:
    """In fp16 as it is stored, so that the weights are mapped and never all in memory."""
    cpu, fp16 = torch.device("cpu"), torch.float16
    SVD.save_folder(SVD.load(checkpoint, device=cpu, dtype=fp16), tmp_path / "folder", dtype=None)
    gc.collect()
    bundle = SVD.load(tmp_path / "folder", device=cpu, dtype=fp16)
    SVD.save(bundle, tmp_path / "again.safetensors", dtype=None, metadata=bundle.metadata)
    assert sha256(tmp_path / "again.safetensors") == sha256(checkpoint)
