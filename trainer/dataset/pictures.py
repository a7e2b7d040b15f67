"""Pictures as training sees them: upright 8-bit sRGB on white, or refused with the reason.

Everything is decided by a file's content, never by its extension. Only the formats below are ever opened, so that no
rarer parser of Pillow (EPS starts Ghostscript) meets a stranger's file.
"""

import contextlib
import io
import math
import struct
import warnings
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError, features

from trainer.contract.errors import UserError
from trainer.dataset.names import shown
from trainer.dataset.plain_png import ORIENTED_BY, chunks, plain_pixels

MAX_PIXELS = 89_478_485
"""Pillow's own line between a large photograph and a decompression bomb: a quarter of a GiB as RGB."""

MAX_BYTES = 512 * 1024 * 1024

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
_SEVERAL_FRAMES = "It has several frames or pages; only the first is used."
_CONVERT = "Open it in an image editor and save it as PNG or JPEG."

# What Pillow's parsers and codecs raise on damaged bytes. Warnings are among it where they are turned into errors.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
    Warning,
)

# Pillow only warns between one and two times its limit; such a picture is refused here like any larger one.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# Its remarks about odd metadata are for developers; what matters of them is found by reading the picture itself.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


class PictureError(UserError):
    """A picture that training can't use. `reason` is the title without the file's name."""

    def __init__(self, path: Path, reason: str, fix: str, detail: str = "") -> None:
        super().__init__(f"The picture {shown(path)} can't be used: {reason}.", fix, detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Decoded:
    """`picture` is upright and RGB; `format` is Pillow's name of the file's true format.

    `remarks` say in sentences what was left out or changed in a way that a person might not expect.
    """

    picture: Image.Image
    format: str
    remarks: tuple[str, ...]


def load(path: Path) -> Image.Image:
    """The picture as training sees it: RGB, 8 bits, upright. Raises PictureError with the reason if it can't be."""
    return decode(read_bytes(path), path).picture


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises PictureError if it is gone, locked, empty or beyond any picture's size."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise PictureError(path, f"the file is larger than {MAX_BYTES // 2**20} MB", "Save it smaller, as PNG or JPEG.")
    return data


def decode(data: bytes, path: Path) -> Decoded:
    """Decode a file's bytes; `path` is for the messages. Raises PictureError if training can't use them."""
    with _opened(io.BytesIO(data), path) as image:
        format = image.format or ""
        with _faults_said(path):
            image.load()
            orientation = _orientation(image)
            rgb = _upright(_to_rgb(image, path), orientation)
        remarks = (_SEVERAL_FRAMES,) if _has_more_frames(image) else ()
    return Decoded(rgb, "JPEG" if format == "MPO" else format, remarks)


@dataclass(frozen=True, slots=True)
class Glance:
    """`picture` is upright and grey or RGB, and may be smaller than `size`, which is that of the picture `load` gives.

    Its colours are the file's own: profiles are not applied. `format` and `remarks` are those of `Decoded`.
    """

    picture: Image.Image
    size: Size
    format: str
    remarks: tuple[str, ...]


def glance(data: bytes, path: Path, side: int) -> Glance:
    """Read a file's picture to its end, of a JPEG only every second, fourth or eighth pixel while its longer side stays
    at least `side`: twice as quick, and more.

    Refuses what `decode` refuses, except a PNG that was written broken, its checksums fitting that; `path` is for the
    messages. Raises PictureError.
    """
    with _opened(io.BytesIO(data), path) as image:
        format = image.format or ""
        width, height = image.size
        share = side / max(width, height)
        with _faults_said(path):
            image.draft(None, (math.ceil(width * share), math.ceil(height * share)))
            if (pixels := plain_pixels(image, data)) is not None:
                return Glance(pixels, Size(width, height), format, ())
            image.load()
            orientation = _orientation(image)
            is_plain = image.mode in ("L", "RGB") and not image.has_transparency_data
            picture = _upright(image if is_plain else _to_rgb(image, path), orientation)
        remarks = (_SEVERAL_FRAMES,) if _has_more_frames(image) else ()
    size = Size(height, width) if orientation >= 5 else Size(width, height)
    return Glance(picture, size, "JPEG" if format == "MPO" else format, remarks)


def opacity(data: bytes, path: Path) -> Image.Image | None:
    """How opaque each pixel of a file's picture is: 8 bits, upright, 0 where it is clear; None if all of it is opaque.

    `path` is for the messages. Raises PictureError as `decode` does.
    """
    with _opened(io.BytesIO(data), path) as image, _faults_said(path):
        image.load()
        if not image.has_transparency_data:
            return None
        return _upright(image.convert("RGBA").getchannel("A"), _orientation(image))


@contextlib.contextmanager
def _faults_said(path: Path) -> Generator[None]:
    """Within the block, whatever Pillow raises on damaged bytes becomes a PictureError."""
    try:
        yield
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(path, "there is not enough memory to open it", "Save it smaller.") from error
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _has_more_frames(image: Image.Image) -> bool:
    """Asked after the first frame is safe: to know, Pillow reads on, and the rest of the file may be damaged."""
    try:
        return bool(getattr(image, "is_animated", False)) and image.format != "MPO"
    except _DAMAGE:
        return True


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its picture before it is decoded.

    `size` is the one `load` gives, `format` Pillow's name of it. `plain`: any program that turns it into RGB sees what
    training sees, for it stands upright, is opaque and has the colours of sRGB.
    """

    size: Size
    format: str
    plain: bool


def measure(path: Path) -> Size:
    """The size `load` will give, from the file's header alone. Raises PictureError if there is no readable header."""
    return read_header(path).size


def read_header(path: Path) -> Header:
    """Raises PictureError if there is no readable header."""
    try:
        with path.open("rb") as file, _opened(file, path) as image:
            width, height = image.size
            # Pillow turns the size of a TIFF by itself; for the metadata of a PNG it would decode the pixels.
            told = image.format != "TIFF" and (image.format != "PNG" or _png_tells_orientation(image, path))
            orientation = _orientation(image) if told else 1
            profile = image.info.get("icc_profile")
            plain = (
                orientation == 1
                and image.format != "TIFF"
                and image.mode in ("L", "RGB", "P", "1")
                and not image.has_transparency_data
                and not _has_more_frames(image)
                and (not isinstance(profile, bytes) or _is_srgb(profile))
            )
            format = "JPEG" if image.format == "MPO" else image.format or ""
    except PictureError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    return Header(Size(height, width) if orientation >= 5 else Size(width, height), format, plain)


def _opened(file: BinaryIO | io.BytesIO, path: Path) -> Image.Image:
    """The picture's header, its size checked before anything is decoded."""
    try:
        image = Image.open(file, formats=_FORMATS)
        width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(path, f"it is larger than {_millions(MAX_PIXELS)}", _smaller(), str(error)) from error
    except UnidentifiedImageError as error:
        raise _unknown(file, path, error) from error
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    if width * height > MAX_PIXELS:
        image.close()
        reason = f"it has {width} x {height} pixels, and the limit is {_millions(MAX_PIXELS)}"
        raise PictureError(path, reason, _smaller())
    return image


def _to_rgb(image: Image.Image, path: Path) -> Image.Image:
    if image.mode in ("I", "F", "LAB"):
        kind = {"I": "32-bit whole numbers", "F": "floating-point numbers", "LAB": "Lab colours"}[image.mode]
        raise PictureError(path, f"its pixels are {kind}, for which no white is defined", "Save it with 8 or 16 bits.")
    if image.mode.startswith("I;16"):
        return _high_bytes(image).convert("RGB")
    if image.mode == "CMYK":
        return _cmyk_to_rgb(image)
    profile = image.info.get("icc_profile")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        rgb = Image.alpha_composite(white, rgba).convert("RGB")
    else:
        rgb = image.convert("RGB")
    return _to_srgb(rgb, profile) if isinstance(profile, bytes) else rgb


def _high_bytes(image: Image.Image) -> Image.Image:
    """16 bits to 8 by dropping the low byte: Pillow's own conversion would clip everything above 255 to white."""
    data = image.tobytes()
    big_endian = image.mode.endswith("B") or (image.mode.endswith("N") and struct.pack("=H", 1) == b"\0\1")
    return Image.frombytes("L", image.size, data[0 if big_endian else 1 :: 2])


def _cmyk_to_rgb(image: Image.Image) -> Image.Image:
    """By the picture's own ink profile if it has a good one. Pillow has undone Adobe's inversion already."""
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes):
        converted = _through_profile(image, profile, b"CMYK")
        if converted is not None:
            return converted
    return image.convert("RGB")


