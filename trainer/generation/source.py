"""The picture that a job begins from, and its mask: read, fitted to the size, and laid back together at the end."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageChops, ImageOps
from torch import Tensor

from trainer.contract.errors import UserError
from trainer.contract.generate import Mask, SourcePicture
from trainer.dataset import pictures
from trainer.generation.vae import to_pixels
from trainer.models.family import Bundle

Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels, the last two behind the last ones inside."""

LARGER = 4
"""A source of more than so many times the area that a model knows is made smaller, unless the job says a size."""


LEAST, MOST = 16, 4096
"""Sides of a picture in pixels, as a job may name them (trainer.contract.common.Size)."""


@dataclass(frozen=True)
class _Read:
    """A picture file: RGB, how opaque each pixel is (None: all are), and its checksum."""

    picture: Image.Image
    opacity: Image.Image | None
    sha256: str


@dataclass(frozen=True)
class Canvas:
    """What is worked on: a picture at the size of sampling, and how the result becomes a whole picture again."""

    picture: Image.Image
    """RGB, at the size of sampling."""
    mask: Image.Image | None
    """8 bits, 255 where to paint anew and 0 where to keep, at the size of sampling."""
    whole: Image.Image
    """RGB: the picture that the result is laid over."""
    box: Box
    """Where in it."""
    faded: Image.Image | None
    """How much of the result is seen, in the size of `box`: 0 wherever the mask is."""
    source: SourcePicture
    """What the job says of it, with the checksums of the files that were read."""

    @property
    def size(self) -> tuple[int, int]:
        return self.picture.size

    def pixels(self, device: torch.device) -> Tensor:
        """[1, 3, H, W] in [-1, 1]."""
        return to_pixels(self.picture, device)

    def masked(self, device: torch.device) -> Tensor | None:
        """[1, 1, H, W], 1 where to paint anew; None where all of it is."""
        if self.mask is None:
            return None
        return torch.from_numpy(np.asarray(self.mask) > 0).to(device, torch.float32)[None, None]

    def finished(self, made: Image.Image) -> Image.Image:
        """The result as a whole picture: what is not masked is the source's, bit for bit."""
        if self.faded is None:
            return made
        left, top, right, bottom = self.box
        if made.size != self.faded.size:
            made = made.resize((right - left, bottom - top), Image.Resampling.LANCZOS)
        result = self.whole.copy()
        result.paste(made, (left, top), self.faded)
        return result


def read_canvas(source: SourcePicture, size: tuple[int, int] | None, bundle: Bundle) -> Canvas:
    """The source and its mask as `size` (width, height) or else the source itself has them.

    Raises UserError for a picture that is gone, damaged or changed, and for a mask that marks nothing.
    """
    read = _read(source.path, source.sha256, "picture to begin from")
    picture = read.picture
    known = source.model_copy(update={"sha256": read.sha256})
    if source.mask is None:
        size = size or _own_size(picture.size, bundle)
        fitted = _fitted(picture, size, source.resize, Image.Resampling.LANCZOS)
        return Canvas(fitted, None, fitted, (0, 0, *size), None, known)
    mask, sha256 = _mask(source.path, source.mask, read)
    known = known.model_copy(update={"mask": source.mask.model_copy(update={"sha256": sha256})})
    if source.mask.only_masked:
        return _around(picture, mask, known, size or bundle.default_size)
    size = size or _own_size(picture.size, bundle)
    fitted = _fitted(picture, size, source.resize, Image.Resampling.LANCZOS)
    mask = _two_valued(_fitted(mask, size, source.resize, Image.Resampling.BILINEAR))
    return Canvas(fitted, mask, fitted, (0, 0, *size), faded(mask, source.mask.feather), known)


def faded(mask: Image.Image, feather: int) -> Image.Image:
    """A mask of 0 and 255 whose edge rises over so many pixels, inside it; outside it stays 0.

    With the distance of a pixel's centre from that of the nearest pixel outside: its square is that along the row plus
    that along the column (Felzenszwalb and Huttenlocher 2012, section 2). The border of the picture is no edge.
    """
    if feather <= 1:
        return mask
    along = np.where(np.asarray(mask) > 0, np.float32(feather), np.float32(0))
    for _ in range(feather):
        along[:, 1:] = np.minimum(along[:, 1:], along[:, :-1] + 1)
        along[:, :-1] = np.minimum(along[:, :-1], along[:, 1:] + 1)
    squares = along**2
    nearest = squares.copy()
    for step in range(1, feather):
        nearest[step:] = np.minimum(nearest[step:], squares[:-step] + step**2)
        nearest[:-step] = np.minimum(nearest[:-step], squares[step:] + step**2)
    return Image.fromarray(np.round(np.sqrt(nearest) * (255 / feather)).astype(np.uint8))


