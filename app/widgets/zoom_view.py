"""A picture that can be looked at closely: the wheel comes nearer, dragging moves it. Two can move as one."""

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import theme
from app.widgets.canvas import SMOOTH_BELOW

NEAREST = 32.0
"""So many times the size at which the whole picture fits."""
NOTCH = 1.25
"""By how much one notch of the wheel, or one key, comes nearer."""
STEP = 0.1
"""Of the widget's size: how far an arrow key moves."""


class ZoomView(QWidget):
    """`looked` carries the zoom (1: the picture fits) and what share of it, across and down, stands in the middle."""

    looked = Signal(float, float, float)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._pixmap = QPixmap()
        self._words = ""
        self._zoom, self._across, self._down = 1.0, 0.5, 0.5
        self._held: QPointF | None = None
        self.setMinimumSize(QSize(160, 160))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setToolTip("The wheel comes nearer, dragging moves it, a double click shows all of it again")
        self.setAccessibleName(name)
        self.setAccessibleDescription("Plus and minus come nearer and go away, arrows move, 0 shows all of it")

    def show_image(self, image: QImage, words: str = "") -> None:
        """All of it. `words` stand there where there is no image."""
        self._pixmap = QPixmap.fromImage(image)
        self._words = words
        self._zoom, self._across, self._down = 1.0, 0.5, 0.5
        self.update()

    @property
    def look(self) -> tuple[float, float, float]:
        return self._zoom, self._across, self._down

    def set_look(self, zoom: float, across: float, down: float) -> None:
        """Without a word of it to anybody."""
        self._zoom = min(NEAREST, max(1.0, zoom))
        self._across, self._down = self._within(across, 0), self._within(down, 1)
        self.update()

    def picture_rect(self) -> QRectF:
        """Where the picture stands; most of it may be outside the widget."""
        size = self._size()
        left = self.width() / 2 - self._across * size.width()
        top = self.height() / 2 - self._down * size.height()
        return QRectF(left, top, size.width(), size.height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._come_nearer(NOTCH ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is not None:
            moved, self._held = event.position() - self._held, event.position()
            self._move(moved.x(), moved.y())

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._held = None
        self.setCursor(Qt.CursorShape.OpenHandCursor)

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        self._change(1.0, 0.5, 0.5)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        middle = QPointF(self.rect().center())
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self._come_nearer(NOTCH, middle)
            case Qt.Key.Key_Minus:
                self._come_nearer(1 / NOTCH, middle)
            case Qt.Key.Key_0:
                self._change(1.0, 0.5, 0.5)
            case Qt.Key.Key_Left:
                self._move(STEP * self.width(), 0)
            case Qt.Key.Key_Right:
                self._move(-STEP * self.width(), 0)
            case Qt.Key.Key_Up:
                self._move(0, STEP * self.height())
            case Qt.Key.Key_Down:
                self._move(0, -STEP * self.height())
            case _:
                super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._pixmap.isNull():
            painter.setPen(theme().colour("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._words)
            return
        place = self.picture_rect()
        smooth = place.width() / self._pixmap.width() < SMOOTH_BELOW
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawPixmap(place, self._pixmap, QRectF(self._pixmap.rect()))
        if self.hasFocus():
            painter.setPen(theme().colour("accent"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _size(self) -> QSizeF:
        fitting = QSizeF(self._pixmap.size()).scaled(QSizeF(self.size()), Qt.AspectRatioMode.KeepAspectRatio)
        return fitting * self._zoom

    def _within(self, share: float, side: int) -> float:
        """No empty room beside a picture that is larger than the widget; a smaller one stays in the middle."""
        whole = (self._size().width(), self._size().height())[side]
        shown = (self.width(), self.height())[side] / whole if whole > 0 else 1.0
        return 0.5 if shown >= 1 else min(1 - shown / 2, max(shown / 2, share))

    def _come_nearer(self, by: float, about: QPointF) -> None:
        """What is below `about` stays there."""
        place = self.picture_rect()
        if place.isEmpty():
            return
        zoom = min(NEAREST, max(1.0, self._zoom * by))
        grown = zoom / self._zoom
        across = (about.x() - place.left()) / place.width() + (self.width() / 2 - about.x()) / (place.width() * grown)
        down = (about.y() - place.top()) / place.height() + (self.height() / 2 - about.y()) / (place.height() * grown)
        self._change(zoom, across, down)

    def _move(self, right: float, down: float) -> None:
        place = self.picture_rect()
        if not place.isEmpty():
            self._change(self._zoom, self._across - right / place.width(), self._down - down / place.height())

    def _change(self, zoom: float, across: float, down: float) -> None:
        self.set_look(zoom, across, down)
        self.looked.emit(*self.look)


def move_together(first: ZoomView, second: ZoomView) -> None:
    """What is done to one of them is done to both."""
    first.looked.connect(second.set_look)
    second.looked.connect(first.set_look)
