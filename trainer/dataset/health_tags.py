"""What is wrong with tags: contradictions, misspellings, tags that outweigh, a trigger word that is missing."""

import functools
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from trainer.dataset.captions import split_tags
from trainer.dataset.edits import Deduplicate, RemoveTags, ReplaceTag, WithTrigger
from trainer.dataset.health_problem import Language, Problem, Words
from trainer.dataset.items import Dataset
from trainer.dataset.mending import Edit
from trainer.home import RESOURCES

TABLE = RESOURCES / "datasets" / "tag_conflicts.toml"

_LEAST_TAGS = 3
_WORDS_OF_TAG = 3.0
"""A line is a list of tags if it has that many parts of no more words on average, and none begins with an article."""

_ARTICLES = ("a ", "an ", "the ")

_RARE, _FREQUENT, _TIMES = 2, 10, 10
"""A misspelling stands in at most 2 captions, what was meant in at least 10 and ten times as many."""

_LEAST_LETTERS = 5
"""Shorter tags differ by a letter and mean something else (cat, hat, bat)."""

_LEAST_PICTURES = 20
_NEARLY_ALL = 0.8
_TRIGGER = 0.9
_PERSON = re.compile(r"(solo|no humans|multiple \w+|male focus|female focus|[1-6]\+?(girl|boy|other)s?)")


def lists_of_tags(caption: str) -> tuple[tuple[str, ...], ...]:
    """The tags of each line of a caption that is a list of tags."""
    lines = [split_tags(line) for line in caption.splitlines()]
    return tuple(tags for tags in lines if _is_list(tags))


def _is_list(tags: tuple[str, ...]) -> bool:
    short = sum(len(tag.split()) for tag in tags) <= _WORDS_OF_TAG * len(tags)
    return len(tags) >= _LEAST_TAGS and short and not any(tag.casefold().startswith(_ARTICLES) for tag in tags)


@functools.lru_cache(maxsize=2**16)
def plain(tag: str) -> str:
    """A tag as it is compared: without case, escapes and underscores."""
    return tag.replace("\\", "").replace("_", " ").casefold().strip() or tag


@dataclass(frozen=True, slots=True)
class Group:
    """A question and which answer each tag gives. `unless`: tags that explain two answers."""

    question: str
    answer_of: dict[str, int]
    unless: frozenset[str]


@functools.cache
def conflict_groups() -> tuple[Group, ...]:
    """The table in `resources/datasets/tag_conflicts.toml`."""
    table = tomllib.loads(TABLE.read_text("utf-8"))
    several: frozenset[str] = frozenset(table["several"]["tags"])
    return tuple(
        Group(
            group["question"],
            {tag: number for number, answer in enumerate(group["answers"]) for tag in answer},
            frozenset(group.get("unless", ())) | (several if group.get("one_person") else frozenset[str]()),
        )
        for group in table["groups"]
    )


def conflicts(words: Sequence[Words], dataset: Dataset) -> Iterator[Problem]:
    """Tags of one line that answer a question of the table in two ways."""
    for one in words:
        found: dict[str, tuple[str, str]] = {}
        for tags in one.lists:
            written = {plain(tag): tag for tag in reversed(tags)}
            for group in conflict_groups():
                answers = [tag for tag in written if tag in group.answer_of]
                told = next((pair for pair in combinations(answers, 2) if _contradict(group, pair)), None)
                if told is not None and not group.unless & written.keys():
                    second, first = (written[tag] for tag in told)
                    found.setdefault(group.question, (first, second))
        for question, (first, second) in found.items():
            path = one.path or dataset.items[one.place].path
            reason = f"Its tags {first!r} and {second!r} say two things about {question}."
            removals = tuple(Edit(f"Remove {tag}", (one.place,), RemoveTags((tag,))) for tag in (second, first))
            fix = "Remove the one that is wrong."
            yield Problem("tag conflict", "warning", (path,), (one.place,), reason, fix, removals)


def _contradict(group: Group, pair: tuple[str, str]) -> bool:
    return group.answer_of[pair[0]] != group.answer_of[pair[1]]


def repeated(words: Sequence[Words], dataset: Dataset) -> Iterator[Problem]:
    """Tags that stand twice in one line, letter for letter."""
    for one in words:
        twice = next((tag for tags in one.lists for tag, count in Counter(tags).items() if count > 1), None)
        if twice is not None:
            path = one.path or dataset.items[one.place].path
            reason = f"The tag {twice!r} stands in it more than once."
            mending = Edit("Remove repeated tags", (one.place,), Deduplicate())
            yield Problem("repeated tag", "note", (path,), (one.place,), reason, "Once is enough.", (mending,))