def region(box: Box, padding: int, shape: tuple[int, int], size: tuple[int, int]) -> Box:
    """`box` with `padding` around it, grown in a picture of `size` to the proportions of `shape` where it can be."""
    left, top = max(box[0] - padding, 0), max(box[1] - padding, 0)
    right, bottom = min(box[2] + padding, size[0]), min(box[3] + padding, size[1])
    wanted = shape[0] / shape[1]
    if (right - left) / (bottom - top) < wanted:
        left, right = _grown(left, right, round((bottom - top) * wanted), size[0])
    else:
        top, bottom = _grown(top, bottom, round((right - left) / wanted), size[1])
    return left, top, right, bottom


def _grown(start: int, end: int, length: int, limit: int) -> tuple[int, int]:
    """A span of this length about another one, moved so that it lies within 0 and the limit."""
    length = min(max(length, end - start), limit)
    start = min(max(start - (length - (end - start)) // 2, 0), limit - length)
    return start, start + length


def _around(picture: Image.Image, mask: Image.Image, source: SourcePicture, size: tuple[int, int]) -> Canvas:
    """The region around the mask, enlarged or made smaller to `size`."""
    wish, marked = source.mask, mask.getbbox()
    assert wish is not None
    assert marked is not None  # `_mask` gives none that marks nothing
    box = region(marked, wish.padding, size, picture.size)
    worked = _two_valued(mask.crop(box).resize(size, Image.Resampling.BILINEAR))
    part = picture.crop(box).resize(size, Image.Resampling.LANCZOS)
    return Canvas(part, worked, picture, box, faded(mask, wish.feather).crop(box), source)


def _mask(source: str, wish: Mask, read: _Read) -> tuple[Image.Image, str]:
    """255 where to paint anew and 0 where to keep, in the size of the source; and the checksum of the mask's file."""
    sha256 = ""
    if wish.path:
        drawn = _read(wish.path, wish.sha256, "mask")
        mask, sha256 = drawn.picture.convert("L"), drawn.sha256
        if drawn.opacity is not None:
            # a picture is laid on white to be read; strokes on a clear ground are meant as if on black
            mask = ImageChops.subtract(mask, ImageOps.invert(drawn.opacity))
        if mask.size != read.picture.size:
            mask = mask.resize(read.picture.size, Image.Resampling.BILINEAR)
    elif read.opacity is not None:
        mask = ImageOps.invert(read.opacity)
    else:
        raise UserError(
            f"{source} is nowhere transparent, so that nothing says which part of it to paint anew.",
            "Give a mask: a picture that is white there and black elsewhere.",
        )
    mask = _two_valued(ImageOps.invert(mask) if wish.inverted else mask)
    if mask.getbbox() is None:
        what = wish.path or f"The transparency of {source}"
        raise UserError(
            f"{what} marks nothing to paint anew.",
            "Paint that part white" + (", or switch inverted off." if wish.inverted else ", or switch inverted on."),
        )
    return mask, sha256


def _two_valued(mask: Image.Image) -> Image.Image:
    """Middle grey and lighter is to be painted anew: pictures saved as JPEG have no pure black."""
    return mask.point([0] * 128 + [255] * 128)


def _fitted(picture: Image.Image, size: tuple[int, int], resize: str, by: Image.Resampling) -> Image.Image:
    if picture.size == size:
        return picture
    return picture.resize(size, by) if resize == "stretch" else ImageOps.fit(picture, size, by)


def _own_size(size: tuple[int, int], bundle: Bundle) -> tuple[int, int]:
    """The source's own size in whole latents, or its shape at the model's area where it is far larger than that."""
    area, known = size[0] * size[1], bundle.default_size[0] * bundle.default_size[1]
    scale = (known / area) ** 0.5 if area > LARGER * known else 1.0
    step = max(bundle.pixels_per_latent, 8)
    sides = [min(max(round(side * scale / step) * step, LEAST), MOST) for side in size]
    return sides[0], sides[1]


def _read(name: str, sha256: str, what: str) -> _Read:
    """A picture file, whose content must be the one that is expected, if one is."""
    path = Path(name).expanduser()
    if not path.is_file():
        raise UserError(f"There is no {what} at {name}.", "Put the file back, or choose another one.")
    data = pictures.read_bytes(path)
    found = hashlib.sha256(data).hexdigest()
    if sha256 and found != sha256:
        raise UserError(
            f"The {what} {name} is not the one any more that this was made from: its content has changed.",
            "Put the old file back, or clear its checksum (sha256) to take it as it is now.",
        )
    return _Read(pictures.decode(data, path).picture, pictures.opacity(data, path), found)
