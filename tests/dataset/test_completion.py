"""Completion: whose tags come first, how they are spelled, and how quickly among many."""

import random
import time
from pathlib import Path

import pytest

from trainer.contract.errors import UserError
from trainer.dataset.completion import Completion, KnownTag, TagList, read_tag_list

BOORU = TagList(
    [
        KnownTag("long_hair", 0, 4_000_000, ("longhair",)),
        KnownTag("blonde_hair", 0, 1_500_000, ("yellow_hair", "blond_hair")),
        KnownTag("hat", 0, 1_200_000),
        KnownTag("saber_(fate)", 4, 30_000, ("arturia",)),
        KnownTag("hatsune_miku", 4, 100_000, ("miku",)),
        KnownTag("^_^", 0, 50_000),
        KnownTag("hair", 0, 10),
    ]
)


def offered(typed: str, counts: list[tuple[str, int]], limit: int = 20) -> list[str]:
    return [one.tag for one in Completion(counts, BOORU).candidates(typed, limit)]


def test_what_begins_so_comes_before_what_holds_it_and_own_tags_before_the_boorus() -> None:
    own = [("wearing a hat", 5), ("hatter", 2)]
    assert offered("hat", own) == ["hatter", "hat", "hatsune miku", "wearing a hat"]
    assert offered("HAT", own, limit=2) == ["hatter", "hat"]


def test_aliases_lead_to_their_tag() -> None:
    (found,) = Completion([], BOORU).candidates("yellow")
    assert (found.tag, found.alias, found.there, found.here) == ("blonde hair", "yellow_hair", 1_500_000, 0)
    (own,) = Completion([("Blonde_Hair", 3)], BOORU).candidates("blond hair")
    assert (own.tag, own.alias, own.here) == ("Blonde_Hair", "blond_hair", 3)


def test_a_tag_that_both_know_is_offered_once_with_both_numbers() -> None:
    (found,) = Completion([("Long hair", 7)], BOORU).candidates("long")
    assert (found.tag, found.here, found.there, found.category, found.alias) == ("Long hair", 7, 4_000_000, 0, "")


@pytest.mark.parametrize(
    ("own", "spelled"),
    [
        ("a b", "saber (fate)"),
        ("a_b", "saber_(fate)"),
        (r"poster \(object\)", r"saber \(fate\)"),
        (r"poster_\(object\)", r"saber_\(fate\)"),
    ],
)
def test_the_boorus_tags_are_spelled_as_the_dataset_does(own: str, spelled: str) -> None:
    assert offered("saber_(", [(own, 1)]) == [spelled]
    assert offered(r"saber \(f", [(own, 1)]) == [spelled]
    assert offered("^", [(own, 1)]) == ["^_^"]


def test_what_is_there_already_and_nothing_are_not_offered() -> None:
    completion = Completion([("hat", 1)], BOORU)
    assert [one.tag for one in completion.candidates("hat", without=["hat"])] == ["hatsune miku"]
    assert completion.candidates("  ") == []
    assert completion.candidates("zzz") == []


def test_a_list_is_found_by_name_in_any_spelling() -> None:
    known = BOORU[r"Saber \(fate\)"]
    assert known is not None
    assert (known.category, BOORU["arturia"]) == (4, None)


@pytest.mark.parametrize("headings", ["", "tag,type,count,aliases\n"])
def test_a_list_is_read_with_and_without_headings(tmp_path: Path, headings: str) -> None:
    path = tmp_path / "danbooru.csv"
    lines = '1girl,0,6000000,"1girls,sole_female"\nlong_hair,0,4000000,\n"a,b",3,7\nbroken\nx,y,z\n'
    path.write_text("\ufeff" + headings + lines, encoding="utf-8")
    assert read_tag_list(path) == (
        KnownTag("1girl", 0, 6_000_000, ("1girls", "sole_female")),
        KnownTag("long_hair", 0, 4_000_000),
        KnownTag("a,b", 3, 7),
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\0\0",
        b"only,words\n",
        b'"' + b"x" * 200_000 + b'",0,1\n',
        b"cat,0," + b"9" * 5_000,
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"list\.csv"):
        read_tag_list(path)
    with pytest.raises(UserError, match="none"):
        read_tag_list(tmp_path / "none.csv")


def test_two_hundred_thousand_tags_are_sought_in_an_instant() -> None:
    chance = random.Random(1)
    parts = ["ka", "blue", "eyes", "hair", "long", "cat", "sofa", "red", "shi", "mo", "dress", "hat", "zu"]
    names = {"_".join(chance.choices(parts, k=6)) + str(number % 9) for number in range(200_000)}
    known = TagList([KnownTag(name, 0, chance.randrange(10**6)) for name in names])
    completion = Completion([("blue sky", 3)], known)
    start = time.thread_time()
    for typed in ("b", "blue", "eyes hair", "hatz", "qqq", "9"):
        completion.candidates(typed)
    assert (time.thread_time() - start) / 6 < 0.05
