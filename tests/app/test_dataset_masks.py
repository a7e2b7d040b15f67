"""Masks that are painted on the page Dataset: where strokes land, when they are written, and how they are undone."""

from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.dataset_preparing import Painted
from app.pages.dataset import DatasetPage
from app.pages.dataset_listing import look
from app.widgets.mask_canvas import MaskCanvas
from tests.app.dataset_page import is_quiet, open_folder, opened, select
from tests.app.prepare_page import LEFT, NONE, SIZE, originals, prepare, shown, write_pets
from tests.app.stage import Engine
from trainer.dataset.masks import mask_path
from trainer.dataset.pictures import Size
from trainer.dataset.recipes import AS_IT_IS
from trainer.home import Home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pets(tmp_path / "pets")


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, folder: Path) -> DatasetPage:
    made = opened(qtbot, home, train_engine, folder)
    select(made, 0)
    return made


def paint(canvas: MaskCanvas, x: int, y: int) -> None:
    place: QPoint = canvas.to_widget(QPointF(x, y)).toPoint()
    QTest.mouseClick(canvas, LEFT, NONE, place)


def painted(qtbot: QtBot, page: DatasetPage) -> MaskCanvas:
    """The mask of the picture, with a stroke at 300, 200."""
    prepare(qtbot, page, "mask")
    paint(page.preparing.mask_canvas, 300, 200)
    return page.preparing.mask_canvas


def away_and_back(qtbot: QtBot, page: DatasetPage) -> None:
    """To the next picture and back: what was painted is written, and its strokes are forgotten."""
    for key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
        QTest.keyClick(page.preparing.mask_canvas, key)
        shown(qtbot, page)


