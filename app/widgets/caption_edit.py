"""The text of one caption, with what the text encoder will not read drawn faint, and tags completed while typing."""

from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QCompleter, QListView, QPlainTextEdit, QTextEdit

from app.theme import theme

HEIGHT = 112
NAMES_SHOWN = 10
LEAST_TYPED = 2
"""Letters before anything is offered."""


class CaptionEdit(QPlainTextEdit):
    """`edited`: the text is another. `left`: the focus went elsewhere. `done`: Ctrl+Enter, on to the next."""

    edited = Signal()
    left = Signal()
    done = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._end = -1
        self._names = QStringListModel(self)
        self._popup = QListView()
        self._completer = QCompleter(self._names, self)
        self._completer.setPopup(self._popup)
        self._completer.setWidget(self)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self._completer.setMaxVisibleItems(NAMES_SHOWN)
        self._completer.activated.connect(self._complete)
        self.setFixedHeight(HEIGHT)
        self.setTabChangesFocus(True)
        self.setAccessibleName("Caption")
        self.setPlaceholderText("What training should read of this picture")
        self.textChanged.connect(self.edited)
        theme().changed.connect(self._draw_end)

    def text(self) -> str:
        return self.toPlainText()

    def show_text(self, text: str) -> None:
        """Of another picture: what was typed before can't be taken back here any more."""
        if text != self.text():
            self.setPlainText(text)
        self.document().clearUndoRedoStacks()

    def set_names(self, names: Sequence[str]) -> None:
        """Tags that are offered, the most frequent first."""
        self._names.setStringList(list(names))

    def set_end(self, end: int) -> None:
        """Where the text encoder stops to read; -1: nowhere."""
        if end != self._end:
            self._end = end
            self._draw_end()

    @Slot()
    def _draw_end(self) -> None:
        marks: list[QTextEdit.ExtraSelection] = []
        if 0 <= self._end <= len(self.text()):
            unread = QTextEdit.ExtraSelection()
            look = QTextCharFormat()
            look.setForeground(theme().colour("muted"))
            look.setFontStrikeOut(True)
            cursor = QTextCursor(self.document())
            cursor.setPosition(self._end)
            cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
            unread.cursor, unread.format = cursor, look
            marks.append(unread)
        self.setExtraSelections(marks)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        confirms = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if self._popup.isVisible() and (confirms or event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Escape)):
            event.ignore()  # the list of names takes it
            return
        if confirms and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.done.emit()
            return
        super().keyPressEvent(event)
        if event.text() and event.text().isprintable():
            self._offer()
        elif self._popup.isVisible():
            self._popup.hide()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.left.emit()

    def _typed(self) -> str:
        """The tag under the cursor, as far as it was typed."""
        before = self.text()[: self.textCursor().position()]
        return before[max(before.rfind(","), before.rfind("\n")) + 1 :].lstrip()

    def _offer(self) -> None:
        typed = self._typed()
        if len(typed) < LEAST_TYPED:
            self._popup.hide()
            return
        self._completer.setCompletionPrefix(typed)
        if self._completer.completionCount() == 0:
            self._popup.hide()
            return
        place = self.cursorRect()
        place.setWidth(min(280, self.width()))
        self._completer.complete(place)

    @Slot(str)
    def _complete(self, name: str) -> None:
        cursor = self.textCursor()
        cursor.movePosition(
            QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(self._typed().encode("utf-16-le")) // 2
        )
        cursor.insertText(name)
        self.setTextCursor(cursor)
