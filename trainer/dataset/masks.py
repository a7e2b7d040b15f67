"""Masks: which parts of a picture training should learn, in a grey picture beside it, named as OneTrainer names it."""

import io
import os
from pathlib import Path

from PIL import Image

from trainer.dataset.items import COMPANIONS, Item
from trainer.dataset.pictures import Size, load
from trainer.files import Stamp, stamp_of

MASK = COMPANIONS[0]


def mask_path(picture: Path) -> Path:
    """`cat-masklabel.png` for `cat.jpg`, whether it is there or not."""
    return picture.with_name(picture.stem + MASK)


def mask_path_of(item: Item) -> str:
    """The same, relative to the dataset."""
    return item.relative.rpartition(".")[0] + MASK


def mask_stamp(item: Item) -> Stamp | None:
    """None without a mask. Without a Path, of which tens of thousands take their time."""
    path = f"{item.head}{item.name.rpartition('.')[0]}{MASK}"
    return stamp_of(path) if os.path.isfile(path) else None


def read_mask(picture: Path, size: Size) -> Image.Image | None:
    """The mask of a picture, grey with 8 bits: white is trained, black left out, grey weighs between.

    `size` is that of the upright picture before its recipe; a mask of another size is stretched to it. None where the
    picture has no mask. Raises PictureError if it has a broken one.
    """
    path = mask_path(picture)
    if not path.is_file():
        return None
    mask = load(path).convert("L")
    return mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR)


def mask_file(mask: Image.Image) -> bytes:
    """The mask as it lies on the disk: PNG of 8-bit grey."""
    buffer = io.BytesIO()
    mask.convert("L").save(buffer, "PNG")
    return buffer.getvalue()
