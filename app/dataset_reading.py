"""What is read in the pool of a dataset that is opened: its pictures, its captions, their sizes, and its health."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.errand import Errand
from trainer.contract.errors import UserError
from trainer.dataset.book import CaptionBook
from trainer.dataset.health import HealthReport, examine
from trainer.dataset.health_problem import Language
from trainer.dataset.items import Captions, Dataset, scan
from trainer.dataset.marks import Marks
from trainer.dataset.masks import mask_stamp
from trainer.dataset.pictures import Size, measure
from trainer.dataset.query import Row
from trainer.dataset.recipes import Recipe, Recipes
from trainer.dataset.tags import tags_of
from trainer.files import Stamp, folder_written_atomically, stamp_of
from trainer.library.tokens import count_tokens, is_word

TRAINING_SIDE = 512
"""Pixels at which the health check, and what training will see, take the pictures to be trained."""
AT_ONCE = 500
"""Captions or sizes read between two looks at whether they are still wanted."""


@dataclass(frozen=True)
class Opened:
    """What the disk says of a folder, before any caption is read."""

    book: CaptionBook
    marks: Marks
    recipes: Recipes
    rows: list[Row]
    paths: list[str]
    places: dict[str, int]
    sizes: dict[int, Size] = field(default_factory=dict[int, Size])
    """Of the upright pictures, as far as they are known; `rows` have those of the prepared ones."""
    masked: dict[int, Stamp] = field(default_factory=dict[int, Stamp])
    """Places with a mask, and that of its file."""
    stamps: dict[int, Stamp | None] = field(default_factory=dict[int, Stamp | None])
    """Of the pictures' files when they were measured."""


def open_folder(folder: Path, asked: Path, errand: Errand) -> Opened:
    """`folder` is a copy of `asked`, and is made where it is not there yet; or the same."""
    if folder != asked and not folder.exists():
        with folder_written_atomically(folder) as partial_copy:
            shutil.copytree(asked, partial_copy, dirs_exist_ok=True)
    dataset = scan(folder)
    errand.check()
    marks, recipes = Marks(folder), Recipes(folder)
    rows: list[Row] = []
    for item in dataset.items:
        rows.append(Row(item.relative, stars=marks.stars(item.relative), flag=marks.flag(item.relative)))
    paths = [item.head + item.name for item in dataset.items]
    return Opened(CaptionBook(dataset), marks, recipes, rows, paths, {path: place for place, path in enumerate(paths)})


def read_captions(found: Opened, errand: Errand) -> Opened:
    for place, row in enumerate(found.rows):
        if place % AT_ONCE == 0:
            errand.check()
        row.caption = found.book.caption(place).text
        row.tags = tags_of(row.caption)
    return found


def measure_pictures(found: Opened, recipe_of: Callable[[int], Recipe], errand: Errand) -> Opened:
    """The sizes, from the heads of the files, and who has a mask. A picture that can't be read has none."""
    for place, row in enumerate(found.rows):
        if place % AT_ONCE == 0:
            errand.check()
        if stamp := mask_stamp(found.book.dataset.items[place]):
            found.masked[place] = stamp
        if measure_one(found, place):
            row.width, row.height = recipe_of(place).size(found.sizes[place])
    return found


def measure_one(found: Opened, place: int) -> bool:
    """The size of one picture; False if it can't be read."""
    item = found.book.dataset.items[place]
    found.stamps[place] = stamp_of(item.head + item.name)
    with suppress(UserError):  # the health check says what is the matter with it
        found.sizes[place] = measure(item.path)
    return place in found.sizes


def examined(
    dataset: Dataset, captions: Captions, cache: Path, errand: Errand, side: int = TRAINING_SIDE
) -> HealthReport:
    """The health of a dataset for a training at side x side pixels; what was seen before comes from the cache."""

    def watch(_done: int, _total: int) -> None:
        errand.check()

    language = Language(count_tokens, is_word, "tokens")
    return examine(dataset, captions, resolution=side, language=language, watch=watch, cache=cache)
