"""What surrounds the pages: the rail on the left, notices above, the status bar below, the overlay of a drop."""

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app import rail
from app.rail import Rail
from app.status_bar import StatusBar
from app.theme import theme
from app.widgets.basics import surface
from app.widgets.drop_overlay import DropOverlay
from app.widgets.notice import Notice


class Frame(QWidget):
    """The window's central widget. Its parts are public: the window speaks with each of them."""

    def __init__(self, rail_of_pages: Rail, status: StatusBar) -> None:
        super().__init__()
        self.rail, self.status = rail_of_pages, status
        self.notice = Notice()
        self.stack = QStackedWidget()
        framed = surface(self.rail, "window", edge="right")
        framed.setFixedWidth(rail.WIDTH)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.notice)
        right.addWidget(self.stack, 1)
        across = QHBoxLayout()
        across.setSpacing(0)
        across.addWidget(framed)
        across.addLayout(right, 1)
        down = QVBoxLayout(self)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(0)
        down.addLayout(across, 1)
        below = surface(self.status, "panel", edge="top")
        down.addWidget(below)
        self.overlay = DropOverlay(self)
        for part in (framed, self.notice, below):
            theme().dress(part)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.overlay.setGeometry(self.rect())
