"""One picture of a dataset as large as the page allows, to walk through and rate by keys."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.widgets.basics import column, label
from app.widgets.canvas import Canvas


class LargePicture(QWidget):
    """The arrows go to the next, 0 to 5 give stars, Space or Esc go back."""

    left = Signal()
    stepped = Signal(int)
    rated = Signal(int)

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

    def show_image(self, image: QImage, name: str, where: str) -> None:
        if image.isNull():
            self.canvas.clear("This picture can't be shown")
        else:
            self.canvas.show_image(image, f"The picture {name}")
        self._words.setText(f"{name}  ·  {where}  ·  arrows for the next, Space to go back")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Left | Qt.Key.Key_Up:
                self.stepped.emit(-1)
            case Qt.Key.Key_Right | Qt.Key.Key_Down:
                self.stepped.emit(1)
            case Qt.Key.Key_Space:
                self.left.emit()
            case key if Qt.Key.Key_0 <= key <= Qt.Key.Key_5:
                self.rated.emit(key - Qt.Key.Key_0)
            case _:
                super().keyPressEvent(event)
