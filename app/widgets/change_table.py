"""Captions before and after a change that is not made yet, each with a tick: thousands of rows, none is a widget."""

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from app.pictures import Index
from trainer.dataset.book import Change

HEADS = ("Picture", "Before", "After")
NOWHERE = QModelIndex()
NAME_WIDTH, ROW = 150, 26
IN_SIGHT, LEAD = 24, 12
"""Letters that any width shows, and those that are left before the first that differs where it lies behind them."""


class _Changes(QAbstractTableModel):
    ticked = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.changes: tuple[Change, ...] = ()
        self.names: Sequence[str] = ()
        self.refused: set[int] = set()

    def set_changes(self, changes: tuple[Change, ...], names: Sequence[str]) -> None:
        self.beginResetModel()
        self.changes, self.names, self.refused = changes, names, set()
        self.endResetModel()

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.changes)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        is_head = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return HEADS[section] if is_head else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        usual = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return usual | Qt.ItemFlag.ItemIsUserCheckable if index.column() == 0 else usual

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        change = self.changes[index.row()]
        texts = (self.names[index.row()], change.before, change.after or "")
        match role:
            case Qt.ItemDataRole.DisplayRole:
                if index.column() == 0:
                    return texts[0].rpartition("/")[2]
                return from_difference(*texts[1:])[index.column() - 1].replace("\n", " ⏎ ")
            case Qt.ItemDataRole.ToolTipRole:
                return f"{texts[0]}\n\n{change.before}\n\n{change.after or ''}"
            case Qt.ItemDataRole.CheckStateRole if index.column() == 0:
                return Qt.CheckState.Unchecked if index.row() in self.refused else Qt.CheckState.Checked
            case _:
                return None

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or index.column() != 0:
            return False
        self.refused ^= {index.row()}
        place = self.index(index.row(), 0)
        self.dataChanged.emit(place, place, [role])
        self.ticked.emit()
        return True


def from_difference(before: str, after: str) -> tuple[str, str]:
    """Both texts from shortly before they differ, at a word: what comes late is cut off in a column."""
    pairs = enumerate(zip(before, after, strict=False))
    same = next((place for place, (one, other) in pairs if one != other), min(len(before), len(after)))
    if same <= IN_SIGHT:
        return before, after
    start = before.rfind(" ", 0, same - LEAD) + 1
    return (f"… {before[start:]}", f"… {after[start:]}") if start else (before, after)


class ChangeTable(QTableView):
    """`ticked`: other rows are wanted."""

    ticked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._changes = _Changes(self)
        self.setModel(self._changes)
        self.setAccessibleName("Captions before and after")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        head.resizeSection(0, NAME_WIDTH)
        self._changes.ticked.connect(self.ticked)

    def set_changes(self, changes: tuple[Change, ...], names: Sequence[str]) -> None:
        """All of them ticked. `names` are paths within the dataset."""
        self._changes.set_changes(changes, names)

    def chosen(self) -> tuple[Change, ...]:
        refused = self._changes.refused
        return tuple(change for row, change in enumerate(self._changes.changes) if row not in refused)
