"""A column of thumbnails: what was made, newest first. Clicking one shows it."""

from PySide6.QtCore import QModelIndex, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.pictures import Index, PictureList
from app.theme import theme


class Tile(QStyledItemDelegate):
    """A picture whole within its square, with a frame where it is selected."""

    def __init__(self, side: int, gap: int) -> None:
        super().__init__()
        self._side, self._gap = side, gap

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(self._side + self._gap, self._side + self._gap)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        area: QRect = option.rect.adjusted(0, 0, -self._gap, -self._gap)
        pixmap = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(pixmap, QPixmap):
            size = pixmap.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(area.topLeft(), size)
            place.moveCenter(area.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(place, pixmap)
        else:
            painter.fillRect(area, theme().colour("line"))
        state = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(theme().colour("accent"), 2))
            painter.drawRect(area.adjusted(1, 1, -1, -1))


class Strip(QListView):
    """`picked` carries the path of the picture that was clicked, or reached with the arrow keys."""

    picked = Signal(str)

    def __init__(self, pictures: PictureList, side: int, gap: int = 6) -> None:
        super().__init__()
        self.setModel(pictures)
        self._tile = Tile(side, gap)
        self.setItemDelegate(self._tile)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSpacing(0)
        self.setAccessibleName("Pictures")
        self.selectionModel().currentChanged.connect(self._moved)

    @Slot(QModelIndex, QModelIndex)
    def _moved(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self.picked.emit(str(current.data(PictureList.PATH)))
