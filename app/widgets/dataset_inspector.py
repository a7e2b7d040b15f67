"""The right of the page Dataset: the picture, its caption with what of it is read, its tags, and what was changed."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.dataset_folder import TRAINING_SIDE
from app.errand import Errand
from app.widgets.basics import button, column, label, row, scrolled
from app.widgets.canvas import Canvas
from app.widgets.caption_edit import CaptionEdit
from app.widgets.prompt_marks import qt_places
from app.widgets.prompt_tokens import Count, count_caption, in_words
from app.widgets.selection_tags import SelectionTags
from trainer.dataset.book import Step
from trainer.dataset.buckets import Buckets
from trainer.dataset.pictures import Size

PICTURE_HEIGHT, NO_PICTURE_HEIGHT = 208, 64
STEPS_SHOWN = 8


def placement_in_words(size: tuple[int, int], repeats: int) -> str:
    """`Bucket 576 × 448, 4 % are cut off; shown 10 times in an epoch`, of a training at 512 pixels."""
    placed = Buckets.around(TRAINING_SIDE).place(Size(*size))
    bucket, cut = placed.bucket_size, round(100 * (1 - placed.kept))
    words = f"Bucket {bucket.width} × {bucket.height}, " + (f"{cut} % are cut off" if cut else "nothing is cut off")
    return f"{words}; shown {repeats} times in an epoch" if repeats > 1 else words


class DatasetInspector(QWidget):
    """`written` carries the text of the shown picture's caption, once it is done with and is another than was shown;
    `onward`: Ctrl+Enter. `added` and `removed` carry a tag for the selection; the others are asked for by buttons."""

    written = Signal(str)
    onward = Signal()
    added = Signal(str)
    removed = Signal(str)
    turning_the_rest = Signal()
    undoing = Signal()
    redoing = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.picture = Canvas("")
        self.picture.setFixedHeight(PICTURE_HEIGHT)
        self.about = label("", "muted")
        self.edit = CaptionEdit()
        self.tokens = label("", "muted")
        self.note = label("", "warn")
        self.tags = SelectionTags()
        self.training = label("", "muted")
        self._counting: dict[str, Errand] = {}
        self._as_shown = ""
        self._heading = label("Caption", "heading")
        self._changes = label("", "muted")
        self._undo = button("Undo", "Take the last change back (Ctrl+Z)", self.undoing.emit, icon="reset")
        self._redo = button("Redo", "Do it again (Ctrl+Shift+Z)", self.redoing.emit, icon="redo")
        self._stuck = label("", "warn")
        self._rest = button("Do it with the others", "What others changed stays as it is", self.turning_the_rest.emit)
        self._single = column(self.edit, self.tokens, self.note)
        self._sees = column(label("What training will see", "heading"), self.training)
        self._lay_out()
        self.edit.edited.connect(self._count)
        self.edit.left.connect(self.finish)
        self.edit.done.connect(self._finish_and_go_on)
        self.tags.added.connect(self.added)
        self.tags.removed.connect(self.removed)

    def show_one(self, path: Path, caption: str, note: str) -> None:
        """One picture, whose caption can be edited as text."""
        self._heading.setText("Caption")
        self._single.show()
        self._sees.show()
        self.picture.setFixedHeight(PICTURE_HEIGHT)
        self._show_text(caption)
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.edit.setEnabled(True)
        self.picture.setAccessibleName(f"The picture {path.name}")
        self._count()

    def put_back(self, text: str, why: str) -> None:
        """What was typed and could not be written, to be written again or given up."""
        self.edit.setPlainText(text)
        self.note.setText(why)
        self.note.show()
        self.edit.setFocus()

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
        self.note.hide()
        self.tokens.setText("")
        self.picture.clear("No picture is selected")
        self.about.setText("")

    def show_placement(self, size: tuple[int, int], repeats: int) -> None:
        """What training makes of a picture of this size; (0, 0) while that is not known."""
        self.training.setText(placement_in_words(size, repeats) if all(size) else "")

    def show_image(self, image: QImage, name: str) -> None:
        if image.isNull():
            self.picture.clear("This picture can't be shown")
        else:
            self.picture.show_image(image, f"The picture {name}")

    def show_steps(self, steps: Sequence[Step], can_redo: bool) -> None:
        """What was changed, the last first."""
        titles = [f"{step.title}  ·  {step.captions:,}" if step.captions > 1 else step.title for step in steps]
        shown = titles[: -STEPS_SHOWN - 1 : -1]
        more = [f"and {len(titles) - len(shown):,} before"] if len(titles) > len(shown) else []
        self._changes.setText("\n".join([*shown, *more]) or "Nothing was changed yet.")
        self.say_stuck("")
        self._undo.setEnabled(bool(steps))
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
            self._as_shown = self.edit.text()
            self.written.emit(self._as_shown)

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
            errand = Errand(text, lambda _errand: count_caption(text))
            errand.told.done.connect(self._counted)
            errand.told.failed.connect(self._not_counted)
            self._counting[text] = errand
            errand.start()

    @Slot(object, object)
    def _counted(self, text: str, counted: Count) -> None:
        self._counting.pop(text, None)
        if text != self.edit.text():
            return
        words = in_words(counted) if text else ""
        if counted.ends:
            words = f"{counted.tokens} tokens: the text encoder reads 75, the rest is struck out"
        self.tokens.setText(words)
        self.edit.set_end(qt_places(text)[counted.ends[0]] if counted.ends else -1)

    @Slot(object, str)
    def _not_counted(self, text: str, _why: str) -> None:
        self._counting.pop(text, None)

    def _lay_out(self) -> None:
        for words in (self.about, self.training, self._changes):
            words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        fields = column(
            self.picture,
            self.about,
            self._heading,
            self._single,
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
