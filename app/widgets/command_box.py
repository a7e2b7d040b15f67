"""The box that Ctrl+K opens: every action, page and model, found by typing a few letters of its name."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.models_list import Models
from app.pictures import Index
from app.theme import theme
from trainer.library.identity import Kind

WIDTH, ROW, ROWS, TOP = 560, 36, 10, 64


@dataclass(frozen=True)
class Choice:
    """One line: what it is called, what stands small beside it, its keys; `name` and `about` say what was chosen."""

    words: str
    beside: str
    name: str
    about: str = ""
    keys: str = ""
    icon: QIcon | None = None


def choices_of(actions: Actions, models: Models) -> list[Choice]:
    """Everything that can be done: each action, and what each model is there for."""
    choices = [
        Choice(
            action.text(),
            f"{actions.title(action.objectName())}: {action.toolTip()}",
            action.objectName(),
            keys=actions.keys(action.objectName()).toString(),
            icon=action.icon(),
        )
        for action in actions.all()
        if action.objectName() != "window.find_action"
    ]
    for kind, does, name in (
        (Kind.CHECKPOINT, "Generate with this model", "window.use_model"),
        (Kind.LORA, "Generate with this LoRA", "window.use_lora"),
    ):
        choices += [Choice(entry.name, does, name, entry.name) for entry in models.of_kind(kind)]
    return choices


def found(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """Those that every typed word fits, the best first: a name that begins so, a word of it, a place in it; then what
    stands beside it; last the letters in their order. Nothing typed gives all of them."""
    words = typed.casefold().split()
    ranked = [(rank, place) for place, choice in enumerate(choices) if (rank := _rank(choice, words)) is not None]
    return [choices[place] for _, place in sorted(ranked)]


def _rank(choice: Choice, words: Sequence[str]) -> int | None:
    name, beside = choice.words.casefold(), f" {choice.beside}".casefold()
    total = 0
    for word in words:
        fits = (name.startswith(word), f" {word}" in name, word in name, f" {word}" in beside, _in_order(word, name))
        if not any(fits):
            return None
        total += fits.index(True)
    return total


def _in_order(letters: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)


class CommandBox(QFrame):
    """Opens over the window and closes by itself. `chosen` carries the name of a choice, and what it is about."""

    chosen = Signal(str, str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._over = parent
        self.setProperty("surface", "raised")
        self.setAccessibleName("Find an action or model")
        self._choices: Sequence[Choice] = ()
        self._typed = QLineEdit()
        self._typed.setPlaceholderText("Type what you want to do, or the name of a model")
        self._typed.setAccessibleName("What to do")
        self._typed.setToolTip("Arrow keys choose, Enter does it, Esc closes.")
        self._typed.textChanged.connect(self._filter)
        self._typed.installEventFilter(self)
        self._list = _List()
        self._view = QListView()
        self._line = _Line()
        self._view.setModel(self._list)
        self._view.setItemDelegate(self._line)
        self._view.setUniformItemSizes(True)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._view.setAccessibleName("What fits")
        self._view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._view.clicked.connect(self._take)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._typed)
        layout.addWidget(self._view)

    def open_with(self, choices: Sequence[Choice]) -> None:
        """Show these, near the top of the window."""
        self._choices = choices
        self._typed.clear()
        self._filter("")
        window = self._over.window()
        self._view.setFixedHeight(ROW * ROWS)
        self.setFixedWidth(min(WIDTH, window.width() - 32))
        self.adjustSize()
        self.move(window.mapToGlobal(QPoint((window.width() - self.width()) // 2, TOP)))
        self.show()
        self._typed.setFocus(Qt.FocusReason.PopupFocusReason)

    def shown(self) -> list[Choice]:
        return list(self._list.choices)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The keys that walk the list work while the text has the keyboard."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: ROWS, Qt.Key.Key_PageUp: -ROWS}
            if event.key() in step:
                self._move(step[Qt.Key(event.key())])
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take(self._view.currentIndex())
                return True
        return super().eventFilter(watched, event)

    @Slot(str)
    def _filter(self, typed: str) -> None:
        self._list.set_choices(found(self._choices, typed))
        self._view.setCurrentIndex(self._list.index(0))

    def _move(self, by: int) -> None:
        rows = self._list.rowCount()
        if rows:
            row = self._view.currentIndex().row() + by
            self._view.setCurrentIndex(self._list.index(row % rows if abs(by) == 1 else max(0, min(rows - 1, row))))

    @Slot(QModelIndex)
    def _take(self, index: QModelIndex) -> None:
        self.close()
        if index.isValid():
            choice = self._list.choices[index.row()]
            self.chosen.emit(choice.name, choice.about)


class _List(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.choices: Sequence[Choice] = ()

    def set_choices(self, choices: Sequence[Choice]) -> None:
        self.beginResetModel()
        self.choices = choices
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.choices)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        choice = self.choices[index.row()]
        match role:
            case Qt.ItemDataRole.UserRole:
                return choice
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return f"{choice.words}, {choice.beside}"
            case _:
                return None


class _Line(QStyledItemDelegate):
    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(0, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        choice = index.data(Qt.ItemDataRole.UserRole)
        if not isinstance(choice, Choice):
            return
        area: QRect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, theme().colour("line"))
        if choice.icon is not None:
            choice.icon.paint(painter, QRect(area.left() + 10, area.top() + (ROW - 18) // 2, 18, 18))
        inside = area.adjusted(40, 0, -12, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        measured = painter.fontMetrics()
        painter.setPen(theme().colour("muted"))
        painter.drawText(inside, middle | Qt.AlignmentFlag.AlignRight, choice.keys)
        inside.setRight(inside.right() - measured.horizontalAdvance(choice.keys) - 16)
        painter.setPen(theme().colour("text"))
        name = measured.elidedText(choice.words, Qt.TextElideMode.ElideRight, inside.width())
        painter.drawText(inside, middle, name)
        inside.setLeft(inside.left() + measured.horizontalAdvance(name) + 16)
        painter.setPen(theme().colour("muted"))
        painter.drawText(
            inside, middle, measured.elidedText(choice.beside, Qt.TextElideMode.ElideRight, inside.width())
        )
