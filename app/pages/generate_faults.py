"""What pydantic complains about in a GenerateJob, in plain words and by the field that it stands under."""

from typing import Any, cast

from pydantic import ValidationError
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.widgets.basics import column, label

PLACES = {
    "model": "model",
    "prompt": "prompt",
    "negative": "negative",
    "loras": "loras",
    "size": "size",
    "count": "count",
    "seed": "seed",
    "sampling.steps": "steps",
    "sampling.guidance": "guidance",
    "source.path": "source",
    "picture": "source",
    "source.strength": "source",
    "": "source",
}
"""Where in the job a fault is, and the field of the form that shows it. Others are shown by their own Form."""
NAMES = {"negative": "not in the picture", "loras": "LoRA", "count": "pictures", "source": "from a picture"}
"""Fields that the form calls otherwise."""


def faults(error: ValidationError) -> dict[str, str]:
    """Field of the form to what is wrong with it, in the order of the job. Unknown ones by path."""
    found: dict[str, str] = {}
    for one in error.errors(include_url=False):
        path = ".".join(str(part) for part in one["loc"])
        field = next((name for place, name in PLACES.items() if f"{path}.".startswith(f"{place}.")), path)
        words = in_words(cast("dict[str, Any]", one))
        found[field] = f"{found[field]} {words}" if field in found else words
    return found


def summary(found: dict[str, str]) -> str:
    """For the line above the button."""
    names = [NAMES.get(field, field.rpartition(".")[2].replace("_", " ")) for field in found]
    return f"Not right yet: {', '.join(names)}."


def in_words(fault: dict[str, Any]) -> str:
    """One plain sentence."""
    known = fault.get("ctx", {})
    last = str(fault["loc"][-1]) if fault["loc"] else ""
    side = {"width": "The width: ", "height": "The height: "}.get(last, "")
    match fault["type"]:
        case "int_parsing" | "int_type" | "int_from_float":
            words = "a whole number is needed."
        case "int_parsing_size":
            words = "this number is too large."
        case "float_parsing" | "float_type":
            words = "a number is needed."
        case "greater_than_equal":
            words = f"at least {known['ge']:g} is needed."
        case "less_than_equal":
            words = f"at most {known['le']:g} is possible."
        case "multiple_of":
            words = f"a multiple of {known['multiple_of']:g} is needed."
        case "string_too_long":
            words = f"at most {known['max_length']:,} letters are read."
        case "string_too_short":
            words = "choose one first."
        case _:
            words = str(fault["msg"]).removeprefix("Value error, ")
    return side + words if side else words[:1].upper() + words[1:]


def with_faults(field: QWidget, *faults: QWidget) -> QWidget:
    """A field with what may be said below it, which takes no room until it is."""
    made = column(field, *faults, spacing=2)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    return made


def hidden(words: str) -> QLabel:
    made = label("", words)
    made.hide()
    return made
