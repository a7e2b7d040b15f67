"""Scenes to pictures: shapes filled at four times the size and reduced, in three styles.

Nothing here is random but through the scene's seed, so a scene always gives the same picture.
Backgrounds are painted in tones of one colour only (ground, shadow, clouds, dots), so that "a mint background" stays
true of every pixel that is not the subject.
"""

import math
import random
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from shapes import OUTLINES, Shape
from world import BACKGROUNDS, CENTRES, COLOURS, HALF_HEIGHTS, ROWS, Rgb, Scene

OVERSAMPLING = 4
INK: Rgb = (38, 32, 44)
WHITE: Rgb = (255, 255, 255)

# These swim or shine; all others stand on the ground and throw a shadow there.
WEIGHTLESS = frozenset({"fish", "star"})
# These look wrong when tilted by more than a hair.
UPRIGHT = frozenset({"house", "tree", "boat"})


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """`a` with a share (0 to 1) of `b`."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def is_dark(colour: Rgb) -> bool:
    """Whether lighter tones are needed to show anything on this colour."""
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] < 125


def tone(background: Rgb, amount: float) -> Rgb:
    """A tone of a background: darker on light ones, lighter on dark ones."""
    return mix(background, WHITE, amount * 1.2) if is_dark(background) else mix(background, (60, 50, 90), amount)


def paints(colour: str, style: str) -> dict[str, Rgb]:
    """The colour of each role for a subject of a named colour, in a style."""
    body = COLOURS[colour]
    if style == "pastel" and colour != "white":
        body = mix(body, WHITE, 0.10)
    dark = mix(body, (50, 20, 80), 0.16 if colour == "white" else 0.24)
    light = mix(body, (255, 214, 224) if colour == "white" else (255, 250, 236), 0.62)
    return {
        "body": body,
        "dark": dark,
        "light": light,
        "glimmer": mix(body, (255, 236, 190) if colour == "white" else WHITE, 0.22),
        "eye": (255, 255, 255),
        "ink": INK,
        "pale": (246, 232, 210),
        "beak": (250, 200, 60) if colour == "orange" else (246, 150, 40),
        "wood": (120, 78, 58),
        "glow": (255, 240, 180),
        "leaf": (40, 112, 70) if colour == "green" else (88, 150, 84),
        "centre": (160, 92, 40) if colour in ("yellow", "orange") else (252, 204, 70),
    }


def transform(
    shapes: list[Shape], centre: tuple[float, float], scale: float, tilt: float, mirrored: bool
) -> list[tuple[list[tuple[float, float]], Shape]]:
    """The shapes' points in pixels: mirrored, turned by `tilt` degrees, scaled and moved to the centre."""
    cos, sin = math.cos(math.radians(tilt)) * scale, math.sin(math.radians(tilt)) * scale
    flip = -1.0 if mirrored else 1.0
    placed: list[tuple[list[tuple[float, float]], Shape]] = []
    for shape in shapes:
        points = [(centre[0] + flip * x * cos - y * sin, centre[1] + flip * x * sin + y * cos) for x, y in shape.points]
        placed.append((points, shape))
    return placed


def paint_subject(
    picture: Image.Image,
    shapes: list[Shape],
    colours: dict[str, Rgb],
    style: str,
    centre: tuple[float, float],
    half_height: float,
    tilt: float = 0.0,
    mirrored: bool = False,
) -> None:
    """Paint a subject on an RGB picture. `centre` and `half_height` are fractions of the picture's size."""
    size = picture.width
    reach = min(half_height * 1.22 * size + 4, size)
    left, top = max(math.floor(centre[0] * size - reach), 0), max(math.floor(centre[1] * size - reach), 0)
    right = min(math.ceil(centre[0] * size + reach), size)
    bottom = min(math.ceil(centre[1] * size + reach), size)
    s = OVERSAMPLING
    layer = Image.new("RGBA", ((right - left) * s, (bottom - top) * s), (*colours["body"], 0))
    pen = ImageDraw.Draw(layer)
    local = ((centre[0] * size - left) * s, (centre[1] * size - top) * s)
    placed = transform(shapes, local, half_height * size * s, tilt, mirrored)
    width = max(round((1.5 + 3.2 * half_height) * s * size / 128), 1)
    for points, shape in placed:
        pen.polygon(points, fill=colours[shape.role])
        if style == "ink" and shape.outlined:
            pen.line([*points, points[0], points[1]], fill=INK, width=width, joint="curve")
    small = layer.resize((right - left, bottom - top), Image.Resampling.LANCZOS)
    if style == "pastel":
        small = _softly_lit(small, local[0] / s, local[1] / s, half_height * size)
    elif style == "ink":
        small = _hatched(small, local[0] / s, local[1] / s, half_height * size, (left, top), size)
    picture.paste(small, (left, top), small)


