"""The settings of a training: what most people set in sight, every other field of the job one fold away."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import QComboBox, QScrollArea, QVBoxLayout, QWidget

from app.forms.editors import field_editor
from app.forms.form import faults_of
from app.forms.row import FieldRow
from app.models_list import Models
from app.pages.train_choices import MethodChoice, PriorBox
from app.pages.train_find import Findable, FindBox, Level
from app.pages.train_folds import METHODS, OPTIMIZERS, Folds
from app.pages.train_pictures import PicturesBox
from app.pages.train_presets import SAMPLES, Tree, filled, merged, presets, value_at
from app.widgets.basics import button, calm, column, label, named, scrolled_above
from app.widgets.model_box import ModelBox
from trainer.contract.common import Size
from trainer.contract.fields import Part, about
from trainer.contract.names import name_fault
from trainer.contract.optimize import AdamW
from trainer.contract.train import Captions, Data, Output, Prior, Samples, Steps, TrainJob
from trainer.home import RESOURCES
from trainer.library.identity import Kind
from trainer.library.index import Entry

USUAL_RATES = {"lora": 1e-4, "full": 1e-5}
"""Learning rates of AdamW that suit each method."""
SHIPPED = RESOURCES / "sample-dataset"

FAULTS = {
    "data.folder": "Choose a folder of pictures first.",
    "data.prior.folder": "Choose the folder of class pictures, or do without them.",
}
"""What is said in place of pydantic's own words."""

IN_SIGHT: tuple[tuple[str, type[Part], str], ...] = (
    ("output.name", Output, "Its name"),
    ("data.captions.prefix", Captions, "Word before each caption"),
    ("steps.total", Steps, "Steps"),
    ("steps.batch_size", Steps, "Batch size"),
    ("optimizer.learning_rate", AdamW, "Learning rate"),
    ("data.resolution", Data, "Resolution"),
    ("samples.prompts", Samples, "Preview prompts"),
    ("samples.every", Samples, "Make previews every"),
)
"""The fields above the folds: path in the job, part that holds them, and what they are called here."""
_NOTHING = object()


