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
    values, changes = _tiles(middle), _tiles(laplacian)
    variances = _mean_square(values) - values.mean(axis=(1, 3)) ** 2
    telling = variances >= _LEAST_CONTRAST**2
    if np.count_nonzero(telling) < _LEAST_TILES:
        return None
    return float(np.quantile(_mean_square(changes)[telling] / variances[telling], _SHARPEST))


def _normalised(picture: Image.Image) -> NDArray[np.int16]:
    grey = picture.convert("L")
    share = SIDE / max(grey.size)
    if share < 1:
        size = (max(1, round(grey.width * share)), max(1, round(grey.height * share)))
        grey = grey.resize(size, Image.Resampling.BOX)
    return np.asarray(grey).astype(np.int16)


def _tiles(values: NDArray[np.int16]) -> NDArray[np.float32]:
    """(down, 32, across, 32): what does not fill a tile at the right and at the bottom is left out."""
    down, across = (side // _TILE for side in values.shape)
    whole = values[: down * _TILE, : across * _TILE].astype(np.float32)
    return whole.reshape(down, _TILE, across, _TILE)


def _mean_square(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """(down, across)."""
    return np.einsum("iajb,iajb->ij", tiles, tiles) / _TILE**2
