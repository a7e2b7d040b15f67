"""The search over the form of a training: it leaves in sight only the settings that match."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.forms.row import FieldRow
from app.pages.train_folds import Folds
from app.theme import theme
from app.widgets.basics import label


@dataclass(frozen=True)
class Findable:
    """A piece of the form that is more than one field, and the words that it is found by ("": never)."""

    widget: QWidget
    words: str

    def matches(self, words: str) -> bool:
        return bool(self.words) and all(word in self.words for word in words.casefold().split())


class Level(QWidget):
    """Fields beside one another, equally wide, whose names stand on one line however high each field is."""

    def __init__(self, *fields: FieldRow) -> None:
        super().__init__()
        self.fields = fields
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for field in fields:
            layout.addWidget(field, 1, Qt.AlignmentFlag.AlignTop)


Piece = Findable | Level | FieldRow


class FindBox(QLineEdit):
    """Esc clears it. `nothing` is a sentence to stand where no setting matches."""

    def __init__(self, pieces: Sequence[Piece], folds: Folds) -> None:
        super().__init__()
        self._pieces, self._folds = pieces, folds
        self.nothing = label("No setting has these words in its name or explanation. Esc clears the search.", "muted")
        self.nothing.hide()
        self.setPlaceholderText("Find a setting")
        self.setClearButtonEnabled(True)
        self.setToolTip("Shows only the settings whose name, explanation or path in the job file has these words")
        self.setAccessibleName("Find a setting")
        self._icon = self.addAction(theme().icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        theme().changed.connect(self._draw)
        self.textChanged.connect(self._find)

    def start(self, words: str) -> None:
        if words:
            self.setText(words)
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _find(self) -> None:
        words = self.text().strip()
        shown = self._folds.narrow(words)
        for piece in self._pieces:
            shown += _show(piece, words)
        self.nothing.setVisible(shown == 0)
        self._folds.setVisible(shown > 0)

    @Slot()
    def _draw(self) -> None:
        self._icon.setIcon(theme().icon("search", "muted"))


def _show(piece: Piece, words: str) -> int:
    """Show or hide it; how many settings of it are in sight."""
    match piece:
        case Level():
            shown = sum(_show(field, words) for field in piece.fields)
            piece.setVisible(shown > 0)
            return shown
        case Findable():
            piece.widget.setVisible(not words or piece.matches(words))
            return not piece.widget.isHidden()
        case FieldRow():
            piece.setVisible(not words or piece.matches(words))
            return not piece.isHidden()
