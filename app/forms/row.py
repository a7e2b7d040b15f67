"""One field in a form: its name, its editor, the mark that says it was changed, and its fault, in place."""

from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.forms.editors import Editor
from app.widgets.basics import button, label
from trainer.contract.fields import About

MARK = "•"
MARK_HEIGHT = 18
LINE = 31
"""Pixels: a line to be typed in is as high as the spin box beside it."""


class FieldRow(QWidget):
    """`path` is where the field stands in its job; `reset` carries it when the user wants the usual value back."""

    reset = Signal(str)

    def __init__(self, path: str, note: About, editor: Editor, *, name: str = "") -> None:
        """`name` is what to call it here, where the field's own label would not do."""
        super().__init__()
        self.path, self.editor = path, editor
        self._name = name or note.label
        self._words = f"{self._name} {note.label} {note.help} {path} {path.replace('_', ' ')}".casefold()
        self._fault: QLabel | None = (
            None  # this and the mark stand in few of the many rows, so they are made when needed
        )
        self._back: QPushButton | None = None
        editor.widget.setAccessibleName(self._name)
        self._head = QHBoxLayout()
        self._head.setSpacing(4)
        self._head.addStrut(MARK_HEIGHT)  # the names of fields side by side stay on one line
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(3)
        self._layout.addLayout(self._head)
        if isinstance(editor.widget, QCheckBox):
            self._title = None
            self._head.addWidget(editor.widget)
        else:
            self._title = label(self._name, "muted")
            self._title.setWordWrap(False)
            self._title.setBuddy(editor.widget)
            self._title.setToolTip(note.help)
            self._head.addWidget(self._title)
            self._layout.addWidget(editor.widget)
            if isinstance(editor.widget, QLineEdit):
                editor.widget.setMinimumHeight(LINE)
        self._head.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_changed(self) -> bool:
        return self._back is not None and not self._back.isHidden()

    @property
    def fault(self) -> str:
        return self._fault.text() if self._fault else ""

    def matches(self, words: str) -> bool:
        """Whether each of these words stands in its name, its help or its path."""
        return all(word in self._words for word in words.casefold().split())

    def mark(self, usual: Any, is_changed: bool) -> None:
        """Show whether it is other than the preset's value, and offer that one."""
        if self._title is not None:
            self._title.setText(f"{self._name} {MARK}" if is_changed else self._name)
        if is_changed:
            said = "automatic" if usual is None else "nothing" if usual in ("", ()) else in_words(usual)
            self._back = self._back or self._new_mark()
            self._back.setToolTip(f"Changed from the preset. Back to: {said}")
            self._back.setAccessibleDescription(f"Back to what the preset says: {said}")
        if self._back is not None:
            self._back.setVisible(is_changed)

    def show_fault(self, words: str) -> None:
        if self._fault is None and words:
            self._fault = label("", "error")
            self._layout.addWidget(self._fault)
        if self._fault is not None:
            self._fault.setText(words)
            self._fault.setVisible(bool(words))

    def _new_mark(self) -> QPushButton:
        made = button("", "Back to what the preset says", self._reset, icon="reset", kind="mark")
        made.setAccessibleName(f"Reset {self._name}")
        made.setFixedSize(20, MARK_HEIGHT)
        self._head.addWidget(made)
        self.setTabOrder(self.editor.widget, made)
        return made

    @Slot()
    def _reset(self) -> None:
        self.reset.emit(self.path)


def in_words(value: Any) -> str:
    """A field's value as a person writes it."""
    match value:
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case {"width": width, "height": height}:
            return f"{width} × {height}"
        case tuple() | list():
            return "; ".join(str(one) for one in value)
        case _:
            return str(value)
