"""The crop as it is drawn: grips, moves, ratios and keys, in the pixels of the picture."""

import itertools

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.widgets.crop_bar import RATIOS
from app.widgets.crop_canvas import MARGIN, CropCanvas
from app.widgets.crop_shape import LEAST, Grip, dragged, moved, shaped
from trainer.dataset.buckets import Buckets
from trainer.dataset.pictures import Size
from trainer.dataset.recipes import Box
from trainer.dataset.seen import Fit

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
SIZE = Size(2000, 1000)


@pytest.fixture
def canvas(qtbot: QtBot) -> CropCanvas:
    """A picture of 2000 x 1000 that is shown, from a smaller copy, at a fifth of its size."""
    made = CropCanvas(Fit(Buckets.around(512)))
    qtbot.addWidget(made)
    made.resize(400 + 2 * MARGIN, 200 + 2 * MARGIN)
    made.set_picture(QImage(500, 250, QImage.Format.Format_RGB32), SIZE, (500, 250, 1500, 750))
    made.show()
    made.setFocus()
    return made


def spot(canvas: CropCanvas, x: float, y: float) -> QPoint:
    return canvas.to_widget(x, y).toPoint()


def drag(canvas: CropCanvas, start: tuple[int, int], end: tuple[int, int]) -> None:
    QTest.mousePress(canvas, LEFT, NONE, spot(canvas, *start))
    QTest.mouseMove(canvas, spot(canvas, *end))
    QTest.mouseRelease(canvas, LEFT, NONE, spot(canvas, *end))


@pytest.mark.parametrize(
    ("start", "end", "crop"),
    [
        ((1500, 750), (1700, 900), (500, 250, 1700, 900)),
        ((500, 250), (400, 300), (400, 300, 1500, 750)),
        ((1500, 500), (1800, 100), (500, 250, 1800, 750)),
        ((1000, 250), (0, 100), (500, 100, 1500, 750)),
        ((1000, 500), (1100, 400), (600, 150, 1600, 650)),
        ((1000, 500), (9000, 500), (1000, 250, 2000, 750)),
        ((100, 50), (300, 150), (100, 50, 300, 150)),
        ((300, 150), (100, 50), (100, 50, 300, 150)),
    ],
    ids=["corner", "other corner", "side", "top", "inside", "inside, too far", "beside", "beside, backwards"],
)
def test_a_drag_changes_the_crop_by_what_was_taken_hold_of(
    qtbot: QtBot, canvas: CropCanvas, start: tuple[int, int], end: tuple[int, int], crop: Box
) -> None:
    with qtbot.waitSignal(canvas.changed):
        drag(canvas, start, end)
    assert canvas.crop == crop


def test_a_click_changes_nothing(qtbot: QtBot, canvas: CropCanvas) -> None:
    with qtbot.assertNotEmitted(canvas.changed):
        QTest.mouseClick(canvas, LEFT, NONE, spot(canvas, 1000, 500))
        QTest.mouseClick(canvas, LEFT, NONE, spot(canvas, 100, 100))
    assert canvas.crop == (500, 250, 1500, 750)


def test_in_the_whole_picture_a_drag_draws_the_crop(canvas: CropCanvas) -> None:
    canvas.set_picture(QImage(500, 250, QImage.Format.Format_RGB32), SIZE, None)
    assert canvas.crop is None
    drag(canvas, (400, 200), (1200, 800))
    assert canvas.crop == (400, 200, 1200, 800)


def test_arrows_move_and_with_control_change_the_size(qtbot: QtBot, canvas: CropCanvas) -> None:
    with qtbot.waitSignal(canvas.changed):  # once, for keys that follow each other
        QTest.keyClick(canvas, Qt.Key.Key_Right)
        QTest.keyClick(canvas, Qt.Key.Key_Up, SHIFT)
    assert canvas.crop == (501, 240, 1501, 740)
    QTest.keyClick(canvas, Qt.Key.Key_Left, CONTROL | SHIFT)
    QTest.keyClick(canvas, Qt.Key.Key_Down, CONTROL)
    assert canvas.crop == (501, 240, 1491, 741)
    with qtbot.waitSignal(canvas.changed, timeout=0):
        canvas.settle()


def test_a_ratio_shapes_the_crop_and_is_kept_by_every_grip(canvas: CropCanvas) -> None:
    canvas.set_ratio(1.0)
    crop = canvas.crop
    assert crop is not None
    side = crop[2] - crop[0]
    assert crop[3] - crop[1] == side == 707, "as large as before: the root of 1000 x 500"
    assert abs(crop[0] + crop[2] - 2000) <= 1, "about the same middle"
    assert abs(crop[1] + crop[3] - 1000) <= 1
    drag(canvas, crop[2:], (1500, 600))
    assert canvas.crop is not None
    assert canvas.size_of_crop.width == canvas.size_of_crop.height
    assert canvas.crop[:2] == crop[:2]


def test_what_training_has_to_enlarge_is_called_too_small(canvas: CropCanvas) -> None:
    assert not canvas.is_too_small()
    canvas.set_picture(QImage(500, 250, QImage.Format.Format_RGB32), SIZE, (0, 0, 300, 300))
    assert canvas.is_too_small()


def test_grips_are_found_where_they_are_drawn(canvas: CropCanvas) -> None:
    rect = canvas.crop_rect()
    found = [canvas.grip_at(rect.topLeft()), canvas.grip_at(rect.center()), canvas.grip_at(QPointF(1, 1))]
    assert found == ["top left", "inside", ""]
    assert canvas.grip_at(QPointF(rect.right() + 5, rect.center().y())) == "right"


GRIPS: tuple[Grip, ...] = (
    "left", "right", "top", "bottom", "top left", "top right", "bottom left", "bottom right",
)  # fmt: skip


@pytest.mark.parametrize("grip", GRIPS)
def test_wherever_a_grip_is_drawn_to_the_box_stays_within_the_picture_and_keeps_its_ratio(grip: Grip) -> None:
    points = [(-50, -50), (0, 500), (700, 320), (1000, 500), (1999, 999), (5000, 3000)]
    for (_, ratio), to in itertools.product(RATIOS, points):
        box = shaped((500, 250, 1500, 750), ratio, SIZE) if ratio else (500, 250, 1500, 750)
        left, top, right, bottom = dragged(box, grip, to, SIZE, ratio)
        assert 0 <= left < right <= SIZE.width
        assert 0 <= top < bottom <= SIZE.height
        if ratio is None:
            assert min(right - left, bottom - top) >= LEAST
        else:
            assert abs((right - left) - (bottom - top) * ratio) <= max(1, ratio)
        if "left" in grip:
            assert right == box[2]
        if "top" in grip:
            assert bottom == box[3]


def test_a_box_moves_as_far_as_the_picture_goes() -> None:
    assert moved((10, 10, 30, 20), -100, 5, Size(100, 50)) == (0, 15, 20, 25)
    assert moved((10, 10, 30, 20), 100, 100, Size(100, 50)) == (80, 40, 100, 50)
