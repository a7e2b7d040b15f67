"""The subjects as outlines: each is a list of closed polygons in a box from -1 to 1, y downwards, feet at y = 1.

A shape names the *role* of its paint ("body", "light", "eye", ...), never a colour: `draw` chooses the colours,
so that one cat serves every colour and style.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """A closed polygon and the role of its paint. `outlined` says whether the ink style draws its contour."""

    points: tuple[Point, ...]
    role: str
    outlined: bool = True


def oval(x: float, y: float, rx: float, ry: float, role: str, tilt: float = 0.0, outlined: bool = True) -> Shape:
    """An ellipse around (x, y), turned clockwise by `tilt` degrees."""
    cos, sin = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    points: list[Point] = []
    for step in range(36):
        angle = 2 * math.pi * step / 36
        dx, dy = rx * math.cos(angle), ry * math.sin(angle)
        points.append((x + dx * cos - dy * sin, y + dx * sin + dy * cos))
    return Shape(tuple(points), role, outlined)


def poly(points: list[Point], role: str, outlined: bool = True) -> Shape:
    """A polygon with straight sides."""
    return Shape(tuple(points), role, outlined)


def blob(points: list[Point], role: str, outlined: bool = True, steps: int = 6) -> Shape:
    """A smooth closed curve through the points (Catmull-Rom)."""
    curve: list[Point] = []
    count = len(points)
    for i in range(count):
        p0, p1, p2, p3 = (points[(i + k - 1) % count] for k in range(4))
        for step in range(steps):
            t = step / steps
            curve.append((_catmull_rom(p0[0], p1[0], p2[0], p3[0], t), _catmull_rom(p0[1], p1[1], p2[1], p3[1], t)))
    return Shape(tuple(curve), role, outlined)


def _catmull_rom(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t)


def ribbon(spine: list[Point], widths: list[float], role: str) -> Shape:
    """A tapered stroke along a spine: tails and stems."""
    left: list[Point] = []
    right: list[Point] = []
    for i, (x, y) in enumerate(spine):
        ax, ay = spine[max(i - 1, 0)]
        bx, by = spine[min(i + 1, len(spine) - 1)]
        length = math.hypot(bx - ax, by - ay) or 1.0
        nx, ny = -(by - ay) / length * widths[i], (bx - ax) / length * widths[i]
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    return blob(left + right[::-1], role)


def eyes(y: float, apart: float, radius: float) -> list[Shape]:
    """Two round eyes with pupils and a glint."""
    parts: list[Shape] = []
    for side in (-1, 1):
        x = side * apart
        parts.append(oval(x, y, radius, radius * 1.15, "eye", outlined=False))
        parts.append(oval(x, y + radius * 0.1, radius * 0.68, radius * 0.82, "ink", outlined=False))
        parts.append(oval(x - radius * 0.2, y - radius * 0.28, radius * 0.26, radius * 0.26, "eye", outlined=False))
    return parts


def cat_head() -> list[Shape]:
    """The ears and the round of a cat's head, without a face: the mascot is a cat too."""
    return [
        poly([(-0.68, -0.50), (-0.62, -1.02), (-0.16, -0.72)], "body"),
        poly([(0.68, -0.50), (0.62, -1.02), (0.16, -0.72)], "body"),
        blob(
            [
                (0, -0.80),
                (0.46, -0.72),
                (0.74, -0.36),
                (0.60, 0.0),
                (0, 0.14),
                (-0.60, 0.0),
                (-0.74, -0.36),
                (-0.46, -0.72),
            ],
            "body",
        ),
    ]


