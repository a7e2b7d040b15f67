"""A monkey at the window: clicks, keys, wheels, sizes and drops by a seed, and a watch over the event loop's turns."""

import random
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QInputMethodEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

KEYS = (
    Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Space, Qt.Key.Key_Left,
    Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageDown,
    Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_F, Qt.Key.Key_S,
)  # fmt: skip
WORDS = ("kiki", "a red cat (on:1.3) <mint>", "0", "-1", "1e9", "ünïcödé 猫 ‮", "'\"\\%s{}", "")
SIZES = ((1024, 640), (1280, 720), (1280, 800), (1600, 1000), (1920, 1080))
NO_KEYS, CONTROL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
REMEMBERED = 12
"""So many of the last acts are named when something went wrong."""


class Monkey(QObject):
    """One act at each turn of a timer, for some seconds. `acts` says what it did last."""

    def __init__(self, window: QWidget, seed: int, drops: list[list[Path]], *, every: int = 20) -> None:
        super().__init__()
        self.acts: deque[str] = deque(maxlen=REMEMBERED)
        self.count = 0
        self._window = window
        self._chance = random.Random(seed)
        self._drops = drops
        self._choices: list[tuple[int, Callable[[], None]]] = [
            (40, self.click), (20, self.press), (10, self.type), (10, self.turn_the_wheel), (8, self.turn_the_page),
            (6, self.drop), (3, self.resize), (3, self.double_click),
        ]  # fmt: skip
        self._timer = QTimer(self, interval=every)
        self._timer.timeout.connect(self.act)

    def start(self) -> None:
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    @Slot()
    def act(self) -> None:
        self.count += 1
        (doing,) = self._chance.choices([one for _, one in self._choices], [weight for weight, _ in self._choices])
        doing()

    def click(self) -> None:
        self._with_the_mouse("clicked", QTest.mouseClick)

    def double_click(self) -> None:
        self._with_the_mouse("double-clicked", QTest.mouseDClick)

    def press(self) -> None:
        target = self._focused()
        key = self._chance.choice(KEYS)
        self._note(f"pressed {key.name}", target)
        QTest.keyClick(target, key, self._chance.choice((NO_KEYS, NO_KEYS, Qt.KeyboardModifier.ShiftModifier)))

    def type(self) -> None:
        target, words = self._focused(), self._chance.choice(WORDS)
        self._note(f"typed {words!r}", target)
        if words.isascii():
            QTest.keyClicks(target, words)
        else:  # as an input method does
            event = QInputMethodEvent()
            event.setCommitString(words)
            QApplication.sendEvent(target, event)

    def turn_the_page(self) -> None:
        number = self._chance.randint(1, 9)
        self._note(f"pressed Ctrl+{number}", self._window)
        QTest.keyClick(self._focused(), Qt.Key(Qt.Key.Key_0 + number), CONTROL)

    def turn_the_wheel(self) -> None:
        found = self._somewhere()
        if found is None:
            return
        target, at = found
        self._note("turned the wheel over", target)
        turn = QPoint(0, self._chance.choice((-360, -120, 120, 360)))
        where = QPointF(target.mapToGlobal(at))
        event = QWheelEvent(
            QPointF(at), where, QPoint(), turn, Qt.MouseButton.NoButton, NO_KEYS, Qt.ScrollPhase.NoScrollPhase, False
        )
        QApplication.sendEvent(target, event)

    def resize(self) -> None:
        width, height = self._chance.choice(SIZES)
        self._note(f"made it {width} by {height}", self._window)
        self._window.resize(width, height)

    def drop(self) -> None:
        """Drag something in, over a spot, and let go, or leave again."""
        found = self._somewhere()
        if found is None:
            return
        target, at = found
        files = self._chance.choice(self._drops)
        self._note(f"dropped {[one.name for one in files]} on", target)
        data = QMimeData()
        if files:
            data.setUrls([QUrl.fromLocalFile(str(one)) for one in files])
        else:
            data.setText("only words, https://example.org/cat.png")
        copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
        taker = self._taker(target, QDragEnterEvent(at, copy, data, left, NO_KEYS))
        if taker is None:
            return
        QApplication.sendEvent(taker, QDragMoveEvent(at, copy, data, left, NO_KEYS))
        if self._chance.random() < 0.3:
            QApplication.sendEvent(taker, QDragLeaveEvent())
        else:
            QApplication.sendEvent(taker, QDropEvent(QPointF(at), copy, data, left, NO_KEYS))

    def _taker(self, target: QWidget, enter: QDragEnterEvent) -> QWidget | None:
        """The innermost widget there that accepts what is dragged, as Qt seeks it."""
        above: QWidget | None = target
        while above is not None:
            if above.acceptDrops():
                enter.ignore()
                QApplication.sendEvent(above, enter)
                if enter.isAccepted():
                    return above
            above = above.parentWidget()
        return None

    def _with_the_mouse(self, what: str, do: Callable[..., None]) -> None:
        found = self._somewhere()
        if found is not None:
            target, at = found
            modifier = self._chance.choice((NO_KEYS, NO_KEYS, NO_KEYS, CONTROL))
            self._note(what, target)
            do(target, Qt.MouseButton.LeftButton, modifier, at)

    def _somewhere(self) -> tuple[QWidget, QPoint] | None:
        """The real widget at a spot: a control half of the time, any spot of the window otherwise."""
        popup = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        whole = popup or self._window
        if popup is None and self._chance.random() < 0.5:
            controls = [one for one in whole.findChildren(QWidget) if one.isVisible() and _is_control(one)]
            chosen = self._chance.choice(controls or [whole])
            spot = chosen.mapToGlobal(chosen.rect().center())
        else:
            width, height = whole.width(), whole.height()
            spot = whole.mapToGlobal(QPoint(self._chance.randrange(width), self._chance.randrange(height)))
        # Qt's offscreen screen is smaller than the window, and knows nothing of what lies beyond its edge.
        target = QApplication.widgetAt(spot) or whole.childAt(whole.mapFromGlobal(spot))
        if target is None or target.window() not in (self._window, popup):
            return None
        return target, target.mapFromGlobal(spot)

    def _focused(self) -> QWidget:
        return QApplication.activePopupWidget() or QApplication.focusWidget() or self._window

    def _note(self, what: str, target: QWidget) -> None:
        name = target.accessibleName() or target.property("text") or ""
        self.acts.append(f"{what} {type(target).__name__} {str(name)[:40]!r}")


