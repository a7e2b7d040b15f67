"""The words and signs of a query, each with its place."""

import re
from dataclasses import dataclass

from trainer.contract.errors import UserError

LONGEST_QUERY = 2000


class QueryError(UserError):
    """A query that can't be understood; the trouble is its letters from `place` up to `end`."""

    def __init__(self, reason: str, fix: str, place: int, end: int) -> None:
        super().__init__(f"The search is not understood at letter {place + 1}: {reason}.", fix)
        self.place = place
        self.end = end


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is ( ) - and or not, or "term". `key` is "" in a term that is only text. `value` is as it was typed, with
    its backslashes."""

    kind: str
    place: int
    end: int
    key: str = ""
    value: str = ""
    quoted: bool = False


_SPACE = re.compile(r"\s+")
_KEY = re.compile(r"([A-Za-z]+):")
_QUOTES = '"“”'
_SIGNS = rf"\\*?{_QUOTES}"
"""What means something else by itself, and stands for itself behind a backslash. Other letters need none."""
_SIGN = re.compile(rf"[{_SIGNS}]")
_QUOTED = re.compile(rf"[{_QUOTES}]((?:\\[{_SIGNS}]|[^{_QUOTES}])*)([{_QUOTES}]?)")
_WORDS = frozenset(["and", "or", "not"])
SPECIAL = re.compile(rf"\\[{_SIGNS}]|[*?]")
"""In a token's value: * and ?, which stand for other letters, and each escaped sign, which stands for itself."""


def quoted_term(key: str, text: str) -> str:
    """The term that asks for exactly this text, whatever it holds."""
    escaped = _SIGN.sub(r"\\\g<0>", text)
    return f'{key}:"{escaped}"'


def unescaped(value: str) -> str:
    """A token's value as it was before `quoted_term`."""
    return SPECIAL.sub(lambda found: found[0][-1], value)


def tokens_of(text: str) -> list[Token]:
    """In order. Raises QueryError."""
    if len(text) > LONGEST_QUERY:
        raise QueryError(
            f"it has more than {LONGEST_QUERY} letters", "Search for less at once.", LONGEST_QUERY, len(text)
        )
    tokens: list[Token] = []
    place = depth = 0
    while place < len(text):
        space = _SPACE.match(text, place)
        if space:
            place = space.end()
            continue
        sign = text[place]
        is_denial = sign == "-" and text[place + 1 : place + 2].strip()
        if sign == "(" or (sign == ")" and depth) or is_denial:
            depth += {"(": 1, ")": -1, "-": 0}[sign]
            tokens.append(Token(sign, place, place + 1))
        elif sign == ")":
            raise QueryError("this bracket closes nothing", 'Remove it, or put it in quotes: ")".', place, place + 1)
        else:
            tokens.append(_term(text, place, depth))
        place = tokens[-1].end
    return tokens


def _term(text: str, start: int, depth: int) -> Token:
    key = _KEY.match(text, start)
    place = key.end() if key else start
    name = key[1].lower() if key else ""
    if text[place : place + 1] in tuple(_QUOTES):
        quoted = _QUOTED.match(text, place)
        if quoted is None or not quoted[2]:
            raise QueryError("this quote is not closed", 'Put " at the end of the words.', place, len(text))
        return Token("term", start, quoted.end(), name, quoted[1], quoted=True)
    end, opened = place, 0
    while end < len(text) and not text[end].isspace():
        # A bracket within a word belongs to it (saber_(fate)) as long as it is closed within it.
        opened += (text[end] == "(") - (text[end] == ")")
        if opened < 0:
            if depth:
                break
            opened = 0
        end += 1
    value = text[place:end]
    if not name and value.lower() in _WORDS:
        return Token(value.lower(), start, end)
    return Token("term", start, end, name, value)
