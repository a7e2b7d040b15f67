"""A grid on the page Generate: up to three fields that change, and the values that they take in turn."""

import math
from typing import Any, get_args

from pydantic import ValidationError
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QLineEdit, QMenu, QSizePolicy, QVBoxLayout, QWidget

from app.forms.editors import choice_in_words
from app.forms.row import LINE
from app.models_list import Models
from app.queue import duration
from app.theme import theme
from app.widgets.basics import button, calm, column, label, named, row, scrolled, surface
from trainer.contract.common import SamplerName
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.grid import MOST_CELLS, Axis, GridJob, axis_label, axis_values, takes_numbers, with_value
from trainer.library.identity import Kind

SIDES = ("Across", "Down", "One sheet after the other")
FIELDS = (
    "sampling.guidance",
    "sampling.steps",
    "sampling.sampler",
    "seed",
    "model",
    "prompt",
    "negative",
    "size",
    "sampling.spacing",
    "sampling.clip_skip",
)
OF_SOURCE, OF_SECOND_PASS = ("source.strength",), ("second_pass.scale", "second_pass.strength")
TEXTS = ("prompt", "negative")
EXAMPLES = {
    "sampling.guidance": "3, 5, 7",
    "sampling.steps": "10-30 (+5)",
    "seed": "1-4",
    "prompt": "cat, dog, fox",
    "negative": "blurry, dark",
    "size": "512x512, 512x768",
    "source.strength": "0.2-0.8 [4]",
}
Tree = dict[str, Any]


