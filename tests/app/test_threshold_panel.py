"""Thresholds on the page Dataset: what would change follows the slider, and is written as one step."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from app.pages.dataset import DatasetPage
from app.widgets.threshold_panel import NOBODY
from tests.app.dataset_page import opened
from tests.app.stage import Engine
from trainer.dataset.readings import Readings
from trainer.dataset.tag_scores import Reading
from trainer.home import Home

GENERAL = {"1girl": 0.9, "hat": 0.6, "sky": 0.2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pictures"
    made.mkdir()
    for name, caption in (("a", "mine, 1girl, hat"), ("b", "1girl, hat")):
        Image.new("RGB", (8, 8)).save(made / f"{name}.png")
        (made / f"{name}.txt").write_text(caption, encoding="utf-8")
    return made


def tagged(folder: Path, *models: str) -> None:
    for model in models:
        with Readings(folder, "wd", model) as kept:
            scores = {"general": GENERAL, "character": {"kiki": 0.5}}
            kept.keep(Reading("wd", model, f"{name}.png", "h", "k", scores=scores) for name in "ab")  # pyright: ignore[reportArgumentType]


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, folder: Path) -> Iterator[DatasetPage]:
    made = opened(qtbot, home, train_engine, folder)
    yield made
    made.stop_work()


def after(page: DatasetPage) -> list[str]:
    return [change.after or "" for change in page.thresholds.table.chosen()]


def captions(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8").rstrip() for path in sorted(folder.glob("*.txt"))]


def test_captions_follow_the_slider_and_one_step_writes_them(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    tagged(folder, "my tagger")
    before = captions(folder)
    page.move_thresholds()
    qtbot.waitUntil(lambda: page.thresholds.tagger.currentText() == "my tagger (2 pictures)")
    assert page.thresholds.general.value == 0.35, "what suits a tagger that is not known by name"
    page.thresholds.general.slider.setValue(70)
    qtbot.waitUntil(lambda: after(page) == ["mine, 1girl", "1girl"])
    page.thresholds.general.slider.setValue(15)
    page.thresholds.apply()
    assert captions(folder) == before, "what is shown is of another threshold"
    page.thresholds.character.number.setValue(0.45)
    qtbot.waitUntil(lambda: after(page) == ["mine, 1girl, hat, kiki, sky", "1girl, hat, kiki, sky"])
    assert captions(folder) == before, "nothing is written while it moves"
    qtbot.waitUntil(page.thresholds._apply.isEnabled)
    with qtbot.waitSignal(page.folder.changed):
        page.thresholds.apply()
    assert captions(folder) == ["mine, 1girl, hat, kiki, sky", "1girl, hat, kiki, sky"]
    assert [step.title for step in page.folder.steps()] == ["Threshold 0.15 of my tagger"]
    with qtbot.waitSignal(page.folder.changed):
        page.undo()
    assert captions(folder) == before


def test_each_tagger_that_was_asked_can_be_chosen(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    tagged(folder, "my tagger", "wd-vit-tagger-v3")
    page.move_thresholds()
    qtbot.waitUntil(lambda: page.thresholds.tagger.count() == 2)
    page.thresholds.tagger.setCurrentIndex(1)
    page.thresholds.tagger.activated.emit(1)
    assert page.thresholds.general.value == 0.2614
    page.thresholds.general.number.setValue(0.65)
    qtbot.waitUntil(lambda: after(page) == ["mine, 1girl", "1girl"])


def test_where_no_tagger_ran_it_says_what_to_do(qtbot: QtBot, page: DatasetPage) -> None:
    page.move_thresholds()
    qtbot.waitUntil(lambda: page.thresholds._words.text() == NOBODY)
    assert not page.thresholds.general.isEnabled()
    page.thresholds.left.emit()
    assert page._middle.currentIndex() == 0
