"""The small language in which pictures are searched: `cat -sofa tag:"long hair" stars:>=3 (name:IMG* or is:picked)`.

Terms beside each other must all hold; `or` parts alternatives; `not`, or `-` right before a term or bracket, denies it;
case never matters. What is understood:

    cat                     the caption holds these letters
    "a cat"                 the caption holds these very words
    tag:cat tag:"long h*"   a tag from end to end; * and ? stand for any letters and any letter
    name:IMG path:sub/*     file name, path within the dataset: some of it, or with * or ? all of it
    problem:caption         a finding of that kind
    bucket:576x448          the size it is trained at
    stars:>=3 width:<512 height: words: tags:<3    numbers, with = > >= < <= or as 2..4
    size:<0.5mp             width times height, in millions of pixels
    is:uncaptioned          one of the words in `IS`

Within quotes and behind tag:, name: and the like * ? " and the backslash itself stand for themselves behind a
backslash; `quoted_term` writes them so. Before any other letter a backslash is a letter like others.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from trainer.dataset.marks import Flag
from trainer.dataset.query_tokens import SPECIAL, QueryError, Token, tokens_of, unescaped

DEEPEST_QUERY = 50
"""Brackets and denials within each other."""


@dataclass(slots=True)
class Row:
    """One picture as a query sees it. Width and height are 0 where they are not known (yet)."""

    relative: str
    caption: str = ""
    tags: tuple[str, ...] = ()
    width: int = 0
    height: int = 0
    stars: int = 0
    flag: Flag = ""
    problems: frozenset[str] = frozenset()
    bucket: str = ""


Test = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled query: called with a row it says whether the row is found. `uses`: the fields of a row it asks for."""

    text: str
    uses: frozenset[str]
    test: Test = field(repr=False, compare=False)

    def __call__(self, row: Row) -> bool:
        return self.test(row)


def compile_query(text: str) -> Query:
    """Raises QueryError. An empty query finds every picture; a size that is not known fulfils no comparison."""
    parser = _Parser(text, tokens_of(text))
    test = parser.query()
    return Query(text, frozenset(parser.uses), test)


