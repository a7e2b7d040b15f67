"""What is taken for an item of a dataset, in which order, with which caption and how many repeats."""

import hashlib
import os
import random
import time
import unicodedata
from pathlib import Path

import pytest

from trainer.contract.errors import UserError
from trainer.dataset.items import Dataset, scan
from trainer.dataset.names import natural_key


def lay(folder: Path, *names: str, data: bytes = b"x") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def names(dataset: Dataset) -> list[str]:
    return [item.relative for item in dataset.items]


def reasons(dataset: Dataset) -> list[tuple[str, str, str]]:
    return [(f.path.relative_to(dataset.folder).as_posix(), f.severity, f.reason) for f in dataset.findings]


def test_pictures_are_listed_and_nothing_else(tmp_path: Path) -> None:
    pictures = ["a.png", "b.JPG", "c.jpeg", "d.webp", "e.bmp", "f.tif", "g.gif", "h.avif", "sub/deep/i.tiff"]
    others = ["a-masklabel.png", "b-condlabel.png", ".hidden.png", ".git/x.png", ".gesso-partial-1.png", "._a.png"]
    others += ["drawing.svg", "notes.md", "png", ".png", "__MACOSX/x.png", "metadata.jsonl", "a.json", "Thumbs.db"]
    lay(tmp_path, *pictures, *others)
    (tmp_path / "folder.png").mkdir()
    assert names(scan(tmp_path)) == pictures


def test_the_order_is_natural_and_the_same_everywhere(tmp_path: Path) -> None:
    wanted = ["a1.png", "a2.png", "a10.png", "b/a.png", "B1.png", "b 2.png", "b02.png", "é1.png", "é2.png", "狐.png"]
    keys = sorted(wanted, key=natural_key)
    for seed in range(20):
        shuffled = random.Random(seed).sample(wanted, len(wanted))
        assert sorted(shuffled, key=natural_key) == keys
    assert keys.index("a2.png") < keys.index("a10.png")
    both = [unicodedata.normalize(form, "é1.png") for form in ("NFC", "NFD")]
    assert sorted([*both, "é2.png", "f.png"], key=natural_key)[::3] == ["f.png", "é2.png"]
    lay(tmp_path, *(name for name in wanted if name != "b/a.png"), "b/a.png")
    assert names(scan(tmp_path)) == keys


def test_captions_belong_to_stems(tmp_path: Path) -> None:
    lay(
        tmp_path,
        "a.png",
        "a.txt",
        "a.caption",
        "b.png",
        "b.caption",
        "c.png",
        "d.e.png",
        "d.e.TXT",
        "e.png",
        "e.png.txt",
    )
    dataset = scan(tmp_path)
    found = {item.relative: item.caption_path and item.caption_path.name for item in dataset.items}
    assert found == {"a.png": "a.txt", "b.png": "b.caption", "c.png": None, "d.e.png": "d.e.TXT", "e.png": None}
    assert reasons(dataset) == [
        ("a.png", "note", "It has two caption files; a.txt is used and a.caption is not."),
        ("c.png", "warning", "It has no caption file; an empty caption will be used."),
        ("e.png", "warning", "It has no caption file; an empty caption will be used."),
    ]


def test_one_stem_twice_is_said(tmp_path: Path) -> None:
    lay(tmp_path, "a.png", "a.jpg", "a.txt", "sub/a.png", "sub/a.txt")
    assert reasons(scan(tmp_path)) == [("a.png", "warning", "It shares the caption a.txt with a.jpg.")]


def test_repeats_and_class_words_of_kohyas_folders(tmp_path: Path) -> None:
    lay(tmp_path, "10_zorv fox/a.png", "10_zorv fox/close/b.png", "3_a_b/c.png", "plain/d.png", "7/e.png")
    lay(tmp_path, "2019_summer/f.png", "0_out/g.png", "5_/h.png")
    dataset = scan(tmp_path)
    found = {item.relative: (item.repeats, item.class_words) for item in dataset.items}
    assert found == {
        "10_zorv fox/a.png": (10, "zorv fox"),
        "10_zorv fox/close/b.png": (10, "zorv fox"),
        "3_a_b/c.png": (3, "a_b"),
        "plain/d.png": (1, ""),
        "7/e.png": (1, ""),
        "2019_summer/f.png": (1, ""),
        "5_/h.png": (5, ""),
    }
    said = {path: reason for path, severity, reason in reasons(dataset) if severity == "note"}
    assert "2019" in said["2019_summer"]
    assert "left out" in said["0_out"]
    assert {item.read_caption().text for item in dataset.items if item.repeats == 10} == {"zorv fox"}
    assert scan(tmp_path / "10_zorv fox").items[0].repeats == 10


