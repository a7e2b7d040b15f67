"""Sharpness against what a step of brightness must give, and on pictures that are blurred more and more."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.dataset.planted import photograph
from trainer.dataset.sharpness import BLURRED_BELOW, sharpness


def step(low: int, high: int) -> Image.Image:
    """Dark on the left, bright on the right, of 98 x 98 pixels: the edge stands in the middle of the second tile."""
    values = np.full((98, 98), low, np.uint8)
    values[:, 49:] = high
    return Image.fromarray(values)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (100, 160)])
def test_a_step_has_a_quarter_whatever_its_height(low: int, high: int) -> None:
    # Two columns of 32 hold the whole height h in the Laplacian; the variance is h * h / 4: 2 / 32 * 4.
    assert sharpness(step(low, high)) == pytest.approx(0.25)


def test_the_more_a_picture_is_blurred_the_lower_it_is() -> None:
    for seed in range(4):
        picture = photograph(seed).resize((1024, 800), Image.Resampling.NEAREST)
        values = [sharpness(picture.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 4, 8)]
        assert None not in values
        assert values == sorted(values, key=lambda value: -(value or 0))
        assert (values[0] or 0) > 2 * BLURRED_BELOW
        assert (values[2] or 1) < BLURRED_BELOW


def test_a_sharp_part_is_enough() -> None:
    blurred = photograph(1).resize((600, 600)).filter(ImageFilter.GaussianBlur(12))
    assert (sharpness(blurred) or 1) < BLURRED_BELOW
    blurred.paste(photograph(2).resize((250, 250)), (170, 170))
    assert (sharpness(blurred) or 0) > 2 * BLURRED_BELOW


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (40, 40), (600, 400)])
def test_what_is_plain_tells_nothing(size: tuple[int, int]) -> None:
    assert sharpness(Image.new("RGB", size, "teal")) is None
