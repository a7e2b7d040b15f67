"""Masks: which parts of a picture training should learn, in a grey picture beside it, named as OneTrainer names it."""

import io
import os
from pathlib import Path

from PIL import Image

from trainer.contract.errors import UserError
from trainer.dataset.items import COMPANIONS, Item
from trainer.dataset.names import shown
from trainer.dataset.pictures import Size, load
from trainer.files import write_bytes_atomically

MASK = COMPANIONS[0]


def mask_path(picture: Path) -> Path:
    """`cat-masklabel.png` for `cat.jpg`, whether it is there or not."""
    return picture.with_name(picture.stem + MASK)


def has_mask(item: Item) -> bool:
    """Without a Path, of which tens of thousands take their time."""
    return os.path.isfile(f"{item.head}{item.name.rpartition('.')[0]}{MASK}")


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


def write_mask(picture: Path, mask: Image.Image | None) -> None:
    """Write a picture's mask as 8-bit grey PNG in one instant; None moves the one that is there to the system's trash.

    Raises UserError when the disk refuses; the old mask is intact then.
    """
    path = mask_path(picture)
    if mask is not None:
        buffer = io.BytesIO()
        mask.convert("L").save(buffer, "PNG")
        write_bytes_atomically(path, buffer.getvalue())
    elif path.is_file():
        from send2trash import send2trash  # imported here: on some desktops it loads their libraries

        try:
            send2trash(path)
        except OSError as error:
            raise UserError(
                f"The mask {shown(path)} could not be moved to the trash.", "Delete it by hand.", str(error)
            ) from error
