"""An independent judge of pictures of the world: what colour is the background, the subject, and where is the subject?

It looks at pixels only, knows nothing of models, and needs no network. The method:

* all in CIE Lab, where Euclidean distance (delta E 76) is roughly the difference that people see;
* background: each border pixel votes for the nearest named background colour;
* subject: the pixels that differ from every tone in which that background is painted (light, ground, shadow);
* colour: each subject pixel votes for the nearest named subject colour, or for a side colour that is nobody's
  (outlines, trunks, leaves, pale parts); hue counts more than lightness, and edges less than the inside;
* place: the middle of the subject's extent, near the picture's middle or towards one of its four sides.

`agrees` compares these with the scene that was asked for. Calibrated on true drawings by tests/packaging, also on
blurred and quantised ones, since a generated picture went through a VAE.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from draw import INK, mix, tone
from world import BACKGROUNDS, COLOURS, Rgb, Scene

Floats = NDArray[np.float32]

JUDGED_SIZE = 128
BORDER = 5
# A pixel belongs to the subject from this delta E to the nearest background tone upwards.
FAR = 17.0
# Bright tones of a background come close to a white subject: they claim fewer pixels than the others, by this delta E.
BRIGHT_CLAIM = 7.0
# White wins only over colours with fewer votes than this share of its own: eyes, bellies and sails are pale on all.
WHITE_NEEDS = 0.75
# Subject pixels fewer than this share of the picture: nothing is there.
LEAST_SUBJECT = 0.006
# A side of the picture begins this far (fraction) from its middle.
SIDE = 0.115
# Paints that are nobody's colour: outlines, trunks and doors, leaves, flowers' centres, stems, window light.
SIDE_COLOURS: tuple[Rgb, ...] = (INK, (120, 78, 58), (88, 150, 84), (160, 92, 40), (246, 232, 210), (255, 240, 180))


def lab(pixels: NDArray[np.uint8] | Floats) -> Floats:
    """sRGB values 0 to 255, (..., 3), to CIE L*a*b* under D65 (IEC 61966-2-1 and CIE 15)."""
    values = np.asarray(pixels, dtype=np.float32) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], dtype=np.float32)
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089], dtype=np.float32)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def _lab_of(colours: Iterable[Rgb]) -> Floats:
    return lab(np.array(list(colours), dtype=np.float32))


def _distances(pixels: Floats, palette: Floats) -> Floats:
    """The distance of each pixel (n, c) to each palette colour (m, c): (n, m); delta E where the values are Lab."""
    return np.stack([np.sqrt(((pixels - colour) ** 2).sum(axis=1)) for colour in palette], axis=1)


def _pixels(picture: Image.Image) -> Floats:
    if picture.size != (JUDGED_SIZE, JUDGED_SIZE):
        picture = picture.resize((JUDGED_SIZE, JUDGED_SIZE), Image.Resampling.LANCZOS)
    return lab(np.asarray(picture.convert("RGB")))


def background_tones(name: str) -> list[Rgb]:
    """The tones in which the world paints a background: two bright ones (sky, decorations), plain, ground, shadow."""
    plain = BACKGROUNDS[name]
    ground = mix(plain, tone(plain, 0.30), 0.6)
    shadow = (30, 20, 50)
    return [
        mix(plain, (255, 255, 255), 0.28),
        mix(plain, (255, 255, 255), 0.42),
        plain,
        ground,
        mix(plain, shadow, 0.20),
        mix(ground, shadow, 0.12),
        mix(ground, shadow, 0.22),
    ]


def background_of(pixels: Floats) -> str:
    """The name of the background colour that most border pixels of a Lab picture (128, 128, 3) are nearest to."""
    sides = (pixels[:BORDER], pixels[-BORDER:], pixels[BORDER:-BORDER, :BORDER], pixels[BORDER:-BORDER, -BORDER:])
    border = np.concatenate([side.reshape(-1, 3) for side in sides])
    votes = _distances(border, _lab_of(BACKGROUNDS.values())).argmin(axis=1)
    return tuple(BACKGROUNDS)[int(np.bincount(votes, minlength=len(BACKGROUNDS)).argmax())]


def farness(pixels: Floats, background: str) -> Floats:
    """Delta E of each pixel of a Lab picture to the nearest tone of a background, bright ones less near: (128, 128)."""
    distances = _distances(pixels.reshape(-1, 3), _lab_of(background_tones(background)))
    distances[:, :2] += BRIGHT_CLAIM
    return distances.min(axis=1).reshape(pixels.shape[:2])


def mask_of(distance: Floats) -> NDArray[np.bool_]:
    """Where the subject is: pixels far from the background, without specks."""
    far = Image.fromarray((distance > FAR).astype(np.uint8) * 255)
    return np.asarray(far.filter(ImageFilter.MedianFilter(7))) > 0


def subject_mask(picture: Image.Image, background: str) -> NDArray[np.bool_]:
    """Where the subject is in a picture with a background of this name: (128, 128)."""
    return mask_of(farness(_pixels(picture), background))


def _by_hue(pixels: Floats) -> Floats:
    """Lab pixels (n, 3) as features (n, 5) in which hue counts most: tints and shades stay near their colour."""
    chroma = np.hypot(pixels[:, 1], pixels[:, 2])
    direction = pixels[:, 1:] / np.maximum(chroma, 18.0)[:, None]
    return np.concatenate([pixels * 0.35, direction * 45.0], axis=1)


def colour_of(pixels: Floats, distance: Floats) -> str:
    """The name of the subject's colour in a Lab picture with its `farness`; "" when there is next to no subject."""
    inside = distance > FAR
    if inside.mean() < LEAST_SUBJECT:
        return ""
    names = tuple(COLOURS)
    palette = _by_hue(np.concatenate([_lab_of(COLOURS.values()), _lab_of(SIDE_COLOURS)]))
    nearest = _distances(_by_hue(pixels[inside]), palette).argmin(axis=1)
    weights = np.clip((distance[inside] - FAR + 8) / 16, 0, 1)  # pixels of the edge, mixed with background, count less
    votes = np.bincount(nearest, weights=weights, minlength=len(palette))[: len(names)]
    pale = names.index("white")
    whites = votes[pale]
    votes[pale] = 0
    best = int(votes.argmax())
    return names[best] if votes[best] >= WHITE_NEEDS * whites else names[pale]


