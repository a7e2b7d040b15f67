"""The text of one caption, with what the text encoder will not read drawn faint, and tags completed while typing."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QCompleter, QPlainTextEdit, QTextEdit

from app.theme import theme
from app.widgets.completer_popup import popup_of
from app.widgets.line_numbers import LineNumbers
from app.widgets.tag_offers import OfferRow, Offers
from trainer.dataset.captions import split_tags
from trainer.dataset.completion import Candidate, Completion

HEIGHT = 112
NAMES_SHOWN, OFFERED = 10, 20
POPUP_WIDTH = 340
LEAST_TYPED = 2
"""Letters before anything is offered."""
_STAND_IN = str.maketrans("\u2029\ufdd0\ufdd1", "\ufdd2\ufdd3\ufdd4")
"""Letters that a document of Qt would take for ends of its paragraphs, with those that stand for them in it: Unicode
leaves these to programs for their own use."""
_OWN = {there: letter for letter, there in _STAND_IN.items()}


class CaptionEdit(QPlainTextEdit):
    """`edited`: the text is another. `moved`: the cursor. `entered`: what is typed next is something else than before;
    `left`: the focus went elsewhere. `done`: Ctrl+Enter, on to the next. `undoing` and `redoing`: by its keys, where
    nothing that was typed since then is left to be taken back, or done again.

    Each line that is not blank is a caption; where there are several, they are numbered and parted.
    """

    edited = Signal()
    moved = Signal()
    entered = Signal()
    left = Signal()
    done = Signal()
    undoing = Signal()
    redoing = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._unread: list[tuple[int, int]] = []
        self._numbers = LineNumbers(self)
        self._completion: Completion | None = None
        self._make_completion: Callable[[], Completion] | None = None
        self._offers = Offers(self)
        self._completer = QCompleter(self._offers, self)
        self._completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._popup = popup_of(self._completer)
        self._popup.setItemDelegate(OfferRow(self._popup))
        self._popup.setAccessibleName("Tags that may be meant")
        self._completer.setWidget(self)
        self._completer.setMaxVisibleItems(NAMES_SHOWN)
        self._completer.activated.connect(self._complete)
        self.setFixedHeight(HEIGHT)
        self.setTabChangesFocus(True)
        self.setAccessibleName("Caption")
        self.setToolTip("It is written when you leave it; Ctrl+Enter goes on to the next picture")
        self.setPlaceholderText("What training should read of this picture")
        self.textChanged.connect(self.edited)
        self.textChanged.connect(self._number)
        self.cursorPositionChanged.connect(self.moved)
        self.updateRequest.connect(self._numbers.follow)
        theme().changed.connect(self._draw_unread)

    def text(self) -> str:
        """Letter for letter: Qt's plain text has other spaces and line ends."""
        return self.document().toRawText().replace("\u2029", "\n").translate(_OWN)

    def show_text(self, text: str) -> None:
        """What was typed before can't be taken back here any more. The cursor stays where it can."""
        cursor = self.textCursor()
        at = cursor.position()
        self.setPlainText(text.translate(_STAND_IN))
        cursor.setPosition(min(at, self.document().characterCount() - 1))
        self.setTextCursor(cursor)

    def begin(self) -> None:
        """From now on something else is typed: what was typed before can't be taken back here any more."""
        self.document().clearUndoRedoStacks()
        self.entered.emit()

    def complete_by(self, make: Callable[[], Completion]) -> None:
        """How to make what is asked for tags that are offered: made when a tag is typed first."""
        self._completion, self._make_completion = None, make

    def captions(self) -> list[tuple[int, str]]:
        """Each caption with where it begins, in Qt's places: one a line, blank ones left out."""
        blocks = [self.document().findBlockByNumber(number) for number in range(self.blockCount())]
        return [(block.position(), block.text()) for block in blocks if block.text().strip()]

    def caption_at_cursor(self) -> int:
        """The number of the caption in which the cursor is, from 0; -1 on a blank line."""
        here = self.textCursor().block().position()
        return next((number for number, (start, _) in enumerate(self.captions()) if start == here), -1)

    def begin_another(self) -> None:
        """Another caption, on a new line behind all others."""
        cursor = self.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if cursor.block().text().strip():
            cursor.insertText("\n")
        self.setTextCursor(cursor)
        self.ensureCursorVisible()
        self.setFocus()

    def set_unread(self, places: Sequence[tuple[int, int]]) -> None:
        """What the text encoder does not read: from where to where."""
        if list(places) != self._unread:
            self._unread = list(places)
            self._draw_unread()

    @Slot()
    def _number(self) -> None:
        self._numbers.show_for(len(self.captions()))
        self.setViewportMargins(self._numbers.width() if self._numbers.isVisibleTo(self) else 0, 0, 0, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._numbers.fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._numbers.isVisibleTo(self):
            painter = QPainter(self.viewport())
            painter.setPen(theme().colour("line"))
            for top, _ in self.blocks_in_sight()[1:]:
                painter.drawLine(0, top, self.viewport().width(), top)

    def blocks_in_sight(self) -> list[tuple[int, str]]:
        """The lines that are shown, each with its top in pixels of the viewport."""
        found: list[tuple[int, str]] = []
        block = self.firstVisibleBlock()
        while block.isValid():
            top = round(self.blockBoundingGeometry(block).translated(self.contentOffset()).top())
            if top > self.viewport().height():
                break
            found.append((top, block.text()))
            block = block.next()
        return found

    def captions_above(self) -> int:
        """How many captions are scrolled out of sight at the top."""
        return sum(start < self.firstVisibleBlock().position() for start, _ in self.captions())

    @Slot()
    def _draw_unread(self) -> None:
        marks: list[QTextEdit.ExtraSelection] = []
        for start, end in self._unread:
            if end >= self.document().characterCount():
                continue
            unread = QTextEdit.ExtraSelection()
            look = QTextCharFormat()
            look.setForeground(theme().colour("muted"))
            look.setFontStrikeOut(True)
            cursor = QTextCursor(self.document())
            cursor.setPosition(start)
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            unread.cursor, unread.format = cursor, look
            marks.append(unread)
        self.setExtraSelections(marks)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _goes_on(event):
            event.accept()  # whatever else these keys call
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _goes_on(event):
            self._popup.hide()
            self.done.emit()
            return
        confirms = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if self._popup.isVisible() and (confirms or event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Escape)):
            event.ignore()  # the list of names takes it
            return
        if event.matches(QKeySequence.StandardKey.Undo) and not self.document().isUndoAvailable():
            self.undoing.emit()
            return
        if event.matches(QKeySequence.StandardKey.Redo) and not self.document().isRedoAvailable():
            self.redoing.emit()
            return
        super().keyPressEvent(event)
        if event.text() and event.text().isprintable():
            self._offer()
        elif self._popup.isVisible():
            self._popup.hide()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self.begin()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.left.emit()

    def _typed(self) -> str:
        """The tag under the cursor, as far as it was typed."""
        cursor = self.textCursor()
        cursor.setPosition(cursor.position())
        cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock, QTextCursor.MoveMode.KeepAnchor)
        return cursor.selectedText().rpartition(",")[2].lstrip()

    def _offer(self) -> None:
        typed = self._typed()
        found = self._found(typed)
        if not found or [one.tag for one in found] == [typed]:
            self._popup.hide()
            return
        self._offers.set_candidates(found)
        self._completer.setCompletionPrefix(typed)
        place = self.cursorRect()
        place.setWidth(POPUP_WIDTH)
        self._completer.complete(place)

    def _found(self, typed: str) -> list[Candidate]:
        if len(typed) < LEAST_TYPED or self._make_completion is None:
            return []
        self._completion = self._completion or self._make_completion()
        return self._completion.candidates(typed, OFFERED, without=self._others(typed))

    def _others(self, typed: str) -> list[str]:
        """The other tags of this caption, which need no offer."""
        line = self.textCursor().block().text()
        return [tag for tag in split_tags(line) if tag != typed.strip()]

    @Slot(str)
    def _complete(self, name: str) -> None:
        cursor = self.textCursor()
        cursor.movePosition(
            QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(self._typed().encode("utf-16-le")) // 2
        )
        cursor.insertText(name)
        self.setTextCursor(cursor)


def _goes_on(event: QKeyEvent) -> bool:
    is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
    return is_enter and bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