def misspelt(words: Sequence[Words], dataset: Dataset, language: Language) -> Iterator[Problem]:
    """Rare tags that are one letter (added, lost, changed, two swapped), a space or the case away from a frequent one.

    Not taken for misspellings: what differs in a digit or a plural, and tags whose every word is known, to the text
    encoder or from three captions: `white skirt` is no `white shirt`.
    """
    holders: defaultdict[str, list[Words]] = defaultdict(list)
    for one in words:
        for tag in dict.fromkeys(tag for tags in one.lists for tag in tags):
            holders[tag].append(one)
    known = Counter(word for tag, those in holders.items() for word in set(plain(tag).split()) for _ in those)
    frequent: defaultdict[str, list[str]] = defaultdict(list)
    for tag, those in holders.items():
        for shorter in _shortened(tag) if len(those) >= _FREQUENT else ():
            frequent[shorter].append(tag)
    for tag, those in holders.items():
        if len(those) > _RARE or len(tag) < _LEAST_LETTERS:
            continue
        near = dict.fromkeys(other for shorter in _shortened(tag) for other in frequent.get(shorter, ()))
        meant = next((other for other in near if _is_misspelling(tag, other, known, language)), None)
        if meant is not None and len(holders[meant]) >= _TIMES * len(those):
            places = tuple(one.place for one in those)
            paths = tuple(one.path or dataset.items[one.place].path for one in those)
            reason = f"Its tag {tag!r} is all but {meant!r}, which stands in {len(holders[meant])} captions."
            mending = Edit(f"Write {meant}", places, ReplaceTag(tag, meant))
            yield Problem("tag spelling", "warning", paths, places, reason, "Spell it alike.", (mending,))


def _shortened(tag: str) -> set[str]:
    """A tag with at most one letter taken out: two that are one slip apart have one of these in common."""
    letters = plain(tag).replace("-", " ")
    return {letters, *(letters[:place] + letters[place + 1 :] for place in range(len(letters)))}


def _is_misspelling(tag: str, other: str, known: Counter[str], language: Language) -> bool:
    first, second = plain(tag), plain(other)
    if first.replace("-", " ") == second.replace("-", " "):
        return True
    if re.sub(r"\D", "", first) != re.sub(r"\D", "", second) or first.rstrip("s") == second.rstrip("s"):
        return False
    new = set(first.split()) - set(second.split())
    return is_one_slip(first, second) and not all(known[word] > _RARE or language.is_word(word) for word in new)


def is_one_slip(first: str, second: str) -> bool:
    """Whether one letter was added, lost or changed, or two neighbours swapped (Damerau-Levenshtein distance 1)."""
    if len(first) > len(second):
        first, second = second, first
    if len(second) - len(first) > 1 or first == second:
        return False
    start = next((place for place, letter in enumerate(first) if letter != second[place]), len(first))
    rest, other = first[start:], second[start:]
    if len(first) < len(second):
        return rest == other[1:]
    return rest[1:] == other[1:] or (rest[:2] == other[1::-1] and rest[2:] == other[2:])


def outweighing(words: Sequence[Words]) -> Iterator[Problem]:
    """Tags of nearly all lists of tags in a folder of at least 20, but not of all: what they say is learned as part of
    the subject. How many persons there are is no such tag, nor is a trigger word.
    """
    for tagged in _tagged_folders(words):
        counter = Counter(tag for one in tagged for tag in {plain(tag) for tags in one.lists for tag in tags})
        first = _first_tag(tagged)
        for tag, count in counter.most_common():
            if not _NEARLY_ALL * len(tagged) <= count < len(tagged) or _PERSON.fullmatch(tag) or tag == first:
                continue
            reason = f"The tag {tag!r} stands in {count} of {len(tagged)} captions, so it will come with the subject."
            fix = "Add pictures without it; or, if it belongs to the subject, leave it out of the captions."
            those = [one for one in tagged if any(plain(each) == tag for tags in one.lists for each in tags)]
            paths = tuple(one.path for one in those if one.path)
            yield Problem("tag balance", "note", paths, tuple(one.place for one in those), reason, fix)


def without_trigger(words: Sequence[Words], dataset: Dataset, trigger: str) -> Iterator[Problem]:
    """Captions in which the trigger word is missing.

    Where none is given it is, for each folder of at least 20 lists of tags, what begins nine of ten of them.
    """
    if trigger:
        yield from _without(trigger, words, dataset, f"The trigger word {trigger!r} is missing here.")
        return
    for tagged in _tagged_folders(words):
        first = _first_tag(tagged)
        word = next((one.lists[0][0] for one in tagged if plain(one.lists[0][0]) == first), "")
        if word:
            reason = f"The word {word!r} is missing here, and begins the other captions of the folder."
            yield from _without(word, tagged, dataset, reason)


def _without(word: str, words: Sequence[Words], dataset: Dataset, reason: str) -> Iterator[Problem]:
    add = WithTrigger(word)
    without = [one for one in words if add(one.text) != one.text]
    if without:
        places = tuple(one.place for one in without)
        paths = tuple(one.path or dataset.items[one.place].path for one in without)
        mending = Edit(f"Put {word} first", places, add)
        fix = "Put it first, if it names what is shown."
        yield Problem("trigger word", "warning", paths, places, reason, fix, (mending,))


def _tagged_folders(words: Sequence[Words]) -> Iterator[list[Words]]:
    """The captions that are lists of tags, for each folder with at least 20 of them."""
    folders: defaultdict[Path, list[Words]] = defaultdict(list)
    for one in words:
        if one.lists and one.path is not None:
            folders[one.path.parent].append(one)
    yield from (tagged for tagged in folders.values() if len(tagged) >= _LEAST_PICTURES)


def _first_tag(tagged: Sequence[Words]) -> str:
    """What comes first in at least nine of ten captions and says nothing of the number of persons, else nothing."""
    firsts = Counter(plain(one.lists[0][0]) for one in tagged)
    tag, count = firsts.most_common(1)[0]
    return "" if count < _TRIGGER * len(tagged) or _PERSON.fullmatch(tag) else tag
