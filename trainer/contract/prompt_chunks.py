"""How a prompt of any length is dealt into what CLIP reads at a time. Pure numbers.

The rules are A1111's (stable-diffusion-webui, modules/sd_hijack_clip.py, tokenize_line): a chunk holds 75 tokens; when
it is full and a comma stands among its last 20, what follows the comma moves into the next one; an embedding's vectors
are never torn apart; and BREAK fills up what is left.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

CHUNK = 75
"""Tokens that CLIP reads at a time, without the two that mark start and end."""

BACKTRACK = 20
COMMA = 267
"""The token of a comma that ends a word, `,</w>`, in CLIP's vocabulary."""

Unit = TypeVar("Unit")


def chunked(
    units: Iterable[Unit | None], *, size: Callable[[Unit], int], is_comma: Callable[[Unit], bool]
) -> list[list[Unit]]:
    """The units in chunks, at least one. A unit is a token (`size` 1) or an embedding; None is a BREAK."""
    chunks: list[list[Unit]] = []
    chunk: list[Unit] = []
    used = 0
    comma: tuple[int, int] | None = None
    """Of the chunk's last comma: its place, and how many tokens stand before it."""
    for unit in units:
        if unit is None:
            chunks.append(chunk)
            chunk, used, comma = [], 0, None
            continue
        if is_comma(unit):
            comma = len(chunk), used
        elif used == CHUNK and comma is not None and used - comma[1] <= BACKTRACK:
            place, before = comma
            chunks.append(chunk[: place + 1])
            chunk, used, comma = chunk[place + 1 :], used - before - 1, None
        if used + size(unit) > CHUNK:
            chunks.append(chunk)
            chunk, used, comma = [], 0, None
        chunk.append(unit)
        used += size(unit)
    return [*chunks, chunk] if chunk or not chunks else chunks