def _is_control(widget: QWidget) -> bool:
    return widget.focusPolicy() != Qt.FocusPolicy.NoFocus and widget.isEnabled()


class Watch(threading.Thread):
    """Says where the window's thread stands whenever its event loop has not turned for too long.

    `stalls` has (seconds, stack, what the monkey did last) of each.
    """

    def __init__(self, limit: float, acts: "deque[str]") -> None:
        super().__init__(name="watch over the event loop", daemon=True)
        self.stalls: list[tuple[float, str, str]] = []
        self._limit, self._acts = limit, acts
        self._watched = threading.get_ident()
        self._pulse = _Pulse()
        self._over = threading.Event()

    def run(self) -> None:
        told, stack = 0.0, ""
        while not self._over.wait(0.02):
            last = self._pulse.last
            if stack and last != told:
                self.stalls.append((last - told, stack, self._acts[-1] if self._acts else ""))
                stack = ""
            if last != told and time.perf_counter() - last > self._limit:
                told = last
                stack = "".join(traceback.format_stack(sys._current_frames()[self._watched])[-8:])

    def stop(self) -> None:
        self._over.set()
        self.join()
        self._pulse.stop()

    def in_words(self) -> str:
        return "\n".join(f"{seconds * 1000:.0f} ms after: {act}\n{stack}" for seconds, stack, act in self.stalls)


class _Pulse(QObject):
    """When the event loop last turned."""

    def __init__(self) -> None:
        super().__init__()
        self.last = time.perf_counter()
        self._timer = QTimer(self, interval=10, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    @Slot()
    def _beat(self) -> None:
        self.last = time.perf_counter()


class Answers(QObject):
    """Leaves every dialog of Qt's own that opens: a question is answered, a file dialog refused. Keeps the window from
    closing, which the monkey finds in the menu."""

    def __init__(self, window: QWidget) -> None:
        super().__init__()
        self._window = window
        window.installEventFilter(self)
        self._timer = QTimer(self, interval=200)
        self._timer.timeout.connect(self._leave)
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        self._window.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's own name
        if watched is self._window and event.type() == QEvent.Type.Close:
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    @Slot()
    def _leave(self) -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is not None:
            dialog.close()
