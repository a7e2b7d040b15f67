"""Pictures brought into a dataset: copied with what belongs to them, under names that no file there bears."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trainer.contract.errors import UserError
from trainer.dataset.items import CAPTION_EXTENSIONS, COMPANIONS, EXTENSIONS
from trainer.dataset.names import shown
from trainer.files import write_atomically


@dataclass(frozen=True, slots=True)
class Added:
    """`pictures` are the new files; `faults` say in a sentence each what was not copied, and why."""

    pictures: tuple[Path, ...] = ()
    faults: tuple[str, ...] = ()


def is_picture(path: Path) -> bool:
    """By its name."""
    return path.suffix[1:].lower() in EXTENSIONS


def stems_in(folder: Path) -> set[str]:
    """The stems of all files there, in small letters, those of masks and double endings too."""
    names = [path.name.casefold() for path in folder.iterdir()]
    return {stem for name in names for stem in (name.partition(".")[0], name.rpartition(".")[0])}


def free_path(folder: Path, stem: str, suffix: str, taken: set[str]) -> Path:
    """`stem` + `suffix` in the folder, with `-2`, `-3` and so on behind the stem where it is among the `taken` ones,
    whatever their endings: two pictures of one stem would share a caption. It is taken from then on."""
    name, number = stem, 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.casefold())
    return folder / f"{name}{suffix}"


def copy_in(paths: Sequence[Path], folder: Path, watch: Callable[[int, int], bool] | None = None) -> Added:
    """Copy pictures into the folder, each with the caption and masks that lie beside it.

    What can't be copied is named, and the others are copied all the same. `watch(done, total)` is asked before each
    whether to go on; what was copied by then stays.
    """
    added: list[Path] = []
    faults: list[str] = []
    taken = stems_in(folder)
    for number, path in enumerate(paths):
        if watch is not None and not watch(number, len(paths)):
            break
        if not is_picture(path):
            faults.append(f"{shown(path.name)} is no picture.")
        elif path.parent.resolve() == folder.resolve():
            faults.append(f"{shown(path.name)} lies in this folder already.")
        else:
            try:
                added.append(_copy_one(path, folder, taken))
            except (UserError, OSError) as error:
                faults.append(f"{shown(path.name)} was not copied: {error}")
    return Added(tuple(added), tuple(faults))


def _copy_one(path: Path, folder: Path, taken: set[str]) -> Path:
    new = free_path(folder, path.stem, path.suffix, taken)
    _copy_file(path, new)
    captions = [(path.with_suffix(f".{ending}"), new.with_suffix(f".{ending}")) for ending in CAPTION_EXTENSIONS]
    masks = [(path.with_name(path.stem + ending), new.with_name(new.stem + ending)) for ending in COMPANIONS]
    for beside, to in (*captions, *masks):
        if beside.is_file():
            _copy_file(beside, to)
    return new


def _copy_file(path: Path, to: Path) -> None:
    write_atomically(to, partial(_copied, path))


def _copied(path: Path, to: Path) -> None:
    shutil.copyfile(path, to)
