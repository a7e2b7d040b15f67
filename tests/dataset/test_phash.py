"""Perceptual hashes against the sum they are defined by, stored hashes of another library, and each pair of many."""

import math
import random
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer.dataset.phash import colour_distance, distance, near_pairs, phash, thumbnail
from trainer.home import RESOURCES

# imagehash.phash of ImageHash 4.3.2, with its defaults, of pictures of the sample dataset.
STORED = {
    "00001": "e8b587c28e699723",
    "00002": "bdfcc2013b3e0cc3",
    "00003": "caa6b55d462e6991",
    "00004": "ade4d29b9249e136",
}


@pytest.mark.parametrize("name", STORED)
def test_hashes_are_those_of_imagehash(name: str) -> None:
    with Image.open(RESOURCES / "sample-dataset" / f"{name}.png") as picture:
        assert f"{phash(picture.convert('RGB')):016x}" == STORED[name]


def test_bits_are_those_of_the_sum_written_out() -> None:
    grey = np.random.default_rng(3).integers(0, 256, (32, 32)).astype(np.uint8)
    low = [
        sum(
            float(grey[y, x]) * math.cos(math.pi * u * (2 * y + 1) / 64) * math.cos(math.pi * v * (2 * x + 1) / 64)
            for y in range(32)
            for x in range(32)
        )
        for u in range(8)
        for v in range(8)
    ]
    median = (sorted(low)[31] + sorted(low)[32]) / 2
    bits = "".join("1" if value > median else "0" for value in low)
    assert phash(Image.fromarray(grey)) == int(bits, 2)


def test_near_pairs_are_those_that_comparing_each_with_each_finds() -> None:
    chance = random.Random(1)
    hashes = [chance.getrandbits(64) for _ in range(1500)]
    hashes += [hashes[chance.randrange(1500)] ^ (1 << chance.randrange(64)) for _ in range(100)]
    hashes += [hashes[7], 0, 2**64 - 1]
    expected = [
        pair for pair in combinations(range(len(hashes)), 2) if (hashes[pair[0]] ^ hashes[pair[1]]).bit_count() <= 3
    ]
    assert len(expected) > 100
    assert sorted(near_pairs(hashes, 3)) == expected
    assert list(near_pairs([], 3)) == []


def test_a_copy_is_near_and_another_colour_is_not(tmp_path: Path) -> None:
    with Image.open(RESOURCES / "sample-dataset" / "00001.png") as picture:
        original = picture.convert("RGB")
    original.resize((150, 150)).save(tmp_path / "copy.jpg", quality=40)
    with Image.open(tmp_path / "copy.jpg") as copy:
        assert distance(phash(copy), phash(original)) <= 4
        assert colour_distance(thumbnail(copy), thumbnail(original)) < 12
    turned = Image.merge("RGB", original.split()[::-1])
    assert colour_distance(thumbnail(turned), thumbnail(original)) > 60


def test_brightness_counts_half() -> None:
    dark, light = bytes([50] * 192), bytes([90] * 192)
    assert colour_distance(dark, light) == 20
    assert colour_distance(dark, bytes([50] * 191 + [99])) == 49
