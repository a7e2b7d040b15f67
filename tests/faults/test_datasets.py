"""Pictures and captions as users have them (reference items 50 to 67): bad ones are named, the rest is trained on."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from tests.faults.command import Done, contents, generate, gesso, refused, require_no_litter, train
from tests.faults.pictures import bomb, draw, encoded, one
from trainer.home import Home
from trainer.training.feed import Feed

posix = pytest.mark.skipif(os.name == "nt", reason="file names of any bytes are POSIX")


def trained(done: Done, home: Home) -> None:
    """The training went through: its file is in the library and was the last thing said."""
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    path = Path(done.out.splitlines()[-1])
    assert path.parent == home.models / "loras"
    assert gesso("models", "verify", path, home=home).code == 0
    require_no_litter(home.root)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "my pictures"
    path.mkdir()
    return path


def test_no_picture_at_all(folder: Path, model: Path, home: Home) -> None:
    words = ("my pictures holds no pictures",)
    refused("dataset", "check", folder, home=home, words=words)
    (folder / "notes.txt").write_text("not a picture")
    (folder / "drawing.svg").write_text('<svg><image href="file:///etc/passwd"/></svg>')
    refused("dataset", "check", folder, home=home, words=words, inputs=(folder,))
    refused(*train(model, folder), home=home, words=words, inputs=(folder,), kept=("runs/",))
    refused("dataset", "check", folder / "none", home=home, words=("none does not exist",))
    refused("dataset", "check", folder / "notes.txt", home=home, words=("notes.txt is not a folder",))


def test_one_picture_is_enough_and_remarked_upon(folder: Path, model: Path, home: Home) -> None:
    draw(folder, 1)
    done = gesso("dataset", "check", folder, home=home)
    assert done.code == 0
    assert "It is the only picture to train on." in done.out
    trained(gesso(*train(model, folder), home=home), home)


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.png": (lambda: b"", "empty"),
    "text.png": (lambda: b"not a picture", ""),
    "web page.jpg": (lambda: b"<!DOCTYPE html><html>Log in</html>", ""),
    "cut.png": (lambda: encoded(one(), "PNG")[:-60], ""),
    "cut.jpg": (lambda: encoded(one(), "JPEG")[:-200], ""),
    "cut.webp": (lambda: encoded(one(), "WEBP")[:-30], ""),
    "bomb.png": (lambda: bomb(20_000, 20_000), "larger than 89"),
    "half a bomb.png": (lambda: bomb(10_000, 9_500), "It has 10000 x 9500 pixels, and the limit is 89 million"),
    "floats.tif": (lambda: encoded(Image.new("F", (64, 64)), "TIFF"), "floating-point"),
    "apple.jpg": (lambda: b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
    "phone.heic": (lambda: b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
}


def test_bad_pictures_are_named_and_the_rest_is_trained_on(folder: Path, model: Path, home: Home) -> None:
    draw(folder, 2)
    for name, (make, _) in BROKEN.items():
        (folder / name).write_bytes(make())
    before = contents(folder)
    checked = gesso("dataset", "check", folder, home=home)
    assert checked.code == 0
    assert "2 of 12 pictures can be trained on." in checked.out  # a .heic is not even counted as a picture
    done = gesso(*train(model, folder), home=home)
    trained(done, home)
    for name, (_, reason) in BROKEN.items():
        (line,) = [line for line in checked.out.splitlines() if line.startswith("bad") and f"/{name}:" in line]
        assert reason in line
        (note,) = [note for note in done.notes if note.startswith(f"{name} is left out: ")]
        assert reason in note
    assert contents(folder) == before


def test_nothing_but_bad_pictures(folder: Path, model: Path, home: Home) -> None:
    for name, (make, _) in BROKEN.items():
        (folder / name).write_bytes(make())
    words = ("None of the pictures in", "my pictures can be used; apple.jpg: ")
    refused("dataset", "check", folder, home=home, words=words, inputs=(folder,))
    refused(*train(model, folder), home=home, words=words, inputs=(folder,), kept=("runs/",))


def rotated() -> bytes:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = 6
    return encoded(one().resize((96, 48)), "JPEG", exif=tags)


def animated() -> bytes:
    return encoded(one(), "GIF", save_all=True, append_images=[one(1), one(2)])


UNUSUAL: dict[str, Callable[[], bytes]] = {
    "16 bits.png": lambda: encoded(one().convert("L").convert("I;16"), "PNG"),
    "cmyk.jpg": lambda: encoded(one().convert("CMYK"), "JPEG"),
    "turned.jpg": rotated,
    "animated.gif": animated,
    "palette.png": lambda: encoded(one().convert("P"), "PNG", transparency=0),
    "transparent.png": lambda: encoded(one().convert("RGBA"), "PNG"),
    "grey with alpha.png": lambda: encoded(one().convert("LA"), "PNG"),
    "one bit.png": lambda: encoded(one().convert("1"), "PNG"),
    "really a jpeg.png": lambda: encoded(one(), "JPEG"),
    "one pixel.png": lambda: encoded(Image.new("RGB", (1, 1)), "PNG"),
    "a line.png": lambda: encoded(Image.new("RGB", (1, 3000)), "PNG"),
    "odd metadata.jpg": lambda: encoded(one(), "JPEG", exif=b"Exif\0\0\xff\xfe broken"),
}


def test_unusual_pictures_are_trained_on(folder: Path, model: Path, home: Home) -> None:
    for name, make in UNUSUAL.items():
        (folder / name).write_bytes(make())
    checked = gesso("dataset", "check", folder, home=home)
    assert f"{len(UNUSUAL)} of {len(UNUSUAL)} pictures can be trained on." in checked.out
    assert "several frames or pages; only the first is used" in checked.out
    trained(gesso(*train(model, folder), home=home), home)


CAPTIONS: dict[str, tuple[bytes, str]] = {
    "nothing in it": (b"", "The caption is empty."),
    "only spaces": (b" \r\n\t\n", "The caption is empty."),
    "with a mark": ("\ufeffa cat".encode(), ""),
    "UTF-16": ("a cat with a hat".encode("utf-16"), ""),
    "Windows": (b"caf\xe9 with a \x80 sign", ""),
    "no text of any kind": (b"\x9d\x81\xff\xfe\x00\x8d" * 20, ""),
    "NUL": (b"a cat\0with a hat", ""),
    "very long": (b"word " * 200_000, "the model hears the first"),
    "terminal codes": ("\x1b[31m\x1b]0;owned\x07\u202ea cat".encode(), ""),
    "markup": (b"<script>alert(1)</script> <lora:x:1> (a:1.2) [b|c]", ""),
    "a million lines": (b"a\n" * 100_000, ""),
    "lone surrogate": ("a cat \ud83d".encode("utf-8", "surrogatepass"), ""),
}


def test_captions_of_every_kind_are_trained_on_and_left_as_they_are(folder: Path, model: Path, home: Home) -> None:
    for number, (name, (text, _)) in enumerate(CAPTIONS.items()):
        one(number).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_bytes(text)
    one(99).save(folder / "none.png")
    before = contents(folder)
    checked = gesso("dataset", "check", folder, home=home)
    assert checked.code == 0
    assert f"{len(CAPTIONS) + 1} of {len(CAPTIONS) + 1} pictures" in checked.out
    for name, (_, reason) in CAPTIONS.items():
        about = [line for line in checked.out.splitlines() if f"/{name}." in line]
        assert not reason or any(reason in line for line in about)
    assert "\x1b" not in checked.out
    trained(gesso(*train(model, folder, "--set", "output.checkpoint_every=1"), home=home), home)
    assert contents(folder) == before


def test_a_picture_that_vanishes_after_the_check_is_named(
    folder: Path, model: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(folder, 3)
    original = Feed.prepare

    def too_late(self: Feed, run: object) -> None:
        (folder / "1.png").unlink()
        original(self, run)  # pyright: ignore[reportArgumentType] - the run is passed on as it came

    monkeypatch.setattr(Feed, "prepare", too_late)
    refused(*train(model, folder), home=home, words=("1.png",), kept=("runs/",))


def test_a_picture_that_is_changed_into_none_while_training_is_named(
    folder: Path, model: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(folder, 2)
    original = Feed.batch

    def spoiled(self: Feed, number: int) -> object:
        for picture in folder.glob("*.png"):
            picture.write_bytes(b"gone")
        return original(self, number)

    monkeypatch.setattr(Feed, "batch", spoiled)
    done = refused(*train(model, folder, "--set", "data.cache=false"), home=home, words=(".png",), kept=("runs/",))
    assert "step 1" not in done.err


@posix
def test_file_names_that_a_terminal_would_obey(folder: Path, model: Path, home: Home) -> None:
    draw(folder, 1)
    (folder / "\x1b[2J\u202e\nfine.png").write_bytes(b"no picture")
    for arguments in (("dataset", "check", folder), train(model, folder)):
        done = gesso(*arguments, home=home)
        assert done.code == 0
        assert r"\x1b[2J\u202e\nfine.png" in done.out + done.err
        assert "\x1b" not in done.out + done.err


@posix
def test_file_names_that_are_no_text(folder: Path, model: Path, home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    """A name in an old encoding, from a disk of long ago."""
    draw(folder, 1)
    (folder / "0.png").rename(Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")))
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xe9.png")).write_bytes(b"no picture")
    for more in ((), ("--json",)):
        assert gesso("dataset", "check", folder, *more, home=home).code == 0
        assert gesso(*train(model, folder, *more), home=home).code == 0
    assert "caf" in capfd.readouterr().out
    nameless = os.fsdecode(os.fsencode(folder) + b"\xe9")
    refused("dataset", "check", nameless, home=home, words=("does not exist",))
    refused(*train(model, nameless), home=home, words=("data.folder is",))
    refused(*train(nameless, folder), home=home, words=("model is",))
    refused(*generate(model, "--out", nameless), home=home, words=("output is",))


def test_links_in_a_circle_end(folder: Path, home: Home) -> None:
    draw(folder, 1)
    (folder / "again").symlink_to(folder, target_is_directory=True)
    (folder / "itself.png").symlink_to(folder / "itself.png")
    done = gesso("dataset", "check", folder, home=home)
    assert done.code == 0
    assert "1 of 1 pictures" in done.out
    assert "itself.png: It is a link to a file that does not exist." in done.out
