"""What was filled in because a model was chosen, said below its name, and how it is taken back."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.settings import ModelDefaults
from app.widgets.basics import button, label, row

Tree = dict[str, Any]
NAMES = {
    "size": "size",
    "sampler": "sampler",
    "steps": "steps",
    "guidance": "guidance",
    "negative": "negative prompt",
}
KEPT = ("size", "sampling", "negative")
"""Fields of the job that a model's defaults may change."""


class DefaultsLine(QWidget):
    """Hidden while nothing was filled in. `undone` carries what stood there before."""

    undone = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._before: Tree = {}
        self._words = label("", "muted")
        undo = button("Undo", "Bring back what stood here before", self._undo, kind="quiet")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(row(self._words, undo))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.hide()

    @property
    def text(self) -> str:
        return self._words.text() if not self.isHidden() else ""

    def tell(self, words: str, before: Tree) -> None:
        """What was filled in; `before` is the job's tree as it was."""
        self._before = {name: before[name] for name in KEPT}
        self._words.setText(words)
        self.show()

    def forget(self) -> None:
        self._before = {}
        self.hide()

    @Slot()
    def _undo(self) -> None:
        before = self._before
        self.forget()
        self.undone.emit(before)


def taken(defaults: ModelDefaults | None) -> str:
    """`size, steps and sampler`: what these defaults fill in."""
    words = [name for field, name in NAMES.items() if defaults is not None and getattr(defaults, field)]
    return listed(words)


def listed(words: Sequence[str]) -> str:
    """`size, steps and sampler`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def with_defaults(tree: Tree, defaults: ModelDefaults) -> Tree:
    """The fields of a job's tree that change by them."""
    sampling = defaults.model_dump(include={"sampler", "steps", "guidance"}, exclude_none=True)
    return {
        "sampling": {**tree["sampling"], **sampling},
        "size": defaults.size.model_dump() if defaults.size else tree["size"],
        "negative": defaults.negative or tree["negative"],
    }
