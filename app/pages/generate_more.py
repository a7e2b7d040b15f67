"""What few people change on the page Generate: sampler, variation, second pass, hardware, in one fold."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.forms.editors import choice_in_words
from app.forms.form import Form
from app.forms.optional import OptionalPart
from app.models_list import Models
from app.remember import NONSENSE
from app.widgets.basics import column, named
from app.widgets.fold import Fold
from app.widgets.model_box import ModelBox
from trainer.contract.common import USUAL_ETA, Hardware, Sampling
from trainer.contract.generate import GenerateJob, SecondPass, Variation
from trainer.library.identity import Kind

OUTSIDE = ("steps", "guidance")
"""Fields of the sampling that stand in the form itself."""
FOLDED = tuple(name for name in Sampling.model_fields if name not in OUTSIDE)

Tree = dict[str, Any]


class More(QWidget):
    """`tree()` is its part of the job's tree; `sampling` in it lacks what stands outside the fold."""

    changed = Signal()

    def __init__(self, models: Models) -> None:
        super().__init__()
        self._sampling = Form(Sampling, FOLDED, "sampling")
        self._variation = OptionalPart(
            "Stay near the seed's picture (variation)",
            "Pictures near the one of the seed: its noise is turned a little towards that of another seed.",
            Variation,
            ("seed", "strength"),
            "variation",
        )
        self._model = ModelBox(models, Kind.CHECKPOINT, none="the same")
        self._model.setToolTip("A model for the second pass, such as a refiner")
        self._second_pass = OptionalPart(
            "Enlarge and refine (second pass)",
            "The finished picture is enlarged and gone over once more, which brings detail.",
            SecondPass,
            ("scale", "strength", "steps", "upscaler"),
            "second_pass",
            named("Model of the second pass", self._model),
        )
        self._batch = Form(GenerateJob, ("batch_size",))
        self._hardware = Form(Hardware, ("tiles", "device", "precision"), "hardware")
        inside = (self._second_pass, self._variation, self._sampling, self._batch, self._hardware)
        self.fold = Fold("Sampler and more", column(*inside, spacing=10))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)
        for part in inside:
            part.changed.connect(self._edited)
        self._model.chosen.connect(self._edited)
        self._summarise()

    def tree(self) -> Tree:
        second = self._second_pass.value()
        return {
            "sampling": self._sampling.value(),
            "variation": self._variation.value(),
            "second_pass": None if second is None else {**second, "model": self._model.name},
            "hardware": self._hardware.value(),
            **self._batch.value(),
        }

    def restore(self, tree: Tree) -> None:
        """Fill in what of a job's tree can be filled in."""
        writers: dict[str, Callable[[Any], object]] = {
            "sampling": self._restore_sampling,
            "variation": self._variation.set_value,
            "second_pass": self._restore_second_pass,
            "hardware": self._hardware.set_value,
            "batch_size": self._restore_batch,
        }
        for name in writers.keys() & tree.keys():
            with suppress(*NONSENSE):
                writers[name](tree[name])
        self._summarise()

    def show_faults(self, error: ValidationError) -> None:
        for form, under in (
            (self._sampling, "sampling"),
            (self._batch, ""),
            (self._hardware, "hardware"),
        ):
            form.show_faults(error, under)
        self._variation.show_faults(error)
        self._second_pass.show_faults(error)

    def _restore_second_pass(self, tree: Tree | None) -> None:
        self._second_pass.set_value(tree)
        self._model.set_name(str(tree.get("model", "")) if tree else "")

    def _restore_sampling(self, sampling: Tree) -> None:
        """Fields that the tree does not name stay as they are."""
        self._sampling.set_value({**self._sampling.value(), **sampling})

    def _restore_batch(self, size: int) -> None:
        self._batch.set_value({"batch_size": size})

    @Slot()
    def _edited(self) -> None:
        self._summarise()
        self.changed.emit()

    @Slot()
    def _summarise(self) -> None:
        """What is set inside, the unusual first: the line is short."""
        values = self._sampling.value()
        said = [choice_in_words(values["sampler"])]
        if self._second_pass.is_on:
            said.append(f"× {self._second_pass.form.editor('scale').value():g}")
        if self._variation.is_on:
            said.append("variation")
        if values["sampler"] in USUAL_ETA and values["eta"] not in (None, USUAL_ETA[values["sampler"]]):
            said.append(f"eta {values['eta']:g}")
        if values["clip_skip"] != 1:
            said.append(f"clip skip {values['clip_skip']}")
        self.fold.set_summary(", ".join(said))
