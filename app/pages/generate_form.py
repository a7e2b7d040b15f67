"""The settings column of the page Generate: what is wanted of the next pictures."""

import contextlib
import random
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QScrollArea, QSizePolicy, QWidget

from app.forms.editors import CHOICES, field_editor
from app.forms.form import Form
from app.models_list import Models
from app.pages.generate_faults import faults, summary
from app.pages.generate_size import SizeBox
from app.remember import NONSENSE
from app.settings import ModelDefaults, Settings
from app.widgets.basics import button, column, label, named, row, scrolled_above
from app.widgets.fold import Fold
from app.widgets.lora_list import LoraList
from app.widgets.model_box import ModelBox
from app.widgets.prompt_box import PromptBox
from trainer.contract.common import USUAL_ETA, Hardware, LoraUse, Sampling
from trainer.contract.generate import GenerateJob
from trainer.library.identity import Kind, ModelFamily
from trainer.library.suggested import suggested

LARGEST_SEED = 2**32 - 1
"""Of seeds that are drawn here: short enough to be read out. Any that a job takes can be typed."""
FOLDED = ("sampler", "eta", "spacing", "guidance_rescale", "emphasis", "noise", "compatibility")

Tree = dict[str, Any]


class GenerateForm(QWidget):
    """`job()` is what it says, or None with the faults shown in place."""

    submitted = Signal()
    stopping = Signal()

    def __init__(self, models: Models, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._before: Tree = {}
        self._model = ModelBox(models, Kind.CHECKPOINT)
        self._prompt = PromptBox("Prompt", "a red cat on the left of a mint background", 96, models)
        self._negative = PromptBox(
            "Not in the picture", "what the picture should keep away from", 52, models, is_negative=True
        )
        self._loras = LoraList(models)
        self._size = SizeBox()
        self._count = field_editor(GenerateJob, "count")
        self._steps = field_editor(Sampling, "steps")
        self._guidance = field_editor(Sampling, "guidance")
        self._seed = QLineEdit()
        self._sampling = Form(Sampling, FOLDED)
        self._batch = Form(GenerateJob, ("batch_size",))
        self._hardware = Form(Hardware, ("device", "precision"))
        self._fold = Fold("Sampler and more", column(self._sampling, self._batch, self._hardware, spacing=10))
        self._faults = {name: _hidden("error") for name in (*self._fields(), "model", "prompt", "negative", "loras")}
        self._fault = _hidden("error")
        self._waiting = _hidden("muted")
        self._defaults = _hidden("muted")
        self._undo = button("Undo", "Bring back what stood here before", self._undo_defaults, kind="quiet")
        self._start = button(
            "Generate",
            "Make the pictures (Ctrl+Enter). While one is made, the next waits in the queue.",
            self.submitted.emit,
            icon="generate",
            kind="primary",
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
        return self._fold.is_open

    def set_open(self, is_open: bool) -> None:
        self._fold.set_open(is_open)

    def job(self) -> GenerateJob | None:
        tree = self._tree()
        if not tree["seed"]:
            tree["seed"] = drawn_seed()
        try:
            job = GenerateJob.model_validate(tree)
        except ValidationError as error:
            self._show(error)
            return None
        self._clear_faults()
        return job

    def set_job(self, job: GenerateJob) -> None:
        self._restore(job.model_dump(mode="json"))
        self._forget_defaults()

    def set_found(self, job: GenerateJob) -> None:
        """What another program's picture says; how many, and on what hardware, stays as it stands here."""
        self._restore(job.model_dump(mode="json", exclude={"count", "batch_size", "hardware"}))
        self._forget_defaults()

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
        return {"job": self._tree()}

    def set_draft(self, draft: Tree) -> None:
        """What another version wrote and this one can't read leaves its field as it is."""
        tree = draft.get("job")
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
        return {
            "model": self._model.name,
            "prompt": self._prompt.text(),
            "negative": self._negative.text(),
            "loras": [use.model_dump(mode="json") for use in self._loras.value()],
            "size": self._size.value(),
            "count": self._count.value(),
            "seed": self._seed.text().strip(),
            "sampling": {
                **self._sampling.value(),
                "steps": self._steps.value(),
                "guidance": self._guidance.value(),
            },
            "hardware": self._hardware.value(),
            **self._batch.value(),
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
            "sampling": self._restore_sampling,
            "batch_size": self._restore_batch,
            "hardware": self._hardware.set_value,
        }
        for name in writers.keys() & tree.keys():
            with contextlib.suppress(*NONSENSE):
                writers[name](tree[name])
        self._clear_faults()
        self._know_model()
        self._summarise()

    def _restore_loras(self, trees: list[Tree]) -> None:
        self._loras.set_value(tuple(LoraUse.model_validate(tree) for tree in trees))

    def _restore_seed(self, seed: str | int) -> None:
        self._seed.setText(str(seed))

    def _restore_batch(self, size: int) -> None:
        self._batch.set_value({"batch_size": size})

    def _restore_sampling(self, sampling: Tree) -> None:
        self._sampling.set_value(sampling)
        for editor, name in ((self._steps, "steps"), (self._guidance, "guidance")):
            if name in sampling:
                editor.set_value(sampling[name])

    @Slot(str)
    def _model_chosen(self, name: str) -> None:
        self._know_model()
        self._forget_defaults()
        defaults = self._settings.model_defaults.get(name)
        if defaults is None:
            self._take_suggestion()
            return
        before, taken = self._tree(), _taken(defaults)
        if not taken:
            return
        sampling = {
            **before["sampling"],
            **defaults.model_dump(include={"sampler", "steps", "guidance"}, exclude_none=True),
        }
        size = defaults.size.model_dump() if defaults.size else before["size"]
        self._restore(
            {**before, "sampling": sampling, "size": size, "negative": defaults.negative or before["negative"]}
        )
        self._before = before
        self._defaults.setText(f"Took this model's {taken}.")
        self._show_defaults(True)

    def _take_suggestion(self) -> None:
        """What is known to suit a model of this kind, where the user has said nothing of it."""
        entry, before = self._model.entry(), self._tree()
        found = suggested(entry.name, entry.identity) if entry else None
        if found is None:
            return
        self._restore({**before, "sampling": {**before["sampling"], **found.fields()}})
        self._before = before
        self._defaults.setText(f"Took the {_listed(list(found.fields()))} that suit this kind of model.")
        self._show_defaults(True)

    @Slot()
    def _undo_defaults(self) -> None:
        kept = {name: self._before[name] for name in ("size", "sampling", "negative")}
        self._restore({**self._tree(), **kept})
        self._forget_defaults()

    def _forget_defaults(self) -> None:
        self._before = {}
        self._show_defaults(False)

    def _show_defaults(self, shown: bool) -> None:
        self._defaults.setVisible(shown)
        self._undo.setVisible(shown)

    @Slot()
    def _know_model(self) -> None:
        """Let size and LoRA list follow the model."""
        entry = self._model.entry()
        identity = entry.identity if entry else None
        self._size.set_model(entry)
        self._loras.set_family(identity.family if identity else ModelFamily.UNKNOWN)

    @Slot()
    def _summarise(self) -> None:
        values = self._sampling.value()
        eta = f", eta {values['eta']}" if values["eta"] is not None and values["sampler"] in USUAL_ETA else ""
        self._fold.set_summary(CHOICES.get(str(values["sampler"]), str(values["sampler"])) + eta)

    def _show(self, error: ValidationError) -> None:
        found = faults(error)
        for name, shown in self._faults.items():
            shown.setText(found.get(name, ""))
            shown.setVisible(name in found)
        for form, under in ((self._sampling, "sampling"), (self._batch, ""), (self._hardware, "hardware")):
            form.show_faults(error, under)
        self._fault.setText(summary(found))
        self._fault.show()
        fields = {**self._fields(), "model": self._model, "prompt": self._prompt.edit, "negative": self._negative.edit}
        first = next(iter(found))
        if first in fields:
            fields[first].setFocus()
            self._scroll.ensureWidgetVisible(fields[first], 0, 48)
        elif first not in self._faults:
            self._fold.set_open(True)

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
        }

    def _wire(self, models: Models) -> None:
        self._model.chosen.connect(self._model_chosen)
        models.changed.connect(self._know_model)
        self._sampling.changed.connect(self._summarise)
        for box in (self._prompt, self._negative):
            box.loras_wanted.connect(self._loras.use)
            box.edit.edited.connect(self._clear_faults)
        for editor in (
            self._size,
            self._count,
            self._steps,
            self._guidance,
            self._sampling,
            self._batch,
            self._hardware,
        ):
            editor.changed.connect(self._clear_faults)
        self._loras.changed.connect(self._clear_faults)
        self._seed.textEdited.connect(self._clear_faults)

    def _lay_out(self) -> None:
        self._seed.setPlaceholderText("random")
        self._seed.setToolTip(
            "The same seed and settings give the same picture again; empty draws a new one each time."
        )
        self._seed.setMinimumHeight(self._count.widget.sizeHint().height())  # they stand side by side
        dice = button("", "Draw a new seed each time", self._seed.clear, icon="dice", kind="quiet")
        self._start.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        shown = self._faults
        self._show_defaults(False)
        fields = column(
            _with(named("Model", self._model), row(self._defaults, self._undo), shown["model"]),
            _with(self._prompt, shown["prompt"]),
            _with(self._negative, shown["negative"]),
            _with(self._loras, shown["loras"]),
            _with(named("Size", self._size), shown["size"]),
            _with(
                row(named("Pictures", self._count.widget), named("Seed", self._seed, after=dice), spacing=8),
                shown["count"],
                shown["seed"],
            ),
            _with(
                row(named("Steps", self._steps.widget), named("Guidance", self._guidance.widget), spacing=8),
                shown["steps"],
                shown["guidance"],
            ),
            self._fold,
            0,
            margins=(16, 16, 16, 8),
            spacing=12,
        )
        scrolled_above(
            self, fields, column(self._fault, self._waiting, row(self._start, self._stop), margins=(16, 8, 16, 16))
        )
        self._scroll: QScrollArea = self.findChildren(QScrollArea)[0]


def drawn_seed() -> int:
    return random.SystemRandom().randrange(LARGEST_SEED)


def _with(field: QWidget, *faults: QWidget) -> QWidget:
    """A field with what may be said below it, which takes no room until it is."""
    made = column(field, *faults, spacing=2)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    return made


def _hidden(words: str) -> QLabel:
    made = label("", words)
    made.hide()
    return made


def _taken(defaults: ModelDefaults | None) -> str:
    """`size, steps and sampler`: what these defaults fill in."""
    if defaults is None:
        return ""
    names = {
        "size": "size",
        "sampler": "sampler",
        "steps": "steps",
        "guidance": "guidance",
        "negative": "negative prompt",
    }
    return _listed([words for name, words in names.items() if getattr(defaults, name)])


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
