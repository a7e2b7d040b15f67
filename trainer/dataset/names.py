"""File names as people sort and read them."""

import re
import unicodedata
from pathlib import PurePath

_DIGITS = re.compile("([0-9]+)")
_ZERO_WIDTH_JOINER = "\u200d"

_Parts = tuple[tuple[str | int, ...], ...]


def natural_key(relative: str) -> tuple[_Parts, str]:
    """A sort key for a relative posix path: `b2` before `b10`, case aside, the same on every machine.

    Composed and decomposed accents (macOS hands out the latter) sort alike; the path itself decides ties.
    """
    folded = unicodedata.normalize("NFC", relative).casefold()
    return tuple(map(_pieces, folded.split("/"))), relative


def _pieces(part: str) -> tuple[str | int, ...]:
    """What is no number and what is one, by turns."""
    pieces: list[str | int] = [*_DIGITS.split(part)]
    pieces[1::2] = map(int, pieces[1::2])
    return tuple(pieces)


def shown(path: PurePath | str) -> str:
    """A path as it may be printed or shown: control characters, direction overrides and stray bytes are escaped."""
    return "".join(
        character
        if character.isprintable() or character == _ZERO_WIDTH_JOINER
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in str(path)
    )


def number_of(count: int, word: str) -> str:
    """`1 caption`, `2 captions`, `2,000 captions`."""
    return f"{count} {word}" if count == 1 else f"{count:,} {word}s"
