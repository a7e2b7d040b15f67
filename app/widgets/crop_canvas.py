"""A picture with the part of it that training is to see: a rectangle with grips, the rest darkened."""

import math
import random

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from app.theme import theme
from app.widgets.crop_shape import Grip, dragged, moved, shaped, whole
from app.widgets.over_picture import draw_pill, draw_shade
from trainer.dataset.buckets import Placement
from trainer.dataset.pictures import Size
from trainer.dataset.recipes import Box
from trainer.dataset.seen import Fit

REACH = 12
"""Pixels around a side or corner where the mouse takes hold of it."""
GRIP = 8
"""Pixels of a grip as it is drawn."""
MARGIN = 12
"""Pixels around the picture, so that its corners can be taken hold of."""
FAR = 10
"""Pixels of the picture that an arrow key goes with Shift."""
SETTLED = 400
"""Milliseconds after the last key until the crop is meant: keys that follow each other are one change."""
_CURSORS: dict[Grip, Qt.CursorShape] = {
    "left": Qt.CursorShape.SizeHorCursor,
    "right": Qt.CursorShape.SizeHorCursor,
    "top": Qt.CursorShape.SizeVerCursor,
    "bottom": Qt.CursorShape.SizeVerCursor,
    "top left": Qt.CursorShape.SizeFDiagCursor,
    "bottom right": Qt.CursorShape.SizeFDiagCursor,
    "top right": Qt.CursorShape.SizeBDiagCursor,
    "bottom left": Qt.CursorShape.SizeBDiagCursor,
    "inside": Qt.CursorShape.SizeAllCursor,
    "": Qt.CursorShape.CrossCursor,
}
_ARROWS: dict[int, tuple[int, int]] = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class CropCanvas(QWidget):
    """A drag inside moves the crop, at a side or corner changes it, beside it draws a new one.

    With the keyboard: arrows move it, with Ctrl they move its right and lower side; with Shift by ten pixels.
    `changing`: it is another now, while it is dragged; `changed`: it is meant.
    """

    changing = Signal()
    changed = Signal()

    def __init__(self, fit: Fit) -> None:
        super().__init__()
        self._fit = fit
        self._pixmap = QPixmap()
        self._size = Size(1, 1)
        self._words = ""
        self._box: Box = whole(self._size)
        self._ratio: float | None = None
        self._grip: Grip = ""
        self._pressed: QPointF | None = None
        self._before: Box = self._box
        self._is_dragged = self._is_walked = False
        self._keys = QTimer(self, singleShot=True, interval=SETTLED)
        self._keys.timeout.connect(self.settle)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(QSize(160, 160))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Picture to crop")
        theme().changed.connect(self.update)

    def fit_by(self, fit: Fit) -> None:
        """Training is another now."""
        self._fit = fit
        self.update()

    @property
    def fit(self) -> Fit:
        return self._fit

    @property
    def placed(self) -> Placement:
        """Where training puts the crop; of pieces, one."""
        return self._fit.place(self.size_of_crop, random.Random(0))

    def set_picture(self, picture: QImage, size: Size, crop: Box | None) -> None:
        """A picture as it is shown, which may be smaller than its true `size`; the crop is in pixels of that size."""
        self._pixmap = QPixmap.fromImage(picture)
        self._size, self._words = size, ""
        self._forget()
        self._take(crop or whole(size))

    def clear(self, words: str) -> None:
        """No picture, and a sentence that says why."""
        self._pixmap = QPixmap()
        self._words = words
        self._forget()
        self.update()

    def _forget(self) -> None:
        """What was begun, by mouse or keys, is no more."""
        self._keys.stop()
        self._pressed, self._is_dragged, self._is_walked = None, False, False

    @Slot()
    def settle(self) -> None:
        """What keys and the mouse did to the crop so far is meant."""
        if self._is_walked or self._is_dragged:
            self._forget()
            self.update()
            self.changed.emit()

    @property
    def crop(self) -> Box | None:
        """None: all of the picture."""
        return None if self._box == whole(self._size) else self._box

    @property
    def size_of_crop(self) -> Size:
        return Size(self._box[2] - self._box[0], self._box[3] - self._box[1])

    @property
    def ratio(self) -> float | None:
        return self._ratio

    def set_ratio(self, ratio: float | None) -> None:
        """The ratio that is kept from now on; the crop takes it at once. None: any."""
        self._ratio = ratio
        if ratio is not None and not self._pixmap.isNull():
            self._walk_to(shaped(self._box, ratio, self._size))
            self.settle()

    def is_too_small(self) -> bool:
        """Whether training would have to enlarge it."""
        return self.placed.resized_size.width > self.size_of_crop.width

    # ---- Where things stand

    def picture_rect(self) -> QRectF:
        """Where the whole picture stands in the widget."""
        room = QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        place = QRectF(QPointF(), QSizeF(*self._size).scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio))
        place.moveCenter(room.center())
        return place

    def to_widget(self, x: float, y: float) -> QPointF:
        place = self.picture_rect()
        across, down = place.width() / self._size.width, place.height() / self._size.height
        return QPointF(place.left() + x * across, place.top() + y * down)

    def to_picture(self, where: QPointF) -> tuple[float, float]:
        place = self.picture_rect()
        x, y = where.x() - place.left(), where.y() - place.top()
        return x * self._size.width / place.width(), y * self._size.height / place.height()

    def crop_rect(self) -> QRectF:
        """Where the crop stands in the widget."""
        return QRectF(self.to_widget(*self._box[:2]), self.to_widget(*self._box[2:]))

    def grip_at(self, where: QPointF) -> Grip:
        rect = self.crop_rect()
        if not rect.adjusted(-REACH, -REACH, REACH, REACH).contains(where):
            return ""
        near = min(REACH, rect.width() / 4), min(REACH, rect.height() / 4)
        beside = "left" if where.x() < rect.left() + near[0] else "right" if where.x() > rect.right() - near[0] else ""
        above = "top" if where.y() < rect.top() + near[1] else "bottom" if where.y() > rect.bottom() - near[1] else ""
        found: dict[str, Grip] = {" ".join(filter(None, grip.split(" "))): grip for grip in _CURSORS}
        return found[" ".join(filter(None, (above, beside))) or "inside"]

    # ---- The mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._pixmap.isNull():
            self.settle()
            self._pressed, self._before = event.position(), self._box
            self._grip = self.grip_at(event.position())
            if self._grip == "inside" and self.crop is None:
                self._grip = ""  # there is nothing to move in the whole picture: draw what is to be kept

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        where = event.position()
        if self._pressed is None:
            grip = self.grip_at(where)
            self.setCursor(_CURSORS["" if grip == "inside" and self.crop is None else grip])
            return
        way = where - self._pressed
        if not self._is_dragged and way.manhattanLength() < QApplication.startDragDistance():
            return
        self._is_dragged = True
        self._take(self._followed(where, way))
        self.changing.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._pressed = None
        if self._is_dragged:
            self._is_dragged = False
            self.update()
            if self._box != self._before:
                self.changed.emit()

    def _followed(self, where: QPointF, way: QPointF) -> Box:
        """The crop with the mouse there, so far from where it was pressed."""
        match self._grip:
            case "inside":
                scale = self._size.width / self.picture_rect().width()
                return moved(self._before, round(way.x() * scale), round(way.y() * scale), self._size)
            case "":
                assert self._pressed is not None
                x, y = (round(part) for part in self.to_picture(self._pressed))
                x, y = min(max(x, 0), self._size.width), min(max(y, 0), self._size.height)
                corner: Grip = _CORNERS[way.y() < 0, way.x() < 0]
                return dragged((x, y, x, y), corner, self.to_picture(where), self._size, self._ratio)
            case grip:
                return dragged(self._before, grip, self.to_picture(where), self._size, self._ratio)

    # ---- The keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = _ARROWS.get(event.key())
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if by is None or self._pixmap.isNull() or modifiers & Qt.KeyboardModifier.AltModifier:
            super().keyPressEvent(event)
            return
        far = FAR if modifiers & Qt.KeyboardModifier.ShiftModifier else 1
        right, down = by[0] * far, by[1] * far
        if not modifiers & Qt.KeyboardModifier.ControlModifier:
            self._walk_to(moved(self._box, right, down, self._size))
            return
        grip: Grip = "right" if right else "bottom"
        self._walk_to(dragged(self._box, grip, (self._box[2] + right, self._box[3] + down), self._size, self._ratio))

    def _walk_to(self, box: Box) -> None:
        if box != self._box:
            self._take(box)
            self._is_walked = True
            self._keys.start()
            self.changing.emit()

    def _take(self, box: Box) -> None:
        self._box = box
        width, height = self.size_of_crop
        self.setAccessibleDescription(
            f"{width} by {height} pixels of {self._size.width} by {self._size.height}. The arrow keys move the crop, "
            "with Control they change its size, with Shift by ten pixels."
        )
        self.update()

    # ---- Painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._pixmap.isNull():
            painter.setPen(theme().colour("muted"))
            area = QRectF(self.rect()).adjusted(24, 24, -24, -24)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._words)
            return
        place, crop = self.picture_rect(), self.crop_rect()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(place, self._pixmap, QRectF(self._pixmap.rect()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_shade(painter, place, crop)
        if self._is_dragged:
            self._draw_thirds(painter, crop)
        for width, role in ((3.0, "panel"), (1.4, "accent" if self.hasFocus() else "text")):
            painter.setPen(QPen(theme().colour(role), width))
            painter.drawRect(crop)
        self._draw_grips(painter, crop)
        self._draw_size(painter, crop)

    def _draw_thirds(self, painter: QPainter, crop: QRectF) -> None:
        for width, colour in ((2.0, QColor(0, 0, 0, 90)), (1.0, QColor(255, 255, 255, 170))):
            painter.setPen(QPen(colour, width))
            for third in (1 / 3, 2 / 3):
                x, y = crop.left() + crop.width() * third, crop.top() + crop.height() * third
                painter.drawLine(QPointF(x, crop.top()), QPointF(x, crop.bottom()))
                painter.drawLine(QPointF(crop.left(), y), QPointF(crop.right(), y))

    def _draw_grips(self, painter: QPainter, crop: QRectF) -> None:
        painter.setPen(QPen(theme().colour("panel"), 1))
        painter.setBrush(theme().colour("accent" if self.hasFocus() else "text"))
        middle = crop.center()
        for x in (crop.left(), middle.x(), crop.right()):
            for y in (crop.top(), middle.y(), crop.bottom()):
                if QPointF(x, y) != middle:
                    painter.drawRect(QRectF(x - GRIP / 2, y - GRIP / 2, GRIP, GRIP))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_size(self, painter: QPainter, crop: QRectF) -> None:
        """Within the crop at its foot, or below it where it is too narrow."""
        width, height = self.size_of_crop
        small = self.is_too_small()
        words = f"{width} × {height}" + ("  ·  smaller than training" if small else "")
        metrics = painter.fontMetrics()
        pill = QRectF(0, 0, metrics.horizontalAdvance(words) + 16, metrics.height() + 6)
        pill.moveCenter(QPointF(crop.center().x(), crop.bottom() - pill.height() / 2 - GRIP))
        if pill.width() > crop.width() - 2 * GRIP or pill.height() > crop.height() / 2:
            pill.moveTop(crop.bottom() + GRIP)
        pill.moveLeft(min(max(pill.left(), 0), max(0, self.width() - math.ceil(pill.width()))))
        pill.moveTop(min(pill.top(), self.height() - pill.height()))
        draw_pill(painter, pill, words, "warn" if small else "text")


_CORNERS: dict[tuple[bool, bool], Grip] = {
    (False, False): "bottom right",
    (False, True): "bottom left",
    (True, False): "top right",
    (True, True): "top left",
}
