"""A list of words with how often each comes: thousands of tags scroll smoothly, since no row is a widget."""

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.pictures import Index
from app.theme import theme

ROW = 24
MARGIN = 4
NOWHERE = QModelIndex()


class _Counts(QAbstractListModel):
    NUMBER = Qt.ItemDataRole.UserRole

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.counts: list[tuple[str, int]] = []

    def set_counts(self, counts: Sequence[tuple[str, int]]) -> None:
        self.beginResetModel()
        self.counts = list(counts)
        self.endResetModel()

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.counts)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        words, number = self.counts[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return words
            case self.NUMBER:
                return number
            case Qt.ItemDataRole.AccessibleTextRole | Qt.ItemDataRole.ToolTipRole:
                return f"{words}: {number:,}"
            case _:
                return None


class _Line(QStyledItemDelegate):
    """The words at the left, the number at the right in its own colour."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role
        self.is_counting = True

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(80, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        area: QRect = option.rect
        colours = theme()
        if option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.fillRect(area, colours.colour("raised"))
        inner = area.adjusted(MARGIN, 0, -MARGIN, 0)
        number = f"{index.data(_Counts.NUMBER):,}" if self.is_counting else ""
        metrics = option.fontMetrics
        painter.setFont(option.font)
        painter.setPen(colours.colour(self._role))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, number)
        painter.setPen(colours.colour("text"))
        room = inner.width() - metrics.horizontalAdvance(number) - 2 * MARGIN
        words = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideRight, room)
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)


class CountList(QListView):
    """`picked` carries the words of a row that was clicked, or confirmed with Enter."""

    picked = Signal(str)

    def __init__(self, name: str, *, role: str = "muted", grows: bool = False) -> None:
        super().__init__()
        self._counts = _Counts(self)
        self._line = _Line(role)
        self._grows = grows
        self.setModel(self._counts)
        self.setItemDelegate(self._line)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setProperty("surface", "panel")
        self.setAccessibleName(name)
        self.clicked.connect(self._pick)
        self.activated.connect(self._pick)

    def count_aloud(self, wanted: bool) -> None:
        """Whether the numbers are drawn."""
        self._line.is_counting = wanted
        self.viewport().update()

    def counts(self) -> list[tuple[str, int]]:
        return list(self._counts.counts)

    def set_counts(self, counts: Sequence[tuple[str, int]]) -> None:
        """Show these. Nothing happens where they are shown already: the list would jump to its top."""
        if list(counts) != self._counts.counts:
            self._counts.set_counts(counts)
        if not self._grows:
            self.setFixedHeight(max(1, len(counts)) * ROW + 2)

    @Slot(QModelIndex)
    def _pick(self, index: QModelIndex) -> None:
        self.picked.emit(str(index.data()))
