"""The text of a prompt, as one edits it: coloured by weight, with names completed and the ends of chunks marked."""

from collections.abc import Collection, Sequence

from PySide6.QtCore import QModelIndex, QStringListModel, Qt, Signal, Slot
from PySide6.QtGui import (
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QTextCursor,
)
from PySide6.QtWidgets import QCompleter, QPlainTextEdit

from app.theme import theme
from app.widgets.completer_popup import popup_of
from app.widgets.prompt_marks import PromptMarks, qt_places
from app.widgets.prompt_names import Known, typed_name
from trainer.contract.prompt import reweighted

STEP = 0.1
LORA, EMBEDDING = "LoRA", "embedding"
BETWEEN = "  ·  "
NAMES_SHOWN = 8


class PromptEdit(QPlainTextEdit):
    """`edited` says that the text is another (Qt's textChanged is said for colours too). `lora_chosen` carries a LoRA
    that was chosen while typing: it acts from the list of LoRA files, not from here."""

    edited = Signal()
    lora_chosen = Signal(str)

    def __init__(self, example: str, height: int, *, is_negative: bool = False) -> None:
        super().__init__()
        self._is_negative = is_negative
        self._known = Known()
        self._ends: tuple[int, ...] = ()
        self._counted = ""
        self._marked = ""
        self._marks = PromptMarks(self.document())
        self._replaced = 0
        self._offers = QStringListModel(self)
        self._completer = _completer(self._offers, self)
        self._popup = popup_of(self._completer)
        self._popup.setAccessibleName("Names that fit")
        self._completer.activated[QModelIndex].connect(self._complete)  # pyright: ignore[reportIndexIssue]
        self.setPlaceholderText(example)
        self.setFixedHeight(height)
        self.setTabChangesFocus(True)
        self.textChanged.connect(self._mark)
        theme().changed.connect(self._mark_anew)

    def text(self) -> str:
        return self.toPlainText()

    def set_text(self, text: str) -> None:
        """As if it had been typed: one step back brings the old text again."""
        if text != self.text():
            cursor = QTextCursor(self.document())
            cursor.select(QTextCursor.SelectionType.Document)
            cursor.insertText(text)

    def set_names(self, loras: Sequence[str], embeddings: Sequence[str]) -> None:
        """What is offered while typing, and what is known."""
        self._known = Known(tuple(loras), tuple(embeddings))
        offers = [
            f"{name}{BETWEEN}{kind}" for kind, names in ((EMBEDDING, embeddings), (LORA, loras)) for name in names
        ]
        if offers != self._offers.stringList():
            self._offers.setStringList(offers)
            self._mark_anew()

    def set_ends(self, text: str, ends: Collection[int]) -> None:
        """Where chunks of `text` end, as app.widgets.prompt_tokens counts them."""
        self._counted, self._ends = text, tuple(ends)
        self.viewport().update()

    def change_weight(self, by: float) -> None:
        """Of what is selected, else of the brackets or the word under the cursor; one step to undo."""
        text, cursor = self.text(), self.textCursor()
        start, end = (_place(text, place) for place in (cursor.selectionStart(), cursor.selectionEnd()))
        edit = reweighted(text, start, end, by)
        if edit is None:
            return
        places = qt_places(text)
        cursor.setPosition(places[edit.start])
        cursor.setPosition(places[edit.end], QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(edit.text)  # in one go, and so one step
        places = qt_places(self.text())
        if start == end:  # nothing was selected: what is typed next must not take the word's place
            cursor.setPosition(places[edit.start + edit.selected[1]])
            self.setTextCursor(cursor)
            return
        cursor.setPosition(places[edit.start + edit.selected[0]])
        cursor.setPosition(places[edit.start + edit.selected[1]], QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._popup.isVisible() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab):
            if self._popup.currentIndex().isValid():
                event.ignore()  # the completer takes it
                return
            self._popup.hide()
        super().keyPressEvent(event)
        is_correction = event.key() == Qt.Key.Key_Backspace and self._popup.isVisible()
        if is_correction or (event.text() and event.text().isprintable()):
            self._offer()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        text = self.text()
        if not self._ends or self._counted != text:
            return
        painter = QPainter(self.viewport())
        painter.setPen(QPen(theme().colour("muted"), 1))
        cursor, places = QTextCursor(self.document()), qt_places(text)
        for end in self._ends:
            cursor.setPosition(places[end])
            spot = self.cursorRect(cursor)
            painter.drawLine(spot.left() - 1, spot.top(), spot.left() - 1, spot.bottom())
            painter.drawLine(spot.left() - 3, spot.top(), spot.left() + 1, spot.top())

    def _offer(self) -> None:
        """Names that fit what has been typed; the letters need not be its first."""
        cursor = self.textCursor()
        before = self.text()[: _place(self.text(), cursor.position())]
        name, self._replaced = typed_name(before)
        self._completer.setCompletionPrefix(name)
        if not self._replaced or not self._completer.completionCount():
            self._popup.hide()
            return
        is_marked = self._replaced > len(name)  # by `<` or `embedding:`, so that a name is what is wanted
        self._popup.setCurrentIndex(self._completer.completionModel().index(0, 0) if is_marked else QModelIndex())
        spot = self.cursorRect()
        spot.setWidth(min(self.width(), self._popup.sizeHintForColumn(0) + 40))
        self._completer.complete(spot)

    @Slot(QModelIndex)
    def _complete(self, chosen: QModelIndex) -> None:
        name, _, kind = str(chosen.data()).rpartition(BETWEEN)
        cursor = self.textCursor()
        for _ in range(self._replaced):
            cursor.movePosition(QTextCursor.MoveOperation.PreviousCharacter, QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(name if kind == EMBEDDING else "")
        if kind == LORA:
            self.lora_chosen.emit(name)

    @Slot()
    def _mark(self) -> None:
        text = self.text()
        if text != self._marked:
            self._marked = text
            self._mark_anew()
            self.edited.emit()

    @Slot()
    def _mark_anew(self) -> None:
        self._marks.mark(self.text(), self._known, is_negative=self._is_negative)
        self.viewport().update()


def _completer(offers: QStringListModel, edit: QPlainTextEdit) -> QCompleter:
    made = QCompleter(offers, edit)
    made.setWidget(edit)
    made.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
    made.setFilterMode(Qt.MatchFlag.MatchContains)
    made.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    made.setMaxVisibleItems(NAMES_SHOWN)
    return made


def _place(text: str, qt_place: int) -> int:
    places = qt_places(text)
    return places.index(qt_place) if qt_place in places else len(text)
