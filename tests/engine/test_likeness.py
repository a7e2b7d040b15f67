"""The likeness measure on the pictures that it was made for, and against known colours."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from trainer.engine.demo import SAMPLE_CLASS, SAMPLE_DATASET
from trainer.engine.likeness import lab_from_srgb, likeness, references_in, subject_colours


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((1.0, 1.0, 1.0), (100.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ((1.0, 0.0, 0.0), (53.24, 80.09, 67.20)),
        ((0.0, 0.0, 1.0), (32.30, 79.19, -107.86)),
    ],
)
def test_lab_values_are_the_published_ones(rgb: tuple[float, ...], lab: tuple[float, ...]) -> None:
    assert lab_from_srgb(np.array(rgb)) == pytest.approx(lab, abs=0.1)


def test_the_subject_is_what_the_border_does_not_show() -> None:
    picture = Image.new("RGB", (64, 64), "#9cf")
    ImageDraw.Draw(picture).rectangle((20, 20, 29, 39), fill="#c00")
    colours = subject_colours(picture)
    assert len(colours) == 200
    assert colours.std(axis=0) == pytest.approx(0, abs=1e-9)


def test_a_picture_without_a_subject_is_like_nothing() -> None:
    references = references_in(SAMPLE_DATASET)
    assert likeness([Image.new("RGB", (64, 64), "#9cf")], references) == 0


def test_every_sample_picture_is_nearer_to_the_others_than_any_class_picture_is() -> None:
    subject, others = references_in(SAMPLE_DATASET), references_in(SAMPLE_CLASS)
    own = [likeness([one], subject[:index] + subject[index + 1 :]) for index, one in list(enumerate(subject))[::3]]
    foreign = [likeness([one], subject) for one in others[::3]]
    assert min(own) > max(foreign)
