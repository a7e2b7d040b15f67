"""What dropping or opening a file does, decided before it happens, so that it can be said first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.pictures import read_job
from app.videos import is_video
from trainer.contract.errors import UserError
from trainer.dataset.adding import is_picture
from trainer.dataset.clips import is_clip
from trainer.dataset.items import EXTENSIONS
from trainer.library.captioner_files import is_model_folder, needs_import
from trainer.library.index import MODEL_SUFFIX, PICKLE_SUFFIXES
from trainer.library.pictures.reading import OWN, read_settings

LOOKED_AT = 50

Does = Literal[
    "settings", "show", "vary", "repaint", "move", "install", "dataset", "train", "add", "frames", "tags", "nothing"
]
OF_PICTURES = ("settings", "show")
NO_VIDEO_MODEL = "This needs a Stable Video Diffusion model. Install one on the page Models."


@dataclass(frozen=True)
class Use:
    """What will be done with a file or folder, and that in words; `hint` says more where there is room."""

    does: Does
    path: Path
    words: str
    hint: str = ""
    more: tuple[Path, ...] = ()
    """The other files, where several are taken as one."""


Zone = tuple[Use, ...]
"""What is done when something is let go in one part of the window."""


def use_of(path: Path) -> Use:
    """Looks at the disk, but reads no more than the head of a picture."""
    suffix, name = path.suffix.lower(), path.name
    if suffix in PICKLE_SUFFIXES and needs_import(path):
        return Use("install", path, f"Install the captioner {name}", "It is made into a safetensors file")
    if path.is_dir():
        if is_model_folder(path):
            return Use("install", path, f"Install the model {name}")
        return Use("dataset", path, f"Open {name} as a dataset", "To look through its pictures and write captions")
    if suffix == MODEL_SUFFIX:
        return Use("install", path, f"Install the model {name}")
    if suffix in PICKLE_SUFFIXES:
        return Use(
            "nothing", path, f"{name} is a pickle, which could run a program hidden in it: get it as safetensors"
        )
    if suffix == ".mp4" or suffix.removeprefix(".") in EXTENSIONS:
        return _use_of_picture(path)
    if suffix == ".csv":
        return Use("tags", path, f"Complete tags from {name}", "They can be chosen while you type captions")
    return Use("nothing", path, f"Gesso has no use for {name}")


def _use_of_picture(path: Path) -> Use:
    name, fills = path.name, "They fill the form on the page Generate"
    try:
        if is_video(path) and read_job(path) is not None:
            return Use("settings", path, f"Use the settings of {name}", fills)
        found = None if path.suffix.lower() == ".mp4" else read_settings(path)
    except UserError as error:
        return Use("show", path, f"Show {name}", str(error))
    if found is None:
        return Use("show", path, f"Show {name}", "It remembers no settings; to train on pictures, drop their folder")
    made_by = "" if found.source == OWN else f", made by {found.source}"
    return Use("settings", path, f"Use the settings of {name}{made_by}", fills)


def uses_of(paths: Sequence[Path]) -> list[Use]:
    """Of several, what will really be done: one picture, one folder, every model.

    No more than `LOOKED_AT` are looked at, for the mouse stands still meanwhile.
    """
    found = [use_of(path) for path in paths[:LOOKED_AT]]
    kept: list[Use] = []
    for use in found:
        group = OF_PICTURES if use.does in OF_PICTURES else (use.does,)
        is_taken = use.does != "install" and use.does != "nothing" and any(other.does in group for other in kept)
        if not is_taken and use not in kept:
            kept.append(use)
    useful = [use for use in kept if use.does != "nothing"]
    return useful or kept[:1]


def use_in_dataset(paths: Sequence[Path], folder: Path) -> Use | None:
    """What is done with files that are let go over the open dataset; None for what does not belong there."""
    if len(paths) == 1 and is_clip(paths[0]):
        return Use("frames", paths[0], f"Take pictures out of {paths[0].name}", f"They are added to {folder.name}")
    pictures = [path for path in paths if is_picture(path)]
    if not pictures or len(pictures) < len(paths):
        return None
    what = pictures[0].name if len(pictures) == 1 else f"{len(pictures):,} pictures"
    return Use("add", pictures[0], f"Add {what} to {folder.name}", "The files are copied", tuple(pictures[1:]))


def zones_of(paths: Sequence[Path], can_move: bool, adding_to: Path | None = None) -> list[Zone]:
    """Where in the window what is done with these. A picture alone has several; `can_move` is whether there is a
    model that makes videos, `adding_to` the dataset that is open in front."""
    into = use_in_dataset(paths, adding_to) if adding_to is not None else None
    if into is not None:
        return [(into,)]
    uses = uses_of(paths)
    if len(uses) == 1 and uses[0].does == "dataset":
        (use,) = uses
        return [(use,), (Use("train", use.path, f"Train on the pictures in {use.path.name}"),)]
    if len(uses) != 1 or uses[0].does not in OF_PICTURES:
        return [tuple(uses)]
    (use,) = uses
    name = use.path.name
    if use.path.suffix.lower() == ".mp4":  # nothing begins from a video
        return [(use,)]
    moves = (
        Use("move", use.path, "Make it move", "A short video that begins with it")
        if can_move
        else Use("nothing", use.path, "Make it move", NO_VIDEO_MODEL)
    )
    return [
        (use,),
        (Use("vary", use.path, "Vary it", f"New pictures that begin from {name}"),),
        (Use("repaint", use.path, "Repaint a part", "Mark what is to be made anew; all else stays"),),
        (moves,),
    ]
