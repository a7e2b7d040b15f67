"""Thresholds moved after a tagger ran: its tags in captions brought to where they are now, the rest left in peace.

What the tagger scored is known (see `readings`), so its tags can be told from words of the user's, which stay, letter
for letter and where they are.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from trainer.contract.caption import Tagger
from trainer.contract.captioners import CaptionerName
from trainer.dataset.book import CaptionBook, Change
from trainer.dataset.edits import Operation
from trainer.dataset.readings import read_readings
from trainer.dataset.tag_scores import Reading, kept, retag, written
from trainer.dataset.tags import each_line, parse_line

Told = tuple[CaptionerName, str]
"""A tagger that was asked: its kind, and the name of its model."""

_RANKED = re.compile(r"\((.*):\d\.\d+\)")
_ESCAPED = re.compile(r"\\([\\()])")


def taggers(folder_readings: Mapping[str, Sequence[Reading]]) -> dict[Told, dict[str, Reading]]:
    """The taggers whose scores are kept, each with its readings by picture; the one that saw most comes first."""
    found: dict[Told, dict[str, Reading]] = {}
    for picture, readings in folder_readings.items():
        for reading in readings:
            if reading.scores:
                found.setdefault((reading.captioner, reading.model), {})[picture] = reading
    return dict(sorted(found.items(), key=lambda one: (-len(one[1]), one[0])))


def scored(book: CaptionBook) -> dict[Told, dict[str, Reading]]:
    """The taggers that were asked about pictures of this dataset."""
    return taggers(read_readings(book.dataset.folder))


def moved(text: str, reading: Reading, options: Tagger) -> str:
    """The caption with those of the tagger's tags that reach their threshold, and none that doesn't.

    A tag that is missing comes behind the one that precedes it in the tagger's order. An empty caption is written anew;
    a line without any tag that the tagger scored is not its work, and stays as it is.
    """
    if not text.strip():
        return retag(reading, options)
    replacements = options.words.replacements
    scores = [tag for category in ("general", "character") for tag in reading.scores.get(category, {})]
    known = {_key(tag) for tag in scores} | {_key(replacements[tag]) for tag in scores if tag in replacements}
    wanted = list(dict.fromkeys(written(tag, score, options.words) for tag, score in kept(reading, options)))
    return each_line(text, lambda line: _line(line, known, wanted))


def changes(
    book: CaptionBook,
    places: Sequence[int],
    readings: Mapping[str, Reading],
    options: Tagger,
    check: Callable[[], None],
) -> tuple[Change, ...]:
    """What moving the thresholds would change in the captions of these places; `check` is called at each."""
    found: list[Change] = []
    for place in places:
        check()
        reading = readings.get(book.dataset.items[place].relative)
        if reading is not None:
            found += book.preview(_moving(reading, options), (place,))
    return tuple(found)


def _moving(reading: Reading, options: Tagger) -> Operation:
    return lambda text: moved(text, reading, options)


def _line(line: str, known: set[str], wanted: Sequence[str]) -> str:
    parts = parse_line(line)
    mine = [place for place, tag in enumerate(parts.tags) if _key(tag) in known]
    if not mine:
        return line
    wanted_keys = [_key(tag) for tag in wanted]
    reached, first = set(wanted_keys), mine[0]
    for place in reversed(mine):
        if _key(parts.tags[place]) not in reached:
            parts.remove(place)
    there = [_key(tag) for tag in parts.tags]
    after = min(first, len(there))
    for tag, key in zip(wanted, wanted_keys, strict=True):
        if key in there:
            after = there.index(key) + 1
        else:
            parts.insert(after, tag)
            there.insert(after, key)
            after += 1
    return str(parts)


@lru_cache(maxsize=100_000)
def _key(tag: str) -> str:
    """A tag however it was written: with scores, escapes, spaces or underscores."""
    ranked = _RANKED.fullmatch(tag)
    return _ESCAPED.sub(r"\1", ranked[1] if ranked else tag).replace("_", " ").casefold()
