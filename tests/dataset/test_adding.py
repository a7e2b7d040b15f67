"""Pictures copied into a dataset: whole, with their captions, over nothing that is there."""

from pathlib import Path

import pytest
from PIL import Image

from trainer.dataset.adding import copy_in
from trainer.dataset.items import scan


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    made = tmp_path / "outside"
    made.mkdir()
    for name in ("cat.png", "dog.JPG"):
        Image.new("RGB", (8, 8), (len(name), 0, 0)).save(made / name, "PNG")
    (made / "cat.txt").write_bytes("cat, h\u00e4t\r\n".encode("cp1252"))
    Image.new("L", (8, 8)).save(made / "cat-masklabel.png")
    (made / "notes.pdf").write_bytes(b"%PDF")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def test_a_picture_comes_with_its_caption_and_mask_byte_for_byte(outside: Path, folder: Path) -> None:
    added = copy_in([outside / "cat.png", outside / "dog.JPG"], folder)
    assert added.pictures == (folder / "cat.png", folder / "dog.JPG")
    assert not added.faults
    for name in ("cat.png", "cat.txt", "cat-masklabel.png", "dog.JPG"):
        assert (folder / name).read_bytes() == (outside / name).read_bytes()
    assert [item.relative for item in scan(folder).items] == ["cat.png", "dog.JPG"]


@pytest.mark.parametrize("there", ["cat.png", "CAT.png", "cat.webp", "cat.txt"])
def test_nothing_is_overwritten_and_no_caption_shared(outside: Path, folder: Path, there: str) -> None:
    (folder / there).write_bytes(b"mine")
    added = copy_in([outside / "cat.png", outside / "cat.png"], folder)
    assert [path.name for path in added.pictures] == ["cat-2.png", "cat-3.png"]
    assert (folder / there).read_bytes() == b"mine"
    assert (folder / "cat-2.txt").read_bytes() == (outside / "cat.txt").read_bytes()
    assert (folder / "cat-2-masklabel.png").is_file()


def test_what_is_no_picture_gone_or_there_already_is_named_and_the_others_copied(outside: Path, folder: Path) -> None:
    own = folder / "own.png"
    own.write_bytes(b"x")
    added = copy_in([outside / "notes.pdf", outside / "gone.png", own, outside / "cat.png"], folder)
    assert added.pictures == (folder / "cat.png",)
    assert [fault.partition(" ")[0] for fault in added.faults] == ["notes.pdf", "gone.png", "own.png"]
    assert not list(folder.glob(".gesso-partial-*"))


def test_ending_early_leaves_whole_files_only(outside: Path, folder: Path) -> None:
    added = copy_in([outside / "cat.png", outside / "dog.JPG"], folder, lambda done, _total: done < 1)
    assert added.pictures == (folder / "cat.png",)
    assert (folder / "cat.png").read_bytes() == (outside / "cat.png").read_bytes()
    assert not (folder / "dog.JPG").exists()
