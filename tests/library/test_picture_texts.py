"""Texts in picture files: as Pillow writes them, and damaged in every way that comes to mind."""

import struct
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from trainer.library.pictures import texts as reader
from trainer.library.pictures.texts import USER_COMMENT, picture_texts

WORDS = "Katze mit 🐈, 猫\nSteps: 3"
EXIF, COMMENT = 0x8769, 0x9286


def picture() -> Image.Image:
    return Image.new("RGB", (8, 8), (200, 90, 40))


def exif(comment: bytes) -> bytes:
    made = Image.Exif()
    made.get_ifd(EXIF)[COMMENT] = comment
    return made.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + b"".join(chunks) + chunk(b"IEND", b"")


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_the_three_kinds_of_png_texts(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("plain", "Äpfel")
    info.add_text("packed", "x" * 5000, zip=True)
    info.add_itxt("wide", WORDS)
    info.add_itxt("wide and packed", WORDS, zip=True)
    picture().save(tmp_path / "a.png", pnginfo=info)
    assert picture_texts(tmp_path / "a.png") == {
        "plain": "Äpfel",
        "packed": "x" * 5000,
        "wide": WORDS,
        "wide and packed": WORDS,
    }


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + WORDS.encode("utf-16-be"),
        b"UNICODE\0" + WORDS.encode("utf-16-le"),
        b"ASCII\0\0\0" + WORDS.encode(),
        bytes(8) + WORDS.encode(),
        WORDS.encode(),
    ],
)
@pytest.mark.parametrize("ending", ["jpg", "webp", "png"])
def test_user_comments_in_every_order(tmp_path: Path, comment: bytes, ending: str) -> None:
    """Programs disagree about the byte order, whatever the file's own is."""
    picture().save(tmp_path / f"a.{ending}", exif=exif(comment))
    assert picture_texts(tmp_path / f"a.{ending}") == {USER_COMMENT: WORDS}


def test_a_tiff_of_the_other_byte_order(tmp_path: Path) -> None:
    text = b"UNICODE\0" + WORDS.encode("utf-16-le")
    data = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, EXIF, 4, 1, 26) + bytes(4)
    data += struct.pack("<HHHII", 1, COMMENT, 7, len(text), 44) + bytes(4) + text
    assert picture_texts(written(tmp_path / "a.png", png(chunk(b"eXIf", data)))) == {USER_COMMENT: WORDS}


def test_comments_of_gif_and_jpeg(tmp_path: Path) -> None:
    for ending in ("gif", "jpg"):
        picture().save(tmp_path / f"a.{ending}", comment=WORDS.encode() * 20)
        assert picture_texts(tmp_path / f"a.{ending}") == {USER_COMMENT: WORDS * 20}


def test_text_behind_the_pixels_and_latin_1(tmp_path: Path) -> None:
    data = png(chunk(b"IDAT", bytes(50)), chunk(b"tEXt", b"parameters\0\xc4pfel"))
    assert picture_texts(written(tmp_path / "a.png", data)) == {"parameters": "Äpfel"}


def test_what_unpacks_to_gigabytes_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LONGEST", 1000)
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(300_000)))
    assert picture_texts(written(tmp_path / "a.png", png(bomb))) == {"a": "\0" * 1000}


def test_many_texts_are_not_all_kept(tmp_path: Path) -> None:
    many = (chunk(b"tEXt", f"{number}\0x".encode()) for number in range(500))
    assert len(picture_texts(written(tmp_path / "a.png", png(*many)))) == reader.MOST


def test_a_missing_file_and_a_folder_hold_nothing(tmp_path: Path) -> None:
    assert picture_texts(tmp_path / "none.png") == {}
    assert picture_texts(tmp_path) == {}


STARTS = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe1", b"RIFF\0\0\0\0WEBPEXIF", b"GIF89a", b"", b"\xff\xd8\xff\xfe"]


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=200))
def test_garbage_never_raises(tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage"
    assert isinstance(picture_texts(written(path, start + rest)), dict)


@given(data=st.binary(max_size=80))
def test_garbage_in_exif_never_raises(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage"
    for order in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        assert isinstance(picture_texts(written(path, png(chunk(b"eXIf", order + data)))), dict)


def test_a_file_cut_off_anywhere_is_read_so_far(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("parameters", "a cat")
    picture().save(tmp_path / "a.png", pnginfo=info)
    whole = (tmp_path / "a.png").read_bytes()
    for length in range(len(whole)):
        assert set(picture_texts(written(tmp_path / "b.png", whole[:length]))) <= {"parameters"}


def test_a_large_file_of_nothing_takes_no_time(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", png(*[chunk(b"abcd", b"")] * 300_000))
    started = time.perf_counter()
    assert picture_texts(path) == {}
    assert time.perf_counter() - started < 20
