"""Two pictures side by side: one look for both, their captions' differences, and keeping one of them."""

from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.pages.dataset import DatasetPage
from app.widgets.zoom_view import ZoomView, move_together
from tests.app.dataset_page import opened, select
from tests.app.stage import Engine
from trainer.home import Home


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, tmp_path: Path) -> DatasetPage:
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        gradient = Image.linear_gradient("L").resize((640, 600)).rotate(90 * (number == 2))
        gradient.convert("RGB").save(tmp_path / name)
    (tmp_path / "a.txt").write_text("cat, red sofa\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("cat, 🐱, blue sofa\n", encoding="utf-8")
    return opened(qtbot, home, train_engine, tmp_path)


def view(qtbot: QtBot, width: int = 400, height: int = 400) -> ZoomView:
    made = ZoomView("a picture")
    qtbot.addWidget(made)
    made.resize(width, height)
    made.show_image(QImage(800, 400, QImage.Format.Format_RGB32))
    return made


def wheel(target: ZoomView, where: QPointF, notches: int) -> None:
    buttons, none, phase = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    is_inverted = False
    target.wheelEvent(QWheelEvent(where, where, QPoint(), QPoint(0, 120 * notches), buttons, none, phase, is_inverted))


def test_coming_nearer_keeps_what_is_under_the_mouse_there(qtbot: QtBot) -> None:
    one = view(qtbot)
    where = QPointF(120, 190)

    def share() -> float:
        place = one.picture_rect()
        return (where.x() - place.left()) / place.width()

    before = share()
    wheel(one, where, 4)
    assert one.look[0] == pytest.approx(1.25**4)
    assert share() == pytest.approx(before)
    wheel(one, where, -10)
    assert one.look == (1.0, 0.5, 0.5)


def test_two_views_of_other_sizes_show_the_same_part(qtbot: QtBot) -> None:
    one, other = view(qtbot), view(qtbot, 300, 400)
    move_together(one, other)
    wheel(one, QPointF(300, 200), 6)
    QTest.mousePress(one, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    QTest.mouseMove(one, QPoint(150, 200))
    QTest.mouseRelease(one, Qt.MouseButton.LeftButton, pos=QPoint(150, 200))
    assert other.look == pytest.approx(one.look)
    assert one.look[1] > 0.5
    QTest.keyClick(other, Qt.Key.Key_0)
    assert one.look == other.look == (1.0, 0.5, 0.5)


def test_the_picture_is_never_dragged_out_of_sight(qtbot: QtBot) -> None:
    one = view(qtbot)
    wheel(one, QPointF(200, 200), 5)
    for _ in range(60):
        QTest.keyClick(one, Qt.Key.Key_Right)
    assert one.picture_rect().right() == pytest.approx(400)


def test_two_selected_pictures_are_shown_with_what_their_captions_lack(page: DatasetPage, qtbot: QtBot) -> None:
    compare = next(made for made in page.findChildren(QPushButton) if made.text() == "Compare")
    select(page, 0)
    assert not compare.isVisible()
    select(page, 0, 1)
    assert compare.isVisible()
    with qtbot.waitSignal(page.views.pair.drawn):
        QTest.keyClick(page.grid, Qt.Key.Key_V)
    first, second = page.views.pair.sides
    assert (first.marked(), second.marked()) == (["red sofa"], ["🐱", "blue sofa"])
    assert page.views.pair.words.text() == "They are the same file."
    assert first.view.picture_rect().width() > 100


def test_others_than_two_are_not_compared_and_the_page_says_how(page: DatasetPage, qtbot: QtBot) -> None:
    select(page, 0, 1, 2)
    with qtbot.waitSignal(page.said) as said:
        page.compare()
    assert said.args is not None
    assert "Select two pictures" in said.args[0]


def test_keeping_one_takes_the_other_away_until_it_is_brought_back(page: DatasetPage, qtbot: QtBot) -> None:
    folder = page.folder.folder
    assert folder is not None
    words = (folder / "b.txt").read_bytes()
    select(page, 0, 1)
    with qtbot.waitSignal(page.views.pair.drawn):
        page.compare()
    with qtbot.waitSignal(page.folder.examined):
        page.views.pair.sides[0].keep.click()
    assert sorted(path.name for path in folder.glob("*.*") if path.is_file()) == ["a.png", "a.txt", "c.png"]
    qtbot.waitUntil(page.strip.isVisible)
    back = next(made for made in page.strip.findChildren(QPushButton) if made.text() == "Bring them back")
    with qtbot.waitSignal(page.folder.examined):
        back.click()
    assert (folder / "b.png").is_file()
    assert (folder / "b.txt").read_bytes() == words
