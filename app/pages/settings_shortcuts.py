"""Settings, Shortcuts: every action with its keys, found by a search, given other keys by pressing them."""

from PySide6.QtCore import QAbstractListModel, QKeyCombination, QModelIndex, QObject, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QFontMetrics, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QKeySequenceEdit,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.pictures import Index
from app.theme import theme
from app.widgets.basics import button, column, label, named, row, set_words, surface
from app.widgets.model_list import Rows, draw_ground, state_of

ROW = 36
NO_KEYS = "no keys"


class ShortcutRows(QAbstractListModel):
    """The actions that fit what is searched for, in the order of the menus."""

    NAME = Qt.ItemDataRole.UserRole
    GROUP = Qt.ItemDataRole.UserRole + 1
    KEYS = Qt.ItemDataRole.UserRole + 2
    CHANGED = Qt.ItemDataRole.UserRole + 3

    def __init__(self, actions: Actions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._shown: list[QAction] = list(actions.all())

    def search(self, text: str) -> None:
        """Show the actions in whose words, group or keys all of these stand."""
        wanted = text.casefold().split()
        shown = [action for action in self._actions.all() if all(word in self._searched(action) for word in wanted)]
        if shown != self._shown:
            self.beginResetModel()
            self._shown = shown
            self.endResetModel()

    def redraw(self) -> None:
        if self._shown:
            self.dataChanged.emit(self.index(0), self.index(len(self._shown) - 1))

    def row_of(self, name: str) -> int:
        return next((row for row, action in enumerate(self._shown) if action.objectName() == name), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        action = self._shown[index.row()]
        name = action.objectName()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return action.text()
            case Qt.ItemDataRole.ToolTipRole:
                return action.toolTip()
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{action.text()}, {self._actions.title(name)}, {in_words(self._actions.keys(name)) or NO_KEYS}"
            case self.NAME:
                return name
            case self.GROUP:
                return self._actions.title(name)
            case self.KEYS:
                return in_words(self._actions.keys(name))
            case self.CHANGED:
                return self._actions.keys(name) != self._actions.usual(name)
            case _:
                return None

    def _searched(self, action: QAction) -> str:
        name = action.objectName()
        keys = in_words(self._actions.keys(name))
        return f"{action.text()} {action.toolTip()} {self._actions.title(name)} {keys}".casefold()


class ShortcutList(Rows):
    """`picked` carries the name of the chosen action, or "". `recording` asks for new keys: by a click or Enter."""

    picked = Signal(str)
    recording = Signal()

    def __init__(self, rows: ShortcutRows) -> None:
        super().__init__("Actions and their keys", rows, _ShortcutRow(), "window")
        self.selectionModel().currentChanged.connect(self._moved)
        self.clicked.connect(self.recording)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.recording.emit()
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex, QModelIndex)
    def _moved(self, current: QModelIndex, _before: QModelIndex) -> None:
        self.picked.emit(str(current.data(ShortcutRows.NAME)) if current.isValid() else "")


class ShortcutSettings(QWidget):
    """`changed` says that the settings are to be written down, `said` is a sentence for the status bar."""

    changed = Signal()
    said = Signal(str)

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions = actions
        self._name = ""
        self._resetting = False
        self._rows = ShortcutRows(actions, self)
        self._list = ShortcutList(self._rows)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search actions and keys")
        self._search.setToolTip("Show only actions that have all of these words, or these keys")
        self._search.setAccessibleName("Search the actions")
        self._search.setClearButtonEnabled(True)
        self._nothing = label("No action fits.", "muted")
        self._words = label("", "heading")
        self._does = label("", "muted")
        self._edit = QKeySequenceEdit()
        self._edit.setMaximumSequenceLength(1)
        self._edit.setFinishingKeyCombinations([QKeyCombination(Qt.Key.Key_Escape)])
        self._edit.setToolTip("Press the new keys here; Esc changes nothing")
        self._answer = label("", "muted")
        self._none = button("No keys", "Take the keys of this action away", self.take_away, icon="close")
        self._usual = button("Usual keys", "Give this action the keys it came with", self.reset, icon="retry")
        self._all = button("Reset all", "Give every action the keys it came with", self.reset_all, icon="retry")
        self._lay_out()
        self._connect()
        self._draw()

    def choose(self, name: str) -> None:
        """Select the action of this name."""
        self._search.clear()
        self._list.setCurrentIndex(self._rows.index(max(0, self._rows.row_of(name))))

    @Slot()
    def record(self) -> None:
        """Wait for the new keys."""
        if self._name:
            self._edit.clear()
            self._say("Press the new keys. Esc changes nothing.")
            self._edit.setFocus()

    @Slot()
    def take_away(self) -> None:
        self._give(QKeySequence())

    @Slot()
    def reset(self) -> None:
        """Back to the usual keys of the chosen action."""
        if self._name:
            self._conclude(self._actions.reset(self._name))

    @Slot()
    def reset_all(self) -> None:
        """Back to the usual keys of all. First none of them has any, so that none stands in another's way."""
        names = [action.objectName() for action in self._actions.all()]
        other = [name for name in names if self._actions.keys(name) != self._actions.usual(name)]
        self._resetting = True
        for name in other:
            self._actions.set_keys(name, QKeySequence())
        for name in other:
            self._actions.reset(name)
        self._resetting = False
        self._keys_changed()
        self.said.emit("All actions have their usual keys.")

    @Slot()
    def _recorded(self) -> None:
        keys = self._edit.keySequence()
        if keys.isEmpty():
            self._draw()
        else:
            self._give(keys)
        self._list.setFocus()

    def _give(self, keys: QKeySequence) -> None:
        if self._name:
            self._conclude(self._actions.set_keys(self._name, keys))

    def _conclude(self, clash: str) -> None:
        self._draw()
        if clash:
            self._say(clash, "error")

    @Slot(str)
    def _pick(self, name: str) -> None:
        self._name = name
        self._draw()

    @Slot()
    def _find(self) -> None:
        before = self._name
        self._rows.search(self._search.text())
        place = self._rows.row_of(before)
        self._list.setCurrentIndex(self._rows.index(max(0, place)))
        self._nothing.setVisible(self._rows.rowCount() == 0)
        if self._rows.rowCount() == 0:
            self._pick("")

    @Slot()
    def _keys_changed(self) -> None:
        if not self._resetting:
            self._rows.redraw()
            self._draw()
            self.changed.emit()

    def _draw(self) -> None:
        """The line below the list."""
        action = next((one for one in self._actions.all() if one.objectName() == self._name), None)
        for one in (self._edit, self._none, self._usual):
            one.setEnabled(action is not None)
        self._say("")
        if action is None:
            self._words.setText("Choose an action to give it other keys.")
            self._does.clear()
            self._edit.clear()
            return
        keys, usual = self._actions.keys(self._name), self._actions.usual(self._name)
        self._words.setText(action.text())
        self._does.setText(f"{self._actions.title(self._name)}  ·  {action.toolTip()}")
        self._edit.setKeySequence(keys)
        self._none.setEnabled(not keys.isEmpty())
        self._usual.setEnabled(keys != usual)
        self._usual.setText(f"Usual: {in_words(usual) or NO_KEYS}")

    def _say(self, text: str, words: str = "muted") -> None:
        self._answer.setText(text)
        set_words(self._answer, words)

    def _connect(self) -> None:
        self._search.textChanged.connect(self._find)
        self._list.picked.connect(self._pick)
        self._list.recording.connect(self.record)
        self._edit.editingFinished.connect(self._recorded)
        self._actions.changed.connect(self._keys_changed)

    def _lay_out(self) -> None:
        self._nothing.hide()
        self._words.setWordWrap(False)
        self._does.setWordWrap(False)
        self._edit.setFixedWidth(200)
        self._answer.setMinimumHeight(self._answer.fontMetrics().height())
        foot = column(
            self._words,
            self._does,
            row(named("Keys", self._edit), column(0, row(self._none, self._usual)), 0),
            self._answer,
            margins=(16, 12, 16, 12),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(label("Shortcuts", "heading"))
        layout.addWidget(row(self._search, self._all))
        layout.addWidget(self._nothing)
        layout.addWidget(self._list, 1)
        layout.addWidget(surface(foot, "raised"))


class _ShortcutRow(QStyledItemDelegate):
    """The action's words, the page it belongs to, and its keys on a cap at the right end."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(240, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        area: QRect = option.rect.adjusted(0, 1, -4, -1)
        chosen, focused, hovered = state_of(option)
        if chosen or hovered:
            draw_ground(painter, area, "raised", "accent" if chosen and focused else "raised")
        inside = area.adjusted(12, 0, -8, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        colours = theme()
        painter.setPen(colours.colour("text"))
        painter.drawText(inside, middle, str(index.data()))
        painter.setPen(colours.colour("muted"))
        across = inside.adjusted(inside.width() * 9 // 20, 0, 0, 0)
        painter.drawText(across, middle, str(index.data(ShortcutRows.GROUP)))
        keys = str(index.data(ShortcutRows.KEYS))
        if keys:
            width = QFontMetrics(painter.font()).horizontalAdvance(keys) + 16
            cap = QRect(inside.right() - width, area.center().y() - 11, width, 23)
            draw_ground(painter, cap, "field", "line")
            painter.setPen(colours.colour("accent" if index.data(ShortcutRows.CHANGED) else "text"))
            painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, keys)
        elif index.data(ShortcutRows.CHANGED):
            painter.setPen(colours.colour("accent"))
            painter.drawText(inside, middle | Qt.AlignmentFlag.AlignRight, NO_KEYS)
        painter.restore()


def in_words(keys: QKeySequence) -> str:
    return keys.toString(QKeySequence.SequenceFormat.NativeText)
