"""Every control can be reached and understood without a mouse: a name, a tooltip, a turn in the walk of Tab, a ring."""

import os
import sys
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QScrollArea,
    QTabWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.engine import EngineLink
from app.widgets.fold import Fold
from app.window import PAGES, MainWindow
from tests.app.pictures import write_png
from tests.app.whole.driving import PATIENCE, ROOT, names_of
from trainer.contract.generate import GenerateJob
from trainer.home import Home

STAGED = ROOT / "tests" / "engine" / "staged.py"
MOST = 400
"""More steps than any page has controls."""


@pytest.fixture
def window(home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """With pictures in the Gallery and every fold open."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]))
    for number in range(3):
        write_png(home.outputs / "2026-01-01" / f"{number}.png", GenerateJob(prompt=f"a cat {number}"), age=number)
    made = MainWindow(home, EngineLink(home, command=(sys.executable, str(STAGED), "--home", str(home.root))))
    made.show()
    QTest.qWaitForWindowExposed(made)
    made.activateWindow()
    with qtbot.waitSignals([made.engine.state_changed, made.models.changed], timeout=PATIENCE):
        made.start_work()
    for fold in made.findChildren(Fold):
        fold.set_open(True)
    yield made
    made.close()
    made.deleteLater()


def settled(window: MainWindow, page: str, qtbot: QtBot) -> None:
    """The page in front, with what it reads from disk."""
    window.show_page(page)
    if page == "gallery":
        qtbot.waitUntil(lambda: bool(window.gallery.grid.current()), timeout=PATIENCE)
    QApplication.processEvents()


@pytest.mark.parametrize("page", PAGES)
def test_every_control_has_a_name_and_a_tooltip(window: MainWindow, page: str, qtbot: QtBot) -> None:
    settled(window, page, qtbot)
    nameless = [str(one) for one in stops(window) if not any(names_of(one))]
    silent = [
        str(names_of(one)) for one in stops(window) if not tooltip(one) and not isinstance(one, QAbstractScrollArea)
    ]
    assert (nameless, silent) == ([], [])


@pytest.mark.parametrize("page", PAGES)
def test_tab_walks_over_every_control_once_and_comes_back(window: MainWindow, page: str, qtbot: QtBot) -> None:
    settled(window, page, qtbot)
    wanted = stops(window)
    walked = walk(window)
    assert len(walked) < MOST, f"Tab is caught at {names_of(walked[-1])}"
    missed = [names_of(one) for one in wanted if one not in walked and not group_of(one) & set(walked)]
    assert not missed, f"Tab never comes to {missed}"


@pytest.mark.parametrize("page", PAGES)
def test_tab_goes_through_each_column_from_top_to_bottom(window: MainWindow, page: str, qtbot: QtBot) -> None:
    settled(window, page, qtbot)
    back: list[str] = []
    before: QWidget | None = None
    for one in walk(window):
        if before is not None and column_of(one) is column_of(before) is not None:
            here, there = place(before), place(one)
            if there.y() + one.height() <= here.y():
                back.append(f"from {names_of(before)} up to {names_of(one)}")
        before = one
    assert not back


def test_shift_tab_walks_the_same_way_back(window: MainWindow) -> None:
    window.show_page("generate")
    walk(window)  # the history shows a picture when it is come to, and buttons for it
    forth = walk(window)
    back = walk(window, Qt.Key.Key_Backtab)
    assert set(forth) == set(back)


@pytest.mark.parametrize("page", PAGES)
def test_what_has_the_focus_looks_different(window: MainWindow, page: str, qtbot: QtBot) -> None:
    """Each control drawn with the focus and without it: the ring is more than a few pixels."""
    settled(window, page, qtbot)
    alike = []
    for one in stops(window):
        if isinstance(one, QAbstractItemView):  # in a list the cursor shows where it is
            continue
        one.setFocus(Qt.FocusReason.TabFocusReason)
        focused = one.grab().toImage()
        one.clearFocus()
        if focused == one.grab().toImage():
            alike.append(names_of(one))
    assert not alike, f"nothing shows that the focus is on {alike}"


def stops(window: MainWindow) -> list[QWidget]:
    """What is in sight on the page (scrolled or not) and wishes for the focus by the keyboard."""
    found = []
    for one in window.findChildren(QWidget):
        wishes = one.focusPolicy() & Qt.FocusPolicy.TabFocus
        if wishes and one.isVisible() and one.isEnabled() and one.focusProxy() is None and not of_qt(one):
            found.append(one)
    return found


def of_qt(one: QWidget) -> bool:
    """Parts that Qt builds its widgets from. The line of a spin box stands for the spin box."""
    name = one.objectName()
    return name.startswith("qt_") or type(one) is QWidget or isinstance(one, QTabWidget)


def group_of(one: QWidget) -> set[QWidget]:
    """The buttons of which one is chosen: Tab comes to one of them, and arrows go on from there."""
    parent = one.parentWidget()
    if not isinstance(one, QAbstractButton) or not one.autoExclusive() or parent is None:
        return set()
    return {other for other in parent.findChildren(QAbstractButton) if other.autoExclusive()}


def tooltip(one: QWidget) -> str:
    if isinstance(one, QAbstractItemView | QScrollArea):
        return one.toolTip() or one.accessibleDescription()
    return one.toolTip()


def walk(window: MainWindow, key: Qt.Key = Qt.Key.Key_Tab) -> list[QWidget]:
    """Every widget that gets the focus from one press of Tab to the next, until it comes back to the first."""
    first = stops(window)[0]
    first.setFocus(Qt.FocusReason.TabFocusReason)
    walked = [first]
    while len(walked) < MOST:
        QTest.keyClick(QApplication.focusWidget() or window, key)
        now = QApplication.focusWidget()
        assert now is not None, f"the focus is lost after {names_of(walked[-1])}"
        if now is first:
            break
        walked.append(now)
    return walked


def column_of(one: QWidget) -> QWidget | None:
    """The scrolled form that it stands in, where the eye goes from top to bottom."""
    above = one.parentWidget()
    while above is not None:
        if isinstance(above, QScrollArea):
            return above
        above = above.parentWidget()
    return None


def place(one: QWidget) -> QPoint:
    return one.mapTo(one.window(), QPoint(0, 0))
