"""Edits of captions: each a frozen value that is called with the text of a caption file and gives the new text.

They are pure, so that a preview is the edit itself. Outside of what an edit names it changes no letter. A file with
several captions, one a line, is edited line by line; blank lines stay. Tags are compared letter for letter.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import regex

from trainer.contract.errors import UserError
from trainer.dataset.captions import with_prefix, with_trigger
from trainer.dataset.names import natural_key
from trainer.dataset.tags import FACES, TagLine, each_line, parse_line, tags_of

Operation = Callable[[str], str]
"""From the text of a caption file to the new one. May raise UserError where its settings make no sense."""

LONGEST_PATTERN = 2000
PATTERN_SECONDS = 0.5
"""What a pattern may take over one caption; a sound one takes some microseconds."""


def _tags(words: Iterable[str]) -> tuple[str, ...]:
    return tags_of("\n".join(words))


@dataclass(frozen=True, slots=True)
class AddTags:
    """Add tags that the line does not have yet: at its end, or after its first `after` tags (0: at its start)."""

    tags: tuple[str, ...]
    after: int | None = None

    def __call__(self, text: str) -> str:
        wanted = _tags(self.tags)
        return each_line(text, lambda line: self._add(line, wanted))

    def _add(self, line: str, wanted: tuple[str, ...]) -> str:
        parts = parse_line(line)
        place = len(parts.tags) if self.after is None else min(max(self.after, 0), len(parts.tags))
        missing = [tag for tag in wanted if tag not in parts.tags]
        for tag in reversed(missing):
            parts.insert(place, tag)
        return str(parts) if missing else line


@dataclass(frozen=True, slots=True)
class RemoveTags:
    """Remove every one of these tags, with the comma that parts it from its neighbour."""

    tags: tuple[str, ...]

    def __call__(self, text: str) -> str:
        unwanted = _tags(self.tags)
        return each_line(text, lambda line: _without(parse_line(line), lambda tag: tag in unwanted))


@dataclass(frozen=True, slots=True)
class ReplaceTag:
    """Put `by` (one tag, several with commas, or none) where the tag stands.

    What of `by` the line has already is not put there again, so that two spellings of a tag become one.
    """

    tag: str
    by: str

    def __call__(self, text: str) -> str:
        return each_line(text, self._replace)

    def _replace(self, line: str) -> str:
        parts = parse_line(line)
        if self.tag not in parts.tags or self.by.strip() == self.tag:
            return line
        place = parts.tags.index(self.tag)
        for later in reversed(range(place + 1, len(parts.tags))):
            if parts.tags[later] == self.tag:
                parts.remove(later)
        others = {tag for tag in parts.tags if tag != self.tag}
        new = [tag for tag in _tags((self.by,)) if tag not in others]
        if not new:
            parts.remove(place)
            return str(parts)
        parts.tags[place] = new[0]
        for offset, tag in enumerate(new[1:], 1):
            parts.insert(place + offset, tag)
        return str(parts)


@dataclass(frozen=True, slots=True)
class ReplaceText:
    r"""Replace text wherever it stands in a line, or, `whole_tag`, in tags that match it from end to end.

    With `regex` the pattern is a regular expression (in the dialect of Python's `re`), and `by` may name its groups as
    `\1` or `\g<name>`. A tag that becomes empty is removed. A pattern that can't be read, or takes longer than
    `PATTERN_SECONDS` over one caption, raises UserError.
    """

    pattern: str
    by: str
    regex: bool = False
    whole_tag: bool = False
    case: bool = True

    def __call__(self, text: str) -> str:
        if not self.pattern:
            return text
        compiled = _compiled(self.pattern if self.regex else regex.escape(self.pattern), self.case)
        by = self.by if self.regex else self.by.replace("\\", "\\\\")
        try:
            return each_line(text, lambda line: self._edit(line, compiled, by))
        except TimeoutError as error:
            raise UserError(
                f"The pattern {self.pattern} takes too long: more than {PATTERN_SECONDS} seconds for one caption.",
                "Write it without a repetition inside a repetition, such as (a+)+.",
            ) from error
        except (regex.error, IndexError) as error:
            raise UserError(
                f"The replacement {self.by} names a group that the pattern {self.pattern} does not have: {error}.",
                r"Number groups from \1 in the order of their opening brackets; a backslash itself is written \\.",
            ) from error

    def _edit(self, line: str, pattern: "regex.Pattern[str]", by: str) -> str:
        # concurrent: the window goes on painting while a pattern is at work.
        if not self.whole_tag:
            return pattern.sub(by, line, timeout=PATTERN_SECONDS, concurrent=True)
        parts = parse_line(line)
        for place in reversed(range(len(parts.tags))):
            found = pattern.fullmatch(parts.tags[place], timeout=PATTERN_SECONDS, concurrent=True)
            if found:
                parts.tags[place] = found.expand(by).strip()
                if not parts.tags[place]:
                    parts.remove(place)
        return str(parts)


@lru_cache(maxsize=32)
def _compiled(pattern: str, case: bool) -> "regex.Pattern[str]":
    if len(pattern) > LONGEST_PATTERN:
        raise UserError(
            f"The pattern has {len(pattern)} characters; the limit is {LONGEST_PATTERN}.", "Search for less at once."
        )
    try:
        return regex.compile(pattern, 0 if case else regex.IGNORECASE)
    except regex.error as error:
        raise UserError(
            f"The pattern {pattern} can't be read: {error}.",
            "Mend it, or search for plain text; before ( ) [ ] . * + ? | a backslash makes them plain.",
        ) from error


Order = Literal["alphabet", "natural", "count"]


@dataclass(frozen=True)
class SortTags:
    """Sort the tags of each line, but for the first `keep`; what stands between them stays where it is.

    "alphabet" and "natural" (2 before 10) leave case aside; "count" puts the commonest first by `counts`, which says
    how many captions of the dataset have each tag.
    """

    order: Order = "alphabet"
    keep: int = 0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])

    def __call__(self, text: str) -> str:
        return each_line(text, self._sort)

    def _sort(self, line: str) -> str:
        parts = parse_line(line)
        parts.tags[self.keep :] = sorted(parts.tags[self.keep :], key=self._key)
        return str(parts)

    def _key(self, tag: str) -> tuple[object, ...]:
        if self.order == "natural":
            return natural_key(tag)
        return (-self.counts.get(tag, 0) if self.order == "count" else 0, tag.casefold(), tag)


@dataclass(frozen=True, slots=True)
class Deduplicate:
    """Remove every tag that stands in its line before already."""

    def __call__(self, text: str) -> str:
        return each_line(text, self._deduplicate)

    def _deduplicate(self, line: str) -> str:
        parts = parse_line(line)
        for place in reversed(range(len(parts.tags))):
            if parts.tags[place] in parts.tags[:place]:
                parts.remove(place)
        return str(parts)


@dataclass(frozen=True, slots=True)
class WithPrefix:
    """Begin each line with these words and a space, unless it begins so already."""

    words: str

    def __call__(self, text: str) -> str:
        words = self.words.strip()
        return each_line(text, lambda line: line if line.startswith(words) else with_prefix(line, words))


@dataclass(frozen=True, slots=True)
class WithSuffix:
    """End each line with a space and these words, unless it ends so already."""

    words: str

    def __call__(self, text: str) -> str:
        words = self.words.strip()
        return each_line(text, lambda line: line if line.endswith(words) else f"{line} {words}".lstrip())


@dataclass(frozen=True, slots=True)
class WithTrigger:
    """Make the word the first tag of each line in which it does not stand anywhere."""

    word: str

    def __call__(self, text: str) -> str:
        return each_line(text, lambda line: with_trigger(line, self.word))


@dataclass(frozen=True, slots=True)
class Prepend:
    """Put text before each line, with `joint` between the two if the line is not empty."""

    text: str
    joint: str = ", "

    def __call__(self, text: str) -> str:
        return each_line(text, lambda line: self.joint.join(part for part in (self.text, line) if part))


@dataclass(frozen=True, slots=True)
class Append:
    """Put text behind each line, with `joint` between the two if the line is not empty."""

    text: str
    joint: str = ", "

    def __call__(self, text: str) -> str:
        return each_line(text, lambda line: self.joint.join(part for part in (line, self.text) if part))


@dataclass(frozen=True, slots=True)
class AddLine:
    """Add one more caption, on a line of its own, unless the file has that line already."""

    line: str

    def __call__(self, text: str) -> str:
        if not text.strip():
            return self.line
        return text if self.line in text.splitlines() else f"{text}\n{self.line}"


@dataclass(frozen=True, slots=True)
class SetText:
    """This text in place of whatever was there."""

    text: str

    def __call__(self, text: str) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Lowercase:
    def __call__(self, text: str) -> str:
        return text.lower()


@dataclass(frozen=True, slots=True)
class UnderscoresToSpaces:
    """`blue_eyes` becomes `blue eyes`; the boorus' drawn faces, `^_^`, stay."""

    def __call__(self, text: str) -> str:
        return each_line(text, lambda line: _each_tag(line, _spaced))


@dataclass(frozen=True, slots=True)
class SpacesToUnderscores:
    """`blue eyes` becomes `blue_eyes`: the spaces within each tag."""

    def __call__(self, text: str) -> str:
        return each_line(text, lambda line: _each_tag(line, lambda tag: tag.replace(" ", "_")))


@dataclass(frozen=True, slots=True)
class EscapeBrackets:
    r"""`saber (fate)` becomes `saber \(fate\)`, which prompts need and captions do not; what is escaped stays."""

    def __call__(self, text: str) -> str:
        return _BRACKET.sub(lambda found: found[0] if len(found[1]) % 2 else f"{found[1]}\\{found[2]}", text)


@dataclass(frozen=True, slots=True)
class UnescapeBrackets:
    r"""`saber \(fate\)` becomes `saber (fate)`, which is how captions for training are written."""

    def __call__(self, text: str) -> str:
        return _BRACKET.sub(lambda found: f"{found[1][1:]}{found[2]}" if len(found[1]) % 2 else found[0], text)


@dataclass(frozen=True, slots=True)
class InTurn:
    """Several edits as one, each of what the one before it made."""

    operations: tuple[Operation, ...]

    def __call__(self, text: str) -> str:
        for operation in self.operations:
            text = operation(text)
        return text


_BRACKET = re.compile(r"(\\*)([()])")


def _spaced(tag: str) -> str:
    return tag if tag.replace("\\", "") in FACES else tag.replace("_", " ")


def _each_tag(line: str, edit: Callable[[str], str]) -> str:
    parts = parse_line(line)
    parts.tags = [edit(tag) for tag in parts.tags]
    return str(parts)


def _without(parts: TagLine, unwanted: Callable[[str], bool]) -> str:
    for place in reversed(range(len(parts.tags))):
        if unwanted(parts.tags[place]):
            parts.remove(place)
    return str(parts)
