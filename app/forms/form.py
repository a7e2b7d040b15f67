"""A form over some fields of a job: a row for each, with marks on what was changed and faults in place."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.forms.editors import Editor, field_editor
from app.forms.row import FieldRow
from trainer.contract.fields import Part, about


class Form(QWidget):
    """Edits the named fields of one `Part`, which stands at `path` in the job. `value()` is a dict of just those."""

    changed = Signal()

    def __init__(self, part: type[Part], fields: Sequence[str], path: str = "") -> None:
        super().__init__()
        self._part = part
        self.rows: dict[str, FieldRow] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        for name in fields:
            editor = field_editor(part, name)
            made = FieldRow(f"{path}.{name}" if path else name, about(part, name), editor)
            layout.addWidget(made)
            editor.changed.connect(self._edited)
            self.rows[name] = made
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.set_value({})

    def value(self) -> dict[str, Any]:
        return {name: made.editor.value() for name, made in self.rows.items()}

    def set_value(self, values: Mapping[str, Any]) -> None:
        """Show these values; fields that are not among them take their defaults."""
        for name, made in self.rows.items():
            usual = self._part.model_fields[name].get_default(call_default_factory=True)
            made.editor.set_value(values.get(name, usual))
        self.show_faults(None)

    def editor(self, name: str) -> Editor:
        return self.rows[name].editor

    def show_faults(self, error: ValidationError | None, under: str = "") -> None:
        """Write each fault of pydantic's under its field; `under` is where this part stands in the job."""
        found = faults_of(error)
        for name, made in self.rows.items():
            made.show_fault(found.get(f"{under}.{name}" if under else name, ""))

    @Slot()
    def _edited(self) -> None:
        self.show_faults(None)
        self.changed.emit()


def faults_of(error: ValidationError | None) -> dict[str, str]:
    """What is wrong, by the path of the field as pydantic names it."""
    return {
        ".".join(str(place) for place in fault["loc"]): str(fault["msg"]).removeprefix("Value error, ")
        for fault in (error.errors(include_url=False) if error else ())
    }
