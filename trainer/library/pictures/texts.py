"""The texts in a picture file, read without decoding a pixel: PNG text chunks, EXIF user comments, GIF comments.

Such a file comes from anywhere. Each text and their number are bounded, and what is damaged is skipped.
"""

import contextlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

USER_COMMENT = "UserComment"
"""The name under which an EXIF user comment, or the comment of a JPEG or GIF, is given."""

LONGEST = 16 * 1024 * 1024
"""Bytes of one text, unpacked."""
MOST = 64
_MOST_CHUNKS = 200_000
"""A PNG of 400 megapixels has some thousand."""
_PNG = b"\x89PNG\r\n\x1a\n"
_EXIF_POINTER, _USER_COMMENT_TAG = 0x8769, 0x9286


def picture_texts(path: Path) -> Mapping[str, str]:
    """The texts by their names (PNG keywords, or `UserComment`). Empty for what is no picture, or can't be read."""
    found: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            for name, text in _texts(file):
                found.setdefault(name, text)
                if len(found) >= MOST:
                    break
    except (OSError, struct.error):  # gone, closed to us, or cut off
        pass
    return found


def _texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    start = file.read(12)
    if start.startswith(_PNG):
        file.seek(8)
        yield from _png_texts(file)
    elif start.startswith(b"\xff\xd8"):
        file.seek(2)
        yield from _jpeg_texts(file)
    elif start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        yield from _webp_texts(file)
    elif start.startswith((b"GIF87a", b"GIF89a")):
        file.seek(6)
        yield from _gif_texts(file)


def _png_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        (length,) = struct.unpack(">I", head[:4])
        kind = head[4:]
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf") and length <= LONGEST:
            data = file.read(length)
            file.seek(4, 1)  # the checksum
            yield from _png_text(kind, data)
        else:
            file.seek(length + 4, 1)


def _png_text(kind: bytes, data: bytes) -> Iterator[tuple[str, str]]:
    if kind == b"eXIf":
        yield from _exif_comment(data)
        return
    keyword, zero, rest = data.partition(b"\0")
    name = keyword.decode("latin-1")
    if not zero:
        return
    if kind == b"tEXt":
        yield name, _latin_or_utf8(rest)
    elif kind == b"zTXt":
        yield name, _latin_or_utf8(_inflated(rest[1:]))
    else:
        packed, words = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
        if len(words) == 3:
            yield name, (_inflated(words[2]) if packed else words[2]).decode("utf-8", "replace")


def _latin_or_utf8(data: bytes) -> str:
    """The standard says Latin-1, and some programs write UTF-8 all the same."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _inflated(data: bytes) -> bytes:
    """At most `LONGEST` bytes; nothing where it is damaged."""
    try:
        return zlib.decompressobj().decompress(data, LONGEST)
    except zlib.error:
        return b""


def _jpeg_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    while (mark := file.read(2))[:1] == b"\xff" and mark[1:] not in (b"\xda", b"\xd9", b""):
        (length,) = struct.unpack(">H", file.read(2))
        data = file.read(max(length - 2, 0))
        if mark == b"\xff\xe1" and data.startswith(b"Exif\0\0"):
            yield from _exif_comment(data[6:])
        elif mark == b"\xff\xfe":
            yield USER_COMMENT, _latin_or_utf8(data)


def _webp_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        (length,) = struct.unpack("<I", head[4:])
        if head[:4] == b"EXIF" and length <= LONGEST:
            yield from _exif_comment(file.read(length).removeprefix(b"Exif\0\0"))
            return
        file.seek(length + length % 2, 1)


def _gif_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Comments before the first picture, which is where they are written."""
    screen = file.read(7)
    if len(screen) == 7 and screen[4] & 0x80:
        file.seek(3 << ((screen[4] & 7) + 1), 1)
    for _ in range(MOST):
        head = file.read(2)
        if head[:1] != b"!":
            return
        blocks = bytearray()
        while (size := file.read(1)) not in (b"", b"\0") and len(blocks) <= LONGEST:
            blocks += file.read(size[0])
        if head == b"!\xfe":
            yield USER_COMMENT, _latin_or_utf8(bytes(blocks))


def _exif_comment(data: bytes) -> Iterator[tuple[str, str]]:
    """The user comment of a TIFF structure, found by its two tables of tags."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return
    with contextlib.suppress(struct.error):
        (first,) = struct.unpack_from(order + "I", data, 4)
        pointer = _tag(data, order, first, _EXIF_POINTER)
        comment = _tag(data, order, pointer[1], _USER_COMMENT_TAG) if pointer else None
        if comment:
            length, place = comment
            yield USER_COMMENT, _comment_text(data[place : place + length], order)


def _tag(data: bytes, order: str, table: int, wanted: int) -> tuple[int, int] | None:
    """(count, value or place of the value) of a tag; None where the table has none. Raises struct.error at the end."""
    (entries,) = struct.unpack_from(order + "H", data, table)
    for entry in range(entries):
        tag, _, count, value = struct.unpack_from(order + "HHII", data, table + 2 + 12 * entry)
        if tag == wanted:
            return count, value
    return None


def _comment_text(data: bytes, order: str) -> str:
    """Eight bytes name the encoding. For UNICODE programs disagree about the byte order: the one that gives fewer odd
    characters is meant, since most words have many of the first 256."""
    code, text = data[:8], data[8:]
    if code == b"UNICODE\0":
        said, other = ("utf-16-le", "utf-16-be") if order == "<" else ("utf-16-be", "utf-16-le")
        high = {"utf-16-be": text[0::2], "utf-16-le": text[1::2]}
        return text.decode(other if high[other].count(0) > high[said].count(0) else said, "replace").rstrip("\0")
    if code in (b"ASCII\0\0\0", bytes(8)):
        return _latin_or_utf8(text).rstrip("\0")
    return _latin_or_utf8(data).rstrip("\0")
