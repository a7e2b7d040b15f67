"""Axes of a grid: values as people type them, laid into any field of a job, and refused before any work."""

import json
from typing import Any

import pytest

from trainer.contract.common import LoraUse
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.grid import Axis, GridJob, axis_label, axis_values, cells, takes_numbers
from trainer.contract.jobfile import job_from_tree, job_to_toml, tomllib

BASE = GenerateJob(prompt="a red cat, red", loras=(LoraUse(name="ink"),), seed=5)


def changed(field: str, value: str, **more: str) -> GenerateJob:
    job = GridJob(base=BASE, axes=(Axis(field=field, values=(value,), **more),))
    (cell,) = cells(job).values()
    return cell


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("3, 5,7", ("3", "5", "7")),
        ("1-5", ("1", "2", "3", "4", "5")),
        ("1-5 (+2)", ("1", "3", "5")),
        ("1-10 [4]", ("1", "4", "7", "10")),
        ("5-3", ("5", "4", "3")),
        ("10-1 (-4), 99", ("10", "6", "2", "99")),
        ("0-1 [3]", ("0", "0.5", "1")),
        ("0.1-0.3 (+0.1)", ("0.1", "0.2", "0.3")),
        ("-1-1", ("-1", "0", "1")),
        ("7 [3]", ("7 [3]",)),
        ("", ()),
    ],
)
def test_numbers_as_a1111_takes_them(text: str, values: tuple[str, ...]) -> None:
    assert axis_values(text, numbers=True) == values


@pytest.mark.parametrize("text", ["1-3 (-1)", "1-3 (0)", "1-100000", "1-2 [0]"])
def test_a_range_without_an_end_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="no range"):
        axis_values(text, numbers=True)


def test_words_are_no_ranges() -> None:
    assert axis_values('1-5, "a cat, sitting", dog', numbers=False) == ("1-5", "a cat, sitting", "dog")


@pytest.mark.parametrize(
    ("field", "value", "path", "found"),
    [
        ("seed", "7", ("seed",), 7),
        ("sampling.guidance", "3", ("sampling", "guidance"), 3.0),
        ("sampling.sampler", "euler", ("sampling", "sampler"), "euler"),
        ("model", "other", ("model",), "other"),
        ("prompt", "a dog", ("prompt",), "a dog"),
        ("loras.0.weight", "0.4", ("loras", 0, "weight"), 0.4),
        ("size", "64x48", ("size", "height"), 48),
    ],
)
def test_any_field_takes_a_value_as_it_reads_it(field: str, value: str, path: tuple[Any, ...], found: object) -> None:
    node: Any = changed(field, value).model_dump()
    for name in path:
        node = node[name]
    assert node == found


def test_words_of_a_prompt_are_replaced() -> None:
    assert changed("prompt", "blue", search="red").prompt == "a blue cat, blue"
    with pytest.raises(UserError, match='"green" does not stand in prompt'):
        changed("prompt", "blue", search="green")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("sampling.guidance", "much", "sampling.guidance can't be 'much'"),
        ("sampling.steps", "0", "sampling.steps can't be '0'"),
        ("sampling.telepathy", "1", "no field sampling.telepathy"),
        ("loras.1.weight", "1", "no field loras.1.weight"),
        ("prompt.x", "1", "no field prompt.x"),
        ("size", "big", "size can't be 'big'"),
        ("size", "63x64", "size can't be"),
    ],
)
def test_what_can_not_be_is_refused_by_field_and_value(field: str, value: str, words: str) -> None:
    with pytest.raises(UserError, match=words.replace(".", r"\.")):
        changed(field, value)


def test_every_combination_is_one_picture() -> None:
    axes = (Axis(field="seed", values=("1", "2")), Axis(field="sampling.steps", values=("3", "4", "5")))
    found = cells(GridJob(base=BASE.model_copy(update={"count": 9, "batch_size": 3}), axes=axes))
    assert list(found) == [(x, y, 0) for x in range(2) for y in range(3)]
    assert (found[(1, 2, 0)].seed, found[(1, 2, 0)].sampling.steps, found[(1, 2, 0)].count) == (2, 5, 1)


def test_too_many_pictures_are_refused() -> None:
    axis = {"field": "seed", "values": list(range(40))}
    with pytest.raises(UserError, match="at most 1000 pictures"):
        job_from_tree({"kind": "grid", "base": {"kind": "generate"}, "axes": [axis, axis]})


def test_a_grid_in_a_file() -> None:
    tree = tomllib.loads(
        'kind = "grid"\nbase.kind = "generate"\nbase.prompt = "a cat"\n'
        'axes = [{field = "sampling.guidance", values = [3, 5.5]}, {field = "prompt", search = "cat", values = ["a"]}]'
    )
    job = job_from_tree(tree)
    assert isinstance(job, GridJob)
    assert job.axes[0].values == ("3", "5.5")
    assert job_from_tree(tomllib.loads(job_to_toml(job))) == job
    assert job_from_tree(json.loads(job.model_dump_json())) == job


def test_axes_are_called_as_forms_call_their_fields() -> None:
    labels = {
        field: axis_label(Axis(field=field, values=("1",))) for field in ("sampling.guidance", "seed", "what.ever")
    }
    assert labels == {"sampling.guidance": "Guidance", "seed": "Seed", "what.ever": "what.ever"}


def test_which_fields_are_numbers() -> None:
    numbers = ("seed", "sampling.steps", "sampling.guidance", "loras.0.weight", "size.width")
    assert all(takes_numbers(field) for field in numbers)
    assert not any(
        takes_numbers(field) for field in ("prompt", "model", "size", "sampling.sampler", "loras.0.name", "x")
    )
