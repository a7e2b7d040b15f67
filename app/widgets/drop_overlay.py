"""Laid over the whole window while something is dragged across it: what will happen when it is let go."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.theme import theme

MARGIN, CORNER = 24, 12
VEIL = 225
"""Of 255: how much of the page is covered."""


class DropOverlay(QWidget):
    """Covers its parent while it is shown, and takes no mouse events itself."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("What will happen")
        self._lines: list[str] = []
        self.hide()

    @property
    def text(self) -> str:
        return "" if self.isHidden() else "\n".join(self._lines)

    def offer(self, lines: list[str]) -> None:
        self._lines = lines
        self.setAccessibleDescription("\n".join(lines))
        self.setGeometry(self._over.rect())
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = theme().colour("window")
        veil.setAlpha(VEIL)
        painter.fillRect(self.rect(), veil)
        inside = QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        painter.setPen(QPen(theme().colour("accent"), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(inside, CORNER, CORNER)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 1.4)
        painter.setFont(font)
        painter.setPen(theme().colour("text"))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(inside.adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN), flags, "\n".join(self._lines))
