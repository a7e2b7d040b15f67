"""Completion of tags: from the dataset's own, and from a list of a booru's tags that the user may add.

Such a list is a CSV of name, category, count and "aliases" (by commas), as a1111-tagcomplete has it, with or without a
line of headings. Sought is without regard to case, and with `_` for a space or the other way round.
"""

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.contract.errors import UserError
from trainer.dataset.names import shown
from trainer.dataset.tags import FACES
from trainer.files import human_size

LARGEST_LIST = 100 * 1024 * 1024
"""Bytes; all tags of Danbooru with their aliases are some 15 MB."""

CATEGORIES = {0: "general", 1: "artist", 3: "copyright", 4: "character", 5: "meta"}
"""Danbooru's; other boorus have more, and other numbers."""

_WHOLE = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class KnownTag:
    """A tag of a booru as its list has it; `count`: how many pictures have it there."""

    name: str
    category: int = 0
    count: int = 0
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tag to offer. `here`: captions of the dataset that have it; `there`: the booru's count, 0 if it knows none.

    `category` is None where the booru does not know the tag; `alias` is the other name by which it was found, or "".
    """

    tag: str
    here: int
    there: int
    category: int | None
    alias: str = ""


def read_tag_list(path: Path) -> tuple[KnownTag, ...]:
    """The tags of a CSV file, as they stand there. Raises UserError if it can't be read or holds none."""
    try:
        if path.stat().st_size > LARGEST_LIST:
            raise UserError(
                f"{shown(path)} is too large for a list of tags: {human_size(path.stat().st_size)}.", "Choose another."
            )
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UserError(
            f"The list of tags {shown(path)} can't be read: {error.strerror or error}.", "Choose another file."
        ) from error
    try:
        tags = tuple(_rows(text))
    except csv.Error as error:
        raise UserError(f"The list of tags {shown(path)} is no CSV: {error}.", "Choose another file.") from error
    if not tags:
        raise UserError(
            f"{shown(path)} holds no tags.", 'A line of a list looks so: long_hair,0,4350000,"longhair,hair_long".'
        )
    return tags


def _rows(text: str) -> Iterator[KnownTag]:
    """Lines whose category and count are no whole numbers of some digits are left out, and with them the headings."""
    for row in csv.reader(io.StringIO(text)):
        if len(row) >= 3 and row[0].strip() and all(_WHOLE.fullmatch(cell.strip()) for cell in row[1:3]):
            aliases = row[3].split(",") if len(row) > 3 else ()
            found = tuple(stripped for alias in aliases if (stripped := alias.strip()))
            yield KnownTag(row[0].strip(), int(row[1]), int(row[2]), found)


class _Sought:
    """Names, the most wanted first, in one text in which they are sought: so the first finds are the best.

    Each name stands in a line of its own; searching one text of megabytes takes milliseconds where a loop over its
    lines takes a second.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._text = "\n" + "".join(f"{name}\n" for name in names)
        self._starts: list[int] = []
        place = 1
        for line in self._text[1:].split("\n")[:-1]:
            self._starts.append(place)
            place += len(line) + 1

    def find(self, needle: str, *, from_start: bool) -> Iterator[int]:
        """The numbers of the names that hold the needle, or begin with it, in order."""
        whole = f"\n{needle}" if from_start else needle
        place = self._text.find(whole)
        while place >= 0:
            number = bisect_right(self._starts, place + from_start) - 1
            yield number
            if number + 1 == len(self._starts):
                return
            place = self._text.find(whole, self._starts[number + 1] - 1)


class TagList:
    """A booru's tags, made ready to be sought once; 200,000 take about a second."""

    def __init__(self, tags: Sequence[KnownTag] = ()) -> None:
        self.tags = sorted(tags, key=lambda tag: -tag.count)
        names = [
            (_key(name), number, name) for number, tag in enumerate(self.tags) for name in (tag.name, *tag.aliases)
        ]
        self._names = [(number, name) for _, number, name in names]
        self._sought = _Sought(key for key, _, _ in names)
        self._by_key: dict[str, int] = {}
        for key, number, name in names:
            if name == self.tags[number].name:
                self._by_key.setdefault(key, number)

    def __getitem__(self, tag: str) -> KnownTag | None:
        """The tag of this name, in any spelling of case, spaces and escaped brackets; not by its aliases."""
        number = self._by_key.get(_key(tag))
        return None if number is None else self.tags[number]

    def find(self, key: str, *, from_start: bool) -> Iterator[tuple[KnownTag, str]]:
        """The tags that have such a name or alias, the commonest first, each with the name that was found."""
        for number in self._sought.find(key, from_start=from_start):
            place, name = self._names[number]
            yield self.tags[place], name


class Completion:
    """What may be meant by the beginning of a tag. Making one for the tags of a dataset takes milliseconds."""

    def __init__(self, counts: Sequence[tuple[str, int]], known: TagList) -> None:
        """`counts` as `tags.counts` gives them: the commonest first."""
        self._counts = counts
        self._own = _Sought(_key(tag) for tag, _ in counts)
        self._own_by_key: dict[str, list[tuple[str, int]]] = {}
        for tag, here in counts:
            self._own_by_key.setdefault(_key(tag), []).append((tag, here))
        self._known = known
        underscores = sum("_" in tag and tag not in FACES for tag, _ in counts)
        self._write_underscores = underscores > sum(" " in tag for tag, _ in counts)
        self._write_escaped = any("\\(" in tag for tag, _ in counts)

    def candidates(self, typed: str, limit: int = 20, *, without: Sequence[str] = ()) -> list[Candidate]:
        """At most `limit` tags, but those in `without`: first what begins with `typed`, then what holds it; in both the
        dataset's own come first, then the booru's, the commonest first.

        The booru's are spelled as the dataset spells its own: with spaces or underscores, with or without backslashes.
        """
        key = _key(typed)
        if not key or limit < 1:
            return []
        found: dict[str, Candidate] = {}
        left_out = {_key(tag) for tag in without}
        for from_start in (True, False):
            for candidate in self._all(key, from_start=from_start):
                if _key(candidate.tag) not in left_out:
                    found.setdefault(candidate.tag, candidate)
                if len(found) == limit:
                    return list(found.values())
        return list(found.values())

    def _all(self, key: str, *, from_start: bool) -> Iterator[Candidate]:
        for number in self._own.find(key, from_start=from_start):
            tag, here = self._counts[number]
            known = self._known[tag]
            yield Candidate(tag, here, known.count if known else 0, known.category if known else None)
        for known, name in self._known.find(key, from_start=from_start):
            alias = "" if name == known.name else name
            own = self._own_by_key.get(_key(known.name))
            for tag, here in own or [(self._spelled(known.name), 0)]:
                yield Candidate(tag, here, known.count, known.category, alias)

    def _spelled(self, name: str) -> str:
        if not self._write_underscores and name not in FACES:
            name = name.replace("_", " ")
        return name.replace("(", "\\(").replace(")", "\\)") if self._write_escaped else name


def _key(tag: str) -> str:
    return tag.strip().replace("\\", "").replace("_", " ").replace("\n", " ").casefold()
