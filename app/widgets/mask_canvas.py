"""A picture to paint a mask on: what is marked is to be made anew. The mask has the picture's own pixels."""

from typing import Literal

from PySide6.QtCore import QKeyCombination, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QEnterEvent,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import theme
from app.widgets.canvas import SMOOTH_BELOW
from app.widgets.mask_layer import MaskLayer
from app.widgets.over_picture import draw_shade

Tool = Literal["brush", "eraser", "rectangle", "lasso"]

SMALLEST_BRUSH, LARGEST_BRUSH = 2, 512
"""Across, in pixels of the picture."""
BRUSH_STEP = 1.2
"""How many times larger the brush is after one press of a key or one notch of the wheel."""
ZOOM_STEP, MOST_ZOOM = 1.25, 16.0
RIM = 3
"""Pixels around what changed that are painted again: for lines and smoothing."""


class MaskCanvas(QWidget):
    """The left button paints, the right one erases; the wheel zooms, the middle button (or Space) moves the picture.

    With the keyboard: the arrows move the brush, Enter paints with it, and with Shift the arrows paint as they go.
    """

    changed = Signal()
    brush_changed = Signal(int)
    tool_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._pixmap = QPixmap()
        self._layer = MaskLayer(QSize(1, 1))
        self._tool: Tool = "brush"
        self._brush = 64
        self._strength, self._hardness = 255, 1.0
        self._frame = QRectF()
        self._zoom = 1.0
        self._middle = QPointF()
        """The point of the picture that stands in the middle of the widget."""
        self._mouse: QPointF | None = None
        self._last = QPointF()
        self._outline: list[QPointF] = []
        self._held: Literal["", "paint", "erase", "move"] = ""
        self._space = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(QSize(160, 160))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("Picture to mark")
        self.setAccessibleDescription(
            "The arrow keys move the brush, Enter paints with it, Shift and the arrows paint; brackets change its size."
        )
        self.setToolTip("Paint over what is to be made anew; the right button erases. The wheel zooms.")
        theme().changed.connect(self._take_colour)
        self._take_colour()

    def set_picture(self, picture: QImage, mask: QImage) -> None:
        """A picture, and what of it is marked already: an image of its size, or a null one for nothing."""
        self._pixmap = QPixmap.fromImage(picture)
        self._layer = MaskLayer(picture.size(), mask)
        self._take_colour()
        self._brush = _within(round(max(picture.width(), picture.height()) / 12))
        self.brush_changed.emit(self._brush)
        self._frame, self._outline, self._held = QRectF(), [], ""
        self._mouse = None
        self.fit()
        self.changed.emit()

    def set_frame(self, frame: QRectF) -> None:
        """Darken what lies outside of a part of the picture, in its pixels; until the next picture."""
        self._frame = frame
        self.update()

    def marked(self) -> QImage:
        """8 bits, white where the picture is marked wholly."""
        return self._layer.mask()

    @property
    def tool(self) -> Tool:
        return self._tool

    def set_tool(self, tool: Tool) -> None:
        if tool != self._tool:
            self._tool = tool
            self.tool_changed.emit(tool)
            self.update()

    @property
    def brush(self) -> int:
        return self._brush

    def set_brush(self, size: int) -> None:
        before = self._brush_place()
        self._brush = _within(size)
        self.update(before.united(self._brush_place()))
        self.brush_changed.emit(self._brush)

    def set_paint(self, strength: int, hardness: float) -> None:
        """How much what is painted is marked, 0 to 255, and the share of the brush that marks so much, 0 to 1."""
        self._strength, self._hardness = strength, hardness

    @property
    def can_undo(self) -> bool:
        return self._layer.can_undo

    @property
    def can_redo(self) -> bool:
        return self._layer.can_redo

    @Slot()
    def undo(self) -> None:
        self._show(self._layer.undo())

    @Slot()
    def redo(self) -> None:
        self._show(self._layer.redo())

    @Slot()
    def clear(self) -> None:
        """Mark nothing."""
        self._show(self._layer.flood(0))

    @Slot()
    def fill(self) -> None:
        """Mark all of it, as strongly as the brush does."""
        self._show(self._layer.flood(self._strength))

    @Slot()
    def invert(self) -> None:
        self._show(self._layer.invert())

    @Slot()
    def fit(self) -> None:
        """The whole picture, as large as there is room."""
        self._zoom = self._fitting()
        self._middle = QPointF(self._pixmap.width() / 2, self._pixmap.height() / 2)
        self.update()

    def picture_rect(self) -> QRectF:
        """Where the whole picture stands, in coordinates of the widget; parts may be outside of it."""
        size = self._pixmap.size().toSizeF() * self._zoom
        corner = self.rect().toRectF().center() - self._middle * self._zoom
        return QRectF(corner, size)

    def to_picture(self, where: QPointF) -> QPointF:
        return (where - self.picture_rect().topLeft()) / self._zoom

    def to_widget(self, point: QPointF) -> QPointF:
        return point * self._zoom + self.picture_rect().topLeft()

    # ---- The mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        button = event.button()
        if self._held or self._pixmap.isNull():
            return
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._space):
            self._held = "move"
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            erases = button == Qt.MouseButton.RightButton or self._tool == "eraser"
            self._held = "erase" if erases else "paint"
            self._begin(self.to_picture(event.position()))
        self._mouse = event.position()
        self._last = self.to_picture(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        before = self._brush_place()
        if self._held == "move" and self._mouse is not None:
            self._middle -= (event.position() - self._mouse) / self._zoom
            self.update()
        elif self._held:
            self._go_on(self.to_picture(event.position()))
        self._mouse = event.position()
        self.update(before.united(self._brush_place()))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        if self._held == "move":
            self.setCursor(Qt.CursorShape.OpenHandCursor if self._space else Qt.CursorShape.CrossCursor)
        elif self._held:
            self._finish()
        self._held = ""

    def enterEvent(self, event: QEnterEvent) -> None:
        self._mouse = event.position()
        self.update()

    def leaveEvent(self, event: object) -> None:
        self._mouse = None
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta().y() or event.angleDelta().x()
        if not turned:
            return
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.resize_brush(1 if turned > 0 else -1)
            return
        at = self.to_picture(event.position())
        self._zoom = min(max(self._zoom * ZOOM_STEP ** (turned / 120), self._fitting()), MOST_ZOOM)
        self._middle = at - (event.position() - self.rect().toRectF().center()) / self._zoom
        if self._zoom <= self._fitting():
            self.fit()
        self.update()

    # ---- The keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Undo):
            self.undo()
            return
        if event.matches(QKeySequence.StandardKey.Redo) or event.keyCombination() == _REDO:
            self.redo()
            return
        step = max(1.0, self._brush / 4)
        match event.key():
            case Qt.Key.Key_BracketLeft:
                self.resize_brush(-1)
            case Qt.Key.Key_BracketRight:
                self.resize_brush(1)
            case Qt.Key.Key_E:
                self.set_tool("brush" if self._tool == "eraser" else "eraser")
            case Qt.Key.Key_Space if not event.isAutoRepeat():
                self._space = True
                self.setCursor(Qt.CursorShape.OpenHandCursor)
            case Qt.Key.Key_Left:
                self._walk(QPointF(-step, 0), event)
            case Qt.Key.Key_Right:
                self._walk(QPointF(step, 0), event)
            case Qt.Key.Key_Up:
                self._walk(QPointF(0, -step), event)
            case Qt.Key.Key_Down:
                self._walk(QPointF(0, step), event)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if event.modifiers() == Qt.KeyboardModifier.NoModifier:
                self._dab(self._brush_centre())
            case _:
                super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            self.setCursor(Qt.CursorShape.CrossCursor)
        else:
            super().keyReleaseEvent(event)

    def resize_brush(self, notches: int) -> None:
        """So many notches larger, or smaller."""
        size = self._brush * BRUSH_STEP**notches
        self.set_brush(max(self._brush + 1, round(size)) if notches > 0 else min(self._brush - 1, round(size)))

    # ---- Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._pixmap.isNull():
            return
        painter = QPainter(self)
        whole = self.picture_rect()
        smooth = self._zoom < SMOOTH_BELOW
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        seen = event.rect().toRectF().adjusted(-RIM, -RIM, RIM, RIM).intersected(whole)
        part = QRectF((seen.topLeft() - whole.topLeft()) / self._zoom, seen.size() / self._zoom)
        painter.drawPixmap(seen, self._pixmap, part)
        painter.drawImage(seen, self._layer.tinted, part)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._frame.isEmpty():
            corner = self.to_widget(self._frame.topLeft())
            draw_shade(painter, whole, QRectF(corner, self._frame.size() * self._zoom))
        if self.hasFocus():
            painter.setPen(QPen(theme().colour("accent"), 2))
            painter.drawRect(whole.intersected(self.rect().toRectF()).adjusted(1, 1, -1, -1))
        for width, role in ((3.0, "panel"), (1.2, "text")):
            painter.setPen(QPen(theme().colour(role), width))
            if self._outline:
                painter.drawPath(self._shape([self.to_widget(point) for point in self._outline]))
            elif self._tool in ("brush", "eraser") and (self._mouse is not None or self.hasFocus()):
                across = self._brush * self._zoom
                painter.drawEllipse(self.to_widget(self._brush_centre()), across / 2, across / 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._zoom <= self._fitting(event.oldSize()) or self._zoom < self._fitting():
            self.fit()

    @Slot()
    def _take_colour(self) -> None:
        self._layer.set_colour(theme().colour("accent"))
        self.update()

    def _fitting(self, room: QSize | None = None) -> float:
        size, room = self._pixmap.size(), room or self.size()
        if size.isEmpty() or room.isEmpty():
            return 1.0
        return min(room.width() / size.width(), room.height() / size.height())

    def _brush_centre(self) -> QPointF:
        """In the picture: where the mouse is, else where the keys have brought it."""
        return self.to_picture(self._mouse) if self._mouse is not None else self._last

    def _brush_place(self) -> QRect:
        across = self._brush * self._zoom + 2 * RIM
        place = QRectF(0, 0, across, across)
        place.moveCenter(self.to_widget(self._brush_centre()))
        return place.toAlignedRect()

    def _begin(self, point: QPointF) -> None:
        self._layer.begin()
        if self._tool in ("rectangle", "lasso"):
            self._outline = [point]
        else:
            self._draw(point, point)

    def _go_on(self, point: QPointF) -> None:
        if self._outline:
            self._outline = [self._outline[0], point] if self._tool == "rectangle" else [*self._outline, point]
            self.update()
        else:
            self._draw(self._last, point)
        self._last = point

    def _finish(self) -> None:
        if self._outline:
            outline, self._outline = self._outline, []
            self._layer.fill(self._shape(outline), grey=self._grey())
            self.update()
        self._layer.end()
        self.changed.emit()

    def _shape(self, outline: list[QPointF]) -> QPainterPath:
        path = QPainterPath(outline[0])
        if self._tool == "rectangle":
            path.addRect(QRectF(outline[0], outline[-1]).normalized())
        else:
            for point in outline[1:]:
                path.lineTo(point)
            path.closeSubpath()
        return path

    def _draw(self, start: QPointF, end: QPointF) -> None:
        self._refresh(self._layer.stroke(start, end, self._brush, grey=self._grey(), hardness=self._hardness))

    def _grey(self) -> int:
        return 0 if self._held == "erase" else self._strength

    def _dab(self, point: QPointF) -> None:
        self._held = "erase" if self._tool == "eraser" else "paint"
        self._layer.begin()
        self._draw(point, point)
        self._layer.end()
        self._held = ""
        self.changed.emit()

    def _walk(self, by: QPointF, event: QKeyEvent) -> None:
        """Move the brush by a step, painting where Shift is held."""
        self._last = self._kept_inside(self._brush_centre() + by)
        self._mouse = None
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._dab(self._last)
        self.update()

    def _kept_inside(self, point: QPointF) -> QPointF:
        last = QPoint(max(0, self._pixmap.width() - 1), max(0, self._pixmap.height() - 1))
        return QPointF(min(max(point.x(), 0), last.x()), min(max(point.y(), 0), last.y()))

    def _show(self, changed: QRect) -> None:
        if not changed.isEmpty():
            self._refresh(changed)
            self.changed.emit()

    def _refresh(self, part: QRect) -> None:
        corner = self.to_widget(part.topLeft().toPointF())
        place = QRectF(corner, part.size().toSizeF() * self._zoom)
        self.update(place.toAlignedRect().adjusted(-RIM, -RIM, RIM, RIM))


def _within(size: int) -> int:
    return min(max(size, SMALLEST_BRUSH), LARGEST_BRUSH)


_REDO = QKeyCombination(Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier, Qt.Key.Key_Z)
