"""The pixels of ordinary PNGs, by FFmpeg: a fifth quicker than Pillow, which remains the judge of all other files."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

if TYPE_CHECKING:
    from av import VideoFrame

ORIENTED_BY = frozenset(("exif", "Raw profile type exif", "XML:com.adobe.xmp"))
"""What Pillow calls the places of a PNG that may say which way is up."""

_FOR_PILLOW = ORIENTED_BY | {"interlace"}
_MOST_PIXELS = 2**24
"""Of larger pictures FFmpeg's and Pillow's copy would take much memory at the same time."""

_SIGNATURE, _HEAD, _CHECKSUM = 8, 8, 4
"""Bytes of a file before its chunks; of a chunk before what it holds, which are its length and its name; and behind it:
a CRC-32 of the name and of what it holds (Portable Network Graphics, 5.3)."""


def plain_pixels(image: Image.Image, data: bytes) -> Image.Image | None:
    """The pixels of the file `data`, whose header Pillow has opened as `image`, exactly as `image.load()` gives them.

    None where they are for Pillow to read: not opaque 8-bit RGB row by row, animated, perhaps not upright, very large,
    with more to tell behind the pixels, or damaged. FFmpeg passes over damage, so the file's checksums must be right,
    and its last row not all black, as one is that was never written.
    """
    if not isinstance(image, PngImageFile) or image.mode != "RGB" or image.width * image.height > _MOST_PIXELS:
        return None
    if image.has_transparency_data or _FOR_PILLOW & image.info.keys() or not _ends_whole(data):
        return None
    frame = _decoded(data)
    if frame is None or (frame.format.name, frame.width, frame.height) != ("rgb24", *image.size):
        return None
    rows = frame.planes[0]
    buffer = memoryview(rows)
    last = (image.height - 1) * rows.line_size
    if not any(buffer[last : last + 3 * image.width]):
        return None
    return Image.frombuffer("RGB", image.size, buffer, "raw", "RGB", rows.line_size, 1)  # pyright: ignore[reportArgumentType]: its stub wants bytes


def _decoded(data: bytes) -> "VideoFrame | None":
    """By a decoder of its own: one that is used again gives the picture before."""
    import av  # what only looks at other pictures does without
    from av.error import FFmpegError

    decoder = av.CodecContext.create("png", "r")
    decoder.thread_count = 1
    try:
        frames = decoder.decode(av.Packet(data)) or decoder.decode()  # pyright: ignore[reportUnknownMemberType]: its stub
    except FFmpegError:
        return None
    return frames[0] if len(frames) == 1 else None


def _ends_whole(data: bytes) -> bool:
    """Whether the chunks of pixels are undamaged, behind them comes the one that ends the picture, and none is of an
    animation."""
    pixels = False
    for name, begin, length in chunks(io.BytesIO(data)):
        end = begin + length
        if name in (b"IDAT", b"IEND"):
            checksum = zlib.crc32(data[begin - len(name) : end])
            if data[end : end + _CHECKSUM] != checksum.to_bytes(_CHECKSUM):
                return False
            if name == b"IEND":
                return pixels
            pixels = True
        elif pixels or name in (b"acTL", b"fcTL"):
            return False
    return False


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a PNG as their heads tell them: the name of each, where in the file begins what it holds, and how
    many bytes that should be."""
    begin = _SIGNATURE + _HEAD
    while True:
        file.seek(begin - _HEAD)
        head = file.read(_HEAD)
        if len(head) < _HEAD:
            return
        length, name = struct.unpack(">I4s", head)
        yield name, begin, length
        begin += length + _CHECKSUM + _HEAD
