"""The colours of the window by role, for both schemes, and how far apart two of them stand."""

from dataclasses import dataclass, fields
from typing import Literal

Scheme = Literal["dark", "light"]


@dataclass(frozen=True)
class Palette:
    """Each role as `#RRGGBB`. Greys are neutral, so that pictures are the only colour; `accent` marks the one primary
    action of a page and progress; `ok`, `warn` and `error` never stand without a word or a sign beside them."""

    window: str
    panel: str
    raised: str
    field: str
    line: str
    edge: str
    """The outline of what can be filled in or clicked: 3:1 against its surroundings (WCAG 2.2, 1.4.11)."""
    text: str
    muted: str
    accent: str
    on_accent: str
    ok: str
    warn: str
    error: str


DARK = Palette(
    window="#1B1B1D",
    panel="#232326",
    raised="#2C2C30",
    field="#19191B",
    line="#38383D",
    edge="#76767E",
    text="#E8E6E3",
    muted="#9C9A97",
    accent="#D7754A",
    on_accent="#1B1210",
    ok="#6FB98F",
    warn="#E0B04C",
    error="#EC7B6C",
)
LIGHT = Palette(
    window="#F4F3F1",
    panel="#FBFAF9",
    raised="#FFFFFF",
    field="#FFFFFF",
    line="#DAD7D2",
    edge="#8A8680",
    text="#222021",
    muted="#65625F",
    accent="#B4532A",
    on_accent="#FFFFFF",
    ok="#2F7D57",
    warn="#805A00",
    error="#B3392B",
)
PALETTES: dict[Scheme, Palette] = {"dark": DARK, "light": LIGHT}

SURFACES = ("window", "panel", "raised", "field")
"""Roles that text stands on."""
WORDS = ("text", "muted", "ok", "warn", "error")
"""Roles that text is written in."""

Rgb = tuple[int, int, int]


def rgb(colour: str) -> Rgb:
    """`#RRGGBB` as three numbers up to 255. Raises ValueError for anything else."""
    if len(colour) != 7 or not colour.startswith("#"):
        raise ValueError(f"{colour!r} is no #RRGGBB")
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance, 0 (black) to 1 (white): WCAG 2.2, definition of relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in rgb(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """1 (the same) to 21 (black on white): WCAG 2.2, definition of contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def roles() -> tuple[str, ...]:
    return tuple(field.name for field in fields(Palette))
