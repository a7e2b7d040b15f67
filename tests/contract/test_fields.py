"""Every field of every job explains itself: forms, help and documentation are made from these words."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from trainer.contract import fields
from trainer.contract.fields import Part, about
from trainer.contract.jobfile import JOB_KINDS


def parts_below(part: type[Part]) -> Iterator[type[Part]]:
    yield part
    for info in part.model_fields.values():
        for inner in part_types(info.annotation):
            yield from parts_below(inner)


def part_types(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for argument in get_args(annotation):
        yield from part_types(argument)


ALL_PARTS = sorted({part for job in JOB_KINDS.values() for part in parts_below(job)}, key=lambda part: part.__name__)


def test_the_walk_finds_the_nested_parts() -> None:
    assert {"Lora", "Prior", "Sampling", "ScheduleFree", "Size"} <= {part.__name__ for part in ALL_PARTS}


@pytest.mark.parametrize("part", ALL_PARTS, ids=lambda part: part.__name__)
def test_every_field_has_a_label_and_a_sentence(part: type[Part]) -> None:
    assert part.__doc__
    for name in part.model_fields:
        words = about(part, name)
        assert words.label[0].isupper() or words.label.startswith("min-SNR")
        assert words.help.endswith(".")


@pytest.mark.parametrize("part", ALL_PARTS, ids=lambda part: part.__name__)
def test_no_part_has_more_fields_than_a_person_can_hold(part: type[Part]) -> None:
    assert len(part.model_fields.keys() - {"kind"}) <= 15  # which says what it is, and is not chosen


def test_a_field_without_words_is_noticed() -> None:
    class Mute(fields.Part):
        """Says nothing of its field."""

        number: int = 0

    with pytest.raises(LookupError, match=r"Mute\.number"):
        about(Mute, "number")
