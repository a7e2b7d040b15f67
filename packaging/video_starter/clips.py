"""Drawings that move: one subject of the starter's little world, hopping on the spot.

Everything is drawn by packaging/starter; only where the subject stands changes from frame to frame. A hop leaves from
the ground in the first frame and is back there in the last, so that a clip can be played in a loop.
"""

import math
import random
from dataclasses import dataclass

from PIL import Image

from draw import UPRIGHT, WEIGHTLESS, paint_background, paint_shadow, paint_subject, paints
from shapes import OUTLINES
from world import BACKGROUNDS, COLOURS, HALF_HEIGHTS, STYLES, SUBJECTS, UNREADABLE

CANVAS = 128
SIZE = 96
"""Clips are cut out of a canvas as large as the pictures that the starter's VAE has learned, at its scale."""
FRAMES = 6
FPS = 6
HIGHEST = 0.28
"""How far the strongest motion (bucket 255) lifts the subject, as a fraction of the clip's height."""


@dataclass(frozen=True)
class Clip:
    """All that a clip shows. Two equal clips are drawn as equal frames. `motion` is 0 to 255."""

    subject: str
    colour: str
    background: str
    style: str
    motion: int
    seed: int


def random_clip(index: int, seed: int) -> Clip:
    """Clip number `index` of the world: a function of (seed, index) alone, whatever the order of drawing."""
    rng = random.Random(f"gesso-motion-{seed}-{index}")
    colour = rng.choice(tuple(COLOURS))
    return Clip(
        subject=rng.choice(SUBJECTS),
        colour=colour,
        background=rng.choice([name for name in BACKGROUNDS if (colour, name) not in UNREADABLE]),
        style=rng.choices(STYLES, weights=(50, 25, 25))[0],
        motion=rng.randrange(256),
        seed=rng.randrange(2**31),
    )


def lift(frame: int, motion: int) -> float:
    """How high the subject is in a frame, as a fraction of the clip's height: half a wave over the clip."""
    return HIGHEST * motion / 255 * math.sin(math.pi * frame / (FRAMES - 1))


def draw_clip(clip: Clip) -> list[Image.Image]:
    """The frames of a clip: RGB, 96 x 96 pixels."""
    rng = random.Random(clip.seed)
    background = BACKGROUNDS[clip.background]
    half_height = HALF_HEIGHTS["small"] * rng.uniform(0.9, 1.1)
    left, top = rng.randrange(CANVAS - SIZE + 1), rng.randrange(CANVAS - SIZE + 1)
    x = (left + SIZE * rng.uniform(0.3, 0.7)) / CANVAS
    y = (top + SIZE * rng.uniform(0.6, 0.72)) / CANVAS
    standing = clip.subject not in WEIGHTLESS
    ground = y + 0.5 * half_height if standing and rng.random() < 0.75 else None
    still = paint_background(background, clip.style, ground, rng, CANVAS)
    if standing:
        paint_shadow(still, background, x, y + half_height * 0.97, half_height * 0.85)
    mirrored = rng.random() < 0.5
    tilt = rng.uniform(-2, 2) if clip.subject in UPRIGHT else rng.uniform(-7, 7)
    outline, colours = OUTLINES[clip.subject](rng), paints(clip.colour, clip.style)
    frames: list[Image.Image] = []
    for frame in range(FRAMES):
        picture = still.copy()
        centre = (x, y - lift(frame, clip.motion) * SIZE / CANVAS)
        paint_subject(picture, outline, colours, clip.style, centre, half_height, tilt, mirrored)
        frames.append(picture.crop((left, top, left + SIZE, top + SIZE)))
    return frames
