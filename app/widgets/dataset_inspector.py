"""The right of the page Dataset: the picture, its caption with what of it is read, its tags, and what was changed."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QImage, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.errand import Errand
from app.widgets.basics import button, column, label, row, scrolled
from app.widgets.caption_edit import CaptionEdit
from app.widgets.prompt_marks import qt_places
from app.widgets.prompt_tokens import Count, count_caption, in_words
from app.widgets.refused_caption import RefusedCaption
from app.widgets.seen_canvas import SeenCanvas
from app.widgets.selection_tags import SelectionTags
from app.widgets.training_view import TrainingView

PICTURE_HEIGHT, NO_PICTURE_HEIGHT = 208, 64
STEPS_SHOWN = 8
SEVERAL = "Training takes one of the {count} by chance, anew at each step."


class DatasetInspector(QWidget):
    """`written` carries the shown picture's caption as it was shown, and as it was typed, once it is done with and is
    another; `onward`: Ctrl+Enter. `added` and `removed` carry a tag for the selection; the others are asked for by
    buttons."""

    written = Signal(str, str)
    onward = Signal()
    added = Signal(str)
    removed = Signal(str)
    turning_the_rest = Signal()
    preparing = Signal()
    undoing = Signal()
    redoing = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.picture = SeenCanvas("")
        self.picture.setFixedHeight(PICTURE_HEIGHT)
        self.about = label("", "muted")
        self._prepare = button(
            "Crop, turn, mask…", "Prepare the picture; its file stays as it is (C)", self.preparing.emit, icon="crop"
        )
        self.edit = CaptionEdit()
        self.tokens = label("", "muted")
        self.note = label("", "warn")
        self.refused = RefusedCaption()
        self.tags = SelectionTags()
        self.training = TrainingView()
        self._counting: dict[str, Errand] = {}
        self._as_shown = ""
        self._heading = label("Caption", "heading")
        self._changes = label("", "muted")
        self._undo = button("Undo", "Take the last change back (Ctrl+Z)", self.undoing.emit, icon="reset")
        self._redo = button("Redo", "Do it again (Ctrl+Shift+Z)", self.redoing.emit, icon="redo")
        self._stuck = label("", "warn")
        self._rest = button("Do it with the others", "What others changed stays as it is", self.turning_the_rest.emit)
        self._counts: list[Count] = []
        self._several = label("", "muted")
        another = button(
            "Add another caption", "On a line of its own", self.edit.begin_another, icon="add", kind="quiet"
        )
        self._below = row(another, 0, spacing=4)
        self._single = column(self.edit, self.tokens, self._several, self.note, self._below)
        self._sees = column(label("What training will see", "heading"), self.training)
        self._lay_out()
        self.edit.edited.connect(self._count)
        self.edit.moved.connect(self._say_tokens)
        self.edit.left.connect(self.finish)
        self.edit.done.connect(self._finish_and_go_on)
        self.edit.undoing.connect(self.undoing)
        self.edit.redoing.connect(self.redoing)
        self.tags.added.connect(self.added)
        self.tags.removed.connect(self.removed)

    def add_below_caption(self, widget: QWidget) -> None:
        """Something that is for writing captions."""
        layout = self._below.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.insertWidget(layout.count() - 1, widget)

    def show_one(self, path: Path) -> None:
        """One picture; `show_caption` follows."""
        self._heading.setText("Caption")
        self._single.show()
        self._sees.show()
        self.picture.setFixedHeight(PICTURE_HEIGHT)
        self.picture.setAccessibleName(f"The picture {path.name}")
        self.edit.moveCursor(QTextCursor.MoveOperation.Start)
        self.edit.begin()

    def show_caption(self, caption: str, note: str, *, can_edit: bool) -> None:
        """As it is now; what was typed and not written is forgotten."""
        if caption != self.edit.text().rstrip("\n"):
            self._show_text(caption)
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.edit.setEnabled(can_edit)
        self._below.setEnabled(can_edit)
        self._count()

    def show_many(self, pictures: int) -> None:
        """Several: their tags only."""
        self._heading.setText(f"Tags of {pictures:,} pictures")
        self._single.hide()
        self._sees.hide()
        self.picture.clear(f"{pictures:,} pictures are selected")
        self.picture.setFixedHeight(NO_PICTURE_HEIGHT)
        self.about.setText("")

    def show_none(self) -> None:
        self._heading.setText("Caption")
        self._single.show()
        self._sees.hide()
        self._show_text("")
        self.edit.setEnabled(False)
        self._below.setEnabled(False)
        self.note.hide()
        self.tokens.setText("")
        self.picture.clear("No picture is selected")
        self.about.setText("")

    def show_image(self, image: QImage, name: str) -> None:
        if image.isNull():
            self.picture.clear("This picture can't be shown")
        else:
            self.picture.show_image(image, f"The picture {name}")

    def show_steps(self, titles: Sequence[str], can_redo: bool) -> None:
        """What was changed, in order; it is shown with the last first."""
        shown = titles[: -STEPS_SHOWN - 1 : -1]
        more = [f"and {len(titles) - len(shown):,} before"] if len(titles) > len(shown) else []
        self._changes.setText("\n".join([*shown, *more]) or "Nothing was changed yet.")
        self._undo.setEnabled(bool(titles))
        self._redo.setEnabled(can_redo)

    @Slot(str)
    def say_stuck(self, why: str) -> None:
        """Why the last step was not taken back; "" once that is settled."""
        self._stuck.setText(why)
        for part in (self._stuck, self._rest):
            part.setVisible(bool(why))

    @property
    def is_edited(self) -> bool:
        """Whether something was typed that is not written yet."""
        return self.edit.text() != self._as_shown

    @Slot()
    def finish(self) -> None:
        """What was typed is meant."""
        if self.is_edited:
            before, self._as_shown = self._as_shown, self.edit.text()
            self.written.emit(before, self._as_shown)

    def _show_text(self, text: str) -> None:
        self.edit.show_text(text)
        self._as_shown = self.edit.text()

    @Slot()
    def _finish_and_go_on(self) -> None:
        self.finish()
        self.onward.emit()

    @Slot()
    def _count(self) -> None:
        text = self.edit.text()
        if text not in self._counting:
            lines = [line for _, line in self.edit.captions()]
            errand = Errand(text, lambda _errand: [count_caption(line) for line in lines])
            errand.told.done.connect(self._counted)
            errand.told.failed.connect(self._not_counted)
            self._counting[text] = errand
            errand.start()

    @Slot(object, object)
    def _counted(self, text: str, counts: list[Count]) -> None:
        self._counting.pop(text, None)
        if text != self.edit.text():
            return
        self._counts = counts
        unread: list[tuple[int, int]] = []
        for (start, line), counted in zip(self.edit.captions(), counts, strict=True):
            places = qt_places(line)
            unread += [(start + places[end], start + places[len(line)]) for end in counted.ends]
        self.edit.set_unread(unread)
        self._say_tokens()

    @Slot()
    def _say_tokens(self) -> None:
        """Of the caption in which the cursor is, and how many there are."""
        count, at = len(self.edit.captions()), self.edit.caption_at_cursor()
        self._several.setText(SEVERAL.format(count=count) if count > 1 else "")
        self._several.setVisible(count > 1)
        counted = self._counts[at] if 0 <= at < len(self._counts) else None
        words = ""
        if counted is not None:
            words = in_words(counted)
            if counted.ends:
                words = f"{counted.tokens} tokens: the text encoder reads 75, the rest is struck out"
            if count > 1:
                words = f"Caption {at + 1} of {count}: {words}"
        self.tokens.setText(words)

    @Slot(object, str)
    def _not_counted(self, text: str, _why: str) -> None:
        self._counting.pop(text, None)

    def _lay_out(self) -> None:
        for words in (self.about, self._changes):
            words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        fields = column(
            self.picture,
            self.about,
            row(self._prepare, 0),
            self._heading,
            self._single,
            self.refused,
            self.tags,
            self._sees,
            label("Changes", "heading"),
            row(self._undo, self._redo, 0),
            self._stuck,
            self._rest,
            self._changes,
            0,
            margins=(16, 16, 16, 16),
            spacing=8,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(fields))