def _to_srgb(rgb: Image.Image, profile: bytes) -> Image.Image:
    """The colours of a wide-gamut photograph (phones, Adobe RGB) as sRGB, which is what the models know."""
    if _is_srgb(profile):
        return rgb
    converted = _through_profile(rgb, profile, b"RGB")
    return rgb if converted is None else converted


def _is_srgb(profile: bytes) -> bool:
    """Most profiles are sRGB itself, named in ASCII or UTF-16. Its linear variants bear the name as well."""
    return (b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile) and _keeps_grey(profile)


def _keeps_grey(profile: bytes) -> bool:
    grey = _through_profile(Image.new("RGB", (1, 1), (128, 128, 128)), profile, b"RGB")
    return grey is None or abs(grey.tobytes()[0] - 128) <= 3


def _through_profile(image: Image.Image, profile: bytes, space: bytes) -> Image.Image | None:
    """None where the profile is damaged or belongs to another kind of picture: it is ignored then, as viewers do."""
    # Bytes 16 to 19 of a profile name the colours that it is for (ICC.1:2022, 7.2).
    if profile[16:20].strip() != space:
        return None
    srgb = ImageCms.createProfile("sRGB")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]: untyped
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")  # pyright: ignore[reportUnknownArgumentType]
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _orientation(image: Image.Image) -> int:
    """EXIF's (or XMP's) orientation, 1 to 8. Damaged metadata counts as upright: the pixels are good all the same."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DAMAGE:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _png_tells_orientation(image: Image.Image, path: Path) -> bool:
    """Whether a PNG may say which way is up, before its pixels or (found by walking the chunks' heads) after them."""
    if ORIENTED_BY & image.info.keys():
        return True
    pixels = False
    with path.open("rb") as file:
        for name, _, _ in chunks(file):
            if pixels and name in (b"eXIf", b"iTXt", b"tEXt", b"zTXt"):
                return True
            pixels = pixels or name == b"IDAT"
    return False


def _unreadable(path: Path, error: OSError) -> PictureError:
    if isinstance(error, FileNotFoundError):
        return PictureError(path, "it has disappeared", "Put the file back, or check the dataset again.")
    reason = f"the file can't be opened ({error.strerror or error})"
    return PictureError(path, reason, "Close other programs that use the file, and check that you may read it.")


def _damaged(path: Path, error: BaseException) -> PictureError:
    detail = f"{type(error).__name__}: {error}"
    return PictureError(path, "it is damaged or cut short", "Copy or download it again, or leave it out.", detail)


def _unknown(file: BinaryIO | io.BytesIO, path: Path, error: UnidentifiedImageError) -> PictureError:
    file.seek(0)
    head = file.read(64)
    if not head:
        return PictureError(path, "the file is empty", "Copy or download it again, or leave it out.")
    kind = _kind(head)
    if kind == _AVIF and features.check("avif"):
        return _damaged(path, error)
    if kind == _NO_PICTURE:
        return PictureError(
            path, "the file holds no picture, or its beginning is damaged", "Copy it again, or remove it."
        )
    return PictureError(path, f"it is {kind}, which Gesso does not read", _CONVERT)


_AVIF = "an AVIF picture"
_NO_PICTURE = "not a picture"
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "a HEIC picture"),
    **dict.fromkeys((b"avif", b"avis"), _AVIF),
}
_MAGIC = (
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"<", "a text document (SVG or a web page)"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the picture"),
)


def _kind(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "a video")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((words for magic, words in _MAGIC if head.startswith(magic) or text.startswith(magic)), _NO_PICTURE)


def _smaller() -> str:
    return "Save it smaller: training shrinks it to its resolution anyway."


def _millions(pixels: int) -> str:
    return f"{pixels // 1_000_000} million pixels"
