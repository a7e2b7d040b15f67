"""One picture as large as the page, with the keys to walk on from it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.widgets.basics import column, label
from app.widgets.canvas import Canvas


class FullView(QWidget):
    """One picture as large as the page. The arrows go to the next, Space or Esc go back; 0 to 5 are stars (`rated`)."""

    left = Signal()
    stepped = Signal(int)
    rated = Signal(int)
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

    def show_image(self, image: QImage, name: str, where: str, problem: str = "This picture can't be shown") -> None:
        """`problem` stands there where there is no image."""
        if image.isNull():
            self.canvas.clear(problem)
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
            case Qt.Key.Key_S:
                self.starring.emit()
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                self.deleting.emit()
            case _:
                super().keyPressEvent(event)
