"""Schedules, turns and AND: A1111's own examples, what its grammar was found to give, and any text."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.contract.prompt_schedule import (
    Group,
    Node,
    Switch,
    Turns,
    branches,
    everything,
    negative_steps,
    never_read,
    parsed,
)

SCHEDULES = {
    "test": [(10, "test")],
    "a [b:3]": [(3, "a "), (10, "a b")],
    "a [b: 3]": [(3, "a "), (10, "a b")],
    "a [[[b]]:2]": [(2, "a "), (10, "a [[b]]")],
    "[(a:2):3]": [(3, ""), (10, "(a:2)")],
    "a [b : c : 1] d": [(1, "a b  d"), (10, "a  c  d")],
    "a[b:[c:d:2]:1]e": [(1, "abe"), (2, "ace"), (10, "ade")],
    "a [unbalanced": [(10, "a [unbalanced")],
    "a [b:.5] c": [(5, "a  c"), (10, "a b c")],
    "((a][:b:c [d:3]": [(3, "((a][:b:c "), (10, "((a][:b:c d")],
    "[a::3] b": [(3, "a b"), (10, " b")],
    "[:b:3] c": [(3, " c"), (10, "b c")],
    "a [b:c:1e1] d": [(10, "a b d")],
    "[a:b:1.5]": [(10, "a")],
    "[a:b:1.0]": [(10, "a")],
    "[a:b:0] c": [(10, "b c")],
    "[a:b:-3]": [(10, "b")],
    "[a:b:+2]": [(2, "a"), (10, "b")],
    "[a:b:1e999]": [(10, "a")],
    "[a:b]": [(10, "[a:b]")],
    "[a:b:c:3]": [(10, "[a:b:c:3]")],
    "([a:b:3)]": [(10, "([a:b:3)]")],
    "(x [a:b:3] y:1.2)": [(3, "(x a y:1.2)"), (10, "(x b y:1.2)")],
    r"\[a:b:3\]": [(10, r"\[a:b:3\]")],
    r"[a\:x:b:3]": [(3, r"a\:x"), (10, "b")],
    "a | b [c:3]": [(3, "a | b "), (10, "a | b c")],
}
"""The first ten are the docstring of get_learned_conditioning_prompt_schedules in modules/prompt_parser.py, with 10
steps; A1111 reads the last one word for word, since a `|` outside of brackets does not parse there."""


@pytest.mark.parametrize("prompt", SCHEDULES)
def test_schedules_are_a1111s(prompt: str) -> None:
    wanted = [text for step in range(1, 11) for text in [next(t for last, t in SCHEDULES[prompt] if step <= last)]]
    assert [excerpt.text for excerpt in negative_steps(prompt, 10)] == wanted
    assert [excerpt.text for excerpt in branches(prompt, 10)[0].steps] == wanted


@pytest.mark.parametrize(
    ("prompt", "turns"),
    [
        ("[a|(b:1.1)]", ["a", "(b:1.1)", "a"]),
        ("[fe|]male", ["female", "male", "female"]),
        ("[fe|||]male", ["female", "male", "male", "male", "female"]),
        ("[a|b [c|d]]", ["a", "b d", "a", "b d"]),
        ("[[a|b]|c]", ["a", "c", "a"]),
    ],
)
def test_turns_are_taken_step_by_step(prompt: str, turns: Sequence[str]) -> None:
    assert [excerpt.text for excerpt in negative_steps(prompt, len(turns))] == turns


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("a :1.2 AND b AND c:-0.5", [("a", 1.2), (" b", 1.0), (" c", -0.5)]),
        ("a AND b", [("a", 1.0), (" b", 1.0)]),
        ("(a:1.2) AND b: .5 ", [("(a:1.2)", 1.0), (" b", 0.5)]),
        ("a:2. AND b:1.2.3", [("a", 2.0), (" b:1.2.3", 1.0)]),
        ("SAND and LAND", [("SAND and LAND", 1.0)]),
        ("ratio 16:9", [("ratio 16:9", 1.0)]),
        ("AND", [("", 1.0), ("", 1.0)]),
    ],
)
def test_prompts_joined_by_and_have_their_weights(prompt: str, wanted: list[tuple[str, float]]) -> None:
    assert [(one.steps[0].text, one.weight) for one in branches(prompt, 1)] == wanted
    assert [one.text for one in negative_steps(prompt, 1)] == [prompt]


def test_tags_are_cut_out_of_a_prompt_and_stay_in_a_negative() -> None:
    prompt = "a <lora:k:1>[b<lora:x:1:2>:c:1] <hypernet:h:1>AND d"
    first, second = branches(prompt, 2)
    assert [one.text for one in first.steps] == ["a b", "a c"]
    assert second.steps[0].text == " d"
    assert negative_steps("a <lora:k:1>", 1)[0].text == "a <lora:k:1>"


@given(st.text(alphabet="abAND ()[]:|\\.12<lor>", max_size=60), st.integers(1, 7))
def test_every_character_stands_where_its_origin_says(prompt: str, steps: int) -> None:
    for excerpt in (one for branch in branches(prompt, steps) for one in branch.steps):
        assert list(excerpt.origins) == sorted(set(excerpt.origins))
        assert [prompt[origin] for origin in excerpt.origins] == list(excerpt.text)


SCRAPS = ("a", "b", " ", "(", ")", "[", "]", ":", "|", "\\", ":2]", ": .5 ]", "[a:", "[b|", "(c:1.2)")
PARTS = st.lists(st.sampled_from(SCRAPS), max_size=25).map("".join)


@given(PARTS)
def test_what_is_printed_reads_the_same(prompt: str) -> None:
    printed = _printed(parsed(prompt), prompt)
    assert [one.text for one in negative_steps(printed, 5)] == [one.text for one in negative_steps(prompt, 5)]


def _printed(nodes: list[Node], prompt: str) -> str:
    return "".join(_one_printed(node, prompt) for node in nodes)


def _one_printed(node: Node, prompt: str) -> str:
    match node:
        case Switch():
            return f"[{_printed(node.before, prompt)}:{_printed(node.after, prompt)}:{node.when}]"
        case Turns():
            return f"[{'|'.join(_printed(option, prompt) for option in node.options)}]"
        case Group():
            return _printed(node.nodes, prompt)
        case (start, end):
            return prompt[start:end]


def test_all_that_is_ever_read_is_there_to_be_coloured() -> None:
    (first, second) = everything("a [b:c [d|e]:3] <lora:x:1>AND f:0.5", is_negative=False)
    assert (first.text, second.text) == ("a bc de", " f")
    assert everything("[a|b] AND c", is_negative=True)[0].text == "ab AND c"


def test_words_that_no_step_reads_are_found() -> None:
    prompt = "a [b:c d:1.2] [e:1.0] [f:g:0.9] [h:i:12]"
    assert [prompt[start:end] for start, end in never_read(prompt, is_negative=False)] == ["c d", "e"]


@pytest.mark.parametrize("prompt", ["[" * 9000 + "a:3" + "]" * 9000, "(" * 20_000, "[a|b] " * 3000, ":" * 20_000])
def test_long_prompts_are_read_in_one_pass(prompt: str) -> None:
    start = time.process_time()
    assert len(branches(prompt, 2)) == 1
    assert time.process_time() - start < 2