def cat(rng: random.Random) -> list[Shape]:
    """A sitting cat, seen from the front: pointed ears, a curled tail."""
    lift = rng.uniform(-0.12, 0.08)
    return [
        ribbon(
            [(0.30, 0.82), (0.70, 0.86), (0.92, 0.58), (0.80, 0.20 + lift), (0.90, 0.02 + lift)],
            [0.13, 0.13, 0.13, 0.12, 0.09],
            "dark",
        ),
        blob(
            [
                (0, -0.05),
                (0.40, 0.20),
                (0.58, 0.72),
                (0.46, 0.98),
                (0, 1.0),
                (-0.46, 0.98),
                (-0.58, 0.72),
                (-0.40, 0.20),
            ],
            "body",
        ),
        oval(0, 0.66, 0.28, 0.31, "light", outlined=False),
        oval(-0.27, 0.93, 0.19, 0.11, "light"),
        oval(0.27, 0.93, 0.19, 0.11, "light"),
        *cat_head(),
        poly([(-0.58, -0.60), (-0.55, -0.86), (-0.32, -0.70)], "light", outlined=False),
        poly([(0.58, -0.60), (0.55, -0.86), (0.32, -0.70)], "light", outlined=False),
        oval(0, -0.10, 0.27, 0.17, "light", outlined=False),
        poly([(-0.09, -0.19), (0.09, -0.19), (0, -0.08)], "ink", outlined=False),
        *eyes(-0.37, 0.34, 0.16),
    ]


def rabbit(rng: random.Random) -> list[Shape]:
    """A sitting rabbit: long ears, one of which may droop, and a round tail."""
    droop = rng.choice((8.0, 14.0, 40.0))
    ear = (0.30 + (0.20 if droop > 30 else 0), -0.66 + (0.10 if droop > 30 else 0))
    return [
        oval(0.56, 0.74, 0.20, 0.20, "light"),
        oval(-0.24, -0.64, 0.17, 0.44, "body", tilt=-8),
        oval(*ear, 0.17, 0.42, "body", tilt=droop),
        oval(-0.24, -0.62, 0.08, 0.29, "light", tilt=-8, outlined=False),
        oval(*ear, 0.08, 0.27, "light", tilt=droop, outlined=False),
        oval(0, 0.56, 0.54, 0.46, "body"),
        oval(0, 0.64, 0.30, 0.30, "light", outlined=False),
        oval(-0.28, 0.92, 0.22, 0.11, "body"),
        oval(0.28, 0.92, 0.22, 0.11, "body"),
        oval(0, -0.06, 0.48, 0.42, "body"),
        oval(0, 0.10, 0.20, 0.14, "light", outlined=False),
        oval(0, 0.03, 0.08, 0.06, "ink", outlined=False),
        *eyes(-0.12, 0.24, 0.14),
    ]


def fish(rng: random.Random) -> list[Shape]:
    """A round fish from the side, with a wide tail fin."""
    flick = rng.uniform(-0.08, 0.08)
    return [
        blob([(0.45, 0), (0.72, -0.42), (1.02, -0.58 + flick), (0.90, 0), (1.02, 0.58 + flick), (0.72, 0.42)], "dark"),
        blob([(-0.35, -0.42), (-0.10, -0.86), (0.36, -0.66), (0.40, -0.30), (0, -0.2)], "dark"),
        blob([(-0.10, 0.40), (0.06, 0.82), (0.36, 0.66), (0.30, 0.30)], "dark"),
        blob(
            [
                (-0.98, 0.02),
                (-0.66, -0.42),
                (-0.12, -0.60),
                (0.40, -0.36),
                (0.66, 0),
                (0.40, 0.36),
                (-0.12, 0.60),
                (-0.66, 0.44),
            ],
            "body",
        ),
        blob(
            [(-0.86, 0.20), (-0.40, 0.26), (0.10, 0.28), (0.46, 0.24), (0.10, 0.48), (-0.30, 0.52), (-0.62, 0.40)],
            "light",
            outlined=False,
        ),
        blob([(-0.14, -0.02), (0.24, -0.10), (0.34, 0.12), (0.12, 0.26)], "dark"),
        oval(-0.54, -0.12, 0.19, 0.20, "eye", outlined=False),
        oval(-0.57, -0.10, 0.12, 0.13, "ink", outlined=False),
    ]


