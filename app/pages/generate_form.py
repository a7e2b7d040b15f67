"""The settings column of the page Generate: what is wanted of the next pictures."""

import contextlib
import random
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QScrollArea, QSizePolicy, QWidget

from app.forms.editors import field_editor
from app.forms.row import LINE
from app.models_list import Models
from app.pages.generate_defaults import DefaultsLine, listed, taken, with_defaults
from app.pages.generate_faults import faults, hidden, summary, with_faults
from app.pages.generate_more import More
from app.pages.generate_size import SizeBox
from app.pages.generate_source import SourceBox
from app.remember import NONSENSE
from app.settings import Settings
from app.widgets.basics import button, column, named, row, scrolled_above
from app.widgets.lora_list import LoraList
from app.widgets.model_box import ModelBox
from app.widgets.prompt_box import PromptBox
from trainer.contract.common import LoraUse, Sampling
from trainer.contract.generate import GenerateJob
from trainer.contract.video import VideoJob
from trainer.home import Home
from trainer.library.identity import Kind, ModelFamily
from trainer.library.suggested import suggested

if TYPE_CHECKING:
    from app.pages.generate_video import VideoBox

LARGEST_SEED = 2**32 - 1
"""Of seeds that are drawn here: short enough to be read out. Any that a job takes can be typed."""

Tree = dict[str, Any]


