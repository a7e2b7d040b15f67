"""One field in a form: its name, its editor, the mark that says it was changed, and its fault, in place."""

from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from app.forms.editors import Editor
from app.widgets.basics import button, label, row
from trainer.contract.fields import About

MARK = "•"
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
        self._fault = label("", "error")
        self._fault.hide()
        self._back = button("", "", self._reset, icon="reset", kind="quiet")
        self._back.setAccessibleName(f"Reset {self._name}")
        self._back.setToolTip("Back to what the preset says")
        editor.widget.setAccessibleName(self._name)
        self._back.setFixedSize(20, 18)
        self._back.setStyleSheet("padding: 0;")
        self._back.hide()
        room = self._back.sizePolicy()
        room.setRetainSizeWhenHidden(True)  # the names of fields side by side stay on one line
        self._back.setSizePolicy(room)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        if isinstance(editor.widget, QCheckBox):
            self._title = None
            layout.addWidget(row(editor.widget, 0, self._back, spacing=4))
        else:
            self._title = label(self._name, "muted")
            self._title.setWordWrap(False)
            self._title.setBuddy(editor.widget)
            self._title.setToolTip(note.help)
            layout.addWidget(row(self._title, 0, self._back, spacing=4))
            layout.addWidget(editor.widget)
            if isinstance(editor.widget, QLineEdit):
                editor.widget.setMinimumHeight(LINE)
        layout.addWidget(self._fault)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_changed(self) -> bool:
        return not self._back.isHidden()

    @property
    def fault(self) -> str:
        return self._fault.text()

    def matches(self, words: str) -> bool:
        """Whether each of these words stands in its name, its help or its path."""
        return all(word in self._words for word in words.casefold().split())

    def mark(self, usual: Any, is_changed: bool) -> None:
        """Show whether it is other than the preset's value, and offer that one."""
        self._back.setVisible(is_changed)
        if self._title is not None:
            self._title.setText(f"{self._name} {MARK}" if is_changed else self._name)
        said = "automatic" if usual is None else "nothing" if usual in ("", ()) else in_words(usual)
        self._back.setToolTip(f"Changed from the preset. Back to: {said}")
        self._back.setAccessibleDescription(f"Back to what the preset says: {said}")

    def show_fault(self, words: str) -> None:
        self._fault.setText(words)
        self._fault.setVisible(bool(words))

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