def bird(rng: random.Random) -> list[Shape]:
    """A plump bird from the side, on two legs, its wing at rest or raised."""
    raised = rng.random() < 0.4
    wing = (
        blob([(-0.06, 0.10), (0.10, -0.40), (0.56, -0.78), (0.66, -0.20), (0.40, 0.28)], "dark")
        if raised
        else blob([(-0.14, 0.10), (0.20, -0.06), (0.62, 0.14), (0.78, 0.42), (0.30, 0.48), (0.0, 0.34)], "dark")
    )
    return [
        poly(
            [(-0.16, 0.60), (-0.04, 0.60), (-0.04, 0.96), (-0.30, 1.0), (-0.30, 0.90), (-0.16, 0.88)],
            "beak",
            outlined=False,
        ),
        poly(
            [(0.16, 0.60), (0.28, 0.60), (0.28, 0.96), (0.02, 1.0), (0.02, 0.90), (0.16, 0.88)], "beak", outlined=False
        ),
        poly([(0.50, 0.10), (1.02, -0.16), (1.0, 0.14), (0.60, 0.46)], "dark"),
        poly([(-0.62, -0.52), (-1.02, -0.34), (-0.60, -0.20)], "beak"),
        blob(
            [
                (-0.34, -0.86),
                (0.02, -0.66),
                (0.14, -0.30),
                (0.54, -0.02),
                (0.62, 0.34),
                (0.30, 0.70),
                (-0.20, 0.74),
                (-0.62, 0.40),
                (-0.70, -0.10),
                (-0.70, -0.60),
            ],
            "body",
        ),
        blob(
            [(-0.60, 0.04), (-0.36, 0.10), (-0.10, 0.42), (0.10, 0.66), (-0.22, 0.68), (-0.54, 0.40)],
            "light",
            outlined=False,
        ),
        wing,
        oval(-0.36, -0.44, 0.17, 0.18, "eye", outlined=False),
        oval(-0.39, -0.43, 0.11, 0.12, "ink", outlined=False),
    ]


def house(rng: random.Random) -> list[Shape]:
    """A house with a gable roof, a chimney, a door and windows."""
    door = rng.choice((-0.32, 0.0, 0.32))
    parts = [
        poly([(0.36, -0.95), (0.62, -0.95), (0.62, -0.30), (0.36, -0.30)], "dark"),
        poly([(-0.72, -0.14), (0.72, -0.14), (0.72, 1.0), (-0.72, 1.0)], "body"),
        poly([(-0.98, -0.06), (0, -0.92), (0.98, -0.06)], "dark"),
        poly([(door - 0.19, 1.0), (door - 0.19, 0.48), (door, 0.36), (door + 0.19, 0.48), (door + 0.19, 1.0)], "wood"),
    ]
    spots = (-0.42, 0.42) if door == 0.0 else (-door * 1.15,)
    for x in spots:
        parts.append(poly([(x - 0.18, 0.16), (x + 0.18, 0.16), (x + 0.18, 0.54), (x - 0.18, 0.54)], "glow"))
    parts.append(oval(0, -0.42, 0.15, 0.15, "glow"))
    return parts


def tree(rng: random.Random) -> list[Shape]:
    """A tree with a cloud-like crown, a trunk and a few fruits."""
    lobes = 7
    crown: list[Point] = []
    for i in range(lobes * 4):
        angle = math.pi * (i / (2.0 * lobes)) + math.pi / 2
        radius = 0.66 + 0.19 * abs(math.sin(lobes * (angle - math.pi / 2) / 2))
        crown.append((1.06 * radius * math.cos(angle), -0.26 + 0.90 * radius * math.sin(angle)))
    parts = [
        poly([(-0.15, 0.1), (0.15, 0.1), (0.18, 0.82), (0.32, 1.0), (-0.32, 1.0), (-0.18, 0.82)], "wood"),
        blob(crown, "body", steps=4),
        oval(-0.30, -0.56, 0.34, 0.22, "glimmer", tilt=-35, outlined=False),
    ]
    fruits = rng.sample([(0.40, -0.50), (0.46, 0.0), (-0.04, 0.10), (-0.50, 0.0), (0.06, -0.28)], 3)
    parts.extend(oval(x, y, 0.13, 0.13, "dark", outlined=False) for x, y in fruits)
    return parts