def test_a_stroke_lands_in_the_mask_at_the_pixels_below_it_also_after_a_turn(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    before = originals(folder)
    page.turn_right()  # what was at the left below is at the left above now
    page.mirror()  # and then at the right
    prepare(qtbot, page, "mask")
    canvas = page.preparing.mask_canvas
    canvas.set_brush(100)
    paint(canvas, 700, 100)
    page.stop_work()
    mask = Image.open(mask_path(folder / "1.png"))
    assert mask.mode == "L"
    assert mask.size == SIZE
    assert mask.getpixel((100, 700)) == 0, "left out"
    assert [mask.getpixel(place) for place in ((700, 100), (100, 100), (1100, 700), (200, 700))] == [255] * 4
    assert originals(folder) == before
    qtbot.waitUntil(lambda: look(page.folder, page.folder.paths[0]).prepared == "turned, mirrored, masked")


def test_what_is_painted_counts_as_much_as_was_chosen_and_can_be_undone(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    prepare(qtbot, page, "mask")
    panel = page.preparing
    panel.mask_bar.counts.setValue(40)
    panel.mask_canvas.fill()
    panel.mask_bar.counts.setValue(0)
    paint(panel.mask_canvas, 600, 400)
    with qtbot.waitSignal(page.folder.masked):
        panel.finish()
    mask = Image.open(mask_path(folder / "1.png"))
    assert (mask.getpixel((10, 10)), mask.getpixel((600, 400))) == (102, 0)
    page.undo()
    with qtbot.waitSignal(page.folder.masked):
        panel.finish()
    assert Image.open(mask_path(folder / "1.png")).getextrema() == (102, 102)


def test_masks_are_steps_like_all_others(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    prepare(qtbot, page, "mask")
    panel = page.preparing
    for place in ((300, 200), (600, 400)):
        paint(panel.mask_canvas, *place)
        with qtbot.waitSignal(page.folder.masked):
            panel.finish()
    QTest.keyClick(panel.mask_canvas, Qt.Key.Key_PageDown)
    shown(qtbot, page)
    assert [step.title for step in page.folder.steps()] == ["Painted the mask of 1.png"]
    QTest.keyClick(panel.mask_canvas, Qt.Key.Key_PageUp)
    shown(qtbot, page)
    paint(panel.mask_canvas, 900, 600)
    page.back()
    qtbot.waitUntil(lambda: len(page.folder.steps()) == 2)
    with qtbot.waitSignal(page.folder.masked):
        page.undo()
    with qtbot.waitSignal(page.folder.masked, check_params_cb=lambda places, _painted: places == (0,)):
        page.undo()
    assert not mask_path(folder / "1.png").exists()
    assert page.folder.preparing.words(0) == ""
    with qtbot.waitSignal(page.folder.masked):
        page.redo()
    mask = Image.open(mask_path(folder / "1.png"))
    assert (mask.getpixel((300, 200)), mask.getpixel((600, 400)), mask.getpixel((900, 100))) == (0, 0, 255)
    assert page.folder.preparing.words(0) == "masked"


def test_a_mask_that_is_undone_while_it_is_shown_is_shown_as_it_is(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    canvas = painted(qtbot, page)
    away_and_back(qtbot, page)
    assert canvas.marked().pixelColor(300, 200).value() == 255
    page.undo()
    qtbot.waitUntil(lambda: page.preparing._is_shown and canvas.marked().pixelColor(300, 200).value() == 0)
    assert not mask_path(folder / "1.png").exists()


def test_a_stroke_that_was_taken_back_does_not_bring_an_undone_mask_again(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    canvas = painted(qtbot, page)
    away_and_back(qtbot, page)
    paint(canvas, 600, 400)
    page.undo()
    page.undo()
    qtbot.waitUntil(lambda: not page.folder.is_writing and page.preparing._is_shown)
    page.preparing.finish()
    qtbot.waitUntil(lambda: not page.folder.is_writing)
    assert not mask_path(folder / "1.png").exists()
    assert len(page.folder.undone()) == 1
    assert canvas.marked().pixelColor(300, 200).value() == 0


def test_undo_while_the_next_picture_is_read_is_about_what_was_written(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    canvas = painted(qtbot, page)
    QTest.keyClick(canvas, Qt.Key.Key_PageDown)
    assert not page.preparing._is_shown
    page.undo()
    shown(qtbot, page)
    qtbot.waitUntil(lambda: not page.folder.is_writing)
    assert not mask_path(folder / "1.png").exists()


def test_pictures_of_one_name_have_one_mask(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    Image.open(folder / "1.png").save(folder / "1.jpg")
    open_folder(qtbot, page, folder)
    select(page, 0)
    canvas = painted(qtbot, page)
    QTest.keyClick(canvas, Qt.Key.Key_PageDown)
    shown(qtbot, page)
    assert canvas.marked().pixelColor(300, 200).value() == 255
    qtbot.waitUntil(lambda: [page.folder.preparing.words(place) for place in range(3)] == ["masked", "masked", ""])


def test_nothing_is_drawn_on_a_picture_while_its_folder_is_read_anew(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    canvas = painted(qtbot, page)
    page.folder.open(folder)
    assert canvas.marked().isNull()
    qtbot.waitUntil(lambda: is_quiet(page))
    assert Image.open(mask_path(folder / "1.png")).getpixel((300, 200)) == 0


def test_undo_of_a_mask_whose_picture_is_gone_is_seen(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    painted(qtbot, page)
    page.back()
    qtbot.waitUntil(lambda: len(page.folder.steps()) == 1 and not page.folder.is_writing)
    (folder / "1.png").unlink()
    open_folder(qtbot, page, folder)
    assert page.inspector._undo.isEnabled()
    page.undo()
    qtbot.waitUntil(lambda: not page.inspector._undo.isEnabled())
    assert page.inspector._redo.isEnabled()


def test_all_strokes_taken_back_leave_no_step(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    painted(qtbot, page)
    panel = page.preparing
    for act in (panel.finish, page.undo, panel.finish):
        act()
        qtbot.waitUntil(lambda: not page.folder.is_writing)
    assert page.folder.steps() == ()
    assert not mask_path(folder / "1.png").exists()


def test_a_mask_is_there_again_before_and_after_it_is_written(qtbot: QtBot, page: DatasetPage) -> None:
    canvas = painted(qtbot, page)
    for _ in range(2):
        QTest.keyClick(canvas, Qt.Key.Key_PageDown)
        shown(qtbot, page)
        assert canvas.marked().pixelColor(300, 200).value() == 0
        QTest.keyClick(canvas, Qt.Key.Key_PageUp)
        shown(qtbot, page)
        assert canvas.marked().pixelColor(300, 200).value() == 255
        assert canvas.marked().pixelColor(900, 600).value() == 0
        page.folder.finish()


def test_a_mask_of_onetrainer_is_shown_and_stays_untouched_unless_it_is_painted_on(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    path = mask_path(folder / "2.png")
    Image.new("RGB", (600, 400), (128, 128, 128)).save(path)
    before = path.read_bytes()
    select(page, 1)
    prepare(qtbot, page, "mask")
    assert page.preparing.mask_canvas.marked().pixelColor(600, 400).value() == 127
    page.back()
    page.stop_work()
    assert path.read_bytes() == before


def test_a_mask_that_the_disk_refused_is_not_lost(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    path = mask_path(folder / "1.png")
    path.mkdir()
    canvas = painted(qtbot, page)
    with qtbot.waitSignal(page.folder.trouble):
        QTest.keyClick(canvas, Qt.Key.Key_PageDown)
    shown(qtbot, page)
    QTest.keyClick(canvas, Qt.Key.Key_PageUp)
    shown(qtbot, page)
    assert canvas.marked().pixelColor(300, 200).value() == 255
    earlier = Painted(QImage(), AS_IT_IS, Size(0, 0))
    page.folder.masked.emit((0,), earlier)
    away_and_back(qtbot, page)
    assert canvas.marked().pixelColor(300, 200).value() == 255, "what was painted before it is written, not it"
    path.rmdir()
    page.folder.masked.emit((0,), None)
    shown(qtbot, page)
    assert canvas.marked().pixelColor(300, 200).value() == 0, "a step that was undone has the last word"


def test_a_mask_that_others_changed_takes_no_stroke_away_that_is_not_written_yet(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    painted(qtbot, page)
    page.folder.masked.emit((0,), None)
    shown(qtbot, page)
    with qtbot.waitSignal(page.folder.masked):
        page.preparing.finish()
    assert Image.open(mask_path(folder / "1.png")).getpixel((300, 200)) == 0
