"""What of a prompt is read in which step: `[a:b:0.5]`, `[a|b]`, and prompts joined by AND. Pure text.

The grammar is A1111's (stable-diffusion-webui, modules/prompt_parser.py: schedule_parser, get_multicond_prompt_list).
`[before:after:when]` changes its words after step `when`, or after that share of the steps if it has a point; either
side may be empty, and `[after:when]` has no before. `[a|b|c]` takes turns, a step each. `a AND b:0.5` is two prompts,
each of which pulls the picture its own way by its own weight.

Brackets that don't pair, or hold what is no schedule, are left to the weights, and so is whatever is around them: they
stand in the text as they were typed. Read in one pass, and without recursion, however deep brackets are nested.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from trainer.contract.prompt_tags import tags

_TOKENS = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)(e[+-]?\d+)?", re.IGNORECASE)
_AND = re.compile(r"\bAND\b")
_AND_WEIGHT = re.compile(r"[-+]?(\d+\.?|\d*\.\d+)")

Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What of a prompt is read at a time. `origins` says where in the prompt each character stands."""

    text: str
    origins: Sequence[int]


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the prompts that AND joins: its weight, and what of it is read in each step."""

    weight: float
    steps: tuple[Excerpt, ...]


@dataclass(slots=True)
class Switch:
    before: "list[Node]"
    after: "list[Node]"
    when: str

    def choice(self, step: int, steps: int) -> "list[Node]":
        """In step number `step` of `steps`, from 1."""
        number = float(self.when)
        last = min(float(steps), number * steps if "." in self.when else number)
        return self.before if step <= max(int(last) if last > -1 else -1, -1) else self.after

    @property
    def everything(self) -> "list[Node]":
        return [*self.before, *self.after]

    @property
    def never_read(self) -> "list[Node]":
        """`[a:b:1.2]` would change behind the last step."""
        return self.after if "." in self.when and float(self.when) >= 1.0 else []


@dataclass(slots=True)
class Turns:
    options: "list[list[Node]]"

    def choice(self, step: int, steps: int) -> "list[Node]":
        return self.options[(step - 1) % len(self.options)]

    @property
    def everything(self) -> "list[Node]":
        return [node for option in self.options for node in option]

    @property
    def never_read(self) -> "list[Node]":
        return []


@dataclass(slots=True)
class Group:
    """Brackets that weigh, and what is between: the brackets' own text is in `nodes`."""

    nodes: "list[Node]"


Node: TypeAlias = Span | Switch | Turns | Group


def branches(prompt: str, steps: int) -> tuple[Branch, ...]:
    """The prompts that AND joins, without the tags that name files. Just one has the weight 1, as it stands."""
    return tuple(Branch(weight, _in_steps(part, steps)) for part, weight in _parts(prompt))


def negative_steps(prompt: str, steps: int) -> tuple[Excerpt, ...]:
    """What of a negative prompt is read in each step. AND and tags are plain words in it."""
    return _in_steps(_whole(prompt), steps)


def everything(prompt: str, *, is_negative: bool) -> list[Excerpt]:
    """Of each part of a prompt all that is read at some time, one after the other: to colour it, not to encode it."""
    return [_cut(part, _joined(_spans(parsed(part.text), _everything))) for part in _texts(prompt, is_negative)]


def never_read(prompt: str, *, is_negative: bool) -> list[Span]:
    """Where words stand that no step ever reads, for their step lies behind the last."""
    found: list[Span] = []
    for part in _texts(prompt, is_negative):
        nodes = parsed(part.text)
        while nodes:
            node = nodes.pop()
            if isinstance(node, Switch | Turns):
                spans = list(_spans(node.never_read, _everything))
                found += [(part.origins[spans[0][0]], part.origins[spans[-1][1] - 1] + 1)] if spans else []
            if not isinstance(node, tuple):
                nodes += node.nodes if isinstance(node, Group) else node.everything
    return sorted(found)


def _everything(node: Switch | Turns) -> list[Node]:
    return node.everything


def parsed(text: str) -> list[Node]:
    """The tree of a prompt's schedules."""
    return _Parser(text).root


def _texts(prompt: str, is_negative: bool) -> list[Excerpt]:
    return [_whole(prompt)] if is_negative else [part for part, _ in _parts(prompt)]


def _whole(prompt: str) -> Excerpt:
    return Excerpt(prompt, range(len(prompt)))


