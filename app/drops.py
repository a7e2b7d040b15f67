"""What dropping or opening a file does, decided before it happens, so that it can be said first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer.contract.errors import UserError
from trainer.dataset.items import EXTENSIONS
from trainer.library.folders import is_diffusers_folder
from trainer.library.index import MODEL_SUFFIX, PICKLE_SUFFIXES
from trainer.library.pictures.reading import OWN, read_settings

LOOKED_AT = 50

Does = Literal["settings", "install", "folder", "nothing"]


@dataclass(frozen=True)
class Use:
    """What will be done with a file or folder, and that in words."""

    does: Does
    path: Path
    words: str


def use_of(path: Path) -> Use:
    """Looks at the disk, but reads no more than the head of a picture."""
    suffix, name = path.suffix.lower(), path.name
    if path.is_dir():
        if is_diffusers_folder(path):
            return Use("install", path, f"Install the model {name}")
        return Use("folder", path, f"Train on the pictures in {name}")
    if suffix == MODEL_SUFFIX:
        return Use("install", path, f"Install the model {name}")
    if suffix in PICKLE_SUFFIXES:
        return Use(
            "nothing", path, f"{name} is a pickle, which could run a program hidden in it: get it as safetensors"
        )
    if suffix.removeprefix(".") not in EXTENSIONS:
        return Use("nothing", path, f"Gesso has no use for {name}")
    try:
        found = read_settings(path)
    except UserError as error:
        return Use("nothing", path, str(error))
    if found is None:
        return Use("nothing", path, f"{name} remembers no settings; to train on pictures, drop their folder")
    made_by = "" if found.source == OWN else f", made by {found.source}"
    return Use("settings", path, f"Use the settings of {name}{made_by}")


def uses_of(paths: Sequence[Path]) -> list[Use]:
    """Of several, what will really be done: one picture's settings, one folder, every model.

    No more than `LOOKED_AT` are looked at, for the mouse stands still meanwhile.
    """
    found = [use_of(path) for path in paths[:LOOKED_AT]]
    kept: list[Use] = []
    for use in found:
        is_taken = use.does in ("settings", "folder") and any(other.does == use.does for other in kept)
        if not is_taken and use not in kept:
            kept.append(use)
    useful = [use for use in kept if use.does != "nothing"]
    return useful or kept[:1]