def mushroom(rng: random.Random) -> list[Shape]:
    """A mushroom: a domed cap with pale spots on a pale stem."""
    shift = rng.uniform(-0.06, 0.06)
    return [
        blob([(-0.22, 0.0), (0.22, 0.0), (0.26, 0.60), (0.36, 0.94), (0, 1.0), (-0.36, 0.94), (-0.26, 0.60)], "pale"),
        blob(
            [
                (-0.96, 0.14),
                (-0.82, -0.46),
                (-0.40, -0.88),
                (0, -0.98),
                (0.40, -0.88),
                (0.82, -0.46),
                (0.96, 0.14),
                (0.5, 0.26),
                (0, 0.30),
                (-0.5, 0.26),
            ],
            "body",
        ),
        oval(-0.48 + shift, -0.28, 0.19, 0.19, "light", outlined=False),
        oval(0.10 + shift, -0.60, 0.21, 0.19, "light", outlined=False),
        oval(0.54 + shift, -0.14, 0.17, 0.18, "light", outlined=False),
        oval(0.02 + shift, 0.0, 0.14, 0.14, "light", outlined=False),
    ]


def boat(rng: random.Random) -> list[Shape]:
    """A sailing boat: a hull, a mast, two sails and a pennant."""
    belly = rng.uniform(0.0, 0.10)
    return [
        poly([(-0.06, -1.0), (0.06, -1.0), (0.06, 0.40), (-0.06, 0.40)], "wood", outlined=False),
        blob([(0.10, -0.78), (0.56 + belly, -0.26), (0.84, 0.30), (0.44, 0.32), (0.10, 0.30), (0.12, -0.3)], "body"),
        poly([(-0.10, -0.62), (-0.10, 0.30), (-0.66, 0.30)], "light"),
        poly([(-0.98, 0.42), (0.98, 0.42), (0.70, 0.84), (0.54, 0.98), (-0.54, 0.98), (-0.70, 0.84)], "body"),
        poly([(-0.98, 0.42), (0.98, 0.42), (0.89, 0.57), (-0.89, 0.57)], "light", outlined=False),
        oval(-0.30, 0.75, 0.10, 0.10, "light", outlined=False),
        oval(0.05, 0.75, 0.10, 0.10, "light", outlined=False),
        oval(0.40, 0.75, 0.10, 0.10, "light", outlined=False),
    ]


def star_points(x: float, y: float, radius: float, inner: float = 0.5) -> list[Point]:
    """The ten corners of a five-pointed star with one point upwards."""
    points: list[Point] = []
    for step in range(10):
        r = radius if step % 2 == 0 else radius * inner
        angle = math.pi * step / 5 - math.pi / 2
        points.append((x + r * math.cos(angle), y + r * math.sin(angle)))
    return points


def star(rng: random.Random) -> list[Shape]:
    """A five-pointed star with a sleepy or an awake face."""
    parts = [
        poly(star_points(0, 0.08, 1.06, 0.56), "body"),
        poly(star_points(0, 0.08, 0.80, 0.56), "glimmer", outlined=False),
    ]
    if rng.random() < 0.5:
        parts.extend(eyes(0.02, 0.22, 0.13))
    else:
        parts.extend(oval(side * 0.22, 0.02, 0.10, 0.13, "ink", outlined=False) for side in (-1, 1))
    parts.append(oval(0, 0.30, 0.13, 0.09, "ink", outlined=False))
    return parts


def flower(rng: random.Random) -> list[Shape]:
    """A flower with five or six round petals, a stem and two leaves."""
    petals = rng.choice((5, 6))
    turn = rng.uniform(0, 30)
    parts = [
        poly([(-0.07, 0.1), (0.07, 0.1), (0.07, 1.0), (-0.07, 1.0)], "leaf"),
        oval(-0.30, 0.76, 0.28, 0.13, "leaf", tilt=28),
        oval(0.30, 0.68, 0.28, 0.13, "leaf", tilt=-28),
    ]
    for i in range(petals):
        angle = math.radians(turn + 360 * i / petals)
        parts.append(
            oval(0.46 * math.cos(angle), -0.32 + 0.46 * math.sin(angle), 0.30, 0.27, "body", tilt=math.degrees(angle))
        )
    parts.append(oval(0, -0.32, 0.26, 0.26, "centre"))
    return parts


OUTLINES: dict[str, Callable[[random.Random], list[Shape]]] = {
    "cat": cat,
    "rabbit": rabbit,
    "fish": fish,
    "bird": bird,
    "house": house,
    "tree": tree,
    "mushroom": mushroom,
    "boat": boat,
    "star": star,
    "flower": flower,
}
