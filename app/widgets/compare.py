"""Two pictures over one another with a divider to drag, and the list of the settings that differ."""

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.picture_words import Opened, differences
from app.theme import theme
from app.widgets.basics import button, column, label, row, surface
from app.widgets.canvas import SMOOTH_BELOW

STEP = 0.02
LIST_WIDTH = 340


class Compare(QWidget):
    """The first picture left of the divider, the second right of it. Dragged with the mouse, moved with the arrows."""

    moved = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._first, self._second = QPixmap(), QPixmap()
        self._share = 0.5
        self.setMinimumSize(QSize(240, 240))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setToolTip("Drag the line to the left and right, or use the arrow keys")
        self.setAccessibleName("Two pictures with a divider")

    @property
    def share(self) -> float:
        """How much of the width shows the first picture, 0 to 1."""
        return self._share

    def set_images(self, first: QImage, second: QImage) -> None:
        self._first, self._second = QPixmap.fromImage(first), QPixmap.fromImage(second)
        self.update()

    def set_share(self, share: float) -> None:
        self._share = min(1.0, max(0.0, share))
        self.setAccessibleDescription(f"{self._share:.0%} of the width shows picture A")
        self.update()
        self.moved.emit(self._share)

    def picture_rect(self) -> QRect:
        """Where the pictures stand: both fill the place of the larger one."""
        size = max(self._first.size(), self._second.size(), key=lambda one: one.width() * one.height())
        if size.isEmpty():
            return QRect()
        place = QRect(0, 0, 0, 0)
        place.setSize(size.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio))
        place.moveCenter(self.rect().center())
        return place

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Left:
                self.set_share(self._share - STEP)
            case Qt.Key.Key_Right:
                self.set_share(self._share + STEP)
            case Qt.Key.Key_Home:
                self.set_share(0)
            case Qt.Key.Key_End:
                self.set_share(1)
            case _:
                super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        place = self.picture_rect()
        if place.isEmpty():
            return
        painter = QPainter(self)
        line = place.left() + round(place.width() * self._share)
        left, right = QRect(place), QRect(place)
        left.setRight(line - 1)
        right.setLeft(line)
        for pixmap, part in ((self._first, left), (self._second, right)):
            if pixmap.isNull() or part.width() <= 0:
                continue
            whole = _centred(pixmap, place)
            smooth = whole.width() / pixmap.width() < SMOOTH_BELOW
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.setClipRect(part)
            painter.drawPixmap(whole, pixmap)
        painter.setClipping(False)
        self._draw_divider(painter, place, line)

    def _draw_divider(self, painter: QPainter, place: QRect, line: int) -> None:
        colours = theme()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        one, other = _centred(self._first, place), _centred(self._second, place)
        for text, corner in (("A", one.topLeft() + QPoint(8, 8)), ("B", other.topRight() + QPoint(-32, 8))):
            spot = QRectF(corner, QSize(24, 24))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.colour("panel"))
            painter.drawRoundedRect(spot, 6, 6)
            painter.setPen(colours.colour("text"))
            painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(QPen(colours.colour("panel"), 4))
        painter.drawLine(line, place.top(), line, place.bottom())
        painter.setPen(QPen(colours.colour("accent"), 2))
        painter.drawLine(line, place.top(), line, place.bottom())
        painter.setBrush(colours.colour("accent"))
        painter.setPen(QPen(colours.colour("text" if self.hasFocus() else "panel"), 2))
        painter.drawEllipse(QPointF(line, place.center().y()), 9, 9)

    def _drag(self, where: QPointF) -> None:
        place = self.picture_rect()
        if place.width() > 0:
            self.set_share((where.x() - place.left()) / place.width())


def _centred(pixmap: QPixmap, place: QRect) -> QRect:
    whole = QRect(QPoint(0, 0), pixmap.size().scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio))
    whole.moveCenter(place.center())
    return whole


class ComparePanel(QWidget):
    """The comparison with its list. `left` says that the user has seen enough."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._pair: tuple[Opened, Opened] | None = None
        self.pictures = Compare()
        self._caption = label("", "muted")
        self._caption.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._list = QVBoxLayout()
        self._list.setContentsMargins(16, 0, 16, 16)
        self._list.setSpacing(12)
        rows = QWidget()
        rows.setLayout(self._list)
        scroll = QScrollArea()
        scroll.setWidget(rows)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        swap = button("Swap", "Put the right picture on the left", self.swap, icon="compare")
        back = button("Back", "Back to the gallery (Esc)", self.left.emit, icon="back")
        head = column(label("What differs", "heading"), margins=(16, 16, 16, 8))
        side = column(head, scroll, row(back, swap, margins=(16, 8, 16, 16)), spacing=0)
        framed = surface(side, "panel", edge="left")
        framed.setFixedWidth(LIST_WIDTH)
        middle = column(self.pictures, self._caption, margins=(24, 24, 24, 16))
        whole = row(middle, framed, spacing=0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(whole)

    def show_pair(self, first: Opened, second: Opened) -> None:
        self._pair = first, second
        self.pictures.set_images(first.image, second.image)
        self._caption.setText(f"A  {first.path.name}     B  {second.path.name}")
        self._fill(first, second)
        self.pictures.setFocus()

    @Slot()
    def swap(self) -> None:
        if self._pair is not None:
            first, second = self._pair
            self.show_pair(second, first)

    def differing(self) -> dict[str, tuple[str, str]]:
        """What the list says."""
        first, second = self._pair or (None, None)
        if first is None or second is None or first.job is None or second.job is None:
            return {}
        return differences(first.job, second.job)

    def _fill(self, first: Opened, second: Opened) -> None:
        while (item := self._list.takeAt(0)) is not None:
            old = item.widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        for opened in (first, second):
            if opened.problem:
                self._list.addWidget(label(f"{opened.path.name}: {opened.problem}", "muted"))
        found = self.differing()
        if not found and first.job is not None and second.job is not None:
            self._list.addWidget(label("All their settings are the same.", "muted"))
        for name, (one, other) in found.items():
            self._list.addWidget(column(label(name, "muted"), _said("A", one), _said("B", other), spacing=4))
        self._list.addStretch(1)


def _said(letter: str, text: str) -> QWidget:
    mark = label(letter, "muted")
    mark.setFixedWidth(16)
    mark.setAlignment(Qt.AlignmentFlag.AlignTop)
    value = label(text)
    value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return row(mark, value, spacing=4)
