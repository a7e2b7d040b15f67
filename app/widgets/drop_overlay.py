"""Laid over the whole window while something is dragged across it: what will happen when it is let go, and where."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.theme import theme

MARGIN, GAP, CORNER = 24, 16, 12
VEIL = 246
"""Of 255: how much of the page is covered."""
ICON = 40
_WRAPPED = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap


@dataclass(frozen=True)
class Area:
    """A part of the window that takes what is let go in it; one that is not `enabled` only says why."""

    words: str
    hint: str = ""
    icon: str = ""
    enabled: bool = True


class DropOverlay(QWidget):
    """Covers its parent while it is shown, and takes no mouse events itself. Its areas stand side by side, two by two
    where there are four."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("What will happen")
        self._areas: list[Area] = []
        self._under = 0
        self.hide()

    @property
    def text(self) -> str:
        return "" if self.isHidden() else "\n".join(area.words for area in self._areas)

    @property
    def under(self) -> int:
        """The area below the mouse."""
        return self._under

    def offer(self, areas: Sequence[Area]) -> None:
        self._areas = list(areas)
        self._under = 0
        self.setAccessibleDescription("\n".join(f"{area.words}. {area.hint}".strip() for area in areas))
        self.setGeometry(self._over.rect())
        self.raise_()
        self.show()
        self.update()

    def point(self, where: QPoint) -> None:
        """The mouse is here, in coordinates of the overlay."""
        under = next((place for place in range(len(self._areas)) if self.place(place).contains(where)), self._under)
        if under != self._under:
            self._under = under
            self.update()

    def place(self, number: int) -> QRect:
        """Where an area stands, with half of the gap around it, so that no point lies between two."""
        inside = self.rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        across = 1 if len(self._areas) == 1 else 2
        down = -(-len(self._areas) // across)
        line, column = divmod(number, across)
        left, right = (inside.left() + inside.width() * edge // across for edge in (column, column + 1))
        top, bottom = (inside.top() + inside.height() * edge // down for edge in (line, line + 1))
        return QRect(left, top, right - left, bottom - top)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = theme().colour("window")
        veil.setAlpha(VEIL)
        painter.fillRect(self.rect(), veil)
        half = GAP / 2 if len(self._areas) > 1 else 0
        for number, area in enumerate(self._areas):
            spot = self.place(number).toRectF().adjusted(half, half, -half, -half)
            self._draw(painter, area, spot, number == self._under)

    def _draw(self, painter: QPainter, area: Area, spot: QRectF, is_under: bool) -> None:
        colours = theme()
        chosen = is_under and area.enabled
        line = Qt.PenStyle.SolidLine if chosen else Qt.PenStyle.DashLine
        painter.setPen(QPen(colours.colour("accent" if chosen else "edge"), 3 if chosen else 2, line))
        painter.setBrush(colours.colour("raised") if chosen else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(spot, CORNER, CORNER)
        large, small = QFont(self.font()), QFont(self.font())
        large.setPointSizeF(large.pointSizeF() * 1.4)
        inside = spot.adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        heights = [
            QFontMetricsF(font).boundingRect(inside, _WRAPPED, words).height() if words else 0.0
            for font, words in ((large, area.words), (small, area.hint))
        ]
        icon = ICON + GAP / 2 if area.icon else 0
        top = inside.center().y() - (icon + sum(heights) + GAP / 2) / 2
        if area.icon:
            role = "accent" if chosen else "text" if area.enabled else "muted"
            corner = QPoint(round(inside.center().x() - ICON / 2), round(top))
            colours.icon(area.icon, role).paint(painter, QRect(corner.x(), corner.y(), ICON, ICON))
        painter.setFont(large)
        painter.setPen(colours.colour("text" if area.enabled else "muted"))
        words = QRectF(inside.left(), top + icon, inside.width(), heights[0])
        painter.drawText(words, _WRAPPED, area.words)
        painter.setFont(small)
        painter.setPen(colours.colour("muted"))
        painter.drawText(
            QRectF(inside.left(), words.bottom() + GAP / 2, inside.width(), heights[1]), _WRAPPED, area.hint
        )
