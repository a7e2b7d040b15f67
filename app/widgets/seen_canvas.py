"""The picture in the inspector, with what falls away in training shaded."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen

from app.theme import theme
from app.widgets.canvas import Canvas
from trainer.dataset.seen import Box

VEIL = 190
"""Of 255: how much of what falls away is covered."""


class SeenCanvas(Canvas):
    """Shows one picture; of what training cuts off only a shadow."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self._kept: Box | None = None

    def show_kept(self, kept: Box | None) -> None:
        """The part that is left: left, top, right and bottom as shares of the picture, 0 to 1; None: all of it."""
        if kept != self._kept:
            self._kept = kept
            self.update()

    def kept_rect(self) -> QRectF:
        """Where in the widget that part stands; empty where nothing falls away."""
        place = QRectF(self.picture_rect())
        if self._kept is None or place.isEmpty():
            return QRectF()
        left, top, right, bottom = self._kept
        across, down = place.width(), place.height()
        return QRectF(
            place.left() + left * across, place.top() + top * down, (right - left) * across, (bottom - top) * down
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        kept = self.kept_rect()
        if kept.isEmpty():
            return
        painter = QPainter(self)
        falling = QPainterPath()
        falling.setFillRule(Qt.FillRule.OddEvenFill)
        falling.addRect(QRectF(self.picture_rect()))
        falling.addRect(kept)
        veil = theme().colour("window")
        veil.setAlpha(VEIL)
        painter.fillPath(falling, veil)
        painter.setPen(QPen(theme().colour("accent"), 1))
        painter.drawRect(kept.adjusted(0, 0, -1, -1))
