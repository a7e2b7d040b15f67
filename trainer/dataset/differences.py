"""What two captions do not have in common: whole tags where they are lists of tags, else words in their order."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

Span = tuple[int, int]
"""Where something stands in a text: its begin and end."""

_TAG = re.compile(r"[^,\n]+")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def differing(first: str, second: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The places in each caption of what the other lacks. Case and spaces around tags do not matter."""
    if "," in first or "," in second:
        one, other = _tags(first), _tags(second)
        return _lacking(one, {words for words, _ in other}), _lacking(other, {words for words, _ in one})
    return _words_apart(first, second)


def _tags(text: str) -> list[tuple[str, Span]]:
    found: list[tuple[str, Span]] = []
    for match in _TAG.finditer(text):
        tag = match[0].strip()
        if tag:
            begin = match.start() + match[0].index(tag)
            found.append((tag.casefold(), (begin, begin + len(tag))))
    return found


def _lacking(tags: Sequence[tuple[str, Span]], there: set[str]) -> tuple[Span, ...]:
    return tuple(span for words, span in tags if words not in there)


def _words_apart(first: str, second: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    one, other = list(_WORD.finditer(first)), list(_WORD.finditer(second))
    matcher = SequenceMatcher(None, [word[0].casefold() for word in one], [word[0].casefold() for word in other], False)
    mine: list[Span] = []
    theirs: list[Span] = []
    for tag, begin, end, their_begin, their_end in matcher.get_opcodes():
        if tag != "equal":
            mine += [word.span() for word in one[begin:end]]
            theirs += [word.span() for word in other[their_begin:their_end]]
    return tuple(mine), tuple(theirs)
