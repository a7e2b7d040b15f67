"""The two lists of the Models page: kinds with their counts, and models with what matters about each."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.pictures import Index
from app.theme import theme
from app.widgets import model_words
from trainer.files import human_size
from trainer.library.identity import Identity, Kind, ModelFamily
from trainer.library.index import Entry

ROW, GAP, KIND_ROW, SCROLL_BAR = 62, 8, 32, 12
Belongs = Callable[[Entry], bool]


def _is_video(found: Identity) -> bool:
    return found.family is ModelFamily.SVD and found.kind is Kind.CHECKPOINT


_SHELVES = (Kind.CHECKPOINT, Kind.LORA, Kind.EMBEDDING, Kind.VAE, Kind.CAPTIONER)
GROUPS: tuple[tuple[str, Belongs], ...] = (
    ("All", lambda entry: True),
    (
        "Checkpoints",
        lambda e: e.identity is not None and e.identity.kind is Kind.CHECKPOINT and not _is_video(e.identity),
    ),
    ("LoRA", lambda entry: entry.identity is not None and entry.identity.kind is Kind.LORA),
    ("Embeddings", lambda entry: entry.identity is not None and entry.identity.kind is Kind.EMBEDDING),
    ("VAE", lambda entry: entry.identity is not None and entry.identity.kind is Kind.VAE),
    ("Video", lambda entry: entry.identity is not None and _is_video(entry.identity)),
    ("Captioners", lambda entry: entry.identity is not None and entry.identity.kind is Kind.CAPTIONER),
    ("Others", lambda entry: entry.identity is not None and entry.identity.kind not in _SHELVES),
    ("Can't be used", lambda entry: entry.identity is None),
)
"""Each model belongs to exactly one group beside All."""
ICONS = {Kind.LORA: "lora", Kind.EMBEDDING: "embedding", Kind.VAE: "vae"}
"""By our names in app.theme; of all other kinds, the icon of a model."""
ONLY_IF_ANY = ("Others", "Can't be used")


class Groups(QAbstractListModel):
    """The names of the groups, each with how many models are in it."""

    COUNT = Qt.ItemDataRole.UserRole

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shown: list[tuple[str, int]] = []
        self.count(())

    def count(self, entries: tuple[Entry, ...]) -> None:
        counts = [(name, sum(map(belongs, entries))) for name, belongs in GROUPS]
        shown = [(name, count) for name, count in counts if count or name not in ONLY_IF_ANY]
        if [name for name, _ in shown] != [name for name, _ in self._shown]:
            self.beginResetModel()
            self._shown = shown
            self.endResetModel()
        elif shown != self._shown:
            self._shown = shown
            self.dataChanged.emit(self.index(0), self.index(len(shown) - 1))

    def row_of(self, name: str) -> int:
        return next((row for row, (found, _) in enumerate(self._shown) if found == name), 0)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        name, count = self._shown[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return name
            case self.COUNT:
                return count
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{name}, {count}"
            case _:
                return None


class ModelRows(QAbstractListModel):
    """The models of one group that fit what is searched for, in the order of the library."""

    ENTRY = Qt.ItemDataRole.UserRole

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Entry] = []

    def show_entries(self, entries: tuple[Entry, ...], group: str, search: str) -> bool:
        """Returns whether the rows are others than before."""
        belongs = dict(GROUPS)[group]
        wanted = search.casefold().split()
        rows = [entry for entry in entries if belongs(entry) and all(word in _searched(entry) for word in wanted)]
        if rows == self._rows:
            return False
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()
        return True

    def row_of(self, path: Path | None) -> int:
        return next((row for row, entry in enumerate(self._rows) if entry.path == path), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return entry.name
            case Qt.ItemDataRole.ToolTipRole:
                return model_words.tip(str(entry.path))
            case Qt.ItemDataRole.AccessibleTextRole:
                about = model_words.second_line(entry)
                return ", ".join(filter(None, (entry.name, about, human_size(entry.size), model_words.origin(entry))))
            case self.ENTRY:
                return entry
            case _:
                return None


def _searched(entry: Entry) -> str:
    """What a search looks through."""
    family = entry.identity.family if entry.identity else ""
    return f"{entry.name} {entry.path.name} {model_words.second_line(entry)} {family} {entry.sha256 or ''}".casefold()


class Rows(QListView):
    """What lists have in common here and on Settings: one column, one choice, rows of one height."""

    def __init__(self, name: str, rows: QAbstractListModel, delegate: QStyledItemDelegate, surface: str) -> None:
        super().__init__()
        self.setModel(rows)
        self._delegate = delegate  # a view does not keep its delegate alive
        self.setItemDelegate(delegate)
        self.setProperty("surface", surface)
        self.setAccessibleName(name)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        theme().changed.connect(self._redraw)

    @Slot()
    def _redraw(self) -> None:
        self.viewport().update()


class GroupList(Rows):
    """`picked` carries the name of the group."""

    picked = Signal(str)

    def __init__(self, groups: Groups) -> None:
        super().__init__("Kinds of models", groups, GroupRow(), "panel")
        self.setToolTip("Show only models of one kind")
        self.selectionModel().currentChanged.connect(self._moved)

    @Slot(QModelIndex, QModelIndex)
    def _moved(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self.picked.emit(str(current.data()))


class ModelList(Rows):
    """`picked` carries the entry of the row that was chosen, or None."""

    picked = Signal(object)

    def __init__(self, rows: ModelRows) -> None:
        super().__init__("Models", rows, _ModelRow(), "window")
        self.selectionModel().currentChanged.connect(self._moved)

    @Slot(QModelIndex, QModelIndex)
    def _moved(self, current: QModelIndex, _before: QModelIndex) -> None:
        self.picked.emit(current.data(ModelRows.ENTRY) if current.isValid() else None)


class GroupRow(QStyledItemDelegate):
    """The name on the left, the count (if it has one) on the right; the chosen one stands out by weight and ground."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(80, KIND_ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        area: QRect = option.rect
        chosen, focused, _ = state_of(option)
        if chosen:
            draw_ground(painter, area.adjusted(0, 1, 0, -1), "raised", "accent" if focused else "raised")
        inside = area.adjusted(8, 0, -8, 0)
        font = QFont(painter.font())
        font.setWeight(QFont.Weight.DemiBold if chosen else QFont.Weight.Normal)
        painter.setFont(font)
        count = index.data(Groups.COUNT)
        painter.setPen(theme().colour("muted" if count == 0 and not chosen else "text"))
        painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, str(index.data()))
        if count is not None:
            painter.setPen(theme().colour("muted"))
            painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, str(count))
        painter.restore()


