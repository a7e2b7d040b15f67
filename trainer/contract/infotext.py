"""The text in which stable-diffusion-webui (A1111) and its kin say how a picture was made: its grammar alone.

    {prompt}
    Negative prompt: {negative prompt}
    Steps: 20, Sampler: Euler a, Model: "a, b", ...

The last line holds the settings if it holds three or more; without it everything is prompt (modules/infotext_utils.py
there). Keys have two characters or more. A value that holds a comma, a colon or a newline is written as JSON.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

NEGATIVE = "Negative prompt:"
FEWEST = 3
"""Settings that make a line of settings."""

_KEY_SIGN = re.compile(r"[\w \-/]")
_QUOTED = re.compile(r'"(?:\\.|[^\\"])+"(?=,|$)')
_SPACES = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Infotext:
    """The parts of the text. `settings` are in order, each value as it was before it was quoted."""

    prompt: str
    negative: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    after: str = ""
    """Lines behind the settings: extensions (Dynamic Prompts) put theirs there."""


def parse(text: str) -> Infotext:
    """Take it apart. Any text is one, if only a prompt."""
    lines = text.strip("\n").split("\n")
    place = _settings_line(lines)
    settings = pairs(lines[place]) if place is not None else ()
    after = "\n".join(lines[place + 1 :]) if place is not None else ""
    above = lines[:place] if place is not None else lines
    start = next((number for number, line in enumerate(above) if line.lstrip().startswith(NEGATIVE)), len(above))
    negative = "\n".join(above[start:]).lstrip().removeprefix(NEGATIVE).removeprefix(" ")
    return Infotext("\n".join(above[:start]), negative, settings, after)


def compose(prompt: str, negative: str, settings: Iterable[tuple[str, object]]) -> str:
    """Put it together."""
    lines = [prompt]
    if negative:
        lines.append(f"{NEGATIVE} {negative}")
    lines.append(", ".join(f"{key}: {quoted(value)}" for key, value in settings))
    return "\n".join(lines)


def pairs(line: str) -> tuple[tuple[str, str], ...]:
    r"""The settings in a line. What A1111 finds with `\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)`, in time
    that grows with the line and not with its square."""
    found: list[tuple[str, str]] = []
    start, colon = 0, line.find(":")
    while colon >= 0:
        key = _key_before(line, start, colon)
        if key is None:
            start, colon = colon + 1, line.find(":", colon + 1)
            continue
        value, start = _value_after(line, colon + 1)
        found.append((key, unquoted(value)))
        colon = line.find(":", start)
    return tuple(found)


def quoted(value: object) -> str:
    """A value as A1111 writes it: as JSON where it holds a comma, a colon or a newline, else as it is."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text


def unquoted(text: str) -> str:
    """The value that was written so; what is no JSON stands as it is."""
    if len(text) < 2 or not (text[0] == text[-1] == '"'):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, str) else text


def _settings_line(lines: list[str]) -> int | None:
    """The last line if it holds settings; else the last one that begins as they do, where others stand behind it."""
    if len(pairs(lines[-1])) >= FEWEST:
        return len(lines) - 1
    for number in range(len(lines) - 2, -1, -1):
        if lines[number].startswith("Steps: ") and len(pairs(lines[number])) >= FEWEST:
            return number
    return None


def _key_before(line: str, start: int, colon: int) -> str | None:
    """The key that ends at a colon: it begins with a letter, digit or underscore, and has two characters or more."""
    first = colon
    while first > start and _KEY_SIGN.match(line[first - 1]):
        first -= 1
    while first < colon and line[first] in " -/":
        first += 1
    return line[first:colon] if colon - first >= 2 else None


def _value_after(line: str, start: int) -> tuple[str, int]:
    """The value that begins there, and where the next setting may begin."""
    spaces = _SPACES.match(line, start)
    begin = spaces.end() if spaces else start
    quote = _QUOTED.match(line, begin)
    if quote:
        return quote[0], quote.end() + 1
    comma = line.find(",", begin)
    end = comma if comma >= 0 else len(line)
    return line[begin:end], end + 1
