"""A prompt with its name, its count of tokens, and a line on what in it will not act as it stands."""

from functools import partial

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.errand import Errand
from app.models_list import Models
from app.widgets.basics import button, label, named, row, set_words
from app.widgets.prompt_edit import STEP, PromptEdit
from app.widgets.prompt_names import Known, Remark, lora_use, remark, without_tags
from app.widgets.prompt_tokens import Count, count, in_words
from trainer.contract.common import LoraUse
from trainer.library.identity import Kind

TYPING = 120
"""Milliseconds after the last letter before the tokens are counted."""


HELP = (
    "Words, and how strongly they act: (cat:1.3) more, (cat:0.7) less. [cat:dog:0.5] changes half-way, [cat|dog] takes "
    "turns, BREAK begins a new chunk. Names of your LoRA files and embeddings are offered while you type."
)
COUNTED = (
    "A token is a short word or a part of a long one. The text encoder reads 75 at a time, a chunk; longer prompts are "
    "read in several, and marks in the text show where the next begins."
)


class PromptBox(QWidget):
    """`loras_wanted` carries LoraUses that were chosen here, and act from the list of LoRA files."""

    loras_wanted = Signal(object)
    counted = Signal(object)

    def __init__(self, name: str, example: str, height: int, models: Models, *, is_negative: bool = False) -> None:
        super().__init__()
        self._models = models
        self._is_negative = is_negative
        self._said = Remark()
        self._counting: Errand | None = None
        self.edit = PromptEdit(example, height, is_negative=is_negative)
        self.edit.setToolTip(HELP)
        self._count = label("", "muted")
        self._count.setWordWrap(False)
        self._remark = label("", "warn")
        self._move = button(
            "Move to the list", "Take these LoRA files into the list below", self._move_tags, kind="quiet"
        )
        self._typing = QTimer(self, singleShot=True, interval=TYPING)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(named(name, self.edit, beside=self._count))
        self._line = row(self._remark, self._move, spacing=4)
        layout.addWidget(self._line)
        self._line.hide()
        self.edit.edited.connect(self._typing.start)
        self.edit.edited.connect(self._say)
        self.edit.lora_chosen.connect(self._want)
        self._typing.timeout.connect(self._ask)
        models.changed.connect(self._take_names)
        self._take_names()
        self._show("", Count(0))

    def text(self) -> str:
        return self.edit.text()

    def set_text(self, text: str) -> None:
        self.edit.set_text(text)

    @Slot()
    def more_weight(self) -> None:
        self.edit.change_weight(STEP)

    @Slot()
    def less_weight(self) -> None:
        self.edit.change_weight(-STEP)

    @Slot()
    def _take_names(self) -> None:
        loras, embeddings = (self._names(kind) for kind in (Kind.LORA, Kind.EMBEDDING))
        self.edit.set_names(loras, embeddings)
        self._say()

    def _names(self, kind: Kind) -> list[str]:
        return [entry.name for entry in self._models.of_kind(kind)]

    @Slot()
    def _say(self) -> None:
        known = Known(*(tuple(self._names(kind)) for kind in (Kind.LORA, Kind.EMBEDDING)))
        self._said = remark(self.text(), known, is_negative=self._is_negative)
        self._remark.setText(self._said.words)
        set_words(self._remark, "warn" if self._said.is_warning else "muted")
        self._move.setVisible(bool(self._said.movable))
        self._line.setVisible(bool(self._said.words))

    @Slot(str)
    def _want(self, name: str) -> None:
        self.loras_wanted.emit((LoraUse(name=name),))

    @Slot()
    def _move_tags(self) -> None:
        moved = self._said.movable
        self.set_text(without_tags(self.text(), moved))
        self.loras_wanted.emit(tuple(lora_use(tag) for tag in moved))

    @Slot()
    def _ask(self) -> None:
        """Count in the pool, one text at a time."""
        if self._counting is None:
            text = self.text()
            self._counting = Errand(text, partial(count, text, is_negative=self._is_negative))
            self._counting.told.done.connect(self._take_count)
            self._counting.told.failed.connect(self._give_up)
            self._counting.start()

    @Slot(object, object)
    def _take_count(self, text: str, counted: Count) -> None:
        self._counting = None
        if text != self.text():
            self._ask()
            return
        self._show(text, counted)
        self.counted.emit(counted)

    @Slot(object, str)
    def _give_up(self, _text: str, why: str) -> None:
        self._counting = None
        self._count.setText("")
        self._count.setToolTip(why)

    def _show(self, text: str, counted: Count) -> None:
        self._count.setText(in_words(counted))
        self._count.setToolTip(COUNTED)
        self.edit.set_ends(text, counted.ends)
