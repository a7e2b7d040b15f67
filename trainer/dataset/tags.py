"""Tags of captions: parted without losing what stands between them, counted, and looked up over many captions.

Nothing is normalised: `Blue_Eyes`, `blue eyes` and `blue  eyes` are three tags, as they are for training. Parted is at
every comma, as training does it. A caption file may hold several captions, one a line.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

SEPARATOR = ","
_PLAIN_GAP = re.compile(r"[^\S\n]*,[^\S\n]*")

_DRAWN = "0_0 (o)_(o) +_+ +_- ._. <o>_<o> <|>_<|> =_= >_< 3_3 6_9 >_o @_@ ^_^ o_o u_u x_x |_| ||_||"
FACES = frozenset(_DRAWN.split())
"""Tags of the boorus that are drawings, in which the underscore is no space."""


@dataclass(slots=True)
class TagLine:
    """One line of a caption file in its parts: what precedes the first tag, the tags, what stands between each two of
    them, what follows the last. Putting them together again gives the line, letter for letter."""

    lead: str
    tags: list[str]
    gaps: list[str]
    tail: str

    def __str__(self) -> str:
        if not self.tags:
            return self.lead + self.tail
        between = "".join(gap + tag for gap, tag in zip(self.gaps, self.tags[1:], strict=True))
        return f"{self.lead}{self.tags[0]}{between}{self.tail}"

    def insert(self, place: int, tag: str) -> None:
        """Put a tag at `place` (0 to the number of tags), parted from its neighbours as they are from theirs."""
        if self.tags:
            near = self.gaps[min(place, len(self.gaps) - 1)] if self.gaps else ", "
            self.gaps.insert(min(place, len(self.gaps)), near if _PLAIN_GAP.fullmatch(near) else ", ")
        self.tags.insert(place, tag)

    def remove(self, place: int) -> None:
        """Take the tag at `place` out, and what parted it from the one before it (of the first: the one after it).

        With its last tag the line loses what stood around it too.
        """
        del self.tags[place]
        if self.gaps:
            del self.gaps[max(place - 1, 0)]
        if not self.tags:
            self.lead = self.tail = ""


def parse_line(line: str) -> TagLine:
    """The parts of one line. Of a line without tags everything is lead."""
    found = TagLine(line, [], [], "")
    gap, start = "", 0
    for piece in line.split(SEPARATOR):
        tag = piece.strip()
        end = start + len(piece)
        if tag:
            first = start + len(piece) - len(piece.lstrip())
            if found.tags:
                found.gaps.append(gap + line[start:first])
            else:
                found.lead = line[:first]
            found.tags.append(tag)
            gap = line[first + len(tag) : end]
        else:
            gap += piece
        gap += SEPARATOR
        start = end + 1
    if found.tags:
        found.tail = gap[: -len(SEPARATOR)]
    return found


def each_line(text: str, edit: Callable[[str], str]) -> str:
    """`text` with every line that is not blank edited; a text without one is taken for one empty line."""
    if not text.strip():
        return edit("") or text
    parts: list[str] = []
    for whole in text.splitlines(keepends=True):
        line = whole.splitlines()[0]
        parts.append(edit(line) + whole[len(line) :] if line.strip() else whole)
    return "".join(parts)


def tags_of(text: str) -> tuple[str, ...]:
    """The tags of a caption file's text, all its lines together, each once, in order."""
    if "\n" in text:
        text = SEPARATOR.join(text.splitlines())
    return tuple(dict.fromkeys(tag for piece in text.split(SEPARATOR) if (tag := piece.strip())))


def counts(captions: Iterable[str]) -> list[tuple[str, int]]:
    """Each tag with the number of captions that have it: the commonest first, then by name."""
    counter: Counter[str] = Counter()
    for text in captions:
        counter.update(tags_of(text))
    return sorted(counter.items(), key=lambda entry: (-entry[1], entry[0]))


State = Literal["all", "some", "none"]


def selection_state(captions: Iterable[str], tag: str) -> State:
    """Whether all of the captions have the tag, some, or none; "none" where there are no captions."""
    having = {tag in tags_of(text) for text in captions}
    return "some" if len(having) == 2 else "all" if True in having else "none"
