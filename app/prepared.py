"""Pictures as Qt has them, prepared by their recipes: turned, mirrored and cropped while they are read."""

import math
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QTransform

from app.pictures import read_image
from trainer.dataset.pictures import PictureError, Size, measure
from trainer.dataset.recipes import Recipe

_GREY = QImage.Format.Format_Grayscale8


def prepared_image(path: Path, recipe: Recipe, side: int = 0) -> QImage:
    """What training will see of it, with `side` at most that many pixels large. Null if it can't be read."""
    if recipe.crop is None:
        return oriented(read_image(path, side), recipe)
    try:
        size = measure(path)
    except PictureError:
        return QImage()
    left, top, right, bottom = recipe.box(size)
    needed = math.ceil(side * max(size) / max(right - left, bottom - top))
    image = oriented(read_image(path, needed), recipe)
    scale = max(image.width(), image.height()) / max(size)
    corner = round(left * scale), round(top * scale)
    across, down = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    kept = image.copy(QRect(*corner, across, down).intersected(image.rect()))
    if not side or max(kept.width(), kept.height()) <= side:
        return kept
    room = QSize(side, side)
    return kept.scaled(room, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)


def oriented(image: QImage, recipe: Recipe) -> QImage:
    """The upright picture turned and mirrored, but not cropped."""
    if recipe.turns:
        image = image.transformed(QTransform().rotate(90 * recipe.turns))
    return image.flipped(Qt.Orientation.Horizontal) if recipe.mirrored else image


def laid_back(image: QImage, recipe: Recipe) -> QImage:
    """What `oriented` made this image of."""
    if recipe.mirrored:
        image = image.flipped(Qt.Orientation.Horizontal)
    return image.transformed(QTransform().rotate(-90 * recipe.turns)) if recipe.turns else image


def turned_size(size: Size, recipe: Recipe) -> Size:
    """Of the turned picture, before it is cropped."""
    return Size(size.height, size.width) if recipe.turns % 2 else size


def from_grey(picture: Image.Image) -> QImage:
    """A Pillow picture with 8 bits of grey, copied."""
    data = picture.tobytes()
    return QImage(data, picture.width, picture.height, picture.width, _GREY).copy()


def to_grey(image: QImage) -> Image.Image:
    """As Pillow has it, with 8 bits of grey."""
    grey = image.convertToFormat(_GREY)
    size = (grey.width(), grey.height())
    return Image.frombytes("L", size, bytes(grey.constBits()), "raw", "L", grey.bytesPerLine())
