"""GridJob: one picture for each combination of values of any fields, laid out in a sheet that can be compared."""

import csv
import itertools
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from trainer.contract.errors import UserError
from trainer.contract.fields import About, Part, about
from trainer.contract.generate import GenerateJob

MOST_CELLS = 1000

AXIS_NAMES = ("x", "y", "z")
"""Across, down, and one sheet after the other."""

_RANGE = re.compile(
    r"(?P<first>[+-]?\d+(?:\.\d+)?)\s*-\s*(?P<last>[+-]?\d+(?:\.\d+)?)"
    r"\s*(?:\((?P<step>[+-]?\d+(?:\.\d+)?)\)|\[(?P<count>\d{1,4})\])?"
)


class Axis(Part):
    """A field, and the values that it takes one after the other."""

    field: Annotated[
        str,
        Field(min_length=1),
        About("Field", "Which field of the job changes, by its path: sampling.guidance, seed, model, loras.0.weight."),
    ]
    values: Annotated[
        tuple[str, ...],
        Field(min_length=1, max_length=MOST_CELLS),
        About("Values", "What it takes in turn, each written as the field takes it; a size as 512x768."),
    ]
    search: Annotated[
        str,
        About(
            "Replace",
            "Words in the field that each value takes the place of, so that a prompt changes in one place only; "
            "empty sets the whole field.",
        ),
    ] = ""

    @field_validator("values", mode="before")
    @classmethod
    def _as_texts(cls, values: object) -> object:
        """A file may hold numbers; the field they are for reads them from text."""
        if not isinstance(values, list | tuple):
            return values
        return tuple(_as_text(value) for value in cast("Sequence[object]", values))


class GridJob(Part):
    """A picture for every combination of the axes' values, each saved, and a sheet that shows them side by side."""

    kind: Annotated[Literal["grid"], About("Kind", "Makes a grid of pictures that differ in some fields.")] = "grid"
    base: Annotated[
        GenerateJob, About("Picture", "The picture that all have in common. Each cell of the grid is one picture.")
    ] = GenerateJob()
    axes: Annotated[
        tuple[Axis, ...],
        Field(min_length=1, max_length=len(AXIS_NAMES)),
        About("Axes", "Across, down, and one sheet after the other."),
    ]

    @property
    def model(self) -> str:
        return self.base.model

    @model_validator(mode="after")
    def _is_not_endless(self) -> "GridJob":
        cells = 1
        for axis in self.axes:
            cells *= len(axis.values)
        if cells > MOST_CELLS:
            raise ValueError(f"at most {MOST_CELLS} pictures; these axes ask for {cells}")
        return self


Place = tuple[int, int, int]
"""Of a cell: which value of x, of y and of z."""


def cells(job: GridJob) -> dict[Place, GenerateJob]:
    """The job of every cell, by its place. Raises UserError for a field or value that there isn't, before any work."""
    base = job.base.model_copy(update={"count": 1, "batch_size": 1})
    found: dict[Place, GenerateJob] = {}
    for place in itertools.product(*(range(len(axis.values)) for axis in job.axes)):
        cell = base
        for axis, index in zip(job.axes, place, strict=True):
            cell = with_value(cell, axis, axis.values[index])
        found[cast(Place, (*place, 0, 0)[:3])] = cell
    return found


def with_value(job: GenerateJob, axis: Axis, value: str) -> GenerateJob:
    """The job with one value of an axis. Raises UserError naming field and value where that can't be."""
    tree = job.model_dump(mode="json")
    try:
        _put(tree, axis.field.split("."), axis, value)
        return GenerateJob.model_validate(tree)
    except ValidationError as error:
        what = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
        raise UserError(f"{axis.field} can't be {value!r}: {what[0].lower()}{what[1:]}.", "Change the axis.") from error


def axis_label(axis: Axis) -> str:
    """The field as forms name it: `Guidance`."""
    part: Any = GenerateJob
    words = axis.field
    for name in axis.field.split("."):
        if not (isinstance(part, type) and issubclass(part, Part) and name in part.model_fields):
            return axis.field
        words, part = about(part, name).label, _part_of(part.model_fields[name].annotation)
    return words


def axis_values(text: str, *, numbers: bool) -> tuple[str, ...]:
    """The values in a line that a person typed: separated by commas, in quotation marks where they hold one.

    With `numbers`, `1-5` counts, `1-10 (+3)` counts in steps and `0-1 [5]` gives so many at even distances. Raises
    UserError for a range that never ends or is too long.
    """
    items = [item for row in csv.reader([text], skipinitialspace=True) for item in row]
    found: list[str] = []
    for item in items:
        is_range = _RANGE.fullmatch(item.strip()) if numbers else None
        found += _range(is_range) if is_range else [item.strip()]
    return tuple(found)


def takes_numbers(field: str) -> bool:
    """Whether the field at a dotted path is a number."""
    part: Any = GenerateJob
    kind: Any = None
    for name in field.split("."):
        if name.isdecimal():
            continue
        if not (isinstance(part, type) and issubclass(part, Part) and name in part.model_fields):
            return False
        kind = part.model_fields[name].annotation
        part = _part_of(kind)
    return kind in (int, float)


def _range(found: re.Match[str]) -> list[str]:
    first, last = float(found["first"]), float(found["last"])
    if found["count"]:
        count = int(found["count"])
        steps = [first + (last - first) * index / max(count - 1, 1) for index in range(count)]
    else:
        step = float(found["step"] or (1 if last >= first else -1))
        count = int((last - first) / step + 1e-9) + 1 if step else 0
        steps = [first + step * index for index in range(min(count, MOST_CELLS + 1))]
    if not 0 < len(steps) <= MOST_CELLS:
        raise UserError(f"{found[0]!r} is no range.", "Write it as 1-5, as 1-10 (+3) or as 0-1 [5].")
    whole = all(part is None or "." not in part for part in (found["first"], found["last"], found["step"]))
    return [str(round(step)) if whole and step == round(step) else f"{step:.6g}" for step in steps]


def _put(tree: dict[str, Any], path: Sequence[str], axis: Axis, value: str) -> None:
    """Set the value at a path into the tree. Raises UserError where the path leads nowhere."""
    *parents, last = path
    node: Any = tree
    for name in parents:
        node = _inner(node, name, axis)
    key = _key(node, last, axis)
    if axis.search:
        before = node[key] if node else None
        if not isinstance(before, str) or axis.search not in before:
            raise UserError(f'"{axis.search}" does not stand in {axis.field}.', "Search for words that stand there.")
        node[key] = before.replace(axis.search, value)
    else:
        node[key] = _as_size(value) if axis.field == "size" else value


def _inner(node: Any, name: str, axis: Axis) -> Any:
    key = _key(node, name, axis)
    if node[key] is None:  # an optional part, which begins with its own defaults
        node[key] = {}
    return node[key]


def _key(node: Any, name: str, axis: Axis) -> str | int:
    if isinstance(node, list) and name.isdecimal() and int(name) < len(cast("list[Any]", node)):
        return int(name)
    if isinstance(node, dict) and (name in node or not node):
        return name
    raise UserError(f"There is no field {axis.field} in this job.", "Check its spelling; a LoRA must be in the list.")


def _as_size(value: str) -> object:
    width, cross, height = value.lower().partition("x")
    return {"width": width.strip(), "height": height.strip()} if cross else value


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _part_of(annotation: Any) -> Any:
    """The part that an annotation allows, through `X | None` and `tuple[X, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    inner = [_part_of(one) for one in get_args(annotation)]
    return next((one for one in inner if one is not None), None)
