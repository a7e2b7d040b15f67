"""A caption that was typed and could not be written, beside the one that is there instead, with the choice of one."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from app.widgets.basics import button, column, label, named, row, surface

TEXT_HEIGHT = 56


class RefusedCaption(QWidget):
    """Hidden while there is none. `keeping`: what was typed is to be written; `giving_up`: it is to be forgotten."""

    keeping = Signal()
    giving_up = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.words = label("", "warn")
        self.mine = _text("What you typed; it is not written")
        self.theirs = _text("What the caption file holds now")
        self.keep = button("Keep mine", "Write what you typed; Undo brings the other text back", self.keeping.emit)
        self.give_up = button("Take theirs", "Leave the file as it is, and forget what you typed", self.giving_up.emit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        inner = column(
            self.words,
            row(self.keep, self.give_up, 0),  # above the texts: in a low window these may be out of sight
            named("Yours", self.mine),
            named("In the file", self.theirs),
            margins=(12, 10, 12, 10),
        )
        layout.addWidget(surface(inner, "raised"))
        self.hide()

    def show_texts(self, words: str, mine: str, theirs: str, *, can_keep: bool) -> None:
        """`words` say of which picture, and why it was not written."""
        self.words.setText(words)
        for field, text in ((self.mine, mine), (self.theirs, theirs)):
            if field.toPlainText() != text:
                field.setPlainText(text)
        self.keep.setEnabled(can_keep)
        self.show()


def _text(does: str) -> QPlainTextEdit:
    made = QPlainTextEdit()
    made.setReadOnly(True)
    made.setTabChangesFocus(True)
    made.setFixedHeight(TEXT_HEIGHT)
    made.setToolTip(does)
    return made
