"""Files that run programs when opened (reference items 28, 33, 35): refused by their first bytes, and never opened."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.faults.command import generate, gesso, refused, train
from trainer.home import Home


class Payload:
    """Makes the file `marker` when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.marker,)


def raw(marker: Path) -> bytes:
    return pickle.dumps({"state_dict": Payload(marker)}, protocol=2)


def newest(marker: Path) -> bytes:
    return pickle.dumps(Payload(marker), protocol=5)


def as_torch_saves(marker: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"state_dict": Payload(marker)}, buffer)
    return buffer.getvalue()


def as_torch_saved_once(marker: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"state_dict": Payload(marker)}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def archive(marker: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("../../outside.txt", b"slipped")
        file.writestr("archive/data.pkl", raw(marker))
    return buffer.getvalue()


MAKERS = {
    "a pickle": (raw, "Python pickle"),
    "the newest pickle": (newest, "Python pickle"),
    "as torch saves": (as_torch_saves, "zip archive"),
    "as torch saved once": (as_torch_saved_once, "Python pickle"),
    "a zip that slips": (archive, "zip archive"),
}


@pytest.mark.parametrize("name", ["model.ckpt", "renamed.safetensors"])
@pytest.mark.parametrize("made", MAKERS)
def test_a_pickle_is_refused_and_never_run(made: str, name: str, tmp_path: Path, model: Path, home: Home) -> None:
    marker = tmp_path / "marker"
    make, words = MAKERS[made]
    path = tmp_path / "downloads" / name
    path.parent.mkdir()
    path.write_bytes(make(marker))
    for arguments in (("models", "install", path), ("models", "show", path), generate(path)):
        done = refused(*arguments, home=home, words=(name, words), inputs=(path.parent,))
        assert "Get the .safetensors version of this model." in done.err
    assert not marker.exists()
    torch.load(io.BytesIO(make(marker)), weights_only=False) if made.startswith("as") else None
    assert marker.exists() == made.startswith("as")  # the payload is a real one


def test_pickles_in_the_library_are_listed_as_what_they_are(
    tmp_path: Path, model: Path, subject: Path, home: Home
) -> None:
    marker = tmp_path / "marker"
    for folder, name in (("checkpoints", "old.ckpt"), ("embeddings", "word.pt"), ("loras", "style.pt")):
        path = home.models / folder / name
        path.parent.mkdir(parents=True)
        path.write_bytes(as_torch_saves(marker))
    listed = gesso("models", "list", home=home)
    assert listed.code == 0
    assert listed.out.count("zip archive") == 3
    refused(*generate("old"), home=home, words=("old.ckpt", "zip archive"))
    refused(*generate(model, "--lora", "style"), home=home, words=("style.pt", "zip archive"))
    refused(*train("old", subject), home=home, words=("old.ckpt",), kept=("runs/",))
    assert not marker.exists()