class GenerateForm(QWidget):
    """`job()` is what it says, or None with the faults shown in place."""

    submitted = Signal()
    stopping = Signal()
    gridding = Signal()

    def __init__(self, home: Home, models: Models, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._model = ModelBox(models, Kind.CHECKPOINT)
        self._prompt = PromptBox("Prompt", "a red cat on the left of a mint background", 96, models)
        self._negative = PromptBox(
            "Not in the picture", "what the picture should keep away from", 52, models, is_negative=True
        )
        self.source = SourceBox(home.outputs)
        self._loras = LoraList(models)
        self._size = SizeBox()
        self._count = field_editor(GenerateJob, "count")
        self._steps = field_editor(Sampling, "steps")
        self._guidance = field_editor(Sampling, "guidance")
        self._seed = QLineEdit()
        self._more = More(models)
        self._video_place, self._video_draft = column(), Tree()
        self.is_video = False
        """Whether the chosen model makes videos."""
        self._faults = {name: hidden("error") for name in (*self._fields(), "model", "prompt", "negative", "loras")}
        self._fault = hidden("error")
        self._waiting = hidden("muted")
        self._defaults = DefaultsLine()
        self._start = button(
            "Generate",
            "Make the pictures (Ctrl+Enter). While one is made, the next waits in the queue.",
            self.submitted.emit,
            icon="generate",
            kind="primary",
        )
        self._grid = button(
            "Grid…", "One picture for each of some values, side by side", self.gridding.emit, icon="grid"
        )
        self._stop = button("Stop", "Stop the pictures in progress (Esc)", self.stopping.emit, icon="stop")
        self._lay_out()
        self._wire(models)
        self.set_job(GenerateJob(prompt=""))
        self._seed.clear()

    @property
    def first_field(self) -> QWidget:
        return self._prompt.edit

    @property
    def is_open(self) -> bool:
        return self._more.fold.is_open

    def set_open(self, is_open: bool) -> None:
        self._more.fold.set_open(is_open)

    def job(self) -> GenerateJob | VideoJob | None:
        tree = self._video_tree() if self.is_video else self._tree()
        if not tree["seed"]:
            tree["seed"] = drawn_seed()
        try:
            job = VideoJob.model_validate(tree) if self.is_video else GenerateJob.model_validate(tree)
        except ValidationError as error:
            self._show(error)
            return None
        self._clear_faults()
        return job

    def set_job(self, job: GenerateJob | VideoJob) -> None:
        tree = job.model_dump(mode="json")
        if isinstance(job, VideoJob):
            self._video.restore(tree)
            tree = {name: tree[name] for name in ("model", "size", "count", "seed")}
            tree |= {"sampling": {"steps": job.sampling.steps}, "source": {"path": job.picture}}
        self._restore(tree)
        self._defaults.forget()

    def forget_seed(self) -> None:
        """Draw a new one each time."""
        self._seed.clear()

    def set_found(self, job: GenerateJob) -> None:
        """What another program's picture says; how many, and on what hardware, stays as it stands here."""
        self._restore(job.model_dump(mode="json", exclude={"count", "batch_size", "hardware"}))
        self._defaults.forget()

    @property
    def model_name(self) -> str:
        return self._model.name

    def set_prompt(self, prompt: str) -> None:
        self._prompt.set_text(prompt)

    def set_loras(self, loras: tuple[LoraUse, ...]) -> None:
        self._loras.set_value(loras)

    def use_lora(self, name: str) -> None:
        """Add it to those in use."""
        if all(use.name != name for use in self._loras.value()):
            self._loras.use((LoraUse(name=name),))

    def draft(self) -> Tree:
        """All of it as it stands, half-typed things too."""
        return {"job": self._tree(), "video": self._video.tree() if "_video" in vars(self) else self._video_draft}

    def set_draft(self, draft: Tree) -> None:
        """What another version wrote and this one can't read leaves its field as it is."""
        tree, video = draft.get("job"), draft.get("video")
        if isinstance(video, dict):
            self._video_draft = video
            if "_video" in vars(self):
                self._video.restore(video)
        if isinstance(tree, dict):
            self._restore(tree)

    def choose_model(self, name: str) -> None:
        """As if it had been chosen in the list: its defaults are filled in."""
        self._model.set_name(name)
        self._model_chosen(name)

    @Slot()
    def draw_seed(self) -> None:
        self._seed.setText(str(drawn_seed()))

    @Slot()
    def swap_size(self) -> None:
        self._size.swap()

    @Slot()
    def more_weight(self) -> None:
        self._box_in_hand().more_weight()

    @Slot()
    def less_weight(self) -> None:
        self._box_in_hand().less_weight()

    def show_queue(self, words: str, waiting: str) -> None:
        """On the button that starts, and on the line above it."""
        self._start.setText(words)
        self._start.setAccessibleName(words)
        self._waiting.setText(waiting)
        self._waiting.setVisible(bool(waiting))

    def show_stop(self, words: str, does: str, *, enabled: bool = True) -> None:
        """On the button beside it, which "" hides."""
        self._stop.setVisible(bool(words))
        if not words:
            return
        self._stop.setText(words)
        self._stop.setAccessibleName(words)
        self._stop.setToolTip(does)
        self._stop.setAccessibleDescription(does)
        self._stop.setEnabled(enabled)

    def _box_in_hand(self) -> PromptBox:
        """The prompt, unless the other one has the focus."""
        return self._negative if QApplication.focusWidget() is self._negative.edit else self._prompt

    def _tree(self) -> Tree:
        """The job's tree as it was typed."""
        more = self._more.tree()
        return {
            "model": self._model.name,
            "prompt": self._prompt.text(),
            "negative": self._negative.text(),
            "loras": [use.model_dump(mode="json") for use in self._loras.value()],
            "size": self._size.value(),
            "count": self._count.value(),
            "seed": self._seed.text().strip(),
            "source": self.source.value(),
            **more,
            "sampling": {**more["sampling"], "steps": self._steps.value(), "guidance": self._guidance.value()},
        }

    def _video_tree(self) -> Tree:
        video, source = self._video.tree(), self.source.path
        return {
            **{name: value for name, value in self._tree().items() if name in ("model", "size", "count", "seed")},
            **video,
            "picture": source,
            "sampling": {**video["sampling"], "steps": self._steps.value()},
        }

    def _restore(self, tree: Tree) -> None:
        """Fill in what of a tree can be filled in."""
        writers: dict[str, Callable[[Any], object]] = {
            "model": self._model.set_name,
            "prompt": self._prompt.set_text,
            "negative": self._negative.set_text,
            "loras": self._restore_loras,
            "size": self._size.set_value,
            "count": self._count.set_value,
            "seed": self._restore_seed,
            "source": self.source.set_value,
            "sampling": self._restore_sampling,
        }
        for name in writers.keys() & tree.keys():
            with contextlib.suppress(*NONSENSE):
                writers[name](tree[name])
        self._more.restore(tree)
        self._clear_faults()
        self._know_model()

    def _restore_loras(self, trees: list[Tree]) -> None:
        self._loras.set_value(tuple(LoraUse.model_validate(tree) for tree in trees))

    def _restore_seed(self, seed: str | int) -> None:
        self._seed.setText(str(seed))

    def _restore_sampling(self, sampling: Tree) -> None:
        for editor, name in ((self._steps, "steps"), (self._guidance, "guidance")):
            if name in sampling:
                editor.set_value(sampling[name])

    @Slot(str)
    def _model_chosen(self, name: str) -> None:
        self._know_model()
        self._defaults.forget()
        defaults = self._settings.model_defaults.get(name)
        before = self._tree()
        if defaults is None:
            self._take_suggestion(before)
        elif taken(defaults):
            self._restore(with_defaults(before, defaults))
            self._defaults.tell(f"Took this model's {taken(defaults)}.", before)

    def _take_suggestion(self, before: Tree) -> None:
        """What is known to suit a model of this kind, where the user has said nothing of it."""
        entry = self._model.entry()
        found = suggested(entry.name, entry.identity) if entry else None
        if found is not None:
            self._restore({"sampling": {**before["sampling"], **found.fields()}})
            self._defaults.tell(f"Took the {listed(list(found.fields()))} that suit this kind of model.", before)

    @Slot(object)
    def _restore_defaults(self, before: Tree) -> None:
        self._restore(before)

    @Slot()
    def _know_model(self) -> None:
        """Let size and LoRA list follow the model."""
        entry = self._model.entry()
        identity = entry.identity if entry else None
        self._show_fields(identity is not None and identity.family is ModelFamily.SVD)
        self._size.set_model(entry)
        self._loras.set_family(identity.family if identity else ModelFamily.UNKNOWN)

    @cached_property
    def _video(self) -> "VideoBox":
        """Made when it is first asked for: the window opens sooner without it."""
        from app.pages.generate_video import VideoBox

        made = VideoBox()
        made.restore(self._video_draft)
        made.changed.connect(self._clear_faults)
        place = self._video_place.layout()
        assert place is not None
        place.addWidget(made)
        return made

    def _show_fields(self, is_video: bool) -> None:
        """Those of pictures, or those of videos."""
        self.is_video = is_video
        for field in self._of_pictures:
            field.setVisible(not is_video)
        if is_video:
            _ = self._video
        self._video_place.setVisible(is_video)
        self._grid.setVisible(not is_video)
        self._count_name.setText("Videos" if is_video else "Pictures")
        self.source.set_required(is_video)
        self._know_picture()

    @Slot()
    def _know_picture(self) -> None:
        """Let the size follow the picture that is begun from, unless only a region of it is worked on."""
        size = self.source.picture
        known = size is not None and not self.source.works_on_region and not self.is_video
        self._size.set_picture((size.width(), size.height()) if size is not None and known else None)

    def _show(self, error: ValidationError) -> None:
        found = faults(error)
        for name, shown in self._faults.items():
            shown.setText(found.get(name, ""))
            shown.setVisible(name in found)
        self._video.show_faults(error) if self.is_video else self._more.show_faults(error)
        self.source.show_faults(error)
        self._fault.setText(summary(found))
        self._fault.show()
        fields = {**self._fields(), "model": self._model, "prompt": self._prompt.edit, "negative": self._negative.edit}
        first = next(iter(found))
        if first in fields:
            fields[first].setFocus()
            self._scroll.ensureWidgetVisible(fields[first], 0, 48)
        elif not self.is_video and first not in self._faults and not first.startswith("source."):
            self._more.fold.set_open(True)

    @Slot()
    def _clear_faults(self) -> None:
        for shown in (*self._faults.values(), self._fault):
            shown.hide()

    def _fields(self) -> dict[str, QWidget]:
        return {
            "size": self._size.first_field,
            "count": self._count.widget,
            "steps": self._steps.widget,
            "guidance": self._guidance.widget,
            "seed": self._seed,
            "source": self.source.first_field,
        }

    def _wire(self, models: Models) -> None:
        self._model.chosen.connect(self._model_chosen)
        models.changed.connect(self._know_model)
        self._defaults.undone.connect(self._restore_defaults)
        self.source.looked.connect(self._know_picture)
        for box in (self._prompt, self._negative):
            box.loras_wanted.connect(self._loras.use)
            box.edit.edited.connect(self._clear_faults)
        for editor in (
            self._size,
            self._count,
            self._steps,
            self._guidance,
            self._more,
            self._loras,
            self.source,
        ):
            editor.changed.connect(self._clear_faults)
        self._seed.textEdited.connect(self._clear_faults)

    def _lay_out(self) -> None:
        self._seed.setPlaceholderText("random")
        self._seed.setToolTip(
            "The same seed and settings give the same picture again; empty draws a new one each time."
        )
        self._seed.setMinimumHeight(LINE)  # as high as the number beside it
        dice = button("", "Draw a new seed each time", self._seed.clear, icon="dice", kind="quiet")
        self._start.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        shown = self._faults
        guidance = named("Guidance", self._guidance.widget)
        prompt, negative, loras = (
            with_faults(field, shown[name])
            for field, name in ((self._prompt, "prompt"), (self._negative, "negative"), (self._loras, "loras"))
        )
        count = named("Pictures", self._count.widget)
        self._count_name = count.findChildren(QLabel)[0]
        self._of_pictures = (prompt, negative, loras, guidance, self._more)
        fields = column(
            with_faults(named("Model", self._model), self._defaults, shown["model"]),
            prompt,
            negative,
            with_faults(self.source, shown["source"]),
            loras,
            with_faults(named("Size", self._size), shown["size"]),
            with_faults(
                row(count, named("Seed", self._seed, after=dice), spacing=8),
                shown["count"],
                shown["seed"],
            ),
            with_faults(
                row(named("Steps", self._steps.widget), guidance, spacing=8),
                shown["steps"],
                shown["guidance"],
            ),
            self._more,
            self._video_place,
            0,
            margins=(16, 16, 16, 8),
            spacing=12,
        )
        scrolled_above(
            self,
            fields,
            column(
                self._fault, self._waiting, row(self._start, self._grid, self._stop, spacing=6), margins=(16, 8, 16, 16)
            ),
        )
        self._scroll: QScrollArea = self.findChildren(QScrollArea)[0]


def drawn_seed() -> int:
    return random.SystemRandom().randrange(LARGEST_SEED)
