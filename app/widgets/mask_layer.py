"""A mask in the pixels of its picture, with what was done to it, so that it can be undone."""

import math

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPainterPath, QPen, QRadialGradient

KEPT = 100
"""Strokes that can be undone."""
VEIL = 140
"""Of 255: how much of the colour lies over what is marked."""
STRIPE, STRIPES = 8, 48
"""Dark and light stripes lie over the colour, so that marks are seen on a picture of the same colour: at least so many
pixels for a pair of them, and so many pairs across the longer side."""
STAMPS = 8
"""Of a soft brush, in the length of its own width: enough for a stroke without beads."""
_GREY = QImage.Format.Format_Grayscale8


class MaskLayer:
    """`tinted` shows the mask: the colour where it is white, clear where it is black."""

    def __init__(self, size: QSize, mask: QImage | None = None) -> None:
        """`mask` is taken at any size, and stretched over the picture."""
        self._mask = QImage(size, _GREY)
        self._mask.fill(0)
        if mask is not None and not mask.isNull():
            grey = mask.convertToFormat(_GREY)
            self._mask = grey if grey.size() == size else grey.scaled(size)
        self._colour = QColor(Qt.GlobalColor.red)
        self._stripes = _stripes(STRIPE)
        self.tinted = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        self._undone: list[tuple[QRect, QImage]] = []
        self._done: list[tuple[QRect, QImage]] = []
        self._before: QImage | None = None
        self._cover: QImage | None = None
        """How much of a soft stroke lies on each pixel."""
        self._touched = QRect()
        self._tint(self._whole)

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    @property
    def _whole(self) -> QRect:
        return self._mask.rect()

    def mask(self) -> QImage:
        return self._mask.copy()

    def set_colour(self, colour: QColor) -> None:
        self._colour = QColor(colour)
        self._colour.setAlpha(VEIL)
        self._stripes = _stripes(max(STRIPE, max(self._mask.width(), self._mask.height()) // STRIPES))
        self._tint(self._whole)

    def begin(self) -> None:
        """What follows, until `end`, is undone at once."""
        self._before = QImage(self._mask)  # shared until something is painted
        self._cover = None
        self._touched = QRect()

    def end(self) -> None:
        before, self._before = self._before, None
        if before is not None and not self._touched.isEmpty():
            self._done = [*self._done[-KEPT + 1 :], (self._touched, before.copy(self._touched))]
            self._undone.clear()

    def stroke(self, start: QPointF, end: QPointF, across: int, *, grey: int, hardness: float = 1.0) -> QRect:
        """A round brush of a grey (0 to 255) drawn from one point to another. Returns what changed.

        `hardness` is the share of the brush that covers wholly, 0 to 1; from there to its rim it covers less and less.
        Going over the same place again within one stroke covers no more.
        """
        half = across / 2 + 1
        area = QRectF(start, end).normalized().adjusted(-half, -half, half, half)
        if hardness < 1:
            self._stroke_softly(start, end, across, grey, hardness, area.toAlignedRect().intersected(self._whole))
            return self._changed(area)
        painter = self._painter()
        round_cap, round_join = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
        painter.setPen(QPen(_colour(grey), across, Qt.PenStyle.SolidLine, round_cap, round_join))
        if start == end:
            painter.drawPoint(start)
        else:
            painter.drawLine(start, end)
        painter.end()
        return self._changed(area)

    def _stroke_softly(
        self, start: QPointF, end: QPointF, across: int, grey: int, hardness: float, part: QRect
    ) -> None:
        before = self._before
        assert before is not None, "a stroke is begun first"
        if self._cover is None:
            self._cover = QImage(self._mask.size(), _GREY)
            self._cover.fill(0)
        way = end - start
        steps = max(1, round(math.hypot(way.x(), way.y()) * STAMPS / across))
        painter = QPainter(self._cover)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Lighten)  # the most that any stamp covers
        for step in range(steps + 1):
            stamp = QRadialGradient(start + way * step / steps, across / 2)
            stamp.setColorAt(0, Qt.GlobalColor.white)
            stamp.setColorAt(hardness, Qt.GlobalColor.white)
            stamp.setColorAt(1, Qt.GlobalColor.black)
            painter.setBrush(stamp)
            painter.drawEllipse(stamp.center(), across / 2, across / 2)
        painter.end()
        painted = QImage(part.size(), QImage.Format.Format_ARGB32_Premultiplied)
        painted.fill(_colour(grey))
        cover = self._cover.copy(part)
        cover.reinterpretAsFormat(QImage.Format.Format_Alpha8)
        painter = QPainter(painted)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(0, 0, cover)
        painter.end()
        painter = QPainter(self._mask)
        painter.drawImage(part.topLeft(), before.copy(part))
        painter.drawImage(part.topLeft(), painted)
        painter.end()

    def fill(self, shape: QPainterPath, *, grey: int) -> QRect:
        """The inside of an outline. Returns what changed."""
        painter = self._painter()
        painter.fillPath(shape, _colour(grey))
        painter.end()
        return self._changed(shape.boundingRect().adjusted(-1, -1, 1, 1))

    def flood(self, grey: int) -> QRect:
        """All of it in one grey."""
        self.begin()
        self._mask.fill(_colour(grey))
        changed = self._changed(self._whole.toRectF())
        self.end()
        return changed

    def invert(self) -> QRect:
        self.begin()
        self._mask.invertPixels()
        changed = self._changed(self._whole.toRectF())
        self.end()
        return changed

    def undo(self) -> QRect:
        """Returns what changed, which is nothing where there is nothing to undo."""
        return self._swap(self._done, self._undone)

    def redo(self) -> QRect:
        return self._swap(self._undone, self._done)

    def _swap(self, source: list[tuple[QRect, QImage]], target: list[tuple[QRect, QImage]]) -> QRect:
        if not source:
            return QRect()
        part, patch = source.pop()
        target.append((part, self._mask.copy(part)))
        painter = QPainter(self._mask)
        painter.drawImage(part.topLeft(), patch)
        painter.end()
        self._tint(part)
        return part

    def _painter(self) -> QPainter:
        painter = QPainter(self._mask)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        return painter

    def _changed(self, area: QRectF) -> QRect:
        part = area.toAlignedRect().intersected(self._whole)
        self._touched = self._touched.united(part)
        self._tint(part)
        return part

    def _tint(self, part: QRect) -> None:
        """Let the colour follow the mask in a part of it."""
        if part.isEmpty():
            return
        seen = self._mask.copy(part)
        seen.reinterpretAsFormat(QImage.Format.Format_Alpha8)
        painter = QPainter(self.tinted)
        painter.setClipRect(part)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        painter.fillRect(part, self._colour)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        painter.fillRect(part, QBrush(self._stripes))
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(part.topLeft(), seen)
        painter.end()


def _colour(grey: int) -> QColor:
    return QColor(grey, grey, grey)


def _stripes(side: int) -> QImage:
    """A tile of slanted stripes that fits to itself on every side."""
    tile = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    tile.fill(Qt.GlobalColor.transparent)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for grey, shift in ((0, 0.0), (255, 0.5)):
        painter.setPen(QPen(QColor(grey, grey, grey, 110), side / 6))
        for start in (-1.0, 0.0, 1.0):
            left = (start + shift) * side
            painter.drawLine(QPointF(left - side, 2.0 * side), QPointF(left + 2.0 * side, -1.0 * side))
    painter.end()
    return tile
