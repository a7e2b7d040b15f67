"""From what a captioner said of a picture to a caption: thresholds, spelling and templates, without any model.

A reading is kept for each picture (see `readings`), so all of this can be done again with other settings, at once.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from trainer.contract.caption import (
    CAPTION,
    PLACES,
    CaptionJob,
    DeepBooru,
    Mode,
    Single,
    Tagger,
    TagWords,
    Wd,
)
from trainer.contract.captioners import USUAL_CHARACTER_THRESHOLD, CaptionerName, wd_threshold
from trainer.dataset.captions import join_tags, split_tags

Category = Literal["general", "character", "rating"]
CATEGORIES: tuple[Category, ...] = ("general", "character", "rating")

KAOMOJI = frozenset(
    {"0_0", "(o)_(o)", "+_+", "+_-", "._.", "<o>_<o>", "<|>_<|>", "=_=", ">_<", "3_3", "6_9", ">_o", "@_@", "^_^"}
    | {"o_o", "u_u", "x_x", "|_|", "||_||"}
)
"""Faces, in which an underscore is no space (the list that taggers of this kind share)."""

RATING = "rating:"
"""DeepBooru's four ratings begin so; they are no tags."""

_ESCAPED = re.compile(r"([\\()])")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one captioner said of one picture: a sentence, or how sure it is of each tag, spelled as in its list.

    `picture` is the path within the dataset, `content` the SHA-256 of what was looked at. `key` stands for the
    model and for all settings that change what is said; `model` is its name.
    """

    captioner: CaptionerName
    model: str
    picture: str
    content: str
    key: str
    text: str = ""
    scores: Mapping[Category, Mapping[str, float]] = field(default_factory=dict[Category, Mapping[str, float]])

    def surest(self, count: int) -> tuple[tuple[str, float], ...]:
        """The tags that it is surest of, ratings left out."""
        pairs = [pair for category in ("character", "general") for pair in self.scores.get(category, {}).items()]
        return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:count])


def retag(reading: Reading, options: Tagger) -> str:
    """The tags of a reading that reach their threshold, as one text; ratings are left out. "" if there are none."""
    return join_tags(tuple(dict.fromkeys(written(tag, score, options.words) for tag, score in kept(reading, options))))


def kept(reading: Reading, options: Tagger) -> list[tuple[str, float]]:
    """The tags that are written, in their order, as the model spells them."""
    words = options.words
    left_out = {tag.replace(" ", "_") for tag in split_tags(words.exclude)}
    thresholds = _thresholds(reading, options)
    found = [
        (tag, score)
        for category, threshold in thresholds.items()
        for tag, score in reading.scores.get(category, {}).items()
        if score >= threshold and tag not in left_out and not tag.startswith(RATING)
    ]
    found.sort(key=lambda pair: (-pair[1], pair[0]))
    if words.limit:
        found = found[: words.limit]
    return sorted(found) if words.order == "alphabet" else found


def written(tag: str, score: float, words: TagWords) -> str:
    """`long_hair` as `long hair`, `a_(b)` as `a \\(b\\)`, `(cat:0.987)`: as `words` says."""
    tag = words.replacements.get(tag, tag) if words.replace else tag
    text = tag.replace("_", " ") if words.spaces and tag not in KAOMOJI else tag
    if words.escape:
        text = _ESCAPED.sub(r"\\\1", text)
    return f"({text}:{score:.3f})" if words.ranks else text


def _thresholds(reading: Reading, options: Tagger) -> dict[Category, float]:
    match options:
        case Wd():
            general = wd_threshold(reading.model) if options.threshold is None else options.threshold
            character = options.character_threshold
            return {
                "general": general,
                "character": USUAL_CHARACTER_THRESHOLD if character is None else character,
            }
        case DeepBooru():
            return {"general": options.threshold}


def said(reading: Reading, options: Single) -> str:
    """What the captioner said, as text."""
    return retag(reading, options) if isinstance(options, DeepBooru | Wd) else reading.text


def new_caption(job: CaptionJob, readings: Sequence[Reading], before: str) -> str:
    """The caption that the job gives a picture of which its captioners said `readings`, and `before` was said.

    "" if none of the captioners had anything to say: a caption is never made of a prefix or of commas alone.
    """
    parts = job.parts
    told: dict[str, str] = {reading.captioner: said(reading, parts[reading.captioner]) for reading in readings}
    if not any(text.strip() for text in told.values()):
        return ""
    text = filled(job.template, lambda name: before if name == CAPTION else told.get(name, ""))
    return combined(" ".join(filter(None, (job.prefix.strip(), text))), before, job.mode)


def filled(template: str, told: Callable[[str], str]) -> str:
    """The template with what was `told` in place of each name. What stood beside an empty place goes with it: a comma
    does not stay behind alone."""
    pieces = [PLACES.sub(lambda found: told(found[1]).strip(), piece).strip() for piece in template.split(",")]
    return ", ".join(piece for piece in pieces if piece.strip(" .;:"))


def combined(new: str, before: str, mode: Mode) -> str:
    """`new` put before or behind each line of `before`, without the tags that stand there already; else `new`."""
    lines = [line.strip() for line in before.split("\n") if line.strip()]
    if mode in ("fill", "replace") or not lines:
        return new
    return "\n".join(_joined(new, line, mode) for line in lines)


def _joined(new: str, line: str, mode: Mode) -> str:
    there = {tag.casefold() for tag in split_tags(line)}
    added = [tag for tag in split_tags(new) if tag.casefold() not in there]
    parts = (*added, line) if mode == "prepend" else (line.rstrip(", "), *added)
    return ", ".join(parts) if added else line
