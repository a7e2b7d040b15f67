"""A bar above the page: something happened that concerns the whole program, in one sentence, with what helps."""

from collections.abc import Callable

from PySide6.QtCore import Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout

from app.theme import theme
from app.widgets.basics import button, label, row

DETAILS_HEIGHT = 160
ICON = 20


class Notice(QFrame):
    """Hidden until something is said, and again when it was read. What is said later replaces what stood there."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "notice")
        self._kind = "warning"
        self._topic = ""
        self._then: Callable[[], object] | None = None
        self._picture = QLabel()
        self._words = label()
        self._act = button("", "Do what helps", self._do)
        self._more = button("Details", "Show what happened in full", self._unfold, kind="quiet")
        self._copy = button(
            "Copy", "Copy the details, to send them to somebody", self._copy_all, icon="copy", kind="quiet"
        )
        self._shut = button("", "Close this notice", self.hide, icon="close", kind="quiet")
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setTabChangesFocus(True)
        self._details.setFixedHeight(DETAILS_HEIGHT)
        self._details.setAccessibleName("Details")
        self._details.setToolTip("What happened in full.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 6, 8, 6)
        buttons = row(self._act, self._more, self._copy, self._shut)
        line = QHBoxLayout()
        line.addWidget(self._picture)
        line.addWidget(self._words, 1)
        line.addWidget(buttons)
        layout.addLayout(line)
        layout.addWidget(self._details)
        theme().changed.connect(self._draw)
        self.hide()

    @property
    def text(self) -> str:
        return "" if self.isHidden() else self._words.text()

    @property
    def action(self) -> QPushButton:
        """The button that helps."""
        return self._act

    def say(
        self,
        text: str,
        *,
        kind: str = "warning",
        details: str = "",
        does: str = "",
        then: Callable[[], object] | None = None,
        topic: str = "",
    ) -> None:
        """Show a sentence. `does` is written on a button that calls `then`; `topic` is what `forget` asks for."""
        self._kind, self._topic, self._then = kind, topic, then
        self._words.setText(text)
        self._details.setPlainText(details)
        self._details.hide()
        self._act.setText(does)
        self._act.setAccessibleName(does)
        self._act.setVisible(then is not None)
        self._more.setVisible(bool(details))
        self._copy.setVisible(bool(details))
        self._draw()
        self.show()

    def forget(self, topic: str) -> None:
        """Close what was said about a topic, where that still stands: it is settled."""
        if self._topic == topic:
            self.hide()

    @Slot()
    def _do(self) -> None:
        self.hide()
        if self._then is not None:
            self._then()

    @Slot()
    def _unfold(self) -> None:
        self._details.setVisible(self._details.isHidden())

    @Slot()
    def _copy_all(self) -> None:
        QGuiApplication.clipboard().setText(f"{self._words.text()}\n\n{self._details.toPlainText()}")

    @Slot()
    def _draw(self) -> None:
        icon, role = ("error", "error") if self._kind == "error" else ("warning", "warn")
        self._picture.setPixmap(theme().icon(icon, role).pixmap(ICON, ICON))