def _parts(prompt: str) -> list[tuple[Excerpt, float]]:
    """What stands between ANDs, and its weight."""
    edges = [0, *(place for tag in tags(prompt) for place in (tag.start, tag.end)), len(prompt)]
    kept = _cut(_whole(prompt), zip(edges[::2], edges[1::2], strict=True))
    joints = [0, *(place for found in _AND.finditer(kept.text) for place in found.span()), len(kept.text)]
    if len(joints) == 2:
        return [(kept, 1.0)]
    parts: list[tuple[Excerpt, float]] = []
    for start, end in zip(joints[::2], joints[1::2], strict=True):
        words, colon, number = kept.text[start:end].rpartition(":")
        has_weight = colon and _AND_WEIGHT.fullmatch(number.strip())
        words = words if has_weight else kept.text[start:end]
        part = _cut(kept, [(start, start + len(words.rstrip()))])
        parts.append((part, float(number) if has_weight else 1.0))
    return parts


def _in_steps(whole: Excerpt, steps: int) -> tuple[Excerpt, ...]:
    nodes = parsed(whole.text)
    if not _has_choices(nodes):
        return (whole,) * steps
    known: dict[tuple[Span, ...], Excerpt] = {}
    found: list[Excerpt] = []
    for step in range(1, steps + 1):
        spans = tuple(_joined(_spans(nodes, lambda node, step=step: node.choice(step, steps))))
        if spans not in known:
            known[spans] = _cut(whole, spans)
        found.append(known[spans])
    return tuple(found)


def _cut(outer: Excerpt, spans: Iterable[Span]) -> Excerpt:
    pieces = list(spans)
    text = "".join(outer.text[start:end] for start, end in pieces)
    if len(text) == len(outer.text):
        return outer
    return Excerpt(text, tuple(origin for start, end in pieces for origin in outer.origins[start:end]))


def _has_choices(nodes: list[Node]) -> bool:
    left = list(nodes)
    while left:
        node = left.pop()
        if isinstance(node, Switch | Turns):
            return True
        if isinstance(node, Group):
            left += node.nodes
    return False


def _spans(nodes: list[Node], choose: Callable[[Switch | Turns], list[Node]]) -> Iterator[Span]:
    stack = [iter(nodes)]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
        elif isinstance(node, tuple):
            yield node
        else:
            stack.append(iter(node.nodes if isinstance(node, Group) else choose(node)))


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """Neighbours as one."""
    start = end = 0
    for first, last in spans:
        if first != end:
            if end > start:
                yield start, end
            start = first
        end = last
    if end > start:
        yield start, end


@dataclass(slots=True)
class _Open:
    """A bracket that is not closed yet. Between `segments` stand the separators `marks`, all of them `kind`."""

    start: int
    is_round: bool
    segments: list[list[Node]] = field(default_factory=lambda: [[]])
    marks: list[int] = field(default_factory=list)
    kind: str = ""


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._stack: list[_Open] = []
        self.root: list[Node] = []
        for token in _TOKENS.finditer(text):
            self._take(token.group(), token.start())
        self._give_up()

    def _take(self, token: str, start: int) -> None:
        top = self._stack[-1] if self._stack else None
        span = (start, start + len(token))
        if token in ("(", "["):
            self._stack.append(_Open(start, token == "("))
        elif top is not None and token in (":", "|"):
            fits = top.kind in ("", token) and len(top.marks) < self._most(top, token)
            if fits:
                top.kind = token
                top.marks.append(start)
                top.segments.append([])
            else:
                self._give_up(span)
        elif top is not None and token in (")", "]"):
            closed = self._closed(top, span) if top.is_round == (token == ")") else None
            if closed is None:
                self._give_up(span)
            else:
                self._stack.pop()
                self._here().append(closed)
        else:
            self._here().append(span)

    def _most(self, top: _Open, mark: str) -> int:
        if mark == "|":
            return 0 if top.is_round else len(self._text)
        return 1 if top.is_round else 2

    def _here(self) -> list[Node]:
        return self._stack[-1].segments[-1] if self._stack else self.root

    def _closed(self, top: _Open, span: Span) -> Node | None:
        """What the bracket has become; None if it has no meaning."""
        if top.is_round or not top.kind:
            return Group([*self._as_typed(top), span])
        if top.kind == "|":
            return Turns(top.segments)
        *words, last = top.segments
        when = self._number(last)
        if when is None:
            return None
        before, after = words if len(words) == 2 else ([], words[0])
        return Switch(before, after, when)

    def _number(self, nodes: list[Node]) -> str | None:
        if len(nodes) != 1 or not isinstance(nodes[0], tuple):
            return None
        text = self._text[slice(*nodes[0])].strip()
        return text if _NUMBER.fullmatch(text) else None

    def _as_typed(self, top: _Open) -> Iterator[Node]:
        yield top.start, top.start + 1
        for place, segment in enumerate(top.segments):
            yield from segment
            if place < len(top.marks):
                yield top.marks[place], top.marks[place] + 1

    def _give_up(self, span: Span | None = None) -> None:
        """No bracket that is open can be closed any more: what is in them is text."""
        for top in self._stack:
            self.root += self._as_typed(top)
        self._stack.clear()
        if span is not None:
            self.root.append(span)
