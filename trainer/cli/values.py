"""Values as they are typed behind flags. What is not understood raises ArgumentTypeError, which argparse says."""

import argparse
from typing import Any


def side(text: str) -> int:
    if not text.isdecimal() or not 64 <= int(text) <= 8192:
        raise argparse.ArgumentTypeError(f"{text!r} is no resolution; name 64 to 8192 pixels")
    return int(text)


def size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 512x768")
    return int(width), int(height)


def lora(text: str) -> tuple[str, float]:
    """`name:0.8`, `name`, or a path with or without a weight; a drive letter's colon is no weight."""
    name, colon, weight = text.rpartition(":")
    try:
        return (name, float(weight)) if colon and name else (text, 1.0)
    except ValueError:
        if "/" in weight or "\\" in weight:
            return text, 1.0
        raise argparse.ArgumentTypeError(f"{weight!r} is no weight; write it as NAME:0.8") from None


def variation(text: str) -> tuple[int, float]:
    seed, colon, strength = text.partition(":")
    try:
        return int(seed), float(strength) if colon else 0.1
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not understood; write it as SEED:0.1") from None


def axis(text: str) -> dict[str, Any]:
    """`field=values`, or `field:words=values` where each value takes the place of the words."""
    from trainer.contract.errors import UserError
    from trainer.contract.grid import axis_values, takes_numbers

    path, equals, values = text.partition("=")
    field, _, search = path.strip().partition(":")
    if not equals or not field or not values.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not understood; write it as sampling.guidance=3,5,7")
    try:
        return {"field": field, "search": search, "values": axis_values(values, numbers=takes_numbers(field))}
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def override(text: str) -> str:
    path, equals, _ = text.partition("=")
    if not equals or not all(name.isidentifier() for name in path.strip().split(".")):
        raise argparse.ArgumentTypeError(f"{text!r} is not understood; write it as a.b=value")
    return text
