"""Any job that its fields allow, for hypothesis: made from the fields themselves, so that new ones are tried too."""

import math
import typing
from types import NoneType, UnionType
from typing import Any

import annotated_types
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from trainer.contract.fields import Part
from trainer.contract.generate import GenerateJob

WORDS = st.sampled_from(
    [
        "a cat", " ", "\n", ",", ": 3", "Steps: 20, Sampler: Euler, Seed: 1", "Negative prompt: ", "<lora:ink:0.5>",
        '"', "\\", "(b:1.2)", "[a|b]", "猫", "🐈", "\u2028", "\r", "\x85", "\0", "\t", "AND", "Gesso: {}",
        "C:\\x\\y.ckpt",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=30), st.lists(WORDS, max_size=8).map("".join)
)


def any_job() -> st.SearchStrategy[GenerateJob]:
    return _part(GenerateJob).map(_checked).filter(lambda job: job is not None)  # pyright: ignore[reportReturnType]


def _checked(tree: dict[str, Any]) -> GenerateJob | None:
    try:
        return GenerateJob.model_validate(tree)
    except ValidationError:  # fields that don't go together
        return None


def _part(part: type[Part]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: _value(info) for name, info in part.model_fields.items()}).map(
        lambda tree: _with_required(part, tree)
    )


def _with_required(part: type[Part], tree: dict[str, Any]) -> dict[str, Any]:
    missing = [name for name, info in part.model_fields.items() if info.is_required() and name not in tree]
    return {**tree, **{name: "x" if part.model_fields[name].annotation is str else 16 for name in missing}}


def _value(info: FieldInfo) -> st.SearchStrategy[Any]:
    return _of(info.annotation, list(info.metadata))


def _of(kind: Any, notes: list[Any]) -> st.SearchStrategy[Any]:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        kind, *more = typing.get_args(kind)
        return _of(kind, [*notes, *more])
    if origin in (typing.Union, UnionType):
        return st.one_of(*(_of(member, notes) for member in typing.get_args(kind)))
    if origin is typing.Literal:
        return st.sampled_from(typing.get_args(kind))
    if origin is tuple:
        return st.lists(_of(typing.get_args(kind)[0], []), max_size=3)
    if kind is NoneType:
        return st.none()
    if kind is bool:
        return st.booleans()
    if kind in (int, float):
        return _number(kind, notes)
    if kind is str:
        return _text(notes)
    return _part(kind)


def _number(kind: type, notes: list[Any]) -> st.SearchStrategy[Any]:
    low: Any = next((note.ge for note in notes if isinstance(note, annotated_types.Ge)), 0)
    high: Any = next((note.le for note in notes if isinstance(note, annotated_types.Le)), 100)
    step: Any = next((note.multiple_of for note in notes if isinstance(note, annotated_types.MultipleOf)), 1)
    if kind is int:
        return st.integers(math.ceil(low / step), high // step).map(lambda number: number * step)
    above = next((note.gt for note in notes if isinstance(note, annotated_types.Gt)), None)
    return st.floats(low, high, exclude_min=above == low)


def _text(notes: list[Any]) -> st.SearchStrategy[str]:
    pattern = next((note.pattern for note in notes if getattr(note, "pattern", None)), None)
    if pattern is not None:
        return st.from_regex(pattern, fullmatch=True)
    shortest = next((note.min_length for note in notes if isinstance(note, annotated_types.MinLen)), 0)
    return TEXTS.filter(lambda text: len(text) >= shortest)
