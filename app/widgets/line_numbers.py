"""The numbers of captions, at the left of the text in which each has a line of its own."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.theme import theme

if TYPE_CHECKING:
    from app.widgets.caption_edit import CaptionEdit

WIDTH = 22
MARGIN = 6


class LineNumbers(QWidget):
    """Hidden while there is one caption only. Blank lines are no captions, and have no number."""

    def __init__(self, edit: "CaptionEdit") -> None:
        super().__init__(edit)
        self._edit = edit
        self.setFixedWidth(WIDTH)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_for(self, captions: int) -> None:
        self.setVisible(captions > 1)
        self.fit()

    def fit(self) -> None:
        """Beside the viewport."""
        beside = self._edit.viewport().geometry()
        self.setGeometry(QRect(beside.left() - WIDTH, beside.top(), WIDTH, beside.height()))
        self.update()

    @Slot(QRect, int)
    def follow(self, _part: QRect, _scrolled: int) -> None:
        if self.isVisible():
            self.fit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(theme().colour("muted"))
        number = self._edit.captions_above()
        for top, text in self._edit.blocks_in_sight():
            if text.strip():
                number += 1
                line = QRect(0, top, WIDTH - MARGIN, self._edit.fontMetrics().height())
                painter.drawText(line, Qt.AlignmentFlag.AlignRight, str(number))