def place_of(mask: NDArray[np.bool_]) -> str:
    """ "left", "right", "top", "bottom" or "middle" by the middle of the mask's extent; "" when nearly empty.

    The extent is taken without the outermost 2 % of the mask on each side, so that stray pixels do not count.
    """
    if mask.mean() < LEAST_SUBJECT:
        return ""
    rows, columns = np.nonzero(mask)
    x = float(np.percentile(columns, 2) + np.percentile(columns, 98) + 1) / 2 / JUDGED_SIZE - 0.5
    y = float(np.percentile(rows, 2) + np.percentile(rows, 98) + 1) / 2 / JUDGED_SIZE - 0.5
    if max(abs(x), abs(y)) < SIDE:
        return "middle"
    if abs(x) > abs(y):
        return "left" if x < 0 else "right"
    return "top" if y < 0 else "bottom"


def judge(picture: Image.Image) -> dict[str, str]:
    """What the picture shows: {"background": name, "colour": name or "", "place": name or ""}."""
    pixels = _pixels(picture)
    background = background_of(pixels)
    distance = farness(pixels, background)
    return {"background": background, "colour": colour_of(pixels, distance), "place": place_of(mask_of(distance))}


def agrees(scene: Scene, picture: Image.Image) -> dict[str, bool]:
    """Which of the three judgements agree with the scene. Only for scenes of one subject (ValueError otherwise)."""
    if scene.count != 1:
        raise ValueError("The judge of place and colour is made for scenes with one subject.")
    seen = judge(picture)
    wanted = {"background": scene.background, "colour": scene.colour, "place": scene.place}
    return {key: seen[key] == value for key, value in wanted.items()}