class GridPanel(QWidget):
    """`made` asks for the grid to be queued, with the form's job as its base; `left` says that it is not wanted."""

    made = Signal()
    left = Signal()

    def __init__(self, models: Models) -> None:
        super().__init__()
        self._base = GenerateJob()
        self._seconds = 0.0
        self.axes = [AxisRow(side, models) for side in SIDES]
        self._words = label("", "muted")
        self._fault = label("", "error")
        self._make = button(
            "Make the grid",
            "A picture for each combination, and a sheet with all of them",
            self.made.emit,
            icon="grid",
            kind="primary",
        )
        back = button("Back", "Back to the pictures (Esc)", self.left.emit, icon="back")
        title = column(
            label("A grid", "title"),
            label("A picture for each combination of these values. All else is as the form says.", "muted"),
        )
        fields = column(
            title,
            *self.axes,
            self._words,
            self._fault,
            row(self._make, back, 0),
            0,
            margins=(24, 24, 24, 16),
            spacing=16,
        )
        fields.setMaximumWidth(760)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(fields))
        for axis in self.axes:
            axis.changed.connect(self._count)

    def set_base(self, job: GenerateJob, seconds: float) -> None:
        """What the form says now, and how long one picture took last; 0 where that is not known."""
        self._base, self._seconds = job, seconds
        for axis in self.axes:
            axis.set_base(job)
        self._count()

    def job(self) -> GridJob | None:
        """What is to be queued; None with the fault said in place."""
        try:
            axes = self._axes()
            for axis in axes:
                for value in axis.values:
                    with_value(self._base, axis, value)
            if not axes:
                raise UserError("Nothing changes yet.", "Choose a field, and type the values that it takes.")
            return GridJob(base=self._base, axes=axes)
        except ValidationError as error:
            self._say_fault(str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, "))
        except UserError as error:
            self._say_fault(str(error))
        return None

    def draft(self) -> list[Tree]:
        return [axis.draft() for axis in self.axes]

    def set_draft(self, drafts: list[Tree]) -> None:
        for axis, draft in zip(self.axes, drafts, strict=False):
            axis.set_draft(draft)

    def _axes(self) -> tuple[Axis, ...]:
        """Those that are filled in. Raises UserError or ValidationError."""
        return tuple(found for axis in self.axes if (found := axis.axis()) is not None)

    @Slot()
    def _count(self) -> None:
        self._say_fault("")
        try:
            axes = self._axes()
        except (UserError, ValidationError) as error:
            self._words.setText("")
            self._say_fault(str(error) if isinstance(error, UserError) else "")
            return
        count = math.prod(len(axis.values) for axis in axes) if axes else 0
        sheets = len(axes[2].values) if len(axes) == len(SIDES) else 1
        words = f"Makes {count:,} picture{'s' if count != 1 else ''} on {sheets:,} sheet{'s' if sheets != 1 else ''}"
        if self._seconds:
            words += f", in about {duration(self._seconds * count)}"
        self._words.setText(f"{words}." if count else "Choose what changes.")
        if count > MOST_CELLS:
            self._say_fault(f"At most {MOST_CELLS:,} pictures can be made at a time.")

    def _say_fault(self, words: str) -> None:
        self._fault.setText(words)
        self._fault.setVisible(bool(words))


class AxisRow(QWidget):
    """One field and its values. `axis()` is None while no field is chosen."""

    changed = Signal()

    def __init__(self, side: str, models: Models) -> None:
        super().__init__()
        self._models = models
        self._base = GenerateJob()
        self._field = QComboBox()
        self._field.setToolTip("What changes from one picture to the next")
        calm(self._field)
        self._values = QLineEdit()
        self._values.setToolTip("Separated by commas; numbers also as 10-30 (+5), or 0-1 [5] for so many")
        self._search = QLineEdit()
        self._search.setToolTip("These words of the prompt are replaced by each value in turn")
        self._search.setPlaceholderText("cat")
        for line in (self._field, self._values, self._search):
            line.setMinimumHeight(LINE)
        self._offer = button("", "Add a value out of all that there are", self._show_offer, icon="add", kind="quiet")
        self._offer.setAccessibleName(f"Add a value: {side}")
        self._values_named = named("Values", self._values, after=self._offer)
        self._search_named = named("In place of", self._search)
        field = named(side, self._field)
        field.setFixedWidth(200)
        self._search_named.setFixedWidth(140)
        self._values_named.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        framed = surface(row(field, self._search_named, self._values_named, margins=(12, 12, 12, 12)), "raised")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(framed)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._values.setAccessibleName(f"Values: {side}")
        self._search.setAccessibleName(f"In place of: {side}")
        self._field.activated.connect(self._picked)
        self._values.textEdited.connect(self.changed)
        self._search.textEdited.connect(self.changed)
        self._fill("")

    @property
    def first_field(self) -> QWidget:
        return self._field

    @property
    def field(self) -> str:
        return str(self._field.currentData() or "")

    def axis(self) -> Axis | None:
        """Raises UserError for values that make no sense, and for a field without any."""
        text = self._values.text().strip()
        if not self.field or not text:
            return None
        values = axis_values(text, numbers=takes_numbers(self.field))
        by_words = {choice_in_words(value).casefold(): value for value in get_args(SamplerName)}
        if self.field == "sampling.sampler":
            values = tuple(by_words.get(value.casefold(), value) for value in values)
        search = self._search.text() if self.field in TEXTS else ""
        return Axis(field=self.field, values=values, search=search)

    def set_axis(self, field: str, values: str, search: str = "") -> None:
        self._fill(field)
        self._values.setText(values)
        self._search.setText(search)
        self.changed.emit()

    def set_base(self, job: GenerateJob) -> None:
        """Its LoRA files, its source and its second pass decide which fields there are."""
        self._base = job
        self._fill(self.field)

    def draft(self) -> Tree:
        return {"field": self.field, "values": self._values.text(), "search": self._search.text()}

    def set_draft(self, draft: Tree) -> None:
        self.set_axis(*(str(draft[key]) for key in ("field", "values", "search")))

    def _fill(self, chosen: str) -> None:
        job = self._base
        fields = [*FIELDS, *(OF_SOURCE if job.source else ()), *(OF_SECOND_PASS if job.second_pass else ())]
        self._field.clear()
        self._field.addItem("nothing", "")
        for field in fields:
            self._field.addItem(axis_label(Axis(field=field, values=("-",))), field)
        for place, use in enumerate(job.loras):
            self._field.addItem(f"Weight of {use.name}", f"loras.{place}.weight")
        place = self._field.findData(chosen)
        if place < 0:
            self._field.addItem(chosen, chosen)
        self._field.setCurrentIndex(place if place >= 0 else self._field.count() - 1)
        self._show_field()

    @Slot()
    def _picked(self) -> None:
        self._values.clear()
        self._show_field()
        self._values.setFocus()
        self.changed.emit()

    def _show_field(self) -> None:
        self._values.setEnabled(bool(self.field))
        self._search_named.setVisible(self.field in TEXTS)
        self._offer.setVisible(bool(self._choices()))
        example = EXAMPLES.get(self.field, "0.4-1 [4]" if self.field.startswith("loras.") else "")
        self._values.setPlaceholderText(f"for example {example}" if example else "separated by commas")

    def _choices(self) -> list[tuple[str, str]]:
        """(words, value) of all that a field can hold, where those are few."""
        match self.field:
            case "sampling.sampler":
                return [(choice_in_words(value), value) for value in get_args(SamplerName)]
            case "model":
                return [(entry.name, entry.name) for entry in self._models.of_kind(Kind.CHECKPOINT)]
            case _:
                return []

    @Slot()
    def _show_offer(self) -> None:
        menu = QMenu(self)
        theme().dress(menu)
        for words, value in self._choices():
            menu.addAction(words).setData(value)
        menu.triggered.connect(self._add)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._offer.mapToGlobal(self._offer.rect().bottomLeft()))

    @Slot(QAction)
    def _add(self, action: QAction) -> None:
        value = str(action.data())
        shown = f'"{value}"' if "," in value else value
        before = self._values.text().strip().rstrip(",")
        self._values.setText(f"{before}, {shown}" if before else shown)
        self.changed.emit()
