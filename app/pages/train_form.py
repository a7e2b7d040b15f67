"""The settings of a training: what most people set in sight, every other field of the job one fold away."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QWidget,
)

from app.forms.editors import Editor, field_editor
from app.models_list import Models
from app.pages.train_folds import METHODS, OPTIMIZERS, Folds
from app.pages.train_pictures import PicturesBox, choose_folder
from app.pages.train_presets import SAMPLES, Tree, filled, merged, presets
from app.widgets.basics import button, calm, column, label, named, row, scrolled_above
from app.widgets.model_box import ModelBox
from trainer.contract.common import Size
from trainer.contract.fields import about
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


class TrainForm(QWidget):
    """`job()` is what it says, or None with the faults shown in place. `tree()` is the same unchecked."""

    submitted = Signal()
    changed = Signal()

    def __init__(self, models: Models) -> None:
        super().__init__()
        self._presets = {preset.name: preset for preset in presets()}
        self.model = ModelBox(models, Kind.CHECKPOINT)
        self.pictures = PicturesBox()
        self._folds = Folds()
        self._editors: dict[str, Editor] = {}
        for path, part in (
            ("output.name", Output), ("data.captions.prefix", Captions), ("steps.total", Steps),
            ("steps.batch_size", Steps), ("optimizer.learning_rate", AdamW), ("data.resolution", Data),
            ("samples.prompts", Samples), ("samples.every", Samples),
        ):  # fmt: skip
            self._editors[path] = field_editor(part, path.rpartition(".")[2])
        self._make_choices()
        self._fault = label("", "error")
        self._fault.hide()
        self._start = button(
            "Start training", "Train with these settings (Ctrl+Enter). While a job runs, it waits in the queue.",
            self._submit, icon="train", kind="primary",
        )  # fmt: skip
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self, self._submit, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
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

    def tree(self) -> Tree:
        tree = merged(self._folds.tree(), {"kind": "train", "model": self.model.name, "data": {}})
        tree["data"]["folder"] = self.pictures.folder
        for path, editor in self._editors.items():
            part = tree
            *above, last = path.split(".")
            for name in above:
                part = part[name]
            part[last] = editor.value()
        options = tree["data"].pop("prior")
        tree["data"]["prior"] = {"folder": self._prior.text().strip(), **options} if self._keep.isChecked() else None
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
            self._editors["output.name"].set_value(tree.get("output", {}).get("name", Output().name))
            self.pictures.set_folder(str(tree.get("data", {}).get("folder", "")))
        self._show(None)
        self._mark()
        self.changed.emit()

    def choose_preset(self, name: str) -> None:
        self._preset.setCurrentIndex(self._preset.findData(name))
        self._take_preset()

    def choose_optimizer(self, kind: str) -> None:
        self._folds.choose_optimizer(kind)

    def draft(self) -> dict[str, Any]:
        return {"tree": _plain(self.tree()), "preset": self._preset.currentData(), "open": self._folds.open_folds()}

    def set_draft(self, draft: dict[str, Any]) -> None:
        try:
            place = self._preset.findData(draft["preset"])
            self.set_tree(draft["tree"])
        except (KeyError, TypeError, AttributeError, ValidationError):  # of another version: the form stays as it is
            return
        self._preset.setCurrentIndex(max(0, place))
        self._mark()
        self._folds.set_open([str(name) for name in draft.get("open", ())])

    def set_folder(self, folder: str) -> None:
        """Take another folder of pictures. What belonged to the sample pictures alone goes with them."""
        tree = self.tree()
        if Path(tree["data"]["folder"]) == SHIPPED and Path(folder) != SHIPPED:
            tree["data"]["prior"] = None
            tree["samples"]["prompts"] = ()
            tree["output"] |= {"description": "", "name": _name_after(folder)}
        tree["data"]["folder"] = folder
        try:
            self.set_tree(tree)
        except ValidationError:  # something half typed stands elsewhere: only the folder is taken
            self.pictures.set_folder(folder)
            self.changed.emit()

    @Slot()
    def take_samples(self) -> None:
        self.choose_preset(SAMPLES)

    def complain(self, words: str) -> None:
        self._fault.setText(words)
        self._fault.setVisible(bool(words))

    def _make_choices(self) -> None:
        self._preset = QComboBox()
        for preset in self._presets.values():
            self._preset.addItem(preset.title, preset.name)
        self._preset.setToolTip("Settings that go well together. Your pictures, name and words stay as they are.")
        self._preset.activated.connect(self._take_preset)
        calm(self._preset)
        self._about = label("", "muted")
        self._reset = button("Changed: reset", "Go back to what the preset says", self._take_preset, kind="quiet")
        self._lora, self._full = QRadioButton("a LoRA"), QRadioButton("a whole model")
        self._lora.setToolTip("A small file laid over a model: quick to train, can be combined with others.")
        self._full.setToolTip("Every weight of the model: the most power, and the most memory and time.")
        self._methods = QButtonGroup(self)
        for one in (self._lora, self._full):
            one.setAccessibleName(one.text())
            self._methods.addButton(one)
        self._keep = QCheckBox("Keep the class as it is, with pictures of it")
        self._keep.setAccessibleName("Keep the class")
        self._keep.setToolTip(
            "Trains pictures of the class (other cats, when you teach one cat) beside yours, "
            "so that the model does not take all of them for your subject."
        )
        self._prior = QLineEdit()
        self._prior.setPlaceholderText("a folder of pictures of the class")
        self._prior.setToolTip(
            "Twenty or more pictures of other things of the same class, best made by the same model."
        )
        self._prior.setAccessibleName("Class pictures")
        browse = button("", "Choose the folder of class pictures", self._choose_prior, icon="folder")
        self._prior_row = row(self._prior, browse)

    def _connect(self) -> None:
        for editor in self._editors.values():
            editor.changed.connect(self._edited)
        self._folds.changed.connect(self._edited)
        self._folds.optimizer_chosen.connect(self._take_usual_rate)
        self._methods.buttonClicked.connect(self._choose_method)
        self._keep.toggled.connect(self._keep_class)
        self._prior.editingFinished.connect(self._edited)
        self.model.chosen.connect(self._edited)
        self.pictures.chosen.connect(self.set_folder)
        self.pictures.wants_samples.connect(self.take_samples)

    def _show_job(self, job: TrainJob) -> None:
        self.model.set_name(job.model)
        for path, editor in self._editors.items():
            value: Any = job
            for name in path.split("."):
                value = getattr(value, name)
            editor.set_value(value)
        (self._full if job.method.kind == "full" else self._lora).setChecked(True)
        self._prior.setText(job.data.prior.folder if job.data.prior else "")
        self._keep.setChecked(job.data.prior is not None)
        self._folds.show_job(job)
        self._keep_class()

    def _show(self, error: ValidationError | None) -> None:
        self._folds.show_faults(error)
        self.complain(_first_fault(error) if error else "")

    @Slot()
    def _submit(self) -> None:
        self.submitted.emit()

    @Slot()
    def _edited(self) -> None:
        self.complain("")
        self._mark()
        self.changed.emit()

    @Slot()
    def _take_preset(self) -> None:
        self.set_tree(self._presets[self._preset.currentData()].laid_over(self.tree()))

    @Slot(str)
    def _take_usual_rate(self, optimizer: str) -> None:
        usual = OPTIMIZERS[optimizer].model_fields["learning_rate"].default
        self._editors["optimizer.learning_rate"].set_value(usual)

    @Slot()
    def _choose_method(self) -> None:
        kind, other = ("full", "lora") if self._full.isChecked() else ("lora", "full")
        self._folds.set_method(kind)
        rate = self._editors["optimizer.learning_rate"]
        if rate.value() == USUAL_RATES[other]:
            rate.set_value(USUAL_RATES[kind])
        self._edited()

    @Slot()
    def _keep_class(self) -> None:
        self._prior_row.setVisible(self._keep.isChecked())
        self._folds.keep_class(self._keep.isChecked())
        self._edited()

    @Slot()
    def _choose_prior(self) -> None:
        picked = choose_folder(self, "The folder with pictures of the class", self._prior.text())
        if picked:
            self._prior.setText(picked)
            self._edited()

    def _mark(self) -> None:
        """Say whether something was changed since the preset was chosen."""
        preset = self._presets[self._preset.currentData()]
        self._about.setText(preset.about)
        try:
            changed = preset.differs(self.tree())
        except ValidationError:
            changed = True
        self._reset.setVisible(changed)

    def _lay_out(self) -> None:
        edit = {path: editor.widget for path, editor in self._editors.items()}
        fields = column(
            named("Preset", self._preset, beside=self._reset),
            self._about,
            named("Start from", self.model),
            named("Pictures", self.pictures),
            named("I want", row(self._lora, self._full, 0, spacing=24)),
            _level(
                named("Its name", edit["output.name"]),
                named("Word before each caption", edit["data.captions.prefix"]),
            ),
            column(self._keep, self._prior_row),
            _level(
                named("Steps", edit["steps.total"]), named("Batch size", edit["steps.batch_size"]),
                named("Learning rate", edit["optimizer.learning_rate"]),
            ),
            named("Resolution", edit["data.resolution"]),
            named("Preview prompts", edit["samples.prompts"]),
            named("Make previews every", edit["samples.every"]),
            self._folds,
            0,
            margins=(16, 16, 16, 8),
            spacing=12,
        )  # fmt: skip
        scrolled_above(self, fields, column(self._fault, self._start, margins=(16, 8, 16, 16)))


def _level(*fields: QWidget) -> QWidget:
    """Fields beside one another, equally wide, whose names stand on one line however high each field is."""
    made = QWidget()
    layout = QHBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    for field in fields:
        layout.addWidget(field, 1, Qt.AlignmentFlag.AlignTop)
    return made


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
