"""Small pictures to train on, and broken ones."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageDraw


def draw(folder: Path, count: int) -> Path:
    """`count` pictures of 64 by 64 with captions: 0.png and 0.txt, 1.png and 1.txt..."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        one(number).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"a square, number {number}\n", encoding="utf-8")
    return folder


def one(number: int = 0) -> Image.Image:
    picture = Image.new("RGB", (64, 64), (40 * number % 256, 90, 200))
    ImageDraw.Draw(picture).rectangle((10, 10, 30 + number, 40), fill=(250, 240, 30))
    return picture


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of one bit per pixel: some kilobytes that would become gigabytes."""
    row = b"\0" + bytes((width + 7) // 8)
    packer = zlib.compressobj(9)
    packed = b"".join([packer.compress(row) for _ in range(height)]) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
