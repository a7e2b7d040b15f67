"""What is drawn over pictures, to be seen on any of them."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath

from app.theme import theme

DARK = QColor(0, 0, 0, 150)
PLATE = 225
"""Of 255: how much a plate hides."""


def draw_shade(painter: QPainter, place: QRectF, kept: QRectF) -> None:
    """Darken what of a picture at `place` lies outside of `kept`."""
    outside = QPainterPath()
    outside.addRect(place)
    inside = QPainterPath()
    inside.addRect(kept)
    painter.fillPath(outside.subtracted(inside), DARK)


def draw_pill(painter: QPainter, place: QRectF, words: str, role: str) -> None:
    """A few words on a small plate, to be read on any picture."""
    plate = theme().colour("panel")
    plate.setAlpha(PLATE)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(plate)
    painter.drawRoundedRect(place, 6, 6)
    painter.setPen(theme().colour(role))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, words)
    painter.setBrush(Qt.BrushStyle.NoBrush)
