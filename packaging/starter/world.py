"""The little world that the starter model learns: what a picture can contain, and how often.

A `Scene` says in words everything that a picture shows; `draw.draw` turns it into pixels and `captions.caption` into
English. Colours of subjects and colours of backgrounds have different names on purpose: a small model then binds each
word to its part of the picture, and "which of the two is red" never has to be guessed.
"""

import random
from dataclasses import dataclass

Rgb = tuple[int, int, int]

SUBJECTS: tuple[str, ...] = (
    "cat",
    "rabbit",
    "fish",
    "bird",
    "house",
    "tree",
    "mushroom",
    "boat",
    "star",
    "flower",
)

COLOURS: dict[str, Rgb] = {
    "red": (214, 48, 49),
    "orange": (243, 134, 36),
    "yellow": (250, 211, 58),
    "green": (58, 158, 78),
    "blue": (44, 103, 214),
    "purple": (126, 62, 176),
    "pink": (246, 130, 178),
    "white": (252, 252, 250),
}

BACKGROUNDS: dict[str, Rgb] = {
    "cream": (250, 238, 208),
    "peach": (250, 196, 160),
    "mint": (176, 228, 196),
    "lavender": (204, 188, 236),
    "sky blue": (160, 212, 244),
    "grey": (160, 165, 172),
    "teal": (30, 122, 130),
    "navy": (36, 48, 92),
}

# Pairs in which the subject would melt into its background; the world leaves them out.
UNREADABLE: frozenset[tuple[str, str]] = frozenset(
    {
        ("white", "cream"),
        ("yellow", "cream"),
        ("orange", "peach"),
        ("pink", "peach"),
        ("pink", "lavender"),
        ("green", "teal"),
        ("blue", "navy"),
        ("purple", "navy"),
    }
)

PLACES: tuple[str, ...] = ("middle", "left", "right", "top", "bottom")
SIZES: tuple[str, ...] = ("small", "medium", "large")
STYLES: tuple[str, ...] = ("flat", "ink", "pastel")

# Centre of a single subject as a fraction of the picture's width and height.
CENTRES: dict[str, tuple[float, float]] = {
    "middle": (0.50, 0.50),
    "left": (0.27, 0.50),
    "right": (0.73, 0.50),
    "top": (0.50, 0.27),
    "bottom": (0.50, 0.72),
}

# Half of a single subject's height as a fraction of the picture's.
HALF_HEIGHTS: dict[str, float] = {"small": 0.165, "medium": 0.22, "large": 0.37}

# Rows of several subjects: the horizontal centres, and half of each one's height.
ROWS: dict[int, tuple[tuple[float, ...], float]] = {
    2: ((0.27, 0.73), 0.205),
    3: ((0.18, 0.50, 0.82), 0.14),
}


@dataclass(frozen=True)
class Scene:
    """All that a picture shows. Two equal scenes are drawn as two equal pictures.

    `place` is where a single subject stands; two or three stand in a row in the middle, at size "medium".
    `seed` decides what no caption mentions: pose, tilt, mirroring, a few pixels of position, decorations.
    """

    subject: str
    colour: str
    background: str
    place: str = "middle"
    size: str = "medium"
    count: int = 1
    style: str = "flat"
    seed: int = 0


def random_scene(rng: random.Random) -> Scene:
    """A scene of the world. Large subjects stand in the middle, since elsewhere they would not fit."""
    subject = rng.choice(SUBJECTS)
    colour = rng.choice(tuple(COLOURS))
    background = rng.choice([name for name in BACKGROUNDS if (colour, name) not in UNREADABLE])
    style = rng.choices(STYLES, weights=(50, 25, 25))[0]
    seed = rng.randrange(2**31)
    count = rng.choices((1, 2, 3), weights=(84, 9, 7))[0]
    if count > 1:
        return Scene(subject, colour, background, "middle", "medium", count, style, seed)
    place = rng.choices(PLACES, weights=(32, 17, 17, 17, 17))[0]
    size = rng.choices(SIZES, weights=(20, 40, 40) if place == "middle" else (40, 60, 0))[0]
    return Scene(subject, colour, background, place, size, 1, style, seed)
