"""Whether a picture is out of focus, shaken or enlarged: how fast its brightness changes where it changes at all."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 512
"""Pixels of the longer side at which sharpness is judged, so that large and small pictures are measured alike."""

BLURRED_BELOW = 0.05
"""Of `sharpness`. 23 of the 25 photographs that come with scikit-image and scikit-learn have 0.25 to 11, flat drawings
0.4 and more; two, out of focus and a mere gradient, have 0.03 and 0.07. Blurred by a Gaussian of 1/512 of their longer
side they have 0.10 to 1.3, by 3/512 0.01 to 0.045."""

_TILE = 32
_PIXELS = _TILE**2
_LEAST_CONTRAST = 8.0
"""Grey levels of standard deviation: what is plainer (a sky, an empty background, noise) tells nothing of the focus."""

_LEAST_TILES = 2
_SHARPEST = 0.9
"""A portrait before a blurred background is sharp: what counts is near the sharpest of its parts."""


def sharpness(picture: Image.Image) -> float | None:
    """The energy of the Laplacian over the variance of brightness, in the sharper tiles of 32 x 32 pixels.

    A step from dark to bright in the middle of a tile has 8/32, and far less once it is spread over some pixels. That
    it is divided by the contrast makes it the same for faint drawings and hard ones, unlike the plain variance of the
    Laplacian (Pech-Pacheco et al. 2000). None where too little of the picture has contrast.
    """
    bands = _bands(picture)
    middle = bands[:, 1:-1, 1:-1]
    laplacian = 4 * middle
    for beside in (bands[:, :-2, 1:-1], bands[:, 2:, 1:-1], bands[:, 1:-1, :-2], bands[:, 1:-1, 2:]):
        laplacian -= beside
    values, changes = _whole_tiles(middle), _whole_tiles(laplacian)
    means = _tile_means(values)
    variances = _tile_means(np.square(values, out=values)) - means**2
    telling = variances >= _LEAST_CONTRAST**2
    if np.count_nonzero(telling) < _LEAST_TILES:
        return None
    ratios = np.sort(_tile_means(np.square(changes, out=changes))[telling] / variances[telling])
    return float(ratios[round(_SHARPEST * (len(ratios) - 1))])


def _bands(picture: Image.Image) -> NDArray[np.int16]:
    """Every second row of tiles with a pixel around it, of the grey picture at `SIDE`: (bands, 34, width).

    It halves the work. What alone is sharp in a picture is hardly ever so flat that it falls between them.
    """
    grey = picture.convert("L")
    share = min(1.0, SIDE / max(grey.size))
    width, height = (max(1, round(side * share)) for side in grey.size)
    tall, down = _TILE + 2, grey.height / height
    tops = range(0, height - tall + 1, 2 * _TILE)
    bands = np.zeros((len(tops), tall, width), np.int16)
    for band, top in zip(bands, tops, strict=True):
        box = (0, top * down, grey.width, (top + tall) * down)
        small = grey.resize((width, tall), Image.Resampling.BOX, box)
        band[:] = np.frombuffer(small.tobytes(), np.uint8).reshape(tall, width)  # np.asarray takes three times as long
    return bands


def _whole_tiles(bands: NDArray[np.int16]) -> NDArray[np.int32]:
    """What does not fill a tile at the right is left out."""
    return bands[:, :, : bands.shape[2] // _TILE * _TILE].astype(np.int32)


def _tile_means(bands: NDArray[np.int32]) -> NDArray[np.float64]:
    """(bands, across). Whole rows are added up first, which numpy does several numbers at a time."""
    of_columns = bands.sum(axis=1, dtype=np.int32)
    return of_columns.reshape(len(bands), bands.shape[2] // _TILE, _TILE).sum(axis=2, dtype=np.int32) / _PIXELS
