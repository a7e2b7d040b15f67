"""A column of thumbnails: what was made, newest first. Clicking one shows it, the arrow keys walk on."""

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPoint, QRect, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.pictures import Index, PictureList
from app.theme import theme
from app.videos import is_video

BADGE = 16


def draw_film(painter: QPainter, place: QRect) -> None:
    """The mark of a video, in a corner of its picture."""
    spot = QRect(place.left() + 3, place.bottom() - BADGE - 2, BADGE, BADGE)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().colour("panel"))
    painter.drawRoundedRect(spot, 3, 3)
    theme().icon("video").paint(painter, spot.adjusted(2, 2, -2, -2))
    painter.restore()


class Tile(QStyledItemDelegate):
    """A picture whole within its square, with a frame where it is selected and a star where it is a favourite."""

    def __init__(self, side: int, gap: int, is_starred: Callable[[str], bool]) -> None:
        super().__init__()
        self._side, self._gap = side, gap
        self._is_starred = is_starred

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(self._side + self._gap, self._side + self._gap)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        area: QRect = option.rect.adjusted(0, 0, -self._gap, -self._gap)
        place = area
        pixmap = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(pixmap, QPixmap):
            size = pixmap.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(area.topLeft(), size)
            place.moveCenter(area.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(place, pixmap)
        else:
            painter.fillRect(area, theme().colour("line"))
        if is_video(str(index.data(PictureList.PATH))):
            draw_film(painter, place)
        if self._is_starred(str(index.data(PictureList.PATH))):
            self._star(painter, place.topRight() + QPoint(-BADGE - 2, 3))
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(theme().colour("accent"), 2))
            painter.drawRect(area.adjusted(1, 1, -1, -1))

    def _star(self, painter: QPainter, corner: QPoint) -> None:
        spot = QRect(corner, QSize(BADGE, BADGE))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().colour("panel"))
        painter.drawEllipse(spot)
        theme().icon("starred", "accent").paint(painter, spot.adjusted(2, 2, -2, -2))
        painter.restore()


class Strip(QListView):
    """`picked` carries the path of the picture that was clicked or reached with the arrow keys, `chosen` that of one
    that was clicked or confirmed with Enter."""

    picked = Signal(str)
    chosen = Signal(str)
    starring = Signal()
    deleting = Signal()

    def __init__(
        self, pictures: PictureList, side: int, is_starred: Callable[[str], bool], words: str, gap: int = 6
    ) -> None:
        super().__init__()
        self._pictures = pictures
        self._words = words
        self._tile = Tile(side, gap, is_starred)
        self.setModel(pictures)
        self.setItemDelegate(self._tile)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setUniformItemSizes(True)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSpacing(0)
        self.setAccessibleName("Pictures")
        self.setAccessibleDescription("The arrow keys show the next, S gives a star, Delete moves to the trash.")
        self.selectionModel().currentChanged.connect(self._moved)
        self.clicked.connect(self._choose)

    def current(self) -> str:
        """The path under the cursor, "" where it stands nowhere."""
        index = self.currentIndex()
        return str(index.data(PictureList.PATH)) if index.isValid() else ""

    def go_to(self, path: str) -> None:
        """Put the cursor there without saying so: it is shown already."""
        row = self._pictures.row_of(path)
        with QSignalBlocker(self.selectionModel()):
            self.setCurrentIndex(self._pictures.index(row) if row >= 0 else QModelIndex())
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if event.modifiers() == Qt.KeyboardModifier.NoModifier:
                self._choose(self.currentIndex())
            case Qt.Key.Key_S:
                self.starring.emit()
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                self.deleting.emit()
            case _:
                super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._pictures.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(theme().colour("muted"))
            area = self.viewport().rect().adjusted(0, 8, -8, 0)
            painter.drawText(area, Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap, self._words)

    @Slot(QModelIndex, QModelIndex)
    def _moved(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self.picked.emit(str(current.data(PictureList.PATH)))

    @Slot(QModelIndex)
    def _choose(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(str(index.data(PictureList.PATH)))
