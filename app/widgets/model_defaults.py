"""What Generate takes when this model is chosen: each field may stay as the form has it."""

from dataclasses import dataclass

from pydantic import ValidationError
from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QComboBox, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from app.forms.editors import CHOICES, Editor, editor_for
from app.settings import ModelDefaults, Settings
from app.widgets.basics import button, label, named, row
from app.widgets.fold import Fold
from trainer.contract.fields import About

AS_IT_IS = "as the form has it"
TYPING = 500
"""Milliseconds after the last change before it is written down."""
FIELDS = {
    "size": About("Size", "Width and height that the model is good at; at its lowest, the form's own stays."),
    "sampler": About("Sampler", "The method of taking the noise away that suits this model."),
    "steps": About("Steps", "How many steps this model wants; empty, the form's own stays."),
    "guidance": About("Guidance", "How closely this model should follow the prompt; empty, the form's own stays."),
    "negative": About("Not in the picture", "The negative prompt that suits this model; empty, the form's own stays."),
}


@dataclass(frozen=True)
class _Row:
    editor: Editor
    whole: QWidget


class DefaultsEditor(QWidget):
    """Of one model at a time. `changed` says that settings.model_defaults is another now."""

    changed = Signal()

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._name = ""
        self._rows = {name: _row(name, about) for name, about in FIELDS.items()}
        self._fault = label("", "error")
        self._clear = button("Clear", "Let every field stay as the form has it", self.clear, icon="retry")
        self._typing = QTimer(self, singleShot=True, interval=TYPING)
        self._typing.timeout.connect(self.keep)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        rows = {name: made.whole for name, made in self._rows.items()}
        layout.addWidget(label("Generate takes these when the model is chosen there.", "muted"))
        layout.addWidget(rows["size"])
        layout.addWidget(rows["sampler"])
        layout.addWidget(row(rows["steps"], rows["guidance"]))
        layout.addWidget(rows["negative"])
        layout.addWidget(self._fault)
        layout.addWidget(row(self._clear, 0))
        self.fold = Fold("Defaults", inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.fold)
        for made in self._rows.values():
            made.editor.changed.connect(self._edited)
        self.show_model("")

    def show_model(self, name: str) -> None:
        """Edit the defaults of this model; what was typed for the one before is kept."""
        self.keep()
        self._name = name
        self._show(self._settings.model_defaults.get(name, ModelDefaults()))

    @Slot()
    def clear(self) -> None:
        self._show(ModelDefaults())
        self._typing.stop()
        self._put(ModelDefaults())

    @Slot()
    def keep(self) -> None:
        """Write down what was typed, if it makes sense; what does not is said below the fields."""
        if not self._typing.isActive() and self.sender() is not self._typing:
            return
        self._typing.stop()
        values = {name: made.editor.value() for name, made in self._rows.items()}
        try:
            self._put(ModelDefaults.model_validate(values))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            about = FIELDS[str(first["loc"][0])]
            self._say_fault(f"{about.label}: {first['msg']}.")

    def _put(self, wanted: ModelDefaults) -> None:
        self._say_fault("")
        self._summarise(wanted)
        if not self._name or wanted == self._settings.model_defaults.get(self._name, ModelDefaults()):
            return
        others = {name: kept for name, kept in self._settings.model_defaults.items() if name != self._name}
        self._settings.model_defaults = others if wanted == ModelDefaults() else {**others, self._name: wanted}
        self.changed.emit()

    def _show(self, defaults: ModelDefaults) -> None:
        for name, made in self._rows.items():
            made.editor.set_value(getattr(defaults, name))
        self._say_fault("")
        self._summarise(defaults)

    def _summarise(self, defaults: ModelDefaults) -> None:
        self._clear.setEnabled(defaults != ModelDefaults())
        self.fold.set_summary(in_words(defaults))

    def _say_fault(self, text: str) -> None:
        self._fault.setText(text)
        self._fault.setVisible(bool(text))

    @Slot()
    def _edited(self) -> None:
        self._clear.setEnabled(True)
        self._typing.start()


def in_words(defaults: ModelDefaults) -> str:
    """`512 × 512, DDIM, 30 steps`."""
    said = [f"{defaults.size.width} × {defaults.size.height}" if defaults.size else ""]
    said.append(CHOICES.get(defaults.sampler, defaults.sampler) if defaults.sampler else "")
    said.append(f"{defaults.steps} steps" if defaults.steps else "")
    said.append(f"guidance {defaults.guidance:g}" if defaults.guidance is not None else "")
    said.append("a negative prompt" if defaults.negative else "")
    return ", ".join(filter(None, said)) or AS_IT_IS


def _row(name: str, about: About) -> _Row:
    editor = editor_for(ModelDefaults.model_fields[name], about)
    field = editor.widget
    if isinstance(field, QComboBox):
        field.insertItem(0, AS_IT_IS, None)
    if isinstance(field, QLineEdit):
        field.setPlaceholderText(AS_IT_IS)
    for side in field.findChildren(QSpinBox):
        side.setSpecialValueText("as it is")
        side.setToolTip(f"{side.accessibleName()} in pixels; at its lowest, the form's own stays.")
    return _Row(editor, named(about.label, field))
