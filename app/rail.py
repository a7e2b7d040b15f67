"""The rail on the left: a button with icon and word for each page."""

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from app.theme import theme
from trainer.home import RESOURCES

WIDTH = 84


class Rail(QWidget):
    """`picked` carries a page's name; `menu_asked` is said by the sign at the top. The last name stands at the bottom,
    apart from the others."""

    picked = Signal(str)
    menu_asked = Signal()

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._buttons = {name: self._button(name) for name in names}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 12, 8, 12)
        layout.setSpacing(4)
        self.sign = self._sign()
        layout.addWidget(self.sign, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(8)
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

    def show_keys(self, name: str, keys: str) -> None:
        """Say in a page's tooltip which keys open it."""
        self._buttons[name].setToolTip(f"{name.capitalize()} ({keys})" if keys else name.capitalize())

    def _sign(self) -> QToolButton:
        made = QToolButton()
        made.setProperty("kind", "rail")
        made.setIcon(QIcon(str(RESOURCES / "icons" / "gesso.svg")))
        made.setIconSize(QSize(32, 32))
        made.setToolTip("The menu: everything that Gesso can do (F10)")
        made.setAccessibleName("Menu")
        made.clicked.connect(self.menu_asked)
        return made

    def _button(self, name: str) -> QToolButton:
        made = QToolButton()
        made.setProperty("kind", "rail")
        made.setText(name.capitalize())
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
