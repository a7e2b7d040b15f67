"""The language of prompts: A1111's own examples, what is read differently on purpose, and changing a weight."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.contract.prompt import Piece, groups_in, pieces, reweighted

A1111 = {
    "normal text": [("normal text", 1.0)],
    "an (important) word": [("an ", 1.0), ("important", 1.1), (" word", 1.0)],
    "(unbalanced": [("unbalanced", 1.1)],
    r"\(literal\]": [("(literal]", 1.0)],
    "(unnecessary)(parens)": [("unnecessaryparens", 1.1)],
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).": [
        ("a ", 1.0),
        ("house", 1.573),
        (" ", 1.1),
        ("on", 1.0),
        (" a ", 1.1),
        ("hill", 0.55),
        (", sun, ", 1.1),
        ("sky", 1.4641),
        (".", 1.1),
    ],
    "(a:.5)": [("a", 0.5)],
    "(a:-0.5)": [("a", -0.5)],
    "a:1.2": [("a:1.2", 1.0)],
    "(a:1.2": [("a:1.2", 1.1)],
    "(a:1.2:b)": [("a:1.2:b", 1.1)],
    "((x))": [("x", 1.21)],
    "[x]": [("x", 1 / 1.1)],
    "(a [b) c]": [("a ", 1.1), ("b", 1.0), (" c", 1 / 1.1)],
    "(a [b [c) d] e]": [("a ", 1.1), ("b ", 1.0), ("c", 1 / 1.1), (" d", 1 / 1.21), (" e", 1 / 1.1)],
    "a)b]c:1.2)": [("a)b]c:1.2)", 1.0)],
    "": [],
    "breakfast BREAKfast": [("breakfast BREAKfast", 1.0)],
}
"""Docstring of parse_prompt_attention in modules/prompt_parser.py, and what that function was found to give."""


@pytest.mark.parametrize("prompt", A1111)
def test_weights_are_a1111s(prompt: str) -> None:
    found = pieces(prompt)
    wanted = A1111[prompt]
    assert "".join(piece.text for piece in found) == "".join(text for text, _ in wanted)
    spread = [piece.weight for piece in found for _ in piece.text]
    assert spread == pytest.approx([weight for text, weight in wanted for _ in text])


@pytest.mark.parametrize("weight", [".", "1.2.3", "+."])
def test_weights_that_a1111_stumbles_over_are_text(weight: str) -> None:
    (piece,) = pieces(f"(a:{weight})")
    assert (piece.text, piece.weight) == (f"a:{weight}", 1.1)


BREAKS = {
    "a BREAK b": ["a", None, "b"],
    "BREAK": [None],
    "a\n BREAK BREAK": ["a", None, None],
    "(a BREAK b:1.2)": ["a", None, "b"],
    "a (BREAK) b": ["a ", None, " b"],
    "a:BREAK:b": ["a:", None, ":b"],
}


@pytest.mark.parametrize("prompt", BREAKS)
def test_break_breaks_within_weighted_brackets_too(prompt: str) -> None:
    found = pieces(prompt)
    assert [None if piece.is_break else piece.text for piece in found] == BREAKS[prompt]
    assert all([prompt[origin] for origin in piece.origins] == list(piece.text) for piece in found)


@given(st.text(alphabet="ab ()[]:\\.12BREAK", max_size=60))
def test_what_is_printed_reads_the_same(prompt: str) -> None:
    found = pieces(prompt)
    printed = "".join(" BREAK " if piece.is_break else _printed(piece) for piece in found)
    again = pieces(printed)
    assert [(piece.text.strip(), piece.is_break) for piece in again] == [
        (piece.text.strip(), piece.is_break) for piece in found
    ]
    assert [piece.weight for piece in again] == pytest.approx([piece.weight for piece in found])


def _printed(piece: Piece) -> str:
    escaped = re.sub(r"([()\[\]\\])", r"\\\1", piece.text)
    return f"({escaped}:{piece.weight:.12f})"


@given(st.text(alphabet="ab ()[]:\\.12", max_size=60))
def test_every_character_stands_where_its_origin_says(prompt: str) -> None:
    found = pieces(prompt)
    origins = [origin for piece in found for origin in piece.origins]
    assert origins == sorted(set(origins))
    assert [prompt[origin] for origin in origins] == [letter for piece in found for letter in piece.text]


def test_deeply_nested_brackets_are_read_in_one_pass() -> None:
    prompt = "(" * 5000 + "a" + ")" * 5000 + "b"
    assert [piece.text for piece in pieces(prompt)] == ["a", "b"]
    assert pieces(prompt)[1].weight == 1.0


def test_groups_know_where_they_stand() -> None:
    prompt = "a (b [c] d:1.3) (e"
    first, second, third = groups_in(prompt)
    assert prompt[first.start : first.end] == "(b [c] d:1.3)"
    assert prompt[first.inner : first.inner_end] == "b [c] d"
    assert prompt[second.inner : second.inner_end] == "c"
    assert not third.is_closed


def _after(prompt: str, start: int, end: int, by: float) -> tuple[str, str]:
    """The prompt after the change, and what is selected in it."""
    edit = reweighted(prompt, start, end, by)
    assert edit is not None
    text = prompt[: edit.start] + edit.text + prompt[edit.end :]
    one, other = edit.selected
    return text, text[edit.start + one : edit.start + other]


@pytest.mark.parametrize(
    ("prompt", "marked", "by", "wanted"),
    [
        ("a red cat", "red", 0.1, "a (red:1.1) cat"),
        ("a red cat", " red cat", 0.1, "a (red cat:1.1)"),
        ("a (red:1.1) cat", "red", 0.1, "a (red:1.2) cat"),
        ("a (red:1.1) cat", "(red:1.1)", 0.1, "a (red:1.2) cat"),
        ("a (red:1.1) cat", "red", -0.1, "a red cat"),
        ("a (red) cat", "red", 0.1, "a (red:1.2) cat"),
        ("a [red] cat", "red", 0.1, "a red cat"),
        ("a [red] cat", "red", -0.1, "a (red:0.8) cat"),
        ("a (red:0) cat", "red", -0.1, "a (red:0) cat"),
        ("(a (red:1.3) cat:1.2)", "red", 0.1, "(a (red:1.4) cat:1.2)"),
        ("(a (red:1.3) cat:1.2)", "a (red:1.3) cat", -0.1, "(a (red:1.3) cat:1.1)"),
    ],
)
def test_the_weight_of_a_selection_changes(prompt: str, marked: str, by: float, wanted: str) -> None:
    start = prompt.index(marked)
    text, selected = _after(prompt, start, start + len(marked), by)
    assert text == wanted
    assert selected
    assert selected in marked


@pytest.mark.parametrize(
    ("prompt", "cursor", "wanted"),
    [
        ("a red cat", 3, "a (red:1.1) cat"),
        ("a red cat", 9, "a red (cat:1.1)"),
        ("well-lit, red", 2, "(well-lit:1.1), red"),
        ("a (red cat:1.1), b", 8, "a (red cat:1.2), b"),
        ("(red", 2, "((red:1.1)"),
    ],
)
def test_without_a_selection_the_group_or_word_under_the_cursor_is_meant(prompt: str, cursor: int, wanted: str) -> None:
    assert _after(prompt, cursor, cursor, 0.1)[0] == wanted


def test_where_there_is_no_word_nothing_changes() -> None:
    assert reweighted("a,  , b", 3, 3, 0.1) is None
    assert reweighted("", 0, 0, 0.1) is None
