"""A picture as large as its place allows, sharp on every screen; small ones are enlarged."""

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import theme

SMOOTH_BELOW = 8.0
"""A picture enlarged at least so many times shows its pixels as they are."""


class Canvas(QWidget):
    """Shows one picture, or a sentence where there is none yet."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._pixmap = QPixmap()
        self._words = words
        self._is_preview = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(QSize(160, 160))
        self.setAccessibleName("Picture")
        self.setAccessibleDescription(words)

    @property
    def is_empty(self) -> bool:
        return self._pixmap.isNull()

    def show_image(self, image: QImage, about: str = "", *, is_preview: bool = False) -> None:
        """A preview has few pixels, and they are not the picture's own: it is always drawn smoothly."""
        self._pixmap = QPixmap.fromImage(image)
        self._is_preview = is_preview
        self.setAccessibleDescription(about or self._words)
        self.update()

    def clear(self, words: str = "") -> None:
        self._pixmap = QPixmap()
        if words:
            self._words = words
            self.setAccessibleDescription(words)
        self.update()

    def picture_rect(self) -> QRect:
        """Where the picture stands in the widget: whole, centred, its shape kept."""
        if self._pixmap.isNull():
            return QRect()
        size = self._pixmap.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(0, 0, size.width(), size.height())
        place.moveCenter(self.rect().center())
        return place

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._pixmap.isNull():
            painter.setPen(theme().colour("muted"))
            area = QRectF(self.rect()).adjusted(24, 24, -24, -24)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._words)
            return
        place = self.picture_rect()
        enlarged = place.width() / self._pixmap.width()
        is_smooth = self._is_preview or enlarged < SMOOTH_BELOW
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smooth)
        painter.drawPixmap(place, self._pixmap)
