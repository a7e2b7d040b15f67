"""Contradictions, misspellings, repeated and outweighing tags, trigger words: what is said of them, and what is not."""

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.dataset.captions import split_tags
from trainer.dataset.health import HealthReport, examine
from trainer.dataset.health_captions import Unscramble
from trainer.dataset.health_problem import Language, Problem
from trainer.dataset.health_tags import conflict_groups, is_one_slip, lists_of_tags, plain
from trainer.dataset.items import Dataset, Item, OnDisk
from trainer.dataset.mending import Edit
from trainer.library.tokens import is_word


def examined(
    captions: Sequence[str], folder: Path, trigger: str = "", language: Language | None = None
) -> HealthReport:
    """Of captions alone: the pictures are not there, which the report says of each."""
    items: list[Item] = []
    for number, words in enumerate(captions):
        path = folder / f"{number:03d}.txt"
        path.write_text(words, encoding="utf-8")
        items.append(Item(f"{folder}{os.sep}", f"{number:03d}.png", path.name))
    dataset = Dataset(folder, tuple(items), ())
    return examine(dataset, OnDisk(dataset), trigger=trigger, language=language)


def found(report: HealthReport, kind: str) -> list[Problem]:
    return [problem for problem in report.problems if problem.kind == kind]


@pytest.mark.parametrize(
    ("tags", "pair"),
    [
        ("1girl, solo, 2girls", ("1girl", "2girls")),
        ("1girl, Long Hair, smile, short_hair", ("Long Hair", "short_hair")),
        ("1girl, very long hair, long hair, smile", None),
        ("2girls, long hair, short hair, smile", None),
        ("1girl, 1boy, blue eyes, red eyes", None),
        ("1girl, blue eyes, red eyes, heterochromia", None),
        ("1girl, blue eyes, red eyes, hat", ("blue eyes", "red eyes")),
        ("no humans, tree, 1girl", ("no humans", "1girl")),
        ("solo, multiple girls, street", ("solo", "multiple girls")),
        ("a woman with long hair, and a man with short hair, on a street", None),
        ("1girl, upper body, smile\n2girls, full body, smile", None),
    ],
)
def test_contradictions(tags: str, pair: tuple[str, str] | None, tmp_path: Path) -> None:
    problems = found(examined([tags], tmp_path), "tag conflict")
    if pair is None:
        assert problems == []
        return
    first, second = pair
    assert f"{first!r} and {second!r}" in problems[0].reason
    removals = [mending for mending in problems[0].mendings if isinstance(mending, Edit)]
    assert [set(split_tags(tags)) - set(split_tags(removal.operation(tags))) for removal in removals] == [
        {second},
        {first},
    ]


def test_the_table_of_contradictions_is_sound() -> None:
    assert len(conflict_groups()) >= 10
    for group in conflict_groups():
        assert len(set(group.answer_of.values())) >= 2
        for tag in {*group.answer_of, *group.unless}:
            assert plain(tag) == tag


def many(extra: Sequence[str] = ()) -> list[str]:
    """30 lists of tags, in which each of these tags stands 12 to 25 times, and some more."""
    chance = random.Random(4)
    common = ("white shirt", "blue eyes", "long hair", "umbrella", "street", "snow")
    return [", ".join(["sks", *chance.sample(common, 4), f"thing {number}x"]) for number in range(30)] + list(extra)


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("umbrela", "umbrella"),
        ("umbrellla", "umbrella"),
        ("umbrelal", "umbrella"),
        ("umbrolla", "umbrella"),
        ("Umbrella", "umbrella"),
        ("blue_eyes", "blue eyes"),
        ("blue-eyes", "blue eyes"),
        ("white skirt", None),
        ("umbrellas", None),
        ("blues eyes", None),
        ("snaw", None),
        ("umbrell 2", None),
        ("purple boots", None),
    ],
)
def test_misspellings(tag: str, meant: str | None, tmp_path: Path) -> None:
    report = examined(many([f"sks, {tag}, bench, grass"]), tmp_path, language=Language(is_word=is_word))
    problems = found(report, "tag spelling")
    if meant is None:
        assert problems == []
        return
    (problem,) = problems
    assert f"{tag!r} is all but {meant!r}" in problem.reason
    (mending,) = problem.mendings
    assert isinstance(mending, Edit)
    assert mending.operation(f"sks, {tag}, bench") == f"sks, {meant}, bench"


@given(st.text("ab", min_size=1, max_size=6), st.text("ab", min_size=1, max_size=6))
def test_one_slip_is_a_distance_of_one(first: str, second: str) -> None:
    """Against every text that one slip makes of the first."""
    slips = {first[:place] + first[place + 1 :] for place in range(len(first))}
    slips |= {first[:place] + letter + first[place:] for place in range(len(first) + 1) for letter in "ab"}
    slips |= {first[:place] + letter + first[place + 1 :] for place in range(len(first)) for letter in "ab"}
    slips |= {first[:place] + first[place + 1] + first[place] + first[place + 2 :] for place in range(len(first) - 1)}
    assert is_one_slip(first, second) == (second in slips - {first})


def test_a_tag_of_nearly_all_pictures_outweighs(tmp_path: Path) -> None:
    captions = [
        f"sks, {'white background, ' if number % 10 else ''}thing {number}x, pose {number}y" for number in range(30)
    ]
    (problem,) = found(examined(captions, tmp_path), "tag balance")
    assert problem.reason.startswith("The tag 'white background' stands in 27 of 30 captions")
    assert len(problem.places) == 27
    everywhere = [f"sks, white background, 1girl, thing {number}x" for number in range(30)]
    assert found(examined(everywhere, tmp_path), "tag balance") == []


def test_a_trigger_word_is_missed_where_it_is_told_or_plain(tmp_path: Path) -> None:
    captions = [*many(), "snow, street, bench"]
    (told,) = found(examined(captions, tmp_path, trigger="sks"), "trigger word")
    (guessed,) = found(examined(captions, tmp_path), "trigger word")
    assert told.places == guessed.places == (30,)
    (mending,) = guessed.mendings
    assert isinstance(mending, Edit)
    assert mending.operation(captions[30]) == "sks, snow, street, bench"
    assert found(examined(captions[:10], tmp_path), "trigger word") == []
    assert len(found(examined(captions, tmp_path, trigger="zwx"), "trigger word")[0].places) == 31


def test_repeated_tags(tmp_path: Path) -> None:
    (problem,) = found(examined(["old tree, snow, cup, snow"], tmp_path), "repeated tag")
    (mending,) = problem.mendings
    assert isinstance(mending, Edit)
    assert mending.operation("old tree, snow, cup, snow") == "old tree, snow, cup"


@pytest.mark.parametrize(
    ("caption", "lists"),
    [
        ("1girl, solo, long hair", 1),
        ("1girl, solo", 0),
        ("a red boat, peach background, pastel drawing", 0),
        ("she walks down a long street, it rains on all of the houses, nobody else is there", 0),
        ("1girl, solo, hat\n\nred, blue, green", 2),
    ],
)
def test_what_is_a_list_of_tags(caption: str, lists: int) -> None:
    assert len(lists_of_tags(caption)) == lists


@pytest.mark.parametrize("text", ["café", "naïve, Füchslein", "the fox’s tail"])
def test_scrambled_letters_come_back(text: str) -> None:
    assert Unscramble()(text.encode().decode("cp1252")) == text
    assert Unscramble()(text) == text
