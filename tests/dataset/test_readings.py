"""What captioners said is kept beside the pictures, survives crashes, and is found again by content."""

from dataclasses import replace
from pathlib import Path

import pytest

from trainer.dataset.readings import Readings, read_readings
from trainer.dataset.tag_scores import Reading

CAT = Reading("wd", "vit", "猫/a.png", "1" * 64, "k", scores={"general": {"cat": 0.9, 'a"b': 0.1}, "character": {}})
TEXT = Reading("blip", "base", "b.png", "2" * 64, "k", text="a dog\u2028on a sofa")


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    with Readings(tmp_path, "wd", "vit") as readings:
        readings.keep([CAT])
    with Readings(tmp_path, "blip", "base") as readings:
        readings.keep([TEXT])
    assert read_readings(tmp_path) == {"猫/a.png": (CAT,), "b.png": (TEXT,)}


def test_a_picture_that_was_renamed_is_known_by_its_content(tmp_path: Path) -> None:
    with Readings(tmp_path, "wd", "vit") as readings:
        readings.keep([CAT])
    readings = Readings(tmp_path, "wd", "vit")
    assert readings.known("new.png", CAT.content, "k") == replace(CAT, picture="new.png")
    assert readings.known("new.png", CAT.content, "other settings") is None
    assert readings.known("new.png", "3" * 64, "k") is None


def test_the_newest_counts_and_older_lines_go(tmp_path: Path) -> None:
    newer = replace(CAT, content="4" * 64, scores={"general": {"dog": 0.8}})
    with Readings(tmp_path, "wd", "vit") as readings:
        readings.keep([CAT, newer])
        readings.keep([newer])
        assert readings.path.read_text("utf-8").count("\n") == 2
    assert read_readings(tmp_path) == {CAT.picture: (newer,)}
    assert readings.path.read_text("utf-8").count("\n") == 1


@pytest.mark.parametrize("litter", ['{"picture": "x', "null\n", "[1]\n", '{"captioner":"alien"}\n', "\x00\xff\n"])
def test_damaged_lines_cost_only_themselves(tmp_path: Path, litter: str) -> None:
    with Readings(tmp_path, "wd", "vit") as readings:
        readings.keep([CAT])
    with readings.path.open("a", encoding="utf-8") as file:
        file.write(litter)
    other = replace(CAT, picture="other.png", content="5" * 64)
    with Readings(tmp_path, "wd", "vit") as readings:
        readings.keep([other])
    assert read_readings(tmp_path) == {CAT.picture: (CAT,), "other.png": (other,)}
