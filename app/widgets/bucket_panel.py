"""In place of the grid: how many pictures of the folder lie in each bucket; a click shows them."""

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from app.pictures import Index
from app.theme import theme
from app.widgets.basics import button, column, label, row
from trainer.dataset.names import number_of
from trainer.dataset.seen import Bucket

HEADS = ("Bucket", "Pictures", "Shown in an epoch", "")
NOWHERE = QModelIndex()
ROW, LEAST_COLUMN = 30, 110


class _Buckets(QAbstractTableModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.buckets: tuple[Bucket, ...] = ()
        self.batch = 1

    def set_buckets(self, buckets: tuple[Bucket, ...], batch: int) -> None:
        self.beginResetModel()
        self.buckets, self.batch = buckets, batch
        self.endResetModel()

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.buckets)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        is_head = orientation == Qt.Orientation.Horizontal
        if is_head and role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        if is_head and role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        bucket = self.buckets[index.row()]
        texts = (
            f"{bucket.size.width} × {bucket.size.height}",
            f"{len(bucket.places):,}",
            f"{bucket.shown:,}",
            lonely_in_words(bucket, self.batch),
        )
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole:
                return texts[index.column()]
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(index.column())
            case Qt.ItemDataRole.DecorationRole if index.column() == len(HEADS) - 1 and bucket.is_lonely:
                return theme().icon("warning", "warn")
            case _:
                return None


def lonely_in_words(bucket: Bucket, batch: int) -> str:
    """Why a bucket is marked; "" for one that is not."""
    if not bucket.is_lonely:
        return ""
    return f"Fewer than a batch of {batch}" if bucket.shown < batch else "Alone in its bucket"


def _side(column: int) -> Qt.AlignmentFlag:
    across = Qt.AlignmentFlag.AlignRight if column in (1, 2) else Qt.AlignmentFlag.AlignLeft
    return across | Qt.AlignmentFlag.AlignVCenter


class BucketPanel(QWidget):
    """`picked` carries the name of a bucket, as a query has it; `left`: back to the grid."""

    picked = Signal(str)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._buckets = _Buckets(self)
        self.table = QTableView()
        self.words = label("", "muted")
        self._settings = label("", "muted")
        back = button("Back", "Back to the pictures (Esc)", self.left.emit, icon="back")
        self._dress_table()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 16)
        layout.addWidget(row(label("Buckets", "heading"), 0, back))
        layout.addWidget(column(self.words, self._settings, spacing=4))
        layout.addWidget(self.table, 1)

    def show_buckets(self, buckets: Sequence[Bucket], batch: int, settings: str) -> None:
        self._buckets.set_buckets(tuple(buckets), batch)
        lonely = sum(bucket.is_lonely for bucket in buckets)
        pictures = sum(len(bucket.places) for bucket in buckets)
        words = f"{number_of(pictures, 'picture')} in {number_of(len(buckets), 'bucket')}."
        if lonely:
            words += (
                " A marked one cannot fill a batch: crop its pictures to the shape of others, or add some like them."
            )
        self.words.setText(words if buckets else "The sizes of the pictures are still being read.")
        self._settings.setText(settings)

    @Slot(QModelIndex)
    def _pick(self, index: QModelIndex) -> None:
        self.picked.emit(self._buckets.buckets[index.row()].name)

    def _dress_table(self) -> None:
        table = self.table
        table.setModel(self._buckets)
        table.setAccessibleName("Buckets")
        table.setAccessibleDescription("Enter or a click shows the pictures of a bucket")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW)
        head = table.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setMinimumSectionSize(LEAST_COLUMN)
        head.setStretchLastSection(True)
        table.clicked.connect(self._pick)
        table.activated.connect(self._pick)
