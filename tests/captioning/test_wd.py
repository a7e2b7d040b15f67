"""WD taggers: pictures are prepared as their maker does, scores come by name and category, bad files are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.captioning.models import TAG_ROWS, WD_BIAS, WD_WEIGHTS, drawing, write_wd
from trainer.captioning.wd import Wd, squared
from trainer.contract.errors import UserError

# From taggui's wd_tagger.py (jhc13/taggui at 1bde3bc, after the demo of the taggers' maker) with Pillow 13, in its
# order of channels, blue first: pixels at PLACES (row, column), and the mean of each channel.
PLACES = ((0, 0), (224, 3), (100, 100), (224, 224), (300, 200), (447, 447), (10, 230))
WHITE = [255, 255, 255]
SQUARED = {
    (300, 200): (
        [WHITE, [190, 129, 68], [43, 203, 142], [84, 53, 245], [137, 74, 118], WHITE, WHITE],
        [170.0999, 170.0027, 170.0191],
    ),
    (201, 300): (
        [WHITE, WHITE, [73, 50, 207], [165, 104, 41], [64, 57, 219], WHITE, [53, 109, 188]],
        [169.6847, 169.519, 169.5712],
    ),
    (448, 448): (
        [[122, 61, 0], [117, 56, 251], [26, 221, 160], [45, 240, 179], [14, 209, 148], [127, 66, 5], [18, 213, 152]],
        [127.7723, 127.6333, 127.6001],
    ),
    (900, 700): (
        [WHITE, [92, 125, 174], [109, 164, 157], [116, 118, 122], [155, 124, 144], WHITE, WHITE],
        [156.0467, 155.9379, 155.8616],
    ),
    (33, 448): ([WHITE, WHITE, WHITE, [74, 13, 208], WHITE, WHITE, [203, 142, 81]], [245.6052, 245.6017, 245.6288]),
}


@pytest.mark.parametrize("size", SQUARED, ids=str)
def test_pictures_are_prepared_as_their_maker_does(size: tuple[int, int], tmp_path: Path) -> None:
    pixels = Wd(write_wd(tmp_path / "wd", size=448)).prepare(drawing(*size))
    expected, means = SQUARED[size]
    assert (pixels.shape, pixels.dtype) == ((448, 448, 3), np.float32)
    assert [pixels[place].tolist() for place in PLACES] == expected
    assert pixels.reshape(-1, 3).astype(np.float64).mean(0).tolist() == pytest.approx(means, abs=1e-3)


def test_scores_come_by_name_and_category(tmp_path: Path) -> None:
    tagger = Wd(write_wd(tmp_path / "wd"))
    pictures = [tagger.prepare(Image.new("RGB", (20, 20), color)) for color in ((250, 30, 0), (0, 0, 255))]
    for said, picture in zip(tagger.say(pictures, lambda: None), pictures, strict=True):
        scores = 1 / (1 + np.exp(-(picture.reshape(-1, 3).mean(0) @ WD_WEIGHTS + WD_BIAS)))
        expected: dict[str, dict[str, Any]] = {"general": {}, "character": {}, "rating": {}}
        for (name, category), score in zip(TAG_ROWS, scores.tolist(), strict=True):
            if score >= 0.05:
                expected[{0: "general", 4: "character", 9: "rating"}[category]][name] = pytest.approx(score, abs=1e-4)
        assert said.scores == expected
    red = tagger.say(pictures[:1], lambda: None)[0].scores
    assert red["general"]["red_sky"] > 0.9  # it looks at the last channel: red comes last
    assert "kiki" not in red["character"]
    assert "explicit" not in red["rating"]  # below the floor


def test_the_square_has_an_odd_pixel_at_the_right_and_bottom() -> None:
    assert np.asarray(squared(Image.new("RGB", (2, 5)), 5))[0, :, 0].tolist() == [255, 0, 0, 255, 255]


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gives 5 scores, and selected_tags\.csv lists 6 tags"):
        Wd(write_wd(tmp_path / "wd", labels=5))


@pytest.mark.parametrize("data", [b"\x08\x08", b"\x08\x08\x3a\xff\xff\xff\x0f", b"\x08\x08" + bytes(100)])
def test_a_damaged_model_is_refused_in_words(tmp_path: Path, data: bytes) -> None:
    folder = write_wd(tmp_path / "wd")
    (folder / "model.onnx").write_bytes(data)
    with pytest.raises(UserError, match="can't be run"):
        Wd(folder)
