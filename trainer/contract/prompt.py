"""The language of prompts: which words weigh how much, and how a weight is changed. Pure text.

The grammar is A1111's (stable-diffusion-webui, modules/prompt_parser.py, parse_prompt_attention): `(x)` times 1.1,
`[x]` divided by 1.1, `(x:1.3)` times 1.3, backslash before a bracket that is meant as such; what is nested multiplies,
and a bracket that is never closed reaches to the end. `BREAK` ends a chunk. Where A1111 stumbles Gesso does not: a
weight like `1.2.3` is text, and BREAK breaks within weighted brackets too.

What is read before the weights stands in prompt_schedule.py and prompt_tags.py, what is read after in prompt_chunks.py.
"""

import heapq
import itertools
import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass

ROUND, SQUARE = 1.1, 1 / 1.1
LARGEST_WEIGHT = 10.0

_TOKENS = re.compile(
    r"""
    \\[()\[\]\\] | \\ | \( | \[ | :\s*(?P<weight>[+-]?[.\d]+)\s*\) | \) | \] | [^\\()\[\]:]+ | :
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_BREAK = re.compile(r"\bBREAK\b")
_WORD = re.compile(r"[^\s.,\\/!?%^*;:{}=`~()\[\]<>|]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of one weight. `origins` says where in the prompt each of their characters stands."""

    text: str
    weight: float
    origins: tuple[int, ...]
    is_break: bool = False
    """The word BREAK, which is no word: what follows begins a new chunk."""


@dataclass(slots=True)
class Group:
    """A pair of brackets: `prompt[start:end]` with them, `prompt[inner:inner_end]` what stands between."""

    start: int
    inner: int
    factor: float
    is_round: bool
    inner_end: int = -1
    end: int = -1
    """-1 while it is open."""

    @property
    def is_closed(self) -> bool:
        return self.end >= 0


@dataclass(frozen=True, slots=True)
class Edit:
    """`prompt[start:end]` becomes `text`, of which `selected` (from, to) is to be selected."""

    start: int
    end: int
    text: str
    selected: tuple[int, int]


def pieces(prompt: str) -> list[Piece]:
    """The words and their weights, in order; neighbours of the same weight are one piece."""
    texts, groups = _read(prompt)
    found: list[tuple[_Text, float]] = []
    active: list[Group] = []
    products = [1.0]  # up to each of the groups in `active`, so that closing the innermost costs nothing
    ends: list[int] = []  # of the groups in `active`, as a heap
    upcoming = 0
    for text in texts:
        where = text.start
        while upcoming < len(groups) and groups[upcoming].start <= where:
            active.append(groups[upcoming])
            products.append(products[-1] * groups[upcoming].factor)
            if groups[upcoming].is_closed:
                heapq.heappush(ends, groups[upcoming].end)
            upcoming += 1
        over = 0
        while ends and ends[0] <= where:
            heapq.heappop(ends)
            over += 1
        while over and _is_over(active[-1], where):
            active.pop()
            products.pop()
            over -= 1
        if over:  # `(a [b) c]`: brackets that cross
            active = [group for group in active if not _is_over(group, where)]
            products = list(itertools.accumulate((group.factor for group in active), operator.mul, initial=1.0))
        found.append((text, products[-1]))
    return _merged(found)


def groups_in(prompt: str) -> list[Group]:
    """All brackets, in the order in which they open."""
    return _read(prompt)[1]


def reweighted(prompt: str, start: int, end: int, by: float) -> Edit | None:
    """Add `by` to the weight of `prompt[start:end]`; where that is empty, of the brackets or the word around `start`.

    A weight of 1 loses its brackets. None where there is nothing to weigh.
    """
    groups = groups_in(prompt)
    start, end = _trimmed(prompt, start, end)
    group = _group_at(groups, start, end)
    if group is not None:
        weight = group.factor if group.is_round else 0.9  # as close to 1 / 1.1 as one would write it
        return _weighed(prompt[group.inner : group.inner_end], weight + by, group.start, group.end)
    if start == end:
        word = next((one for one in _WORD.finditer(prompt) if one.start() <= start <= one.end()), None)
        if word is None:
            return None
        start, end = word.span()
    return _weighed(prompt[start:end], 1.0 + by, start, end)


@dataclass(frozen=True, slots=True)
class _Text:
    """Text without brackets, and where it stands."""

    text: str
    start: int
    is_break: bool = False


def _read(prompt: str) -> tuple[list[_Text], list[Group]]:
    """The text and the brackets, each in order."""
    texts: list[_Text] = []
    groups: list[Group] = []
    rounds: list[Group] = []
    squares: list[Group] = []
    for token in _TOKENS.finditer(prompt):
        text, start, end = token.group(), token.start(), token.end()
        weight = token.group("weight")
        if text == "(" or text == "[":
            group = Group(start, end, ROUND if text == "(" else SQUARE, text == "(")
            groups.append(group)
            (rounds if group.is_round else squares).append(group)
        elif weight is not None and rounds and _NUMBER.fullmatch(weight):
            rounds[-1].factor = float(weight)
            _close(rounds.pop(), start, end)
        elif weight is not None and rounds:  # `:1.2.3)`
            texts.append(_Text(text[:-1], start))
            _close(rounds.pop(), end - 1, end)
        elif text == ")" and rounds:
            _close(rounds.pop(), start, end)
        elif text == "]" and squares:
            _close(squares.pop(), start, end)
        elif len(text) == 2 and text[0] == "\\":
            texts.append(_Text(text[1], start + 1))
        else:
            texts += _broken(text, start)
    return texts, groups


def _broken(text: str, start: int) -> Iterator[_Text]:
    """A stretch of text that may hold BREAK, which takes the white space around it along."""
    done = 0
    for found in _BREAK.finditer(text):
        yield from _inked(text[done : found.start()].rstrip(), start + done, after_break=done > 0)
        yield _Text(found.group(), start + found.start(), is_break=True)
        done = found.end()
    yield from _inked(text[done:], start + done, after_break=done > 0)


def _inked(text: str, start: int, *, after_break: bool) -> Iterator[_Text]:
    inked = text.lstrip() if after_break else text
    if inked:
        yield _Text(inked, start + len(text) - len(inked))


def _is_over(group: Group, where: int) -> bool:
    return group.is_closed and group.end <= where


def _close(group: Group, inner_end: int, end: int) -> None:
    group.inner_end, group.end = inner_end, end


def _merged(found: list[tuple[_Text, float]]) -> list[Piece]:
    merged: list[Piece] = []
    for (weight, is_break), run in itertools.groupby(found, key=lambda one: (one[1], one[0].is_break)):
        texts = [text for text, _ in run]
        if is_break:
            merged += [Piece(text.text, 1.0, _origins(text), is_break=True) for text in texts]
        else:
            origins = tuple(itertools.chain.from_iterable(_origins(text) for text in texts))
            merged.append(Piece("".join(text.text for text in texts), weight, origins))
    return merged


def _origins(text: _Text) -> tuple[int, ...]:
    return tuple(range(text.start, text.start + len(text.text)))


def _trimmed(prompt: str, start: int, end: int) -> tuple[int, int]:
    """Without the white space at both ends."""
    chosen = prompt[start:end]
    if not chosen.strip():
        return start, start
    return start + len(chosen) - len(chosen.lstrip()), end - (len(chosen) - len(chosen.rstrip()))


def _group_at(groups: list[Group], start: int, end: int) -> Group | None:
    """The brackets that are meant: those selected, with or without what is inside, or the innermost around a cursor."""
    for group in reversed(groups):
        if not group.is_closed:
            continue
        if start == end and group.start <= start <= group.end:
            return group
        if start < end and (start, end) in ((group.start, group.end), (group.inner, group.inner_end)):
            return group
    return None


def _weighed(words: str, weight: float, start: int, end: int) -> Edit:
    weight = round(min(LARGEST_WEIGHT, max(0.0, weight)), 2)
    if weight == 1.0:
        return Edit(start, end, words, (0, len(words)))
    return Edit(start, end, f"({words}:{weight:g})", (1, 1 + len(words)))
