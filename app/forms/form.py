"""A form over some fields of a job: rows with names, marks on what differs from the default, faults in place."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.forms.editors import Editor, field_editor
from app.widgets.basics import label, named
from trainer.contract.fields import Part, about


class Form(QWidget):
    """Edits the named fields of one `Part`. `value()` is a dict of just those, to be laid into the job's tree."""

    changed = Signal()

    def __init__(self, part: type[Part], fields: Sequence[str]) -> None:
        super().__init__()
        self._part = part
        self._editors: dict[str, Editor] = {}
        self._faults: dict[str, QLabel] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        for name in fields:
            note = about(part, name)
            editor = field_editor(part, name)
            fault = label("", "error")
            fault.hide()
            is_box = isinstance(editor.widget, QCheckBox)
            layout.addWidget(editor.widget if is_box else named(note.label, editor.widget))
            layout.addWidget(fault)
            editor.changed.connect(self._edited)
            self._editors[name], self._faults[name] = editor, fault
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.set_value({})

    def value(self) -> dict[str, Any]:
        return {name: editor.value() for name, editor in self._editors.items()}

    def set_value(self, values: Mapping[str, Any]) -> None:
        """Show these values; fields that are not among them take their defaults."""
        for name, editor in self._editors.items():
            editor.set_value(values.get(name, self._part.model_fields[name].get_default(call_default_factory=True)))
        self.show_faults(None)

    def editor(self, name: str) -> Editor:
        return self._editors[name]

    def show_faults(self, error: ValidationError | None, under: str = "") -> None:
        """Write each fault of pydantic's under its field; `under` is where this part stands in the job."""
        found: dict[str, str] = {}
        for fault in error.errors(include_url=False) if error else ():
            path = ".".join(str(place) for place in fault["loc"])
            found[path.removeprefix(f"{under}.") if under else path] = str(fault["msg"]).removeprefix("Value error, ")
        for name, words in self._faults.items():
            words.setText(found.get(name, ""))
            words.setVisible(name in found)

    @Slot()
    def _edited(self) -> None:
        self.show_faults(None)
        self.changed.emit()
