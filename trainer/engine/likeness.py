"""How alike a picture's subject is to that of other pictures: a simple measure that no model has a part in.

The measure, from 0 (nothing in common) to 1 (the same):

1. Pictures are brought to 64 x 64 pixels and to CIE Lab (D65), in which distances are near to what eyes see.
2. The subject is every pixel whose colour is farther than 20 from every colour of the picture's outermost ring.
3. Its colours are counted in a histogram of 5 x 9 x 9 cells over L, a and b; each pixel is shared out between the
   cells nearest to it, so that a slight change of shade changes little.
4. The likeness is the sum over cells of the smaller of two shares (histogram intersection, Swain and Ballard 1991,
   International Journal of Computer Vision 7:11-32): the picture's, and that of all reference pictures together.

It sees colours and their shares, not shapes: it tells a blue-and-orange mascot from a red cat, not from a mascot
with its limbs in the wrong place. That is for the eyes; the demo's sheet is made for them.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 64
_FAR = 20.0
_LOW = np.array([0.0, -90.0, -90.0])
_HIGH = np.array([100.0, 90.0, 90.0])
_CELLS = (5, 9, 9)

Floats = NDArray[np.float64]


def likeness(pictures: Iterable[Image.Image], references: Sequence[Image.Image]) -> float:
    """The mean likeness of the pictures' subjects to the references' subject."""
    wanted = _shares(_histogram(subject_colours(reference)) for reference in references)
    scores = [float(np.minimum(_shares([_histogram(subject_colours(one))]), wanted).sum()) for one in pictures]
    return sum(scores) / len(scores)


def references_in(folder: Path) -> list[Image.Image]:
    """The pictures directly in a folder, by name."""
    found: list[Image.Image] = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"):
            with Image.open(path) as picture:
                found.append(picture.convert("RGB"))
    return found


def subject_colours(picture: Image.Image) -> Floats:
    """[N, 3]: the Lab colours of the pixels that are none of the border's colours."""
    small = picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    lab = lab_from_srgb(np.asarray(small, dtype=np.float64) / 255)
    ring = np.concatenate([lab[0], lab[-1], lab[1:-1, 0], lab[1:-1, -1]])
    pixels = lab.reshape(-1, 3)
    squared = (pixels**2).sum(1)[:, None] + (ring**2).sum(1)[None, :] - 2 * pixels @ ring.T
    return pixels[squared.min(axis=1) > _FAR**2]


def lab_from_srgb(rgb: Floats) -> Floats:
    """CIE L*a*b* (white point D65) of sRGB values in [0, 1], any leading shape. IEC 61966-2-1 and CIE 15."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / to_xyz.sum(axis=1)
    edge = 6 / 29
    curved = np.where(xyz > edge**3, np.cbrt(xyz), xyz / (3 * edge**2) + 4 / 29)
    x, y, z = curved[..., 0], curved[..., 1], curved[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _histogram(colours: Floats) -> Floats:
    """Counts over the cells, each colour shared out linearly between the eight cells around it."""
    cells = np.array(_CELLS)
    place = np.clip((colours - _LOW) / (_HIGH - _LOW), 0, 1) * (cells - 1)
    low = np.minimum(place.astype(int), cells - 2)
    part = place - low
    counts = np.zeros(_CELLS)
    for corner in np.ndindex(2, 2, 2):
        upper = np.array(corner)
        weight = np.where(upper == 1, part, 1 - part).prod(axis=1)
        np.add.at(counts, tuple((low + upper).T), weight)
    return counts


def _shares(histograms: Iterable[Floats]) -> Floats:
    """The sum of histograms, scaled to a total of 1; all zero if there is nothing in them."""
    total = np.sum(list(histograms), axis=0)
    return total / max(float(total.sum()), 1e-12)
