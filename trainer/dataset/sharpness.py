"""Whether a picture is out of focus, shaken or enlarged: how fast its brightness changes where it changes at all."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 512
"""Pixels of the longer side at which sharpness is judged, so that large and small pictures are measured alike."""

BLURRED_BELOW = 0.05
"""Of `sharpness`. 23 of the 25 photographs that come with scikit-image and scikit-learn have 0.3 to 11, flat drawings
0.4 and more; two, out of focus and a mere gradient, have 0.03 and 0.05. Blurred by a Gaussian of 1/512 of their longer
side they have 0.10 to 1.3, by 3/512 0.01 to 0.045."""

_TILE = 32
_PIXELS = _TILE**2
_LEAST_CONTRAST = 8.0
"""Grey levels of standard deviation: what is plainer (a sky, an empty background, noise) tells nothing of the focus."""

_LEAST_TILES = 3
_SHARPEST = 0.9
"""A portrait before a blurred background is sharp: what counts is near the sharpest of its parts."""


def sharpness(picture: Image.Image) -> float | None:
    """The energy of the Laplacian over the variance of brightness, in the sharper tiles of 32 x 32 pixels.

    A step from dark to bright in the middle of a tile has 8/32, and far less once it is spread over some pixels. That
    it is divided by the contrast makes it the same for faint drawings and hard ones, unlike the plain variance of the
    Laplacian (Pech-Pacheco et al. 2000). None where too little of the picture has contrast.
    """
    grey = _normalised(picture)
    middle = grey[1:-1, 1:-1]
    laplacian = 4 * middle - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    values = _whole_tiles(middle)
    variances = _tile_sums(values * values) / _PIXELS - (_tile_sums(values) / _PIXELS) ** 2
    telling = variances >= _LEAST_CONTRAST**2
    if np.count_nonzero(telling) < _LEAST_TILES:
        return None
    changes = _whole_tiles(laplacian)
    return float(np.quantile((_tile_sums(changes * changes) / _PIXELS)[telling] / variances[telling], _SHARPEST))


def _normalised(picture: Image.Image) -> NDArray[np.int16]:
    grey = picture.convert("L")
    share = SIDE / max(grey.size)
    if share < 1:
        size = (max(1, round(grey.width * share)), max(1, round(grey.height * share)))
        grey = grey.resize(size, Image.Resampling.BOX)
    return np.asarray(grey).astype(np.int16)


def _whole_tiles(values: NDArray[np.int16]) -> NDArray[np.int32]:
    """What does not fill a tile at the right and at the bottom is left out."""
    down, across = (side // _TILE for side in values.shape)
    return values[: down * _TILE, : across * _TILE].astype(np.int32)


def _tile_sums(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """(down, across). Whole rows are added up first, which numpy does several numbers at a time."""
    height, width = values.shape
    of_columns = values.reshape(height // _TILE, _TILE, width).sum(axis=1, dtype=np.int32)
    return of_columns.reshape(height // _TILE, width // _TILE, _TILE).sum(axis=2, dtype=np.int32)
