"""Where pictures are written: numbered files in a folder, of which none is ever overwritten."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from trainer.contract.errors import UserError
from trainer.files import PARTIAL_PREFIX, require_room, said_as_user_error


def require_folder(folder: Path, *, room: int) -> None:
    """Refuse before the work what would fail after it. Nothing is created yet."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not existing.is_dir():
        raise UserError(f"{existing} is a file, so pictures can't be put there.", "Choose a folder for them.")
    if not os.access(existing, os.W_OK):
        raise UserError(f"Pictures can't be written to {existing}.", "Choose a folder that you can write to.")
    require_room(folder, room, "the pictures")


@contextlib.contextmanager
def free_path(folder: Path, name: int | str, suffix: str = ".png") -> Iterator[Path]:
    """A path `00001-<name>.png` whose number no file has, held against other processes until the block ends."""
    with said_as_user_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        number = _highest_number(folder) + 1
        while (claim := _claim(folder, number)) is None:
            number += 1
    try:
        yield folder / f"{number:05d}-{name}{suffix}"
    finally:
        claim.unlink(missing_ok=True)


def _claim(folder: Path, number: int) -> Path | None:
    """A mark that this number is ours; None if another process holds it, or saved a picture under it just now."""
    claim = folder / f"{PARTIAL_PREFIX}{number:05d}"
    try:
        claim.touch(exist_ok=False)
    except FileExistsError:
        return None
    if any(folder.glob(f"{number:05d}-*")):
        claim.unlink()
        return None
    return claim


def _highest_number(folder: Path) -> int:
    numbers = (re.match(r"(\d{5,9})-", name) for name in os.listdir(folder))
    return max((int(found[1]) for found in numbers if found), default=0)