def _distance_grid(width: int, height: int, x: float, y: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
    columns = (np.arange(width, dtype=np.float32)[None, :] - x) / radius
    rows = (np.arange(height, dtype=np.float32)[:, None] - y) / radius
    return np.broadcast_to(columns, (height, width)), np.broadcast_to(rows, (height, width))


def _softly_lit(layer: Image.Image, x: float, y: float, radius: float) -> Image.Image:
    """Light from the upper left: towards white there, towards plum at the lower right."""
    pixels = np.asarray(layer, dtype=np.float32).copy()
    columns, rows = _distance_grid(layer.width, layer.height, x, y, radius)
    light = np.clip(0.42 - 0.62 * np.hypot(columns + 0.4, rows + 0.5), 0, 0.42)[..., None]
    light = light * (pixels[..., :3].max(axis=-1, keepdims=True) > 90)  # pupils and noses stay dark
    shade = np.clip(0.20 * (0.5 * columns + 0.8 * rows) - 0.02, 0, 0.20)[..., None]
    rgb = pixels[..., :3]
    rgb += (255 - rgb) * light
    rgb += (np.array([70, 30, 100], dtype=np.float32) - rgb) * shade
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGBA")


def _hatched(layer: Image.Image, x: float, y: float, radius: float, corner: tuple[int, int], size: int) -> Image.Image:
    """Diagonal pen strokes on the shaded, lower right part."""
    pixels = np.asarray(layer, dtype=np.float32).copy()
    columns, rows = _distance_grid(layer.width, layer.height, x, y, radius)
    where = np.clip(3.0 * (0.55 * columns + 0.75 * rows - 0.42), 0, 1)
    left, top = corner
    strokes = hatching(size)[top : top + layer.height, left : left + layer.width]
    share = (where * strokes * 0.42)[..., None]
    pixels[..., :3] += (np.array(INK, dtype=np.float32) - pixels[..., :3]) * share
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGBA")


@lru_cache(maxsize=8)
def hatching(size: int) -> np.ndarray:
    """Diagonal strokes as weights 0 to 1, (size, size): one stroke each 8 px at 128 px, the same in each 8x8 cell."""
    step = 8 * size / 128
    grid = np.arange(size, dtype=np.float32) + 0.5
    phase = (grid[None, :] + grid[:, None]) % step
    weights = np.clip((1.3 - np.abs(phase - step / 2) * 128 / size) * 1.2, 0, 1)
    return weights.astype(np.float32)


def paint_background(background: Rgb, style: str, ground: float | None, rng: random.Random, size: int) -> Image.Image:
    """The background in tones of one colour. `ground` is the height of the horizon (fraction), None for no ground."""
    far = mix(background, WHITE, 0.10 if is_dark(background) else 0.28)
    near = background
    ramp = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    pixels = np.array(far, dtype=np.float32) * (1 - ramp) + np.array(near, dtype=np.float32) * ramp
    picture = Image.fromarray(np.broadcast_to(pixels, (size, size, 3)).round().astype(np.uint8), "RGB")
    sky = _tone_mask(size, style, lambda pen, side: _paint_decoration(pen, rng, ground, side))
    picture.paste(mix(background, WHITE, 0.55), (0, 0), sky)
    if ground is not None:
        earth = _tone_mask(size, style, lambda pen, side: _paint_ground(pen, rng, ground, side))
        picture.paste(tone(background, 0.30), (0, 0), earth)
    if style == "ink":
        strokes = Image.fromarray((hatching(size) * 30).astype(np.uint8), "L")
        picture.paste(tone(background, 0.6), (0, 0), strokes)
    return picture


def _tone_mask(size: int, style: str, paint: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    """Where and how strongly a second tone of the background shows; blurred in the pastel style."""
    mask = Image.new("L", (size * OVERSAMPLING, size * OVERSAMPLING), 0)
    paint(ImageDraw.Draw(mask), size * OVERSAMPLING)
    mask = mask.reduce(OVERSAMPLING)
    return mask.filter(ImageFilter.GaussianBlur(size / 64)) if style == "pastel" else mask


def _paint_ground(pen: ImageDraw.ImageDraw, rng: random.Random, ground: float, side: int) -> None:
    rise, phase = rng.uniform(0.0, 0.035), rng.uniform(0, 2 * math.pi)
    line = [(x * side, (ground + rise * math.sin(phase + x * 4)) * side) for x in (i / 24 for i in range(25))]
    pen.polygon([*line, (side, side), (0, side)], fill=150)


def _paint_decoration(pen: ImageDraw.ImageDraw, rng: random.Random, ground: float | None, side: int) -> None:
    kind = rng.choice(("plain", "clouds", "dots", "sun", "hills"))
    if kind == "clouds":
        for x in (rng.uniform(0.1, 0.35), rng.uniform(0.65, 0.9)):
            y = rng.uniform(0.10, 0.30)
            for dx, dy, r in ((-0.08, 0.015, 0.045), (0, -0.01, 0.065), (0.08, 0.015, 0.045)):
                _disc(pen, x + dx, y + dy, r, 170, side)
    elif kind == "dots":
        for i in range(8):
            _disc(pen, (i % 4 + rng.uniform(0.2, 0.8)) / 4, (i // 4 + rng.uniform(0.2, 0.8)) / 2, 0.028, 170, side)
    elif kind == "sun":
        _disc(pen, rng.choice((0.2, 0.8)), 0.2, 0.12, 190, side)
    elif kind == "hills" and ground is not None:
        x = rng.uniform(0.1, 0.9)
        _disc(pen, x, ground + 0.16, 0.30, 110, side)
        _disc(pen, x + 0.45, ground + 0.2, 0.30, 110, side)
        _disc(pen, x - 0.5, ground + 0.18, 0.30, 110, side)
        pen.rectangle((0, min(ground + 0.18, 1.0) * side, side, side), fill=110)


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: int, side: int) -> None:
    pen.ellipse(((x - radius) * side, (y - radius) * side, (x + radius) * side, (y + radius) * side), fill=fill)


def paint_shadow(picture: Image.Image, background: Rgb, x: float, y: float, half_width: float) -> None:
    """A soft shadow on the ground around (x, y), in a darker tone of the background."""
    size = picture.width
    columns, rows = _distance_grid(size, size, x * size, y * size, half_width * size)
    weight = np.clip(1.25 - np.hypot(columns, rows * 4.0), 0, 1) ** 0.8 * 150
    picture.paste(mix(background, (30, 20, 50), 0.34), (0, 0), Image.fromarray(weight.astype(np.uint8), "L"))


def positions(scene: Scene) -> list[tuple[float, float, float]]:
    """(x, y, half height) of each subject of a scene, as fractions of the picture's size, before jitter."""
    if scene.count == 1:
        return [(*CENTRES[scene.place], HALF_HEIGHTS[scene.size])]
    columns, half_height = ROWS[scene.count]
    return [(x, 0.52, half_height) for x in columns]


def draw(scene: Scene, size: int = 128) -> Image.Image:
    """The picture of a scene: RGB, `size` x `size` pixels."""
    return compose(scene, OUTLINES[scene.subject], paints(scene.colour, scene.style), size)


def compose(
    scene: Scene, outline: Callable[[random.Random], list[Shape]], colours: dict[str, Rgb], size: int
) -> Image.Image:
    """A scene whose subject has any outline and colours: RGB, `size` x `size` pixels."""
    rng = random.Random(scene.seed)
    background = BACKGROUNDS[scene.background]
    places = positions(scene)
    nudge_x, nudge_y = rng.uniform(-0.02, 0.02), rng.uniform(-0.02, 0.02)
    feet = places[0][1] + nudge_y + places[0][2]
    standing = scene.subject not in WEIGHTLESS
    ground = feet - 0.5 * places[0][2] if standing and scene.place != "top" and rng.random() < 0.75 else None
    picture = paint_background(background, scene.style, ground, rng, size)
    mirrored = rng.random() < 0.5
    for x, y, half_height in places:
        half_height *= rng.uniform(0.94, 1.05)
        tilt = rng.uniform(-2, 2) if scene.subject in UPRIGHT else rng.uniform(-7, 7)
        x, y = x + nudge_x, y + nudge_y
        if standing:
            paint_shadow(picture, background, x, y + half_height * 0.97, half_height * 0.85)
        paint_subject(picture, outline(rng), colours, scene.style, (x, y), half_height, tilt, mirrored)
    return picture
