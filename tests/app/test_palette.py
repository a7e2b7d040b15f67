"""Every pair of colours that meets in the window is readable: WCAG 2.2 level AA, in both schemes."""

import itertools

import pytest

from app.palette import PALETTES, SURFACES, WORDS, Scheme, contrast, luminance


def test_contrast_has_the_published_extremes() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#123456", "#123456") == pytest.approx(1)
    assert luminance("#777777") == pytest.approx(0.1845, abs=1e-3)  # the grey that just misses 4.5:1 on white
    assert contrast("#777777", "#FFFFFF") < 4.5 < contrast("#767676", "#FFFFFF")


@pytest.mark.parametrize("scheme", PALETTES)
@pytest.mark.parametrize(("word", "surface"), [*itertools.product(WORDS, SURFACES)])
def test_text_is_readable(scheme: Scheme, word: str, surface: str) -> None:
    palette = PALETTES[scheme]
    assert contrast(getattr(palette, word), getattr(palette, surface)) >= 4.5


@pytest.mark.parametrize("scheme", PALETTES)
@pytest.mark.parametrize("surface", SURFACES)
def test_outlines_and_the_accent_can_be_seen(scheme: Scheme, surface: str) -> None:
    palette = PALETTES[scheme]
    assert contrast(palette.edge, getattr(palette, surface)) >= 3
    assert contrast(palette.accent, getattr(palette, surface)) >= 3


@pytest.mark.parametrize("scheme", PALETTES)
def test_text_on_the_accent_is_readable(scheme: Scheme) -> None:
    assert contrast(PALETTES[scheme].on_accent, PALETTES[scheme].accent) >= 4.5
