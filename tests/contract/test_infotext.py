"""The grammar of A1111's text, against its own rules written down here once more."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.contract.infotext import compose, pairs, parse, quoted, unquoted

A1111_SETTING = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""How stable-diffusion-webui takes the last line apart (modules/infotext_utils.py, re_param)."""


def as_a1111(line: str) -> list[tuple[str, str]]:
    return [(key, unquoted(value)) for key, value in A1111_SETTING.findall(line)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Steps: 20, Sampler: Euler a, Seed: 1", [("Steps", "20"), ("Sampler", "Euler a"), ("Seed", "1")]),
        ("A: 1, BC: 2, DE: 3", [("BC", "2"), ("DE", "3")]),
        (r'X: "a\"b, c"', []),
        ('Hires prompt: "x, (y:1.2)\\nz"', [("Hires prompt", "x, (y:1.2)\nz")]),
        ('Model: "a, b", Seed: 3', [("Model", "a, b"), ("Seed", "3")]),
        ('Model: "a" b, Seed: 3', [("Model", '"a" b'), ("Seed", "3")]),
        ("Sampler: Euler - euler_a,Size:8x8", [("Sampler", "Euler - euler_a"), ("Size", "8x8")]),
        ("", []),
        (":::, ,", []),
    ],
)
def test_a_line_of_settings(line: str, found: list[tuple[str, str]]) -> None:
    assert list(pairs(line)) == found


@given(st.text(st.sampled_from('ab_1 -/:,"\\\t猫é.'), max_size=60))
def test_any_line_is_taken_apart_as_a1111_does(line: str) -> None:
    assert list(pairs(line)) == as_a1111(line)


@pytest.mark.parametrize("line", ["a" * 300_000, "ab:" * 100_000, 'ab: "\\"' * 50_000, " -" * 150_000, 'a:"' * 100_000])
def test_a_hostile_line_takes_no_time(line: str) -> None:
    started = time.perf_counter()
    pairs(line)
    assert time.perf_counter() - started < 20


def test_prompt_and_negative_prompt() -> None:
    text = "a cat\non a mat\nNegative prompt: blurry\nbad: a, worse: b, worst: c\nSteps: 3, Seed: 4, Size: 8x8"
    found = parse(text)
    assert (found.prompt, found.negative) == ("a cat\non a mat", "blurry\nbad: a, worse: b, worst: c")
    assert dict(found.settings) == {"Steps": "3", "Seed": "4", "Size": "8x8"}


def test_without_three_settings_all_is_prompt() -> None:
    assert parse("a cat\nSteps: 3, Seed: 4") == parse("a cat\nSteps: 3, Seed: 4\n")
    assert parse("a cat\nSteps: 3, Seed: 4").prompt == "a cat\nSteps: 3, Seed: 4"
    assert parse("").prompt == ""


def test_what_stands_behind_the_settings() -> None:
    found = parse("a cat\nSteps: 3, Seed: 4, Size: 8x8\nTemplate: a {cat|dog}\nNegative Template: x")
    assert found.prompt == "a cat"
    assert found.after == "Template: a {cat|dog}\nNegative Template: x"
    assert dict(found.settings)["Seed"] == "4"


@pytest.mark.parametrize(
    ("value", "text"),
    [(7.0, "7.0"), ("plain", "plain"), ("a, b", '"a, b"'), ("a: b", '"a: b"'), ("ä\nb:", '"ä\\nb:"')],
)
def test_values_are_quoted_where_a1111_needs_it(value: object, text: str) -> None:
    assert quoted(value) == text
    assert unquoted(text) == str(value)


@given(st.dictionaries(st.from_regex(r"[A-Za-z]\w+", fullmatch=True), st.text(), min_size=3))
def test_what_is_composed_is_parsed(settings: dict[str, str]) -> None:
    kept = {key: value.strip() for key, value in settings.items() if "\n" not in key}
    read = dict(parse(compose("a cat", "a dog", kept.items())).settings)
    # a value in quotes of its own loses them, which is A1111's own slip
    assert {key: value for key, value in read.items() if '"' not in kept[key]} == {
        key: value for key, value in kept.items() if '"' not in value
    }


@pytest.mark.parametrize("text", ['"', '""', '"a', '"\\', json.dumps("[" * 10_000), '"\\ud800"'])
def test_odd_values_stand_as_they_are(text: str) -> None:
    assert isinstance(unquoted(text), str)
