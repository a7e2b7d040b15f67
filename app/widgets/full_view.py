"""One picture as large as the page, with the keys to walk on from it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.picture_words import Opened
from app.widgets.basics import column, label
from app.widgets.canvas import Canvas


class FullView(QWidget):
    """One picture as large as the page. The arrows go to the next, Space or Esc go back."""

    left = Signal()
    stepped = Signal(int)
    starring = Signal()
    deleting = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.canvas = Canvas("")
        self._words = label("", "muted")
        self._words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("The picture, large")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column(self.canvas, self._words, margins=(24, 24, 24, 16)))

    def show_opened(self, opened: Opened, where: str) -> None:
        if opened.image.isNull():
            self.canvas.clear(opened.problem)
        else:
            self.canvas.show_image(opened.image, f"The picture {opened.path.name}")
        self._words.setText(f"{opened.path.name}  ·  {where}  ·  arrows for the next, Space to go back")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Left | Qt.Key.Key_Up:
                self.stepped.emit(-1)
            case Qt.Key.Key_Right | Qt.Key.Key_Down:
                self.stepped.emit(1)
            case Qt.Key.Key_Space:
                self.left.emit()
            case Qt.Key.Key_S:
                self.starring.emit()
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                self.deleting.emit()
            case _:
                super().keyPressEvent(event)
