"""Full-size files of every image family: loaded and run within the memory that a user's machine has, and given back.

Each makes a file of its own, up to 7 GB, and takes some minutes: `python packaging/dev.py test -m slow
tests/models/test_full_size.py -s` prints what it measures.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.full_size import write_full
from trainer.library.header import read_header

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3000),
    pytest.mark.skipif(sys.platform != "linux", reason="peak memory is asked for in Linux's way"),
]

CHILD = """
import json
import sys
import time
from pathlib import Path
from trainer.offline import go_offline

go_offline()
import torch
from trainer.models.device import peak_memory
from trainer.models.family import Framing
from trainer.models.opening import FAMILIES

family = FAMILIES[sys.argv[2]]
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextModel

began = time.perf_counter()
bundle = family.load(Path(sys.argv[1]), device=torch.device("cpu"), dtype=torch.bfloat16)
loaded = time.perf_counter() - began
if len(sys.argv) > 3:
    bundle.family.save_folder(bundle, Path(sys.argv[3]), dtype=None)
else:
    with torch.no_grad():
        conditioning = family.encode_text(bundle, ["", "a cat"])
        size = (256, 256)
        framings = [Framing(size, (0, 0), size, is_negative=True, is_wordless=True), Framing(size, (0, 0), size)]
        conditioning = family.framed(bundle, conditioning, framings)
        shape = (2, bundle.unet.config.in_channels, 32, 32)
        latents = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        latents = family.predict(bundle, latents, torch.tensor([500, 500]), conditioning)
        assert torch.isfinite(family.decode(bundle, latents[:1])).all()
print(json.dumps({"seconds": loaded, "peak": peak_memory(bundle.device)}))
"""

BACK = """
import sys
from pathlib import Path
from trainer.offline import go_offline

go_offline()
import torch
from trainer.models.opening import FAMILIES

bundle = FAMILIES[sys.argv[2]].load(Path(sys.argv[1]), device=torch.device("cpu"), dtype=torch.bfloat16)
bundle.family.save(bundle, Path(sys.argv[3]), dtype=None, metadata={})
"""

MODELS = {
    "sd15": "sd1",
    "sd15-inpainting": "sd1",
    "sd21-v": "sd2",
    "sdxl": "sdxl",
    "sdxl-v": "sdxl",
    "sdxl-inpainting": "sdxl",
    "sdxl-refiner": "sdxl_refiner",
}


def python(code: str, *arguments: object) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def tensors(path: Path) -> dict[str, tuple[str, tuple[int, ...], str]]:
    """Number format, shape and a hash of the bytes of each."""
    header = read_header(path)
    found: dict[str, tuple[str, tuple[int, ...], str]] = {}
    with path.open("rb") as file:
        for name, info in header.tensors.items():
            file.seek(header.data_start + info.begin)
            found[name] = info.dtype, info.shape, hashlib.sha256(file.read(info.end - info.begin)).hexdigest()
    return found


@pytest.mark.parametrize("name", MODELS)
def test_it_runs_in_little_more_memory_than_its_file_and_comes_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    path, folder, back = tmp_path / "full.safetensors", tmp_path / "folder", tmp_path / "back.safetensors"
    write_full(path, name, dtype=torch.bfloat16)
    size, before = path.stat().st_size, tensors(path)
    measured: dict[str, Any] = json.loads(python(CHILD, path, MODELS[name]).splitlines()[-1])
    print(f"{name}: {size / 1e9:.2f} GB, loaded in {measured['seconds']:.2f} s, peak {measured['peak'] / 1e9:.2f} GB")
    assert measured["peak"] < 2 * size
    python(CHILD, path, MODELS[name], folder)
    path.unlink()
    python(BACK, folder, MODELS[name], back)
    assert tensors(back) == before