def test_the_caption_and_the_hash_are_read_when_asked(tmp_path: Path) -> None:
    lay(tmp_path, "a.png", data=b"pixels")
    lay(tmp_path, "a.txt", data=b"one")
    item = scan(tmp_path).items[0]
    (tmp_path / "a.txt").write_text("two")
    assert item.read_caption().text == "two"
    assert item.content_hash() == hashlib.sha256(b"pixels").hexdigest()


def test_heic_is_named_and_left_out(tmp_path: Path) -> None:
    lay(tmp_path, "IMG_1.HEIC", "a.png", "a.txt", "b.jxl")
    dataset = scan(tmp_path)
    assert names(dataset) == ["a.png"]
    assert reasons(dataset) == [
        ("b.jxl", "bad", "It is a JPEG XL picture, which Gesso does not read."),
        ("IMG_1.HEIC", "bad", "It is a HEIC picture, which Gesso does not read."),
    ]


@pytest.mark.parametrize("name", ["with space", "é", "e\u0301", "🦊", "狐", "a#b%20&'c", "dots. ."])
def test_odd_folder_and_file_names(name: str, tmp_path: Path) -> None:
    lay(tmp_path / name, f"{name}.png", f"{name}.txt", data=b"fox")
    item = scan(tmp_path / name).items[0]
    assert item.read_caption().text == "fox"
    assert item.content_hash()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_links(tmp_path: Path) -> None:
    data = tmp_path / "data"
    lay(data, "real/a.png")
    lay(tmp_path, "elsewhere/b.png", "c.png")
    (data / "loop").symlink_to(data)
    (data / "again").symlink_to(data / "real")
    (data / "outside").symlink_to(tmp_path / "elsewhere")
    (data / "c.png").symlink_to(tmp_path / "c.png")
    (data / "gone.png").symlink_to(tmp_path / "gone.png")
    (data / "round.png").symlink_to(data / "round.png")
    dataset = scan(data)
    assert names(dataset) == ["c.png", "outside/b.png", "real/a.png"]
    bad = [path for path, severity, _ in reasons(dataset) if severity == "bad"]
    assert bad == ["gone.png", "round.png"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_not_utf8_is_an_item_like_any(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/fox\xff.png", "wb") as file:
        file.write(b"pixels")
    item = scan(tmp_path).items[0]
    assert item.content_hash() == hashlib.sha256(b"pixels").hexdigest()


def test_a_folder_that_may_not_be_read_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, "a.png", "a.txt", "locked/b.png")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("trainer.dataset.items.os.scandir", refuse)
    dataset = scan(tmp_path)
    assert names(dataset) == ["a.png"]
    assert reasons(dataset) == [("locked", "bad", "The folder can't be read (Permission denied).")]


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        scan(tmp_path / "none")
    lay(tmp_path, "file")
    with pytest.raises(UserError, match="is not a folder"):
        scan(tmp_path / "file")


def test_twenty_thousand_pictures_are_listed_soon(tmp_path: Path) -> None:
    for first in range(0, 20_000, 5000):
        # Links to a file are made faster than files, and a file system has a limit of links.
        (tmp_path / f"{first}.png").touch()
        for number in range(first + 1, first + 5000):
            os.link(tmp_path / f"{first}.png", tmp_path / f"{number}.png")
    start = time.process_time()
    dataset = scan(tmp_path)
    assert time.process_time() - start < 2.0, "100,000 in 2 s on a quiet machine, with room for a slow one"
    assert names(dataset) == [f"{number}.png" for number in range(20_000)]
