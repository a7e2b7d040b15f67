"""The actions of the table as Qt has them: with keys that can be changed, and the menu made of them."""

from collections.abc import Iterable
from functools import partial

import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QPlainTextEdit, QTextEdit, QWidget

from app.action_table import TABLE, Deed
from app.picture_clipboard import holds_picture
from app.settings import Settings
from app.theme import theme

WINDOW = ("window", "go")
"""Groups whose keys act on every page; those of a page act only while it is in front."""
TITLES = {"window": "Gesso", "go": "Go to", "models_page": "Models"}
"""Of groups whose title is not simply their name."""


class Actions(QObject):
    """The actions as Qt has them. `asked` carries the name of one that is to be done; `changed` follows new keys."""

    asked = Signal(str)
    changed = Signal()

    def __init__(self, window: QWidget, settings: Settings, table: Iterable[Deed] = TABLE) -> None:
        super().__init__(window)
        self._settings = settings
        self._deeds = {deed.name: deed for deed in table}
        self._actions = {name: self._made(deed) for name, deed in self._deeds.items()}
        self._page = ""
        self._listening: QWidget | None = None
        window.addActions(list(self._actions.values()))
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._listen)

    def all(self) -> tuple[QAction, ...]:
        return tuple(self._actions.values())

    def get(self, name: str) -> QAction:
        return self._actions[name]

    def title(self, name: str) -> str:
        """Of the group that an action belongs to: what its menu is called."""
        group = self._deeds[name].group
        return TITLES.get(group, group.capitalize())

    def keys(self, name: str) -> QKeySequence:
        """The keys in force while its page is in front."""
        return QKeySequence(self._settings.shortcuts.get(name, self._deeds[name].keys), _PORTABLE)

    def usual(self, name: str) -> QKeySequence:
        return QKeySequence(self._deeds[name].keys, _PORTABLE)

    def set_keys(self, name: str, keys: QKeySequence) -> str:
        """Give an action other keys, or none. Returns "", or a sentence that says what is in the way."""
        clash = self._clash(name, keys)
        if clash:
            native = keys.toString(QKeySequence.SequenceFormat.NativeText)
            return f"{native} already belongs to “{clash.words}” ({self.title(clash.name)})."
        if keys == self.usual(name):
            self._settings.shortcuts.pop(name, None)
        else:
            self._settings.shortcuts[name] = keys.toString(_PORTABLE)
        self.bring_to_front(self._page)
        self.changed.emit()
        return ""

    def reset(self, name: str) -> str:
        """Back to the usual keys. Returns what `set_keys` does."""
        return self.set_keys(name, self.usual(name))

    def bring_to_front(self, page: str) -> None:
        """The keys of this page act from now on, and those of the others do not."""
        self._page = page
        for name, action in self._actions.items():
            is_heard = self._deeds[name].group in (*WINDOW, page)
            heard = [self.keys(name)] if is_heard else []
            if heard and heard[0] == QKeySequence(Qt.Modifier.CTRL | Qt.Key.Key_Return):
                heard.append(QKeySequence(Qt.Modifier.CTRL | Qt.Key.Key_Enter))  # of the number block
            action.setShortcuts(heard)

    def dress(self) -> None:
        """Draw the icons: after the first paint, which they would hold up."""
        theme().changed.connect(self._draw)
        self._draw()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Our keys come before what a text field makes of them: on Linux, Ctrl+K would delete the rest of its line."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._is_ours(event):
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def menu(self, parent: QWidget) -> QMenu:
        """All of them: the window's own first, then one menu for each group."""
        whole = QMenu(parent)
        theme().dress(whole)
        whole.setToolTipsVisible(True)
        groups: dict[str, list[QAction]] = {}
        for name, action in self._actions.items():
            groups.setdefault(self._deeds[name].group, []).append(action)
        *own, leave = (action for action in groups.pop("window") if action.objectName() != "window.open_menu")
        whole.addActions(own)
        whole.addSeparator()
        for group, actions in groups.items():
            below = whole.addMenu(TITLES.get(group, group.capitalize()))
            below.setToolTipsVisible(True)
            below.addActions(actions)
        whole.addSeparator()
        whole.addAction(leave)
        return whole

    def _made(self, deed: Deed) -> QAction:
        made = QAction(deed.words, self)
        made.setObjectName(deed.name)
        made.setToolTip(deed.does)
        made.setStatusTip("")
        made.triggered.connect(partial(self.asked.emit, deed.name))
        return made

    def _clash(self, name: str, keys: QKeySequence) -> Deed | None:
        """The action that these keys would call instead."""
        if keys.isEmpty():
            return None
        group = self._deeds[name].group
        for other, deed in self._deeds.items():
            together = group in WINDOW or deed.group in WINDOW or group == deed.group
            if other != name and together and self.keys(other) == keys:
                return deed
        return None

    @Slot(QWidget, QWidget)
    def _listen(self, _before: QWidget | None, now: QWidget | None) -> None:
        """Watch the field that has the keyboard, and no other: Python sees every event of what it watches."""
        if self._listening is not None and shiboken6.isValid(self._listening):
            self._listening.removeEventFilter(self)
        self._listening = now if isinstance(now, QLineEdit | QTextEdit | QPlainTextEdit) else None
        if self._listening is not None:
            self._listening.installEventFilter(self)

    def _is_ours(self, event: QKeyEvent) -> bool:
        combination = event.keyCombination()
        plain = combination.keyboardModifiers() in (_NO_MODIFIER, Qt.KeyboardModifier.ShiftModifier)
        if plain and not Qt.Key.Key_F1 <= combination.key() <= Qt.Key.Key_F35:
            return False  # a letter is for the text
        pressed = QKeySequence(combination)
        return any(pressed in action.shortcuts() and not self._yields(name) for name, action in self._actions.items())

    def _yields(self, name: str) -> bool:
        """Whether a text field may keep this action's keys."""
        yields = self._deeds[name].yields
        return yields == "always" or (yields == "unless picture" and not holds_picture())

    def _draw(self) -> None:
        for name, action in self._actions.items():
            if icon := self._deeds[name].icon:
                action.setIcon(theme().icon(icon))


_NO_MODIFIER = Qt.KeyboardModifier.NoModifier
_PORTABLE = QKeySequence.SequenceFormat.PortableText
