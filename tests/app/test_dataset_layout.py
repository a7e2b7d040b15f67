"""The frame of the page Dataset: what makes room for what, in a small window too."""

from pathlib import Path

import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from app.pages.dataset import DatasetPage
from app.pages.dataset_layout import WIDTHS
from app.rail import WIDTH as RAIL_WIDTH
from app.widgets.picture_grid import PictureTile
from tests.app.dataset_page import open_folder, select, unopened
from tests.app.stage import Engine
from trainer.home import Home

SMALL = 1280 - RAIL_WIDTH
NAMES = ("1.webp", "2.gif", "3.png", "4.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "10_Frau Müller auf Reisen in Österreich und der Schweiz"
    made.mkdir()
    for name in NAMES:
        Image.new("RGB", (600, 520)).save(made / name)
    return made


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, folder: Path) -> DatasetPage:
    made = unopened(qtbot, home, train_engine, (SMALL, 660))
    open_folder(qtbot, made, folder)
    return made


@pytest.mark.parametrize("panel", ["prepare", "change_captions", "move_thresholds", "export", "compare", "buckets"])
def test_options_of_the_captioner_make_room_for_a_panel_and_come_back_with_the_grid(
    page: DatasetPage, panel: str
) -> None:
    bar = page.captioning.bar
    bar.more.click()
    assert bar.options.isVisible()
    select(page, 0, 1)
    getattr(page, panel)()
    assert page._middle.currentIndex() != 0
    assert not bar.options.isVisible()
    assert not bar.more.isChecked(), "the button says what is in sight"
    assert bar.view()["open"], "what is remembered is how it stands with the grid"
    bar.more.click()
    assert bar.options.isVisible(), "who asks for them gets them"
    page.back()
    assert bar.options.isVisible()
    bar.more.click()
    getattr(page, panel)()
    page.back()
    assert not bar.options.isVisible()
    assert not bar.view()["open"]


@pytest.mark.parametrize("selected", [(0,), (0, 1), (0, 1, 2)])
def test_in_a_small_window_a_long_name_of_the_folder_leaves_the_sides_their_width(
    qtbot: QtBot, page: DatasetPage, folder: Path, selected: tuple[int, ...]
) -> None:
    left, _, right = WIDTHS
    select(page, *selected)
    qtbot.waitUntil(lambda: page._columns.sizes() == [left, SMALL - left - right - 2, right])
    assert page.minimumSizeHint().width() < page.width()
    assert page.head._title.toolTip() == str(folder)
    assert page.head._count.text().startswith(f"{len(selected)} selected" if len(selected) > 1 else "4 pictures")


def test_a_photograph_is_no_film_whatever_its_ending(
    qtbot: QtBot, page: DatasetPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(PictureTile, "badge", lambda _tile, _painter, _centre, icon, _role: drawn.append(icon))
    select(page, 0)
    page.grid.flagged.emit("pick")
    qtbot.waitUntil(lambda: "done" in drawn)
    assert "video" not in drawn
    qtbot.waitUntil(lambda: not page.folder.is_writing)
