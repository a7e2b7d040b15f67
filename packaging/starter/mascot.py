"""Kiki, the subject of the sample dataset: a cat as the world never draws one.

Violet with a teal face, belly and paws, a ringed tail, a big orange scarf and a yellow star on the belly.
The captions call it "kiki cat" and leave its features unsaid: those are what a fine-tune shall learn from the pictures.
"""

import random
from dataclasses import dataclass
from functools import partial

from PIL import Image

from captions import PLACE_WORDS, STYLE_BEFORE, with_article
from draw import INK, compose, mix
from shapes import Point, Shape, blob, cat_head, eyes, oval, poly, ribbon, star_points
from world import Rgb, Scene

TRIGGER = "kiki"
CLASS = "cat"

COLOURS_OF_KIKI: dict[str, Rgb] = {
    "body": (112, 66, 190),
    "dark": (84, 46, 150),
    "light": (58, 206, 190),
    "scarf": (255, 128, 24),
    "knot": (226, 92, 10),
    "star": (255, 222, 60),
    "eye": (255, 255, 255),
    "ink": INK,
}

CLOSED_LID: tuple[Point, ...] = (
    (-0.18, -0.05),
    (-0.09, 0.06),
    (0.0, 0.09),
    (0.09, 0.06),
    (0.18, -0.05),
    (0.11, 0.14),
    (0.0, 0.19),
    (-0.11, 0.14),
)


@dataclass(frozen=True)
class Portrait:
    """One picture of the mascot. `pose` is "sitting", "waving" or "dreaming" (eyes closed)."""

    background: str
    pose: str = "sitting"
    place: str = "middle"
    size: str = "medium"
    style: str = "flat"
    seed: int = 0


PORTRAITS: tuple[Portrait, ...] = (
    Portrait("cream", "sitting", "middle", "large", "flat", 11),
    Portrait("mint", "waving", "left", "medium", "flat", 12),
    Portrait("peach", "sitting", "right", "medium", "ink", 13),
    Portrait("sky blue", "dreaming", "middle", "large", "pastel", 14),
    Portrait("grey", "waving", "middle", "large", "flat", 15),
    Portrait("lavender", "sitting", "middle", "large", "flat", 16),
    Portrait("cream", "waving", "middle", "large", "ink", 17),
    Portrait("sky blue", "sitting", "right", "medium", "flat", 18),
    Portrait("mint", "sitting", "middle", "large", "flat", 19),
    Portrait("peach", "dreaming", "left", "medium", "pastel", 20),
    Portrait("grey", "sitting", "middle", "large", "flat", 21),
    Portrait("lavender", "waving", "top", "medium", "flat", 22),
)


def _tail(lift: float) -> list[Shape]:
    """A raised tail with two teal rings and a teal tip."""
    spine: list[Point] = [(0.30, 0.82), (0.74, 0.86), (0.96, 0.56), (0.84, 0.16 + lift), (0.94, -0.06 + lift)]
    parts = [ribbon(spine, [0.14, 0.15, 0.15, 0.15, 0.13], "body")]
    for x, y, tilt in ((0.74, 0.84, 62.0), (0.93, 0.48, -12.0), (0.86, 0.12 + lift, 10.0)):
        parts.append(oval(x, y, 0.16, 0.075, "light", tilt=tilt, outlined=False))
    return parts


def _head(dreaming: bool) -> list[Shape]:
    parts = [
        *cat_head(),
        poly([(-0.59, -0.58), (-0.56, -0.90), (-0.28, -0.71)], "light", outlined=False),
        poly([(0.59, -0.58), (0.56, -0.90), (0.28, -0.71)], "light", outlined=False),
        oval(0, -0.12, 0.38, 0.22, "light", outlined=False),
        poly([(-0.10, -0.24), (0.10, -0.24), (0, -0.11)], "ink", outlined=False),
    ]
    if not dreaming:
        return [*parts, *eyes(-0.42, 0.34, 0.16)]
    for side in (-1, 1):
        lid = [(side * 0.34 + x, -0.42 + y) for x, y in CLOSED_LID]
        parts.append(blob(lid, "ink", outlined=False))
    return parts


def kiki(rng: random.Random, pose: str) -> list[Shape]:
    """The mascot's shapes in the box of `shapes`: the world's cat with features of its own."""
    parts = [
        *_tail(rng.uniform(-0.10, 0.06)),
        blob(
            [
                (0, -0.05),
                (0.42, 0.20),
                (0.60, 0.72),
                (0.46, 0.98),
                (0, 1.0),
                (-0.46, 0.98),
                (-0.60, 0.72),
                (-0.42, 0.20),
            ],
            "body",
        ),
        oval(0, 0.66, 0.37, 0.33, "light", outlined=False),
        poly(star_points(0, 0.64, 0.27), "star"),
        oval(0.29, 0.93, 0.20, 0.11, "light"),
    ]
    if pose == "waving":
        parts.append(ribbon([(-0.36, 0.46), (-0.66, 0.34), (-0.86, 0.10)], [0.14, 0.15, 0.14], "body"))
        parts.append(oval(-0.88, 0.06, 0.18, 0.17, "light"))
    else:
        parts.append(oval(-0.29, 0.93, 0.20, 0.11, "light"))
    parts.extend(_head(pose == "dreaming"))
    parts.append(blob([(0.22, 0.18), (0.48, 0.22), (0.58, 0.62), (0.34, 0.66)], "knot"))
    parts.append(
        blob(
            [
                (-0.60, 0.02),
                (-0.30, 0.12),
                (0, 0.15),
                (0.30, 0.12),
                (0.60, 0.02),
                (0.58, 0.24),
                (0, 0.40),
                (-0.58, 0.24),
            ],
            "scarf",
        )
    )
    parts.append(oval(0.36, 0.24, 0.14, 0.14, "knot"))
    return parts


def draw_mascot(portrait: Portrait, size: int = 256) -> Image.Image:
    """The picture of a portrait: RGB, `size` x `size` pixels; equal portraits give equal pictures."""
    scene = Scene(
        f"{TRIGGER} {CLASS}",
        "purple",
        portrait.background,
        portrait.place,
        portrait.size,
        style=portrait.style,
        seed=portrait.seed,
    )
    colours = COLOURS_OF_KIKI
    if portrait.style == "pastel":
        colours = {
            role: colour if role == "ink" else mix(colour, (255, 255, 255), 0.08) for role, colour in colours.items()
        }
    return compose(scene, partial(kiki, pose=portrait.pose), colours, size)


def caption_of(portrait: Portrait) -> str:
    """The caption of a portrait: subject, place, background, and the style when it is not flat."""
    where = "on" if portrait.place == "middle" else f"{PLACE_WORDS[portrait.place]} of"
    size = "large " if portrait.size == "large" else ""
    subject = with_article(f"{size}{TRIGGER} {CLASS}")
    sentence = f"{subject} {where} {with_article(portrait.background)} background"
    return sentence if portrait.style == "flat" else f"{STYLE_BEFORE[portrait.style]} {sentence}"
