"""The geometry of a crop as it is drawn: how its rectangle follows a grip, a move, a ratio. No widget, only numbers.

A box is (left, top, right, bottom) in whole pixels of the picture, right and bottom just outside, as in Pillow.
"""

import math
from typing import Literal

from trainer.dataset.pictures import Size
from trainer.dataset.recipes import Box

Grip = Literal["", "left", "right", "top", "bottom", "top left", "top right", "bottom left", "bottom right", "inside"]
"""What of a crop is held: a side, a corner, or all of it."""

LEAST = 16
"""Pixels of a crop's side, where the picture has so many: less is a slip of the hand."""


def whole(size: Size) -> Box:
    return 0, 0, size.width, size.height


def moved(box: Box, right: int, down: int, size: Size) -> Box:
    """The box shifted by so many pixels, as far as the picture goes."""
    right = min(max(right, -box[0]), size.width - box[2])
    down = min(max(down, -box[1]), size.height - box[3])
    return box[0] + right, box[1] + down, box[2] + right, box[3] + down


def dragged(box: Box, grip: Grip, to: tuple[float, float], size: Size, ratio: float | None = None) -> Box:
    """The box whose side or corner `grip` was drawn to a point; what lies across from it stays where it is.

    With `ratio` (width by height) the other side follows: from a corner to the box that reaches the point on the longer
    way, from a side evenly on both hands. The box stays within the picture and at least `LEAST` pixels wide and high.
    """
    left, top, right, bottom = box
    across, down = min(LEAST, size.width), min(LEAST, size.height)
    if "left" in grip:
        right = max(right, across)
        left = min(max(round(to[0]), 0), right - across)
    if "right" in grip:
        left = min(left, size.width - across)
        right = max(min(round(to[0]), size.width), left + across)
    if "top" in grip:
        bottom = max(bottom, down)
        top = min(max(round(to[1]), 0), bottom - down)
    if "bottom" in grip:
        top = min(top, size.height - down)
        bottom = max(min(round(to[1]), size.height), top + down)
    drawn = left, top, right, bottom
    return drawn if ratio is None else _in_ratio(drawn, grip, size, ratio)


def _in_ratio(box: Box, grip: Grip, size: Size, ratio: float) -> Box:
    left, top, right, bottom = box
    beside = grip in ("left", "right")
    above = grip in ("top", "bottom")
    room_across = size.width if above else right if "left" in grip else size.width - left
    room_down = size.height if beside else bottom if "top" in grip else size.height - top
    wish = right - left if beside else (bottom - top) * ratio if above else max(right - left, (bottom - top) * ratio)
    width, height = _sides(min(wish, room_across, room_down * ratio), ratio)
    left = _start((left + right - width) / 2, width, size.width) if above else right - width if "left" in grip else left
    top = (
        _start((top + bottom - height) / 2, height, size.height)
        if beside
        else bottom - height
        if "top" in grip
        else top
    )
    return left, top, left + width, top + height


def shaped(box: Box, ratio: float, size: Size) -> Box:
    """A box of that ratio about the same middle and, as far as the picture has room, of the same area."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    width, height = _sides(min(math.sqrt(area * ratio), size.width, size.height * ratio), ratio)
    left = _start((box[0] + box[2] - width) / 2, width, size.width)
    top = _start((box[1] + box[3] - height) / 2, height, size.height)
    return left, top, left + width, top + height


def _sides(width: float, ratio: float) -> tuple[int, int]:
    return max(1, round(width)), max(1, round(width / ratio))


def _start(wish: float, length: int, room: int) -> int:
    return min(max(round(wish), 0), room - length)
