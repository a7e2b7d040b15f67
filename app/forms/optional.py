"""A part of a job that may be there or not: a check box, and its form below it while it is ticked."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QSizePolicy, QVBoxLayout, QWidget

from app.forms.form import Form
from trainer.contract.fields import Part


class OptionalPart(QWidget):
    """`value()` is the part's tree, or None. The form keeps what was typed while the box is not ticked."""

    changed = Signal()

    def __init__(
        self, title: str, help: str, part: type[Part], fields: Sequence[str], path: str, *below: QWidget
    ) -> None:
        """`below` stands under the form's fields and comes and goes with them."""
        super().__init__()
        self.box = QCheckBox(title)
        self.box.setToolTip(help)
        self.box.setAccessibleName(title)
        self.box.setAccessibleDescription(help)
        self._part, self._fields, self._path = part, fields, path
        self._inside = QWidget()
        self._lines = QVBoxLayout(self._inside)
        self._lines.setContentsMargins(22, 0, 0, 4)
        self._lines.setSpacing(10)
        for one in below:
            self._lines.addWidget(one)
        self._inside.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box)
        layout.addWidget(self._inside)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.box.toggled.connect(self._show_inside)
        self.box.clicked.connect(self._edited)

    @cached_property
    def form(self) -> Form:
        """Made when it is first asked for: most people leave the box as it is, and the window would open later."""
        made = Form(self._part, self._fields, self._path)
        made.changed.connect(self.changed)
        self._lines.insertWidget(0, made)
        return made

    @property
    def is_on(self) -> bool:
        return self.box.isChecked()

    def value(self) -> dict[str, Any] | None:
        return self.form.value() if self.is_on else None

    def set_value(self, values: Mapping[str, Any] | None) -> None:
        self.box.setChecked(values is not None)
        if values is not None or "form" in vars(self):
            self.form.set_value(values or {})

    def set_on(self, is_on: bool) -> None:
        self.box.setChecked(is_on)

    def show_faults(self, error: ValidationError | None) -> None:
        if "form" in vars(self):
            self.form.show_faults(error, self._path)

    @Slot(bool)
    def _show_inside(self, is_on: bool) -> None:
        if is_on:
            _ = self.form
        self._inside.setVisible(is_on)

    @Slot()
    def _edited(self) -> None:
        self.changed.emit()
