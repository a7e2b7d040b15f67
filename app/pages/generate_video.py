"""What is wanted of a video on the page Generate, where the chosen model makes videos."""

from contextlib import suppress
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.forms.form import Form
from app.forms.row import LINE
from app.remember import NONSENSE
from app.widgets.basics import column, row
from app.widgets.fold import Fold
from trainer.contract.common import Hardware
from trainer.contract.fields import Part
from trainer.contract.video import Motion, VideoExport, VideoGuidance, VideoJob, VideoSampling

Tree = dict[str, Any]
OUTSIDE = ("steps",)
"""Fields of the sampling that stand in the page's form."""


class VideoBox(QWidget):
    """`tree()` is its part of a VideoJob's tree; `sampling` in it lacks the steps."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._forms: list[tuple[str, Form]] = []
        frames, rate = self._form("", VideoJob, "frames"), self._form("motion", Motion, "fps")
        first, last = (self._form("guidance", VideoGuidance, name) for name in ("first", "last"))
        motion, format = self._form("motion", Motion, "bucket"), self._form("export", VideoExport, "format")
        sampling = tuple(name for name in VideoSampling.model_fields if name not in OUTSIDE)
        self._sampler = self._form("sampling", VideoSampling, *sampling)
        self._fold = Fold(
            "Sampler and more",
            column(
                self._sampler,
                self._form("motion", Motion, "noise"),
                self._form("export", VideoExport, "quality", "loop"),
                self._form("hardware", Hardware, "device", "precision"),
                spacing=10,
            ),
        )
        format.editor("format").widget.setMinimumHeight(LINE)  # as high as the number beside it
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for pair in ((frames, rate), (motion, format), (first, last)):
            layout.addWidget(row(*pair))
        layout.addWidget(self._fold)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def tree(self) -> Tree:
        tree: Tree = {}
        for path, form in self._forms:
            target = tree.setdefault(path, {}) if path else tree
            target.update(form.value())
        return tree

    def restore(self, tree: Tree) -> None:
        """Fill in what of a VideoJob's tree can be filled in."""
        for path, form in self._forms:
            values = tree.get(path, {}) if path else tree
            with suppress(*NONSENSE):
                form.set_value({**form.value(), **{name: values[name] for name in form.rows if name in values}})

    def show_faults(self, error: ValidationError) -> bool:
        """Each under its field. Whether one of them is in the fold, which is opened then."""
        for path, form in self._forms:
            form.show_faults(error, path)
        folded = any(made.fault for _, form in self._forms[6:] for made in form.rows.values())
        if folded:
            self._fold.set_open(True)
        return folded

    def _form(self, path: str, part: type[Part], *fields: str) -> Form:
        made = Form(part, fields, path)
        made.changed.connect(self._edited)
        self._forms.append((path, made))
        return made

    @Slot()
    def _edited(self) -> None:
        self.changed.emit()
