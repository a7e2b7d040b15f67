"""The mask as it is painted: by mouse and keys, in the pixels of the picture, undone and done again."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.masks import marks_anything, save_mask, transparent_parts
from app.widgets.mask_canvas import MaskCanvas
from trainer.home import Home

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, CONTROL, SHIFT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)


def grey(width: int, height: int, marked: QRect | None = None) -> QImage:
    image = QImage(width, height, QImage.Format.Format_Grayscale8)
    image.fill(0)
    for x in range(width):
        for y in range(height):
            if marked is not None and marked.contains(x, y):
                image.setPixelColor(x, y, QColor(Qt.GlobalColor.white))
    return image


@pytest.fixture
def canvas(qtbot: QtBot) -> MaskCanvas:
    """A picture of 400 x 200 shown at half of its size."""
    made = MaskCanvas()
    qtbot.addWidget(made)
    made.resize(200, 200)
    picture = QImage(400, 200, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.blue)
    made.set_picture(picture, QImage())
    made.set_brush(20)
    made.show()
    made.setFocus()
    return made


def spot(canvas: MaskCanvas, x: float, y: float) -> QPoint:
    return canvas.to_widget(QPointF(x, y)).toPoint()


def marked(canvas: MaskCanvas, x: int, y: int) -> bool:
    return canvas.marked().pixelColor(x, y).value() > 127


def stroke(canvas: MaskCanvas, start: tuple[int, int], end: tuple[int, int], button: Qt.MouseButton = LEFT) -> None:
    QTest.mousePress(canvas, button, NONE, spot(canvas, *start))
    QTest.mouseMove(canvas, spot(canvas, *end))
    QTest.mouseRelease(canvas, button, NONE, spot(canvas, *end))


def test_a_stroke_marks_the_pixels_of_the_picture_below_it(canvas: MaskCanvas) -> None:
    stroke(canvas, (50, 100), (150, 100))
    assert canvas.marked().size() == canvas._pixmap.size()
    assert [marked(canvas, x, y) for x, y in ((50, 100), (100, 108), (150, 92))] == [True, True, True]
    assert [marked(canvas, x, y) for x, y in ((100, 115), (200, 100), (100, 85))] == [False, False, False]


def test_the_right_button_and_the_eraser_take_marks_away(canvas: MaskCanvas) -> None:
    stroke(canvas, (50, 100), (150, 100))
    stroke(canvas, (100, 100), (100, 100), RIGHT)
    assert not marked(canvas, 100, 100)
    QTest.keyClick(canvas, Qt.Key.Key_E)
    assert canvas.tool == "eraser"
    stroke(canvas, (60, 100), (60, 100))
    assert not marked(canvas, 60, 100)
    assert marked(canvas, 140, 100)


def test_strokes_are_undone_and_done_again(canvas: MaskCanvas) -> None:
    stroke(canvas, (50, 50), (50, 50))
    stroke(canvas, (300, 150), (300, 150))
    QTest.keyClick(canvas, Qt.Key.Key_Z, CONTROL)
    assert (marked(canvas, 50, 50), marked(canvas, 300, 150)) == (True, False)
    QTest.keyClick(canvas, Qt.Key.Key_Z, CONTROL)
    assert not marks_anything(canvas.marked())
    assert not canvas.can_undo
    QTest.keyClick(canvas, Qt.Key.Key_Z, CONTROL | SHIFT)
    assert (marked(canvas, 50, 50), marked(canvas, 300, 150)) == (True, False)
    stroke(canvas, (200, 20), (200, 20))
    assert not canvas.can_redo


def test_a_soft_brush_marks_less_towards_its_rim_and_no_more_where_it_goes_twice(canvas: MaskCanvas) -> None:
    canvas.set_brush(80)
    canvas.set_paint(200, 0.5)
    QTest.mousePress(canvas, LEFT, NONE, spot(canvas, 100, 100))
    for x in (300, 100, 300):
        QTest.mouseMove(canvas, spot(canvas, x, 100))
    QTest.mouseRelease(canvas, LEFT, NONE, spot(canvas, 300, 100))
    greys = [canvas.marked().pixelColor(200, 100 + away).value() for away in (0, 15, 30, 45)]
    assert greys[:2] == [200, 200], "wholly within half of the brush"
    assert abs(greys[2] - 100) <= 12, "half, half way from there to the rim"
    assert greys[3] == 0
    canvas.undo()
    assert not marks_anything(canvas.marked())


def test_clear_and_invert_can_be_undone_too(canvas: MaskCanvas) -> None:
    stroke(canvas, (50, 50), (50, 50))
    canvas.invert()
    assert (marked(canvas, 50, 50), marked(canvas, 300, 150)) == (False, True)
    canvas.clear()
    assert not marks_anything(canvas.marked())
    canvas.undo()
    canvas.undo()
    assert (marked(canvas, 50, 50), marked(canvas, 300, 150)) == (True, False)


@pytest.mark.parametrize("tool", ["rectangle", "lasso"])
def test_an_outline_marks_what_is_inside(canvas: MaskCanvas, tool: str) -> None:
    canvas.set_tool(tool)  # pyright: ignore[reportArgumentType]
    QTest.mousePress(canvas, LEFT, NONE, spot(canvas, 100, 40))
    for corner in ((200, 40), (200, 120), (100, 120)):
        QTest.mouseMove(canvas, spot(canvas, *corner))
    end = (200, 120) if tool == "rectangle" else (100, 120)
    QTest.mouseMove(canvas, spot(canvas, *end))
    QTest.mouseRelease(canvas, LEFT, NONE, spot(canvas, *end))
    assert marked(canvas, 150, 80)
    assert not marked(canvas, 90, 80)
    assert not marked(canvas, 150, 130)


def test_brackets_and_control_with_the_wheel_change_the_brush(canvas: MaskCanvas) -> None:
    QTest.keyClick(canvas, Qt.Key.Key_BracketRight)
    assert canvas.brush == 24
    QTest.keyClick(canvas, Qt.Key.Key_BracketLeft)
    assert canvas.brush == 20
    turn(canvas, CONTROL)
    assert canvas.brush == 24


def test_the_wheel_zooms_where_the_mouse_is_and_space_moves(canvas: MaskCanvas) -> None:
    before = canvas.to_picture(QPointF(50, 100))
    turn(canvas, NONE)
    assert canvas.picture_rect().width() > 200
    after = canvas.to_picture(QPointF(50, 100))
    assert (after - before).manhattanLength() < 1
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    QTest.mousePress(canvas, LEFT, NONE, QPoint(50, 100))
    QTest.mouseMove(canvas, QPoint(70, 100))
    QTest.mouseRelease(canvas, LEFT, NONE, QPoint(70, 100))
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert (canvas.to_picture(QPointF(70, 100)) - after).manhattanLength() < 1
    assert not marks_anything(canvas.marked())


def test_keys_alone_can_paint(canvas: MaskCanvas) -> None:
    canvas._mouse, canvas._last = None, QPointF(100, 100)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert marked(canvas, 100, 100)
    for _ in range(8):
        QTest.keyClick(canvas, Qt.Key.Key_Right, SHIFT)
    assert marked(canvas, 120, 100)
    assert not marked(canvas, 180, 100)


def test_a_mask_is_kept_once_under_a_name_of_its_content(home: Home) -> None:
    mask = grey(30, 20, QRect(5, 5, 4, 4))
    first = save_mask(mask, home)
    assert first is not None
    assert first.parent == home.root / "masks"
    assert save_mask(mask.copy(), home) == first
    back = QImage(str(first)).convertToFormat(QImage.Format.Format_Grayscale8)
    assert back == mask
    assert save_mask(grey(30, 20), home) is None
    assert list((home.root / "masks").iterdir()) == [first]


def test_a_mask_of_an_odd_width_is_read_without_the_padding_of_its_lines() -> None:
    mask = grey(5, 3)
    mask.invertPixels()  # the padding too
    for place in range(15):
        mask.setPixelColor(place % 5, place // 5, QColor(Qt.GlobalColor.black))
    assert not marks_anything(mask)


def test_transparent_parts_are_marked_from_the_start() -> None:
    picture = QImage(8, 8, QImage.Format.Format_ARGB32)
    picture.fill(Qt.GlobalColor.red)
    assert transparent_parts(picture).isNull()
    picture.setPixelColor(3, 4, QColor(0, 0, 0, 0))
    mask = transparent_parts(picture)
    assert mask.pixelColor(3, 4).value() == 255
    assert mask.pixelColor(4, 4).value() == 0


def test_another_picture_takes_a_mask_of_another_size(canvas: MaskCanvas, tmp_path: Path) -> None:
    picture = QImage(100, 100, QImage.Format.Format_RGB32)
    canvas.set_picture(picture, grey(10, 10, QRect(0, 0, 5, 10)))
    assert marked(canvas, 20, 50)
    assert not marked(canvas, 80, 50)


def turn(canvas: MaskCanvas, modifiers: Qt.KeyboardModifier) -> None:
    at = QPointF(50, 100)
    buttons, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(at, canvas.mapToGlobal(at), QPoint(), QPoint(0, 120), buttons, modifiers, phase, False)
    QApplication.sendEvent(canvas, event)
