"""Chunks of 75 tokens, against A1111's rules said once more in another way."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.contract.prompt_chunks import chunked


@dataclass(frozen=True)
class One:
    """A token (`size` 1) or an embedding of the prompt, by its place in it."""

    place: int
    size: int = 1
    is_comma: bool = False


def dealt(units: list[One | None]) -> list[list[One]]:
    return chunked(units, size=lambda unit: unit.size, is_comma=lambda unit: unit.is_comma)


def restated(units: list[One | None]) -> list[list[One]]:
    """By slots, as modules/sd_hijack_clip.py has them: each vector is a slot, and a comma is known by its slot."""
    chunks: list[list[One]] = []
    slots: list[One] = []
    last_comma = -1
    for unit in units:
        if unit is None:
            chunks.append(slots)
            slots, last_comma = [], -1
            continue
        if unit.is_comma:
            last_comma = len(slots)
        elif len(slots) == 75 and last_comma != -1 and len(slots) - last_comma <= 20:
            moved = slots[last_comma + 1 :]
            chunks.append(slots[: last_comma + 1])
            slots, last_comma = moved, -1
        if len(slots) == 75 or len(slots) + unit.size > 75:
            chunks.append(slots)
            slots, last_comma = [], -1
        slots += [unit] * unit.size
    if slots or not chunks:
        chunks.append(slots)
    return [list(dict.fromkeys(chunk)) for chunk in chunks]


def tokens(text: str) -> list[One | None]:
    """`,` is a comma, `/` a BREAK, a digit an embedding of so many vectors, anything else a token."""
    return [
        None if letter == "/" else One(place, int(letter) if letter.isdigit() else 1, letter == ",")
        for place, letter in enumerate(text)
    ]


@given(st.text(alphabet="aaaaaaaaaaaa,/8", max_size=400))
def test_chunks_are_a1111s(text: str) -> None:
    chunks = dealt(tokens(text))
    assert chunks == restated(tokens(text))
    assert [unit for chunk in chunks for unit in chunk] == [unit for unit in tokens(text) if unit is not None]
    assert all(sum(unit.size for unit in chunk) <= 75 for chunk in chunks)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("", [0]),
        ("a" * 75, [75]),
        ("a" * 76, [75, 1]),
        ("a" * 60 + "," + "a" * 20, [61, 20]),  # the comma is 15 tokens back
        ("a" * 55 + "," + "a" * 20, [56, 20]),  # 20 back, the last that counts
        ("a" * 54 + "," + "a" * 21, [75, 1]),
        ("a" * 75 + "," + "a", [75, 2]),
        ("a/b", [1, 1]),
        ("a/", [1]),
        ("/a", [0, 1]),
        ("a//b", [1, 0, 1]),
        ("a" * 70 + "8", [70, 8]),
        ("a" * 60 + "," + "a" * 10 + "8", [71, 8]),
    ],
)
def test_where_a_chunk_ends(text: str, sizes: list[int]) -> None:
    assert [sum(unit.size for unit in chunk) for chunk in dealt(tokens(text))] == sizes
