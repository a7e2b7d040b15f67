"""How other programs read a folder of pictures, by rules of our own making from what those programs do.

An export is read by these before it is called done. They are as strict as the programs are: what would end a
training there is an error here.
"""

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from PIL import Image

from trainer.contract.export import Target
from trainer.dataset.export_plan import READS
from trainer.dataset.items import COMPANIONS
from trainer.dataset.pictures import Size


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture as the other program takes it: the captions it may use, its size, how often an epoch shows it."""

    captions: tuple[str, ...]
    size: Size
    repeats: float = 1
    mask: Size | None = None


class ReadingError(Exception):
    """What the other program would stop at."""


def read_as(target: Target, folder: Path) -> dict[str, Taken]:
    """What the program sees in the folder, by posix path within it. Raises ReadingError."""
    try:
        match target:
            case "kohya":
                return _by_folder_names(folder)
            case "onetrainer":
                return _by_concepts(folder)
            case "imagefolder":
                return _by_metadata(folder)
            case "plain":
                return {
                    path.relative_to(folder).as_posix(): Taken(_lines(path.with_suffix(".txt")), _size(path))
                    for path in _pictures(folder, "plain", deep=True)
                }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReadingError(f"{type(error).__name__}: {error}") from error


def read_toml(folder: Path, place: Path) -> dict[str, Taken]:
    """kohya's dataset.toml in `folder`, which is to lie at `place`: there the folder's names mean nothing."""
    settings = tomllib.loads((folder / "dataset.toml").read_text("utf-8"))
    found: dict[str, Taken] = {}
    for dataset in settings["datasets"]:
        for subset in dataset["subsets"]:
            inner = folder / Path(subset["image_dir"]).relative_to(place)
            extension = subset.get("caption_extension", settings["general"].get("caption_extension", ".caption"))
            for path in _pictures(inner, "kohya"):
                words = _first_line(path, extension, subset.get("class_tokens", ""))
                found[path.relative_to(folder).as_posix()] = Taken((words,), _size(path), subset["num_repeats"])
    return found


def _by_folder_names(folder: Path) -> dict[str, Taken]:
    """sd-scripts' `train_data_dir` (library/config_util.py, train_util.py): `<repeats>_<class>`, not deeper; each
    caption in strict UTF-8, its first line only; a file without a line ends the training."""
    found: dict[str, Taken] = {}
    for inner in folder.iterdir():
        number, *words = inner.name.split("_")
        if inner.is_dir() and _is_number(number) and int(number) > 0:
            for path in _pictures(inner, "kohya"):
                caption = _first_line(path, ".txt", "_".join(words))
                found[path.relative_to(folder).as_posix()] = Taken((caption,), _size(path), int(number))
    return found


def _is_number(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _first_line(picture: Path, extension: str, class_words: str) -> str:
    """Where a picture has no caption and its path five parts between `_`, the path without the last four counts."""
    stem = os.path.splitext(picture)[0]
    parts = stem.split("_")
    other = "_".join(parts[:-4]) if len(parts) >= 5 else stem
    for candidate in (stem + extension, other + extension):
        if os.path.isfile(candidate):
            with open(candidate, encoding="utf-8") as file:
                lines = file.readlines()
            if not lines:
                raise ReadingError(f"the caption file {candidate} is empty")
            return lines[0].strip()
    return class_words


def _by_concepts(folder: Path) -> dict[str, Taken]:
    """OneTrainer: the folders of concepts.json, not deeper; every line that is not blank is a caption; masks are grey
    and of the picture's size."""
    found: dict[str, Taken] = {}
    for concept in cast("list[dict[str, Any]]", json.loads((folder / "concepts.json").read_text("utf-8"))):
        inner = folder / Path(concept["path"]).name
        for path in _pictures(inner, "onetrainer"):
            mask = path.with_name(path.stem + COMPANIONS[0])
            found[path.relative_to(folder).as_posix()] = Taken(
                _lines(path.with_suffix(".txt")),
                _size(path),
                concept["balancing"],
                _size(mask) if mask.exists() else None,
            )
    return found


def _by_metadata(folder: Path) -> dict[str, Taken]:
    """Hugging Face's imagefolder: a line of metadata.jsonl for each picture, and no picture without one."""
    found: dict[str, Taken] = {}
    for line in (folder / "metadata.jsonl").read_text("utf-8").split("\n")[:-1]:
        row = json.loads(line)
        path = folder / row["file_name"]
        found[path.relative_to(folder).as_posix()] = Taken((row["text"],), _size(path))
    pictures = {path.relative_to(folder).as_posix() for path in _pictures(folder, "imagefolder", deep=True)}
    if pictures != found.keys():
        raise ReadingError(f"pictures without a line: {sorted(pictures - found.keys())[:3]}")
    return found


def _pictures(folder: Path, target: Target, *, deep: bool = False) -> list[Path]:
    entries = folder.rglob("*") if deep else folder.iterdir()
    return sorted(
        path for path in entries if path.suffix[1:].lower() in READS[target] and not path.name.endswith(COMPANIONS)
    )


def _lines(path: Path) -> tuple[str, ...]:
    """A missing file is an empty caption there."""
    if not path.exists():
        return ("",)
    with path.open(encoding="utf-8") as file:
        return tuple(line.strip() for line in file if line.strip()) or ("",)


def _size(path: Path) -> Size:
    """As it lies in the file: none of these programs turns a picture by its EXIF data before it is measured."""
    with Image.open(path) as image:
        return Size(*image.size)
