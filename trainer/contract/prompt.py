"""The language of prompts: which words weigh how much, and how a weight is changed. Pure text.

The grammar is A1111's (stable-diffusion-webui, modules/prompt_parser.py, parse_prompt_attention): `(x)` times 1.1,
`[x]` divided by 1.1, `(x:1.3)` times 1.3, backslash before a bracket that is meant as such; what is nested multiplies,
and a bracket that is never closed reaches to the end. Weights that A1111 stumbles over (`1.2.3`) are text.
"""

import heapq
import itertools
import operator
import re
from dataclasses import dataclass
from typing import Literal

CHUNK = 75
"""Tokens that CLIP reads at a time, without the two that mark start and end."""

Feature = Literal["weights", "chunks", "embeddings"]
READ_BY_ENGINE: frozenset[Feature] = frozenset()
"""What of this language the engine acts upon so far. It takes a prompt as plain words and reads the first chunk of it
(trainer.models.tokenizer.token_ids). The window says so wherever a prompt asks for more."""

ROUND, SQUARE = 1.1, 1 / 1.1
LARGEST_WEIGHT = 10.0

_TOKENS = re.compile(
    r"""
    \\[()\[\]\\] | \\ | \( | \[ | :\s*(?P<weight>[+-]?[.\d]+)\s*\) | \) | \] | [^\\()\[\]:]+ | :
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_WORD = re.compile(r"[^\s.,\\/!?%^*;:{}=`~()\[\]<>|]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of one weight. `origins` says where in the prompt each of their characters stands."""

    text: str
    weight: float
    origins: tuple[int, ...]


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
    found: list[tuple[str, float, int]] = []
    active: list[Group] = []
    products = [1.0]  # up to each of the groups in `active`, so that closing the innermost costs nothing
    ends: list[int] = []  # of the groups in `active`, as a heap
    upcoming = 0
    for text, where in texts:
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
        found.append((text, products[-1], where))
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


def _read(prompt: str) -> tuple[list[tuple[str, int]], list[Group]]:
    """(text without brackets, where it stands) in order, and the brackets."""
    texts: list[tuple[str, int]] = []
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
            texts.append((text[:-1], start))
            _close(rounds.pop(), end - 1, end)
        elif text == ")" and rounds:
            _close(rounds.pop(), start, end)
        elif text == "]" and squares:
            _close(squares.pop(), start, end)
        elif len(text) == 2 and text[0] == "\\":
            texts.append((text[1], start + 1))
        else:
            texts.append((text, start))
    return texts, groups


def _is_over(group: Group, where: int) -> bool:
    return group.is_closed and group.end <= where


def _close(group: Group, inner_end: int, end: int) -> None:
    group.inner_end, group.end = inner_end, end


def _merged(found: list[tuple[str, float, int]]) -> list[Piece]:
    merged: list[Piece] = []
    texts: list[str] = []
    origins: list[int] = []
    for place, (text, weight, where) in enumerate(found):
        texts.append(text)
        origins.extend(range(where, where + len(text)))
        if place + 1 == len(found) or found[place + 1][1] != weight:
            merged.append(Piece("".join(texts), weight, tuple(origins)))
            texts, origins = [], []
    return merged


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
