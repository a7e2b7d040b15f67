"""Two results of the page Generate compared: the one that is shown, and the next that is chosen in the history."""

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QStackedWidget

from app.pages.generate_history import History
from app.pages.generate_results import Results
from app.picture_words import Opened
from app.widgets.compare import ComparePanel


class Pair(QObject):
    """Asks for the second picture in place of the results' buttons, and shows the comparison over the whole page."""

    def __init__(self, results: Results, history: History, panel: ComparePanel, stack: QStackedWidget) -> None:
        super().__init__(stack)
        self._results, self._history, self._panel, self._stack = results, history, panel, stack
        self._first: Opened | None = None
        self._second = ""
        self._last: Opened | None = None

    @property
    def is_asking(self) -> bool:
        """Whether the second picture is still to be chosen."""
        return self._first is not None

    def begin(self, first: Opened) -> None:
        self._first = first
        self._results.ask("Now choose the other picture in the history.")
        self._history.focus()

    @Slot(str)
    def choose(self, path: str) -> None:
        """The second picture; it may be opened already, or will be."""
        if self._first is not None and str(self._first.path) != path:
            self._second = path
            if self._last is not None and str(self._last.path) == path:
                self._show(self._first, self._last)

    def opened(self, opened: Opened) -> None:
        """This picture is on the canvas now."""
        self._last = opened
        if self._first is not None and str(opened.path) == self._second:
            self._show(self._first, opened)

    def leave(self) -> bool:
        """Out of the comparison, or of any question in place of the buttons. Whether there was one."""
        was_there = bool(self._results.question) or self._stack.currentWidget() is self._panel
        self._stack.setCurrentIndex(0)
        self.forget()
        return was_there

    def forget(self) -> None:
        """The question needs no answer any more."""
        self._first, self._second = None, ""
        self._results.ask("")

    def _show(self, first: Opened, second: Opened) -> None:
        if not second.image.isNull():
            self._panel.show_pair(first, second)
            self._stack.setCurrentWidget(self._panel)
        self.forget()
