"""A person at the window: finds what stands in sight by its name, clicks it, types, and waits for what follows."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QTabBar,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from app.window import MainWindow
from trainer.home import Home

ROOT = Path(__file__).parents[3]
PATIENCE = 120_000
"""Milliseconds for anything the engine does, its start from a cold disk included."""
LEFT, NONE, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier

Kind = TypeVar("Kind", bound=QWidget)


class Person:
    """Everything is done with the mouse and the keyboard, on widgets that are in sight and can be used."""

    def __init__(self, home: Home, bot: QtBot) -> None:
        self.bot = bot
        self.window = MainWindow(home)
        self.window.show()
        QTest.qWaitForWindowExposed(self.window)
        self.window.activateWindow()
        with bot.waitSignals([self.window.engine.state_changed, self.window.models.changed], timeout=PATIENCE):
            self.window.start_work()
        bot.waitUntil(lambda: self.window.engine.state in ("ready", "busy"), timeout=PATIENCE)

    def leave(self) -> None:
        """Close the window as its frame does."""
        assert self.window.close(), "the window did not close"
        self.window.deleteLater()

    def drop_everything(self) -> None:
        """Whatever happened, nothing is left running: for the end of a test that failed."""
        if isValid(self.window):
            self.window.engine.close()

    def find(self, kind: type[Kind], name: str) -> Kind:
        """The widget in sight with this name above it, these words on it, or this name for a screen reader."""
        named = (one.buddy() for one in _in_sight(self.window, QLabel) if one.text() == name)
        found = [one for one in named if isinstance(one, kind)]
        found += [one for one in _in_sight(self.window, kind) if name in names_of(one)]
        assert found, f"nothing in sight is called {name!r}; there are {sorted(_called(self.window))}"
        return found[0]

    def sees(self, name: str) -> bool:
        return any(name in names_of(one) for one in _in_sight(self.window, QWidget))

    def reads(self) -> str:
        """Every word in sight that is no control's."""
        return "\n".join(one.text() for one in _in_sight(self.window, QLabel) if one.text())

    def click(self, name: str, kind: type[QWidget] = QPushButton) -> None:
        target = self.find(kind, name)
        _scroll_to(target)
        assert target.isEnabled(), f"{name!r} can't be clicked now"
        # The indicator of check boxes and radio buttons stands at the left; far right of it nothing may be.
        at = QPoint(min(12, target.width() // 2), target.height() // 2)
        QTest.mouseClick(target, LEFT, NONE, at)

    def page(self, name: str) -> None:
        """Turn to a page by its button in the rail."""
        self.click(name, QToolButton)

    def type_into(self, name: str, text: str) -> None:
        """Click into a field, replace what stands there, and leave it with Tab."""
        field = self.find(QWidget, name)
        _scroll_to(field)
        # Where nothing manages windows, a list of completions that was closed leaves none of them active.
        self.window.activateWindow()
        QTest.qWaitForWindowActive(self.window)
        QTest.mouseClick(field.viewport() if isinstance(field, QPlainTextEdit) else field, LEFT)
        assert field.hasFocus() or (isinstance(field, QAbstractSpinBox) and field.lineEdit().hasFocus()), name
        QTest.keyClick(field, Qt.Key.Key_A, CONTROL)
        QTest.keyClick(field, Qt.Key.Key_Delete)
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Tab)

    def text_of(self, name: str) -> str:
        field = self.find(QWidget, name)
        match field:
            case QPlainTextEdit():
                return field.toPlainText()
            case QLineEdit():
                return field.text()
            case QAbstractSpinBox():
                return field.text()
            case QComboBox():
                return field.currentText()
            case _:
                raise AssertionError(f"{name!r} holds no text")

    def tab(self, name: str) -> None:
        """Click a tab by its name."""
        for bar in _in_sight(self.window, QTabBar):
            for place in range(bar.count()):
                if bar.tabText(place) == name:
                    QTest.mouseClick(bar, LEFT, NONE, bar.tabRect(place).center())
                    return
        raise AssertionError(f"there is no tab {name!r}")

    def click_row(self, view: QAbstractItemView, row: int, modifier: Qt.KeyboardModifier = NONE) -> None:
        index = view.model().index(row, 0)
        view.scrollTo(index)
        QTest.mouseClick(view.viewport(), LEFT, modifier, view.visualRect(index).center())

    def wait(self, until: Callable[[], Any], what: str) -> None:
        """Wait until something is so; `what` is said when it does not come."""
        try:
            self.bot.waitUntil(lambda: bool(until()), timeout=PATIENCE)
        except self.bot.TimeoutError:
            raise AssertionError(f"this did not come: {what}. In sight: {self.reads()}") from None


def names_of(widget: QWidget) -> set[str]:
    words = widget.text() if isinstance(widget, QAbstractButton) else ""
    return {widget.accessibleName(), words.replace("&", "")}


def focusable(root: QWidget) -> list[QWidget]:
    """What Tab should reach: in sight, enabled, and wishing for the focus by the keyboard."""
    found = []
    for one in _in_sight(root, QWidget):
        if one.isEnabled() and one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.focusProxy() is None:
            found.append(one)
    return found


def _in_sight(root: QObject, kind: type[Kind]) -> Iterable[Kind]:
    return [one for one in root.findChildren(kind) if one.isVisible()]


def _called(root: QObject) -> set[str]:
    return {name for one in _in_sight(root, QWidget) for name in names_of(one) if name}


def _scroll_to(target: QWidget) -> None:
    above = target.parentWidget()
    while above is not None:
        if isinstance(above, QScrollArea):
            above.ensureWidgetVisible(target)
        above = above.parentWidget()
    QApplication.processEvents()
