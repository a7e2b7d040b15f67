"""The pixels of ordinary PNGs against Pillow's own, and which files are left to Pillow."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, PngImagePlugin

from tests.dataset.planted import photograph
from trainer.dataset.pictures import Decoded, Glance, PictureError, decode, glance
from trainer.dataset.plain_png import plain_pixels


def encoded(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> Image.Image | None:
    with Image.open(io.BytesIO(data)) as image:
        return plain_pixels(image, data)


def text(key: str, value: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text(key, value)
    return info


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (333, 210), (640, 1)])
@pytest.mark.parametrize("options", [{}, {"compress_level": 0}, {"pnginfo": text("parameters", "a cat")}])
def test_ordinary_pictures_have_pillows_pixels(size: tuple[int, int], options: dict[str, Any]) -> None:
    picture = photograph(3).resize(size)
    found = pixels(encoded(picture, **options))
    assert found is not None
    assert (found.mode, found.size, found.tobytes()) == ("RGB", size, picture.tobytes())


def by_hand(picture: Image.Image, pixels: bytes, *more: bytes, interlaced: bool = False) -> bytes:
    head = struct.pack(">IIBBBBB", *picture.size, 8, 2, 0, 0, interlaced)
    return b"".join((b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", head), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b"")))


def compressed(picture: Image.Image) -> bytes:
    rows = (picture.crop((0, y, picture.width, y + 1)).tobytes() for y in range(picture.height))
    return zlib.compress(b"".join(b"\0" + row for row in rows))


PICTURE = photograph(2).resize((90, 60))
WHOLE = encoded(PICTURE)
FOOT = Image.new("RGB", PICTURE.size, "white")
FOOT.paste("black", (0, PICTURE.height - 1, *PICTURE.size))
DOT = PICTURE.resize((1, 1))
FRAME = struct.pack(">IIIIIHHBB", 0, 30, 20, 0, 0, 1, 1, 0, 0)
LEFT: dict[str, bytes] = {
    "grey": encoded(PICTURE.convert("L")),
    "with a palette": encoded(PICTURE.convert("P")),
    "with alpha": encoded(PICTURE.convert("RGBA")),
    "with a colour that is clear": encoded(PICTURE, transparency=(1, 2, 3)),
    "of 16 bits": encoded(PICTURE.convert("L").convert("I;16")),
    "several frames": encoded(PICTURE, save_all=True, append_images=[PICTURE.transpose(Image.Transpose.ROTATE_180)]),
    "turned": encoded(PICTURE, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
    "a word behind the pixels": WHOLE[:-12] + chunk(b"tEXt", b"a\0b") + WHOLE[-12:],
    "interlaced": by_hand(DOT, compressed(DOT), interlaced=True),
    "a frame of an animation": by_hand(PICTURE, compressed(PICTURE), chunk(b"fcTL", FRAME)),
    "written half, its checksums right": by_hand(PICTURE, compressed(PICTURE)[: len(compressed(PICTURE)) // 2]),
    "its last row black": by_hand(PICTURE, compressed(ImageChops.darker(PICTURE, FOOT))),
    "a JPEG": encoded(PICTURE, "JPEG"),
    "cut short": WHOLE[: len(WHOLE) * 2 // 3],
    "without its end": WHOLE[:-12],
    "pixels of another checksum": WHOLE[:-16] + b"\0\0\0\0" + WHOLE[-12:],
}


def test_one_written_by_hand_is_ordinary() -> None:
    found = pixels(by_hand(PICTURE, compressed(PICTURE)))
    assert found is not None
    assert found.tobytes() == PICTURE.tobytes()


@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_ordinary_is_left_to_pillow(name: str) -> None:
    assert pixels(LEFT[name]) is None


@pytest.mark.parametrize("name", [name for name in LEFT if name not in ("a JPEG", "of 16 bits")])
def test_a_glance_at_them_is_what_decoding_gives(name: str) -> None:
    assert glanced(LEFT[name]) == decoded(LEFT[name])


def test_a_byte_that_changed_is_met_as_by_decoding() -> None:
    chance = random.Random(4)
    for _ in range(300):
        place = chance.randrange(8, len(WHOLE))
        damaged = WHOLE[:place] + bytes([chance.randrange(256)]) + WHOLE[place + 1 :]
        assert glanced(damaged) == decoded(damaged), place


def glanced(data: bytes) -> object:
    return outcome(lambda: glance(data, Path("picture.png"), 4096))


def decoded(data: bytes) -> object:
    return outcome(lambda: decode(data, Path("picture.png")))


def outcome(look: Callable[[], Glance | Decoded]) -> object:
    """The pixels, or why there are none."""
    try:
        found = look()
    except PictureError as error:
        return error.reason
    picture = found.picture.convert("RGB")
    return picture.size, picture.tobytes(), found.remarks