class TrainForm(QWidget):
    """`job()` is what it says, or None with the faults shown in place. `tree()` is the same unchecked."""

    submitted = Signal()
    changed = Signal()

    def __init__(self, models: Models) -> None:
        super().__init__()
        self._presets = {preset.name: preset for preset in presets()}
        self.model = ModelBox(models, Kind.CHECKPOINT)
        self.pictures = PicturesBox()
        self.prior = PriorBox()
        self._folds = Folds()
        self._rows: dict[str, FieldRow] = {}
        for path, part, name in IN_SIGHT:
            field = path.rpartition(".")[2]
            self._rows[path] = FieldRow(path, about(part, field), field_editor(part, field), name=name)
        self._method = MethodChoice()
        self._preset = self._preset_box()
        self._about = label("", "muted")
        self._reset = button(
            "Changed: reset", "Bring every setting back to what the preset says", self._take_preset, kind="quiet"
        )
        self._fault = label("", "error")
        self._fault.hide()
        self._start = button(
            "Start training", "Train with these settings. While a job runs, it waits in the queue.",
            self._submit, icon="train", kind="primary",
        )  # fmt: skip
        self._lay_out()
        self._connect()
        self.choose_preset(SAMPLES)

    @property
    def entry(self) -> Entry | None:
        return self.model.entry()

    @property
    def fault(self) -> str:
        return self._fault.text()

    @property
    def preset_about(self) -> str:
        return self._about.text()

    @property
    def is_changed(self) -> bool:
        """Whether something was changed since the preset was chosen."""
        return not self._reset.isHidden()

    @property
    def wants_prior_folder(self) -> bool:
        """Whether class pictures are asked for, and no folder of them was chosen."""
        return self.prior.is_kept and not self.prior.folder

    def rows(self) -> Iterator[FieldRow]:
        """Every field that counts now."""
        yield from self._rows.values()
        yield from self._folds.rows()

    def tree(self) -> Tree:
        tree = merged(self._folds.tree(), {"kind": "train", "model": self.model.name, "data": {}})
        tree["data"]["folder"] = self.pictures.folder
        for path, row in self._rows.items():
            part = tree
            *above, last = path.split(".")
            for name in above:
                part = part[name]
            part[last] = row.editor.value()
        options = tree["data"].pop("prior")
        tree["data"]["prior"] = {"folder": self.prior.folder, **options} if self.prior.is_kept else None
        return tree

    def job(self) -> TrainJob | None:
        try:
            job = TrainJob.model_validate(self.tree())
        except ValidationError as error:
            self._show(error)
            return None
        self._show(None)
        return job

    def draft_job(self) -> TrainJob | None:
        """What it says while a folder or a name may still be missing; None where something else makes no sense."""
        try:
            return TrainJob.model_validate(filled(self.tree()))
        except ValidationError:
            return None

    def set_tree(self, tree: Tree) -> None:
        """Show a tree, whose folder and name may be empty. Raises ValidationError when it is no training."""
        job = TrainJob.model_validate(filled(tree))
        with QSignalBlocker(self):
            self._show_job(job)
            self._rows["output.name"].editor.set_value(tree.get("output", {}).get("name", Output().name))
            self.pictures.set_folder(str(tree.get("data", {}).get("folder", "")))
        self._show(None)
        self._edited()

    def change(self, fields: Mapping[str, Any]) -> None:
        """Set these fields by their paths in the job, whatever stands half typed in others."""
        with QSignalBlocker(self):
            for path, value in fields.items():
                if path == "data.prior":
                    self.prior.show_prior(value is not None, value.folder if value is not None else "")
            for row in self.rows():
                if row.path in fields:
                    row.editor.set_value(fields[row.path])
                    row.show_fault("")
        self._edited()

    def choose_preset(self, name: str) -> None:
        self._preset.setCurrentIndex(self._preset.findData(name))
        self._take_preset()

    def choose_optimizer(self, kind: str) -> None:
        self._folds.choose_optimizer(kind)

    def draft(self) -> dict[str, Any]:
        return {"tree": _plain(self.tree()), "preset": self._preset.currentData(), "open": self._folds.open_folds()}

    def set_draft(self, draft: Mapping[str, Any]) -> None:
        """Show a draft as it was left, half-typed fields and all; what is no draft leaves the form as it is."""
        tree, place = draft.get("tree"), self._preset.findData(draft.get("preset"))
        if not isinstance(tree, dict) or place < 0:
            return
        self._preset.setCurrentIndex(place)
        with QSignalBlocker(self):
            self._show_unchecked(tree)
        self._folds.set_open([str(name) for name in draft.get("open", ())])
        self._show(None)
        self._edited()

    def set_folder(self, folder: str) -> None:
        """Take another folder of pictures. What belonged to the sample pictures alone goes with them."""
        was_sample = Path(self.pictures.folder) == SHIPPED
        self.pictures.set_folder(folder)
        if was_sample and Path(folder) != SHIPPED:
            self.change({"data.prior": None, "samples.prompts": (), "output.description": "",
                         "output.name": _name_after(folder)})  # fmt: skip
        else:
            self._edited()

    @Slot()
    def take_samples(self) -> None:
        self.choose_preset(SAMPLES)

    def find_field(self, words: str = "") -> None:
        """Go to the search for a setting, and look for `words` where there are some."""
        self._find.start(words)

    @property
    def scrolled(self) -> int:
        """How far down it is scrolled, in pixels."""
        return self._scroll.verticalScrollBar().value()

    def scroll_to(self, place: int) -> None:
        self._scroll.verticalScrollBar().setValue(place)

    def complain(self, words: str) -> None:
        self._fault.setText(words)
        self._fault.setVisible(bool(words))

    def _preset_box(self) -> QComboBox:
        box = QComboBox()
        for preset in self._presets.values():
            box.addItem(preset.title, preset.name)
        box.setToolTip("Settings that go well together. Your pictures, name and words stay as they are.")
        box.activated.connect(self._take_preset)
        calm(box)
        return box

    def _connect(self) -> None:
        for row in self._rows.values():
            row.editor.changed.connect(self._edited)
            row.reset.connect(self._reset_field)
        self._folds.connect_resets(self._reset_field)
        self._folds.changed.connect(self._edited)
        self._folds.optimizer_chosen.connect(self._take_usual_rate)
        self._method.chosen.connect(self._choose_method)
        self.prior.changed.connect(self._edited)
        self.model.chosen.connect(self._edited)
        self.pictures.chosen.connect(self.set_folder)
        self.pictures.wants_samples.connect(self.take_samples)

    def _show_job(self, job: TrainJob) -> None:
        self.model.set_name(job.model)
        for path, row in self._rows.items():
            row.editor.set_value(value_at(job, path))
        self._method.set_kind(job.method.kind)
        self.prior.show_prior(job.data.prior is not None, job.data.prior.folder if job.data.prior else "")
        self._folds.show_job(job)

    def _show_unchecked(self, tree: Tree) -> None:
        method, optimizer = value_at(tree, "method.kind"), value_at(tree, "optimizer.kind")
        prior = value_at(tree, "data.prior")
        self.model.set_name(str(tree.get("model", "")))
        self.pictures.set_folder(str(value_at(tree, "data.folder", "")))
        self.prior.show_prior(isinstance(prior, dict), str(value_at(tree, "data.prior.folder") or ""))
        self._folds.keep_class(self.prior.is_kept)
        self._method.set_kind(str(method))
        self._folds.set_kinds(str(method), str(optimizer))
        for row in self.rows():
            value = value_at(tree, row.path, _NOTHING)
            if value is not _NOTHING:
                # of another version: the field stays as it is
                with suppress(TypeError, ValueError, AttributeError, OverflowError):
                    row.editor.set_value(Size(**value) if isinstance(value, dict) else value)

    def _show(self, error: ValidationError | None) -> None:
        self._folds.show_faults(error)
        found = faults_of(error)
        optimizer = self._folds.optimizer
        for path, row in self._rows.items():
            row.show_fault(found.get(path.replace("optimizer.", f"optimizer.{optimizer}."), ""))
        self.complain(_first_fault(error) if error else "")

    @Slot()
    def _submit(self) -> None:
        self.submitted.emit()

    @Slot()
    def _edited(self) -> None:
        self.complain("")
        self._folds.keep_class(self.prior.is_kept)
        self._mark()
        self.changed.emit()

    @Slot()
    def _take_preset(self) -> None:
        self.set_tree(self._presets[self._preset.currentData()].laid_over(self.tree()))

    @Slot(str)
    def _take_usual_rate(self, optimizer: str) -> None:
        usual = OPTIMIZERS[optimizer].model_fields["learning_rate"].default
        self._rows["optimizer.learning_rate"].editor.set_value(usual)

    @Slot(str)
    def _choose_method(self, kind: str) -> None:
        other = "lora" if kind == "full" else "full"
        self._folds.set_method(kind)
        rate = self._rows["optimizer.learning_rate"].editor
        if rate.value() == USUAL_RATES[other]:
            rate.set_value(USUAL_RATES[kind])
        self._edited()

    @Slot(str)
    def _reset_field(self, path: str) -> None:
        self.change({path: self._usual(path, self._preset_job())})

    def _preset_job(self) -> TrainJob:
        """What the preset makes of what is the user's own; where that makes no sense, of nothing."""
        preset = self._presets[self._preset.currentData()]
        try:
            return preset.job(self.tree())
        except ValidationError:
            return preset.job({})

    def _usual(self, path: str, job: TrainJob) -> Any:
        """The preset's value of a field; of an option of a method or optimizer that it doesn't use, the default."""
        top, _, last = path.rpartition(".")
        part = {"method": METHODS[self._folds.method], "optimizer": OPTIMIZERS[self._folds.optimizer]}.get(top)
        value = value_at(job, path, _NOTHING)
        if value is not _NOTHING and (part is None or type(value_at(job, top)) is part):
            return value
        return (part or Prior).model_fields[last].get_default(call_default_factory=True)

    def _mark(self) -> None:
        """Mark what was changed since the preset was chosen."""
        self._about.setText(self._presets[self._preset.currentData()].about)
        job = self._preset_job()
        for row in self.rows():
            usual = self._usual(row.path, job)
            row.mark(usual, row.editor.value() != usual)
        self._reset.setVisible(self.draft_job() != job)

    def _lay_out(self) -> None:
        rows = self._rows
        method = named("I want", self._method)
        parts = (
            Findable(named("Preset", self._preset, beside=self._reset), "preset"),
            Findable(self._about, ""),
            Findable(named("Start from", self.model), "start from model checkpoint base"),
            Findable(named("Pictures", self.pictures), "pictures folder data.folder dataset"),
            Findable(method, "i want a lora a whole model method method.kind full"),
            Level(rows["output.name"], rows["data.captions.prefix"]),
            Findable(self.prior, "keep the class prior preservation regularisation dreambooth data.prior folder"),
            Level(rows["steps.total"], rows["steps.batch_size"], rows["optimizer.learning_rate"]),
            rows["data.resolution"],
            rows["samples.prompts"],
            rows["samples.every"],
        )
        self._find = FindBox(parts, self._folds)
        widgets = [part.widget if isinstance(part, Findable) else part for part in parts]
        fields = column(*widgets, self._folds, self._find.nothing, 0, margins=(16, 8, 16, 8), spacing=12)
        whole = QWidget()
        scrolled_above(whole, fields, column(self._fault, self._start, margins=(16, 8, 16, 16)))
        self._scroll = whole.findChildren(QScrollArea)[0]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(column(self._find, margins=(16, 16, 16, 8)))
        layout.addWidget(whole, 1)


def _first_fault(error: ValidationError) -> str:
    """`Rank: Input should be greater than 0`, in words that stand in the form."""
    first = error.errors(include_url=False)[0]
    places = [str(place) for place in first["loc"]]
    if ".".join(places) in FAULTS:
        return FAULTS[".".join(places)]
    part: Any = TrainJob
    words = ""
    for name in places:
        kinds = {**OPTIMIZERS, **METHODS}
        if name in kinds:  # pydantic names the chosen member of a union in the path
            part = kinds[name]
        elif name in getattr(part, "model_fields", {}):
            words = about(part, name).label
            part = part.model_fields[name].annotation
    reason = str(first["msg"]).removeprefix("Value error, ")
    return f"{words or places[-1]}: {reason[:1].lower()}{reason[1:]}."


def _name_after(folder: str) -> str:
    name = Path(folder).name
    return name if not name_fault(name) and len(name) <= 100 else Output().name


def _plain(value: Any) -> Any:
    """As JSON takes it."""
    match value:
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case Size() | Prior():
            return value.model_dump(mode="json")
        case tuple():
            return list(value)
        case _:
            return value
