"""The rail on the left: a button with icon and word for each page."""

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from app.theme import theme

WIDTH = 84


class Rail(QWidget):
    """`picked` carries a page's name. The last name stands at the bottom, apart from the others."""

    picked = Signal(str)

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._buttons = {name: self._button(name, number) for number, name in enumerate(names, start=1)}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 12, 8, 12)
        layout.setSpacing(4)
        for name in names:
            if name == names[-1]:
                layout.addStretch(1)
            layout.addWidget(self._buttons[name])
        theme().changed.connect(self._draw)
        self._draw()

    def mark(self, name: str) -> None:
        """Show which page is in front."""
        self._buttons[name].setChecked(True)

    def count(self, name: str, number: int) -> None:
        """Write a number behind a page's name; 0 takes it away."""
        self._buttons[name].setText(f"{name.capitalize()} {number}" if number else name.capitalize())

    def _button(self, name: str, number: int) -> QToolButton:
        made = QToolButton()
        made.setProperty("kind", "rail")
        made.setText(name.capitalize())
        made.setToolTip(f"{name.capitalize()} (Ctrl+{number})")
        made.setAccessibleName(name.capitalize())
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        made.setIconSize(QSize(22, 22))
        made.setFixedSize(68, 58)
        made.setCheckable(True)
        made.setAutoExclusive(True)
        made.clicked.connect(partial(self.picked.emit, name))
        return made

    @Slot()
    def _draw(self) -> None:
        for name, made in self._buttons.items():
            made.setIcon(theme().icon(name))
