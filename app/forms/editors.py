"""Editors: a widget for each kind of value that a field of a job can hold. `editor_for` is the table."""

import math
import typing
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal

import annotated_types
from pydantic.fields import FieldInfo
from PySide6.QtCore import QObject, QSignalBlocker, Signal
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)

from app.widgets.basics import calm, row
from trainer.contract.common import Size
from trainer.contract.fields import About, Part, about

LARGEST_SPIN = 2**31 - 1
"""What a spin box can hold; larger numbers (seeds) are typed."""


class Editor(QObject):
    """A widget with a value. `changed` is said when the user changed it, not when `set_value` did."""

    changed = Signal()

    def __init__(self, widget: QWidget, read: Callable[[], Any], write: Callable[[Any], None]) -> None:
        super().__init__(widget)
        self.widget = widget
        self._read, self._write = read, write

    def value(self) -> Any:
        """As the job takes it. What makes no sense (an empty number) is given as it was typed, for pydantic to name."""
        return self._read()

    def set_value(self, value: Any) -> None:
        with QSignalBlocker(self):
            self._write(value)


@dataclass(frozen=True)
class Bounds:
    """What pydantic allows of a number."""

    low: float = -math.inf
    high: float = math.inf
    step: float | None = None
    below_one: bool = False
    """Whether it has to stay below 1."""

    @classmethod
    def of(cls, notes: typing.Iterable[Any]) -> "Bounds":
        low, high, step, below_one = -math.inf, math.inf, None, False
        for note in notes:
            match note:
                case annotated_types.Ge():
                    low = float(typing.cast(float, note.ge))
                case annotated_types.Gt():
                    low = float(typing.cast(float, note.gt))
                case annotated_types.Le():
                    high = float(typing.cast(float, note.le))
                case annotated_types.Lt():
                    high = float(typing.cast(float, note.lt))
                    below_one = high == 1
                case annotated_types.MultipleOf():
                    step = float(typing.cast(float, note.multiple_of))
                case _:
                    pass
        return cls(low, high, step, below_one)


def editor_for(info: FieldInfo, about: About) -> Editor:
    """The editor of a field. Raises TypeError for a kind of value that has none: such a field needs its own widget."""
    kind, optional = _plain(info.annotation)
    bounds = Bounds.of(info.metadata)
    if kind is bool:
        made = _check_box(about)
    elif typing.get_origin(kind) is Literal:
        made = _choice(typing.get_args(kind), about)
    elif kind is Size:
        made = _size()
    elif kind is int and not optional and bounds.high <= LARGEST_SPIN:
        made = _whole(bounds, about)
    elif kind in (int, float):
        made = _number(kind, optional) if optional or kind is int or _is_tiny(info, bounds) else _real(bounds, about)
    elif kind is str:
        made = _text()
    elif typing.get_origin(kind) is tuple and typing.get_args(kind)[0] is str:
        made = _lines()
    else:
        raise TypeError(f"no editor for {kind}")
    made.widget.setToolTip(about.help)
    made.widget.setAccessibleName(about.label)
    made.widget.setAccessibleDescription(about.help)
    return made


def field_editor(part: type[Part], name: str) -> Editor:
    """The editor of a part's field by its name."""
    return editor_for(part.model_fields[name], about(part, name))


def _plain(annotation: Any) -> tuple[Any, bool]:
    """(the type without None and Annotated, whether None is allowed)."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, UnionType):
        members = [member for member in typing.get_args(annotation) if member is not NoneType]
        if len(members) == 1:
            return _plain(members[0])[0], True
    return annotation, False


def _is_tiny(info: FieldInfo, bounds: Bounds) -> bool:
    """Learning rates and their kin are written as 1e-4, which no spin box does."""
    default = info.default if isinstance(info.default, float) else 1.0
    return 0 < abs(default) < 0.01 or (bounds.high <= 1 and default == 0.0 and "rate" in (info.alias or ""))


def _check_box(about: About) -> Editor:
    box = QCheckBox(about.label)
    made = Editor(box, box.isChecked, lambda value: box.setChecked(bool(value)))
    box.toggled.connect(made.changed)
    return made


def _choice(allowed: tuple[Any, ...], about: About) -> Editor:
    box = QComboBox()
    for value in allowed:
        box.addItem(choice_in_words(value, about.label), value)
    calm(box)
    made = Editor(box, box.currentData, lambda value: box.setCurrentIndex(max(0, box.findData(value))))
    box.currentIndexChanged.connect(made.changed)
    return made


CHOICES = {
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "pndm": "PNDM (PLMS)",
    "euler": "Euler",
    "euler_a": "Euler ancestral",
    "heun": "Heun",
    "dpm_2": "DPM2",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_3m_sde": "DPM++ 3M SDE",
    "unipc": "UniPC",
    "lcm": "LCM",
    "ays": "Align Your Steps",
    "auto": "automatic",
    "cpu": "processor",
    "cuda": "NVIDIA card (CUDA)",
    "mps": "Apple graphics (MPS)",
    "fp32": "fp32 (exact)",
    "bf16": "bf16",
    "fp16": "fp16 (half)",
    "gesso": "Gesso",
    "original": "AUTOMATIC1111",
    "comfyui": "ComfyUI",
    "nv": "NVIDIA card's",
    "detailed_caption": "some sentences",
    "more_detailed_caption": "a paragraph",
}
"""Values of fields as people know them; others are shown as they are."""
OWN_CHOICES = {
    ("Task", "caption"): "a sentence",
    ("Fit", "crop"): "cut off what is too much",
    ("Fit", "stretch"): "distort it",
    ("Begin with", "original"): "the picture",
    ("Upscaler", "lanczos"): "picture (Lanczos)",
    ("Upscaler", "latent"): "latents",
    ("Tiles", "auto"): "where memory is short",
    ("Tiles", "on"): "always",
    ("Tiles", "off"): "never",
}
"""Of values that mean something else in a field of this label."""


def choice_in_words(value: Any, label: str = "") -> str:
    """A value among those that a field offers; `label` is the field's."""
    return OWN_CHOICES.get((label, value)) or CHOICES.get(value, str(value))