class _Parser:
    """By recursive descent: alternatives of all of factors."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.uses: set[str] = set()
        self._text = text
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def query(self) -> Test:
        return self._alternatives() if self._tokens else lambda row: True

    def _alternatives(self) -> Test:
        tests = [self._all_of()]
        while self._kind() == "or":
            self._at += 1
            tests.append(self._all_of())
        return tests[0] if len(tests) == 1 else _either(tuple(tests))

    def _all_of(self) -> Test:
        tests = [self._factor()]
        while self._kind() not in ("", "or", ")"):
            if self._kind() == "and":
                self._at += 1
            tests.append(self._factor())
        return tests[0] if len(tests) == 1 else _all(tuple(tests))

    def _factor(self) -> Test:
        kind = self._kind()
        if kind in ("", "and", "or", ")"):
            self._missing()
        token = self._tokens[self._at]
        self._at += 1
        if kind == "term":
            return self._of_term(token)
        self._depth += 1
        if self._depth > DEEPEST_QUERY:
            raise QueryError("too many brackets stand within each other", "Leave some out.", token.place, token.end)
        if kind == "(":
            test = self._alternatives()
            if self._kind() != ")":
                raise QueryError("this bracket is not closed", "Put ) at its end.", token.place, token.end)
            self._at += 1
        else:
            test = _denied(self._factor())
        self._depth -= 1
        return test

    def _kind(self) -> str:
        return self._tokens[self._at].kind if self._at < len(self._tokens) else ""

    def _missing(self) -> NoReturn:
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            place, end, before = token.place, token.end, f"before {self._text[token.place : token.end]}"
        else:
            place = end = len(self._text)
            before = "at the end"
        raise QueryError(
            f"something to search for is missing {before}",
            'Add it; the words and, or and not themselves are searched for in quotes: "not".',
            place,
            end,
        )

    def _of_term(self, token: Token) -> Test:
        if not token.key:
            self.uses.add("caption")
            return _has_words(unescaped(token.value)) if token.quoted else _has_text(token.value)
        if token.key in _NUMBERS:
            self.uses |= _NUMBERS[token.key].uses
            return _compares(token)
        if token.key == "is":
            return self._is(token)
        made = _TEXTS.get(token.key)
        if made is None:
            known = ", ".join(f"{key}:" for key in (*_TEXTS, *_NUMBERS, "is"))
            raise QueryError(
                f"nothing is searched by {token.key}:",
                f"What there is: {known}. To search for the text itself, put it in quotes.",
                token.place,
                token.end,
            )
        if not token.value.strip():
            raise QueryError(
                f"{token.key}: needs something after it", f"Write {token.key}:cat.", token.place, token.end
            )
        self.uses.add({"tag": "tags", "problem": "problems", "bucket": "bucket"}.get(token.key, "relative"))
        return made(token.value)

    def _is(self, token: Token) -> Test:
        found = IS.get(token.value.casefold())
        if found is None:
            raise QueryError(
                f"is:{token.value} is none of the known ones",
                f"Write is: with one of {', '.join(IS)}.",
                token.place,
                token.end,
            )
        self.uses.add(found[0])
        return found[1]


IS: dict[str, tuple[str, Test]] = {
    "captioned": ("caption", lambda row: bool(row.caption.strip())),
    "uncaptioned": ("caption", lambda row: not row.caption.strip()),
    "picked": ("flag", lambda row: row.flag == "pick"),
    "rejected": ("flag", lambda row: row.flag == "reject"),
    "unflagged": ("flag", lambda row: not row.flag),
    "starred": ("stars", lambda row: row.stars > 0),
    "problem": ("problems", lambda row: bool(row.problems)),
}
"""What `is:` knows, with the field of the row that it looks at."""


def _either(tests: tuple[Test, ...]) -> Test:
    return lambda row: any(test(row) for test in tests)


def _all(tests: tuple[Test, ...]) -> Test:
    return lambda row: all(test(row) for test in tests)


def _denied(test: Test) -> Test:
    return lambda row: not test(row)


def _has_text(text: str) -> Test:
    folded = text.casefold()
    return lambda row: folded in row.caption.casefold()


def _has_words(words: str) -> Test:
    folded = words.casefold()
    begin = r"(?<!\w)" if folded[:1].isalnum() else ""
    end = r"(?!\w)" if folded[-1:].isalnum() else ""
    pattern = re.compile(f"{begin}{re.escape(folded)}{end}")

    def test(row: Row) -> bool:
        caption = row.caption.casefold()
        return folded in caption and pattern.search(caption) is not None

    return test


def _has_tag(text: str) -> Test:
    return _among(text, lambda row: row.tags)


def _has_problem(text: str) -> Test:
    return _among(text, lambda row: row.problems)


def _among(text: str, names_of: "Callable[[Row], tuple[str, ...] | frozenset[str]]") -> Test:
    """Whether one of the names is `text`. Looked for in all of them at once, which is quicker than one by one."""
    pattern = _pattern(text)
    if pattern is not None:
        whole = re.compile(f"^{pattern}$", re.MULTILINE)
        literal = max(SPECIAL.split(text.casefold()), key=len)

        def test(row: Row) -> bool:
            names = "\n".join(names_of(row)).casefold()
            return literal in names and whole.search(names) is not None

        return test
    line = f"\n{unescaped(text).casefold()}\n"
    return lambda row: line in "\n".join(("", *names_of(row), "")).casefold()


def _has_name(text: str) -> Test:
    """Of the file, with or without its ending."""
    pattern = _pattern(text)
    if pattern is None:
        folded = unescaped(text).casefold()
        return lambda row: folded in row.relative.rpartition("/")[2].casefold()
    whole = re.compile(rf"{pattern}(\.[^.]*)?")
    return lambda row: whole.fullmatch(row.relative.rpartition("/")[2].casefold()) is not None


def _has_path(text: str) -> Test:
    pattern = _pattern(text)
    if pattern is None:
        folded = unescaped(text).casefold()
        return lambda row: folded in row.relative.casefold()
    whole = re.compile(pattern)
    return lambda row: whole.fullmatch(row.relative.casefold()) is not None


def _has_bucket(text: str) -> Test:
    name = text.casefold().replace("×", "x").replace(" ", "")
    return lambda row: row.bucket == name


_TEXTS: dict[str, Callable[[str], Test]] = {
    "tag": _has_tag,
    "name": _has_name,
    "path": _has_path,
    "problem": _has_problem,
    "bucket": _has_bucket,
}


def _pattern(text: str) -> str | None:
    """A regular expression for text with * or ?, None where it has none (but for escaped ones)."""
    if not any(len(found) == 1 for found in SPECIAL.findall(text)):
        return None
    parts: list[str] = []
    start = 0
    folded = text.casefold()
    for found in SPECIAL.finditer(folded):
        wild = {"*": "[^\n]*", "?": "[^\n]"}.get(found[0]) or re.escape(found[0][1])
        parts += [re.escape(folded[start : found.start()]), wild]
        start = found.end()
    return "".join([*parts, re.escape(folded[start:])])


@dataclass(frozen=True, slots=True)
class _Number:
    """A number of a row, None where it is not known; the fields it is made of; the unit that may stand behind it."""

    of: Callable[[Row], float | None]
    uses: frozenset[str]
    unit: str = ""


_NUMBERS = {
    "stars": _Number(lambda row: row.stars, frozenset({"stars"})),
    "tags": _Number(lambda row: len(row.tags), frozenset({"tags"})),
    "words": _Number(lambda row: len(row.caption.split()), frozenset({"caption"})),
    "width": _Number(lambda row: row.width or None, frozenset({"width"}), "px"),
    "height": _Number(lambda row: row.height or None, frozenset({"height"}), "px"),
    "size": _Number(lambda row: row.width * row.height / 1e6 or None, frozenset({"width", "height"}), "mp"),
}
_COMPARISON = re.compile(r"(>=|<=|>|<|=)?(\d+(?:\.\d+)?)([a-z]*)")
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)([a-z]*)")


def _compares(token: Token) -> Test:
    number = _NUMBERS[token.key]
    value = token.value.casefold()
    between, compared = _RANGE.fullmatch(value), _COMPARISON.fullmatch(value)
    found = between or compared
    if found is None or found[3] not in ("", number.unit):
        unit = f", in {number.unit}" if number.unit else ""
        raise QueryError(
            f"{token.value or 'nothing'} is no number to compare {token.key} with",
            f"Write {token.key}:3, {token.key}:>=3, {token.key}:<3 or {token.key}:2..4{unit}.",
            token.place,
            token.end,
        )
    if between:
        return _within(number.of, float(between[1]), float(between[2]))
    return _compared(number.of, found[1] or "=", float(found[2]))


def _within(of: Callable[[Row], float | None], low: float, high: float) -> Test:
    return lambda row: (number := of(row)) is not None and low <= number <= high


def _compared(of: Callable[[Row], float | None], sign: str, limit: float) -> Test:
    match sign:
        case ">":
            return lambda row: (number := of(row)) is not None and number > limit
        case ">=":
            return lambda row: (number := of(row)) is not None and number >= limit
        case "<":
            return lambda row: (number := of(row)) is not None and number < limit
        case "<=":
            return lambda row: (number := of(row)) is not None and number <= limit
        case _:
            return lambda row: of(row) == limit
