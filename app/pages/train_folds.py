"""Every field of a training that few people change, in folds whose summaries say what is set."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

from pydantic import ValidationError
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QSizePolicy, QVBoxLayout, QWidget

from app.forms.editors import CHOICES
from app.forms.form import Form
from app.forms.row import FieldRow
from app.pages.train_presets import Tree
from app.widgets.basics import calm, column, named
from app.widgets.fold import Fold
from trainer.contract.common import Hardware, Sampling
from trainer.contract.fields import Part, about
from trainer.contract.optimize import AnyOptimizer, Schedule
from trainer.contract.train import Captions, Data, Full, Lora, Loss, Output, Prior, Samples, Steps, TrainJob

OPTIMIZERS: dict[str, type[Part]] = {
    part.model_fields["kind"].default: part for part in get_args(get_args(AnyOptimizer)[0])
}
METHODS: dict[str, type[Part]] = {"lora": Lora, "full": Full}
OPTIMIZER_NAMES = {
    "adamw": "AdamW",
    "adamw_8bit": "AdamW in 8 bits",
    "adafactor": "Adafactor",
    "prodigy": "Prodigy",
    "lion": "Lion",
    "schedule_free": "Schedule-free",
}
OPTIMIZER_WORDS = f"optimizer optimizer.kind {' '.join(OPTIMIZER_NAMES.values())}".casefold()
"""What the choice of the optimizer is found by."""


class Folds(QWidget):
    """`tree()` is a part of the job's tree. `optimizer_chosen` is said when the user picked another optimizer."""

    changed = Signal()
    optimizer_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._forms: list[tuple[str, Form]] = []
        self._method = "lora"
        self._kept = True
        self._opened: list[str] | None = None
        """The folds that were open before a search opened others."""
        self._methods = {kind: Form(part, _fields(part, "kind"), "method") for kind, part in METHODS.items()}
        self._optimizers = {
            kind: Form(part, _fields(part, "kind", "learning_rate"), "optimizer") for kind, part in OPTIMIZERS.items()
        }
        self._optimizer = self._optimizer_box()
        self._optimizer_row = named("Optimizer", self._optimizer)
        self._folds = {fold.objectName(): fold for fold in self._made()}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for fold in self._folds.values():
            layout.addWidget(fold)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        for form in (*self._methods.values(), *self._optimizers.values(), *(form for _, form in self._forms)):
            form.changed.connect(self._edited)
        self._show_chosen()

    def tree(self) -> Tree:
        tree: Tree = {
            "method": {"kind": self._method, **self._methods[self._method].value()},
            "optimizer": {"kind": self.optimizer, **self._optimizers[self.optimizer].value()},
        }
        for path, form in self._forms:
            part = tree
            for name in path.split("."):
                part = part.setdefault(name, {})
            part.update(form.value())
        return tree

    @property
    def optimizer(self) -> str:
        return str(self._optimizer.currentData())

    def show_job(self, job: TrainJob) -> None:
        if job.method.kind in self._methods:
            self._method = job.method.kind
            self._methods[self._method].set_value(dict(job.method))
        self._optimizer.setCurrentIndex(self._optimizer.findData(job.optimizer.kind))
        self._optimizers[job.optimizer.kind].set_value(dict(job.optimizer))
        for path, form in self._forms:
            part: Any = job
            for name in path.split("."):
                part = getattr(part, name)
            form.set_value(dict(part) if part is not None else {})
        self._show_chosen()

    @property
    def method(self) -> str:
        """The one whose options count."""
        return self._method

    def rows(self) -> Iterator[FieldRow]:
        """Those of the fields that count: not of another method or optimizer, nor of class pictures nobody uses."""
        for form in (self._methods[self._method], self._optimizers[self.optimizer]):
            yield from form.rows.values()
        for path, form in self._forms:
            if path != "data.prior" or self._kept:
                yield from form.rows.values()

    def narrow(self, words: str) -> int:
        """Show only the fields that match, their folds open, and return how many there are; "" shows all of them
        again, with the folds as they were."""
        if self._opened is None and words:
            self._opened = self.open_folds()
        shown = 0
        for one in self.rows():
            one.setVisible(not words or one.matches(words))
            shown += not one.isHidden()
        asked = words.casefold().split()
        of_optimizer = all(word in OPTIMIZER_WORDS for word in asked)
        self._optimizer_row.setVisible(of_optimizer)
        for name, fold in self._folds.items():
            hit = any(not one.isHidden() and fold.isAncestorOf(one) for one in self.rows())
            hit = hit or (name == "Learning" and of_optimizer)
            fold.setVisible(hit or not words)
            if words:
                fold.set_open(hit)
        if not words and self._opened is not None:
            before, self._opened = self._opened, None
            self.set_open(before)
        return shown + (of_optimizer and bool(words))

    def set_kinds(self, method: str, optimizer: str) -> None:
        """Another method and optimizer, each with the options that it had last."""
        self._method = method if method in self._methods else self._method
        place = self._optimizer.findData(optimizer)
        if place >= 0:
            self._optimizer.setCurrentIndex(place)
        self._show_chosen()

    def set_method(self, kind: str) -> None:
        self._method = kind
        self._show_chosen()

    def keep_class(self, kept: bool) -> None:
        """The options of the class pictures only stand there when they are used."""
        self._kept = kept
        for path, form in self._forms:
            if path == "data.prior":
                form.setVisible(kept)

    def show_faults(self, error: ValidationError | None) -> None:
        """Each under its field, its fold opened."""
        self._methods[self._method].show_faults(error, f"method.{self._method}")
        self._optimizers[self.optimizer].show_faults(error, f"optimizer.{self.optimizer}")
        for path, form in self._forms:
            form.show_faults(error, path)
        for fold in self._folds.values() if error else ():
            if any(one.fault and fold.isAncestorOf(one) for one in self.rows()):
                fold.set_open(True)

    def open_folds(self) -> list[str]:
        """By name; during a search, those that were open before it."""
        if self._opened is not None:
            return self._opened
        return [name for name, fold in self._folds.items() if fold.is_open]

    def connect_resets(self, slot: Callable[[str], object]) -> None:
        for form in (*self._methods.values(), *self._optimizers.values(), *(form for _, form in self._forms)):
            for one in form.rows.values():
                one.reset.connect(slot)

    def set_open(self, names: Iterable[str]) -> None:
        for name, fold in self._folds.items():
            fold.set_open(name in names)

    def _made(self) -> Iterator[Fold]:
        yield self._fold(
            "Pictures and captions",
            self._form("data", Data, "repeats", "buckets", "bucket_step", "enlarge", "crop", "flip", "masks"),
            self._form("data.captions", Captions, "shuffle", "keep_tags", "dropout"),
            self._form("data.prior", Prior, "weight", "caption"),
        )
        yield self._fold(
            "Learning",
            *self._methods.values(),
            self._optimizer_row,
            *self._optimizers.values(),
            self._form("schedule", Schedule, *_fields(Schedule)),
            self._form("steps", Steps, "max_grad_norm", "seed"),
        )
        yield self._fold("Loss", self._form("loss", Loss, *_fields(Loss)))
        yield self._fold(
            "Previews",
            self._form("samples.sampling", Sampling, *_fields(Sampling)),
            self._form("samples", Samples, "seed"),
        )
        yield self._fold(
            "Memory and machine",
            self._form("steps", Steps, "accumulation", "gradient_checkpointing"),
            self._form("data", Data, "cache"),
            self._form("hardware", Hardware, *_fields(Hardware)),
        )
        names = ("precision", "checkpoint_every", "keep_checkpoints", "description")
        yield self._fold("Output", self._form("output", Output, *names))

    def _form(self, path: str, part: type[Part], *names: str) -> Form:
        made = Form(part, names, path)
        self._forms.append((path, made))
        return made

    def _fold(self, name: str, *content: QWidget) -> Fold:
        made = Fold(name, column(*content, margins=(16, 0, 0, 8), spacing=10))
        made.setObjectName(name)
        return made

    def _optimizer_box(self) -> QComboBox:
        box = QComboBox()
        for kind, part in OPTIMIZERS.items():
            box.addItem(OPTIMIZER_NAMES[kind], kind)
            box.setItemData(box.count() - 1, about(part, "kind").help, Qt.ItemDataRole.ToolTipRole)
        box.setToolTip("How the weights are moved. Each has a usual learning rate of its own, which is taken with it.")
        box.activated.connect(self._choose_optimizer)
        calm(box)
        return box

    def choose_optimizer(self, kind: str) -> None:
        self._optimizer.setCurrentIndex(self._optimizer.findData(kind))
        self._choose_optimizer()

    @Slot()
    def _choose_optimizer(self) -> None:
        self._show_chosen()
        self.optimizer_chosen.emit(self.optimizer)
        self.changed.emit()

    @Slot()
    def _edited(self) -> None:
        self._summarise()
        self.changed.emit()

    def _show_chosen(self) -> None:
        for kind, form in self._methods.items():
            form.setVisible(kind == self._method)
        for kind, form in self._optimizers.items():
            form.setVisible(kind == self.optimizer)
        self._summarise()

    def _summarise(self) -> None:
        tree = self.tree()
        data, loss, sampling, output = tree["data"], tree["loss"], tree["samples"]["sampling"], tree["output"]
        method, hardware = tree["method"], tree["hardware"]
        learns = f"rank {method['rank']}, " if self._method == "lora" else ""
        places = [CHOICES.get(str(hardware[name]), str(hardware[name])) for name in ("device", "precision")]
        every = output["checkpoint_every"]
        for name, words in {
            "Pictures and captions": f"each {_times(data['repeats'])}{', mirrored' if data['flip'] else ''}",
            "Learning": f"{learns}{OPTIMIZER_NAMES[self.optimizer]}, {tree['schedule']['kind'].replace('_', ' ')}",
            "Loss": f"min-SNR {loss['min_snr_gamma']:g}" if loss["min_snr_gamma"] else "all timesteps alike",
            "Previews": f"{CHOICES[sampling['sampler']]}, {sampling['steps']} steps, guidance {sampling['guidance']:g}",
            "Memory and machine": ", ".join(dict.fromkeys(places)),
            "Output": f"{output['precision']}, checkpoint {f'every {every} steps' if every else 'only when stopped'}",
        }.items():
            self._folds[name].set_summary(words)


def _fields(part: type[Part], *without: str) -> tuple[str, ...]:
    return tuple(name for name in part.model_fields if name not in without)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