def _whole(bounds: Bounds, about: About) -> Editor:
    box = QSpinBox()
    box.setRange(int(max(bounds.low, -LARGEST_SPIN)), int(min(bounds.high, LARGEST_SPIN)))
    box.setSingleStep(int(bounds.step or 1))
    if about.unit:
        box.setSuffix(f" {about.unit}")
    calm(box)
    made = Editor(box, box.value, lambda value: box.setValue(int(value)))
    box.valueChanged.connect(made.changed)
    return made


class _Real(QDoubleSpinBox):
    """As many decimals as the number has: what is shown is what is meant."""

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(6)

    def textFromValue(self, value: float) -> str:
        return f"{value:.7g}"


def _real(bounds: Bounds, about: About) -> Editor:
    box = _Real()
    span = bounds.high - max(bounds.low, 0)
    if bounds.below_one:  # memories such as 0.999
        box.setRange(max(bounds.low, 0.0), 0.999999)
        box.setSingleStep(0.001)
    else:
        box.setRange(max(bounds.low, -1e9), min(bounds.high, 1e9))
        box.setSingleStep(0.05 if span <= 2 else 0.5)
    if about.unit:
        box.setSuffix(f" {about.unit}")
    calm(box)
    made = Editor(box, box.value, lambda value: box.setValue(float(value)))
    box.valueChanged.connect(made.changed)
    return made


class _Number(QValidator):
    """Lets nothing be typed that could not become a number."""

    def validate(self, text: str, position: int) -> object:
        kept = set(text.strip()) <= set("0123456789.eE+-")
        return (QValidator.State.Acceptable if kept else QValidator.State.Invalid), text, position


def _number(kind: type, optional: bool) -> Editor:
    line = QLineEdit()
    line.setValidator(_Number(line))

    def read() -> Any:
        text = line.text().strip()
        if not text and optional:
            return None
        try:
            return kind(text)
        except ValueError:
            return text

    def write(value: Any) -> None:
        is_number = kind is float and isinstance(value, int | float)  # else it was half typed, and stays so
        line.setText("" if value is None else f"{value:g}" if is_number else str(value))

    made = Editor(line, read, write)
    if optional:
        line.setPlaceholderText("automatic")
    line.textEdited.connect(made.changed)
    return made


def _text() -> Editor:
    line = QLineEdit()
    made = Editor(line, line.text, lambda value: line.setText(str(value)))
    line.textEdited.connect(made.changed)
    return made


def _lines() -> Editor:
    box = QPlainTextEdit()
    box.setTabChangesFocus(True)
    box.setPlaceholderText("one on each line")
    box.setFixedHeight(72)

    def read() -> tuple[str, ...]:
        return tuple(text.strip() for text in box.toPlainText().splitlines() if text.strip())

    made = Editor(box, read, lambda value: box.setPlainText("\n".join(value)))
    box.textChanged.connect(made.changed)
    return made


def _size() -> Editor:
    """Width and height; at their least value both say that the model's own size is taken."""
    sides = [QSpinBox(), QSpinBox()]
    for side, name in zip(sides, ("Width", "Height"), strict=True):
        side.setRange(8, 4096)
        side.setSingleStep(8)
        side.setSpecialValueText("auto")
        side.setAccessibleName(name)
        side.setToolTip(f"{name} in pixels; at its lowest it is the model's own.")
        calm(side)
    both = row(*sides, spacing=8)

    def read() -> Size | None:
        width, height = (side.value() for side in sides)
        return Size(width=width // 8 * 8, height=height // 8 * 8) if min(width, height) >= 16 else None

    def write(value: Size | None) -> None:
        for side, number in zip(sides, (value.width, value.height) if value else (8, 8), strict=True):
            side.setValue(number)

    made = Editor(both, read, write)
    for side in sides:
        side.valueChanged.connect(made.changed)
    return made