class _ModelRow(QStyledItemDelegate):
    """A card: the name over what it is, the size at the right end; what can't be used has a sign and says why."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(240, ROW + GAP)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        entry: Entry = index.data(ModelRows.ENTRY)
        area: QRect = option.rect.adjusted(0, 0, -_beside_cards(option), -GAP)
        chosen, focused, hovered = state_of(option)
        edge = "accent" if chosen else "edge" if hovered else "line"
        draw_ground(painter, area, "raised", edge, 2 if chosen and focused else 1)
        sound = entry.identity is not None
        icon = theme().icon(_icon(entry), "muted" if sound else "warn")
        icon.paint(painter, QRect(area.left() + 16, area.center().y() - 11, 22, 22))
        inside = area.adjusted(54, 10, -16, -10)
        top = QRect(inside.left(), inside.top(), inside.width(), inside.height() // 2)
        below = QRect(inside.left(), top.bottom() + 1, inside.width(), inside.height() // 2)
        size = human_size(entry.size)
        measure = QFontMetrics(painter.font())
        painter.setPen(theme().colour("muted"))
        painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, size)
        room = inside.width() - measure.horizontalAdvance(size) - 16
        origin = model_words.origin(entry)
        beside = measure.horizontalAdvance(origin) + 16 if origin else 0
        name = measure.elidedText(entry.name, Qt.TextElideMode.ElideMiddle, room - beside)
        painter.drawText(
            top.adjusted(measure.horizontalAdvance(name) + 16, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, origin
        )
        about = measure.elidedText(model_words.second_line(entry), Qt.TextElideMode.ElideRight, room)
        painter.setPen(theme().colour("muted" if sound else "warn"))
        painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, about)
        painter.setPen(theme().colour("text"))
        painter.drawText(top, Qt.AlignmentFlag.AlignVCenter, name)
        painter.restore()


def _icon(entry: Entry) -> str:
    if entry.identity is None:
        return "warning"
    return "video" if _is_video(entry.identity) else ICONS.get(entry.identity.kind, "models")


def _beside_cards(option: QStyleOptionViewItem) -> int:
    """Room kept free for the scroll bar while it is not there, so that cards do not change their width."""
    view = option.widget
    return 0 if isinstance(view, QListView) and view.verticalScrollBar().isVisible() else SCROLL_BAR


def state_of(option: QStyleOptionViewItem) -> tuple[bool, bool, bool]:
    """Whether a row is chosen, has the focus, is under the mouse."""
    state = option.state
    flag = QStyle.StateFlag
    return bool(state & flag.State_Selected), bool(state & flag.State_HasFocus), bool(state & flag.State_MouseOver)


def draw_ground(painter: QPainter, area: QRect, fill: str, edge: str, width: int = 1) -> None:
    half = width / 2
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme().colour(edge), width))
    painter.setBrush(theme().colour(fill))
    painter.drawRoundedRect(QRectF(area).adjusted(half, half, -half, -half), 6, 6)
