"""Perceptual hashes: 64 bits of a picture's coarse shape, by which copies are found that other programs have changed.

A picture that was scaled, saved anew or brightened keeps nearly all bits. The hash is the one known as pHash: the
signs of the lowest 8 x 8 coefficients of a cosine transform of 32 x 32 grey pixels, against their median.
"""

import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 32
_LOW = 8
_COARSE = 4 * _SIDE
_BLOCK = 1024
"""Hashes compared at a time: a block against a hundred thousand others takes 100 MB at the most."""

_COLOURS = 8
"""Pixels on a side of `thumbnail`."""


def coarsened(picture: Image.Image) -> Image.Image:
    """The picture at a few pixels for each that `phash` and `thumbnail` look at: both are quicker on it, and the same
    but for rounding. Its proportions change a little."""
    shares = (max(1, picture.width // _COARSE), max(1, picture.height // _COARSE))
    return picture if shares == (1, 1) else picture.reduce(shares)


def phash(picture: Image.Image) -> int:
    """64 bits, the coefficient of the mean grey first, row by row. Of a picture in any mode and size."""
    grey = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=4.0)
    basis = _cosines()
    low = basis @ np.asarray(grey, np.float64) @ basis.T
    bits = low > np.median(low)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def distance(first: int, second: int) -> int:
    """In how many of their bits two hashes differ, 0 to 64."""
    return (first ^ second).bit_count()


def near_pairs(hashes: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """The places (first, second) of all pairs that differ in at most `most` bits, first < second, in order.

    Compares each with each, which numpy does for ten thousand hashes in a fifth of a second.
    """
    all_hashes = np.array(hashes, np.uint64)
    for start in range(0, len(all_hashes), _BLOCK):
        block = all_hashes[start : start + _BLOCK]
        differing = np.bitwise_count(block[:, None] ^ all_hashes[None, start:])
        pairs = np.argwhere(differing <= most)
        yield from map(tuple, (pairs[pairs[:, 0] < pairs[:, 1]] + start).tolist())


def thumbnail(picture: Image.Image) -> bytes:
    """The picture as 8 x 8 RGB pixels, row by row: what the hash knows nothing of, its colours and its contrast."""
    rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
    return rgb.resize((_COLOURS, _COLOURS), Image.Resampling.BOX, reducing_gap=16.0).tobytes()


def colour_distance(first: bytes, second: bytes) -> float:
    """How far two thumbnails lie apart at their worst pixel and channel, 0 to 255.

    A difference in brightness that all pixels share counts half: that is how copies of one picture may differ.
    """
    apart = np.frombuffer(first, np.uint8).astype(np.float64) - np.frombuffer(second, np.uint8)
    shared = float(np.median(apart))
    return max(float(np.abs(apart - shared).max()), abs(shared) / 2)


@functools.cache
def _cosines() -> NDArray[np.float64]:
    """The 8 lowest rows of the cosine transform (DCT-II, not normalised) of 32 values: (8, 32)."""
    frequencies, places = np.arange(_LOW)[:, None], np.arange(_SIDE)[None, :]
    return np.cos(math.pi / _SIDE * frequencies * (places + 0.5))
