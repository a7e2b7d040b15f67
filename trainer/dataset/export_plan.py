"""What an export will write, file by file, before anything is written: the preview and the export are the same plan."""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from trainer.contract.errors import UserError
from trainer.contract.export import Export, Target
from trainer.dataset.captions import alternatives
from trainer.dataset.check import true_extension
from trainer.dataset.edits import EscapeBrackets, UnescapeBrackets, WithPrefix, WithTrigger
from trainer.dataset.items import Captions, Dataset, Item
from trainer.dataset.masks import mask_path
from trainer.dataset.names import shown
from trainer.dataset.pictures import Header, PictureError, Size, read_header
from trainer.dataset.recipes import AS_IT_IS, Recipe, Recipes

READS: dict[Target, frozenset[str]] = {
    "kohya": frozenset({"png", "jpg", "jpeg", "webp", "bmp"}),
    "onetrainer": frozenset({"png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"}),
    "imagefolder": frozenset({"png", "jpg", "jpeg", "webp", "bmp"}),
    "plain": frozenset({"png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "avif"}),
}
"""Formats by extension: of sd-scripts IMAGE_EXTENSIONS in library/train_util.py, of OneTrainer
SUPPORTED_IMAGE_EXTENSIONS in modules/util/path_util.py. imagefolder reads all that Pillow does; some scripts do not."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\ud800-\udfff]')
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Planned:
    """One picture of the export. `name` is its posix path in the new folder, `captions` what stands in its caption.

    `size` is that of the picture it becomes. `format` is Pillow's name of the format it is written in anew, "" where
    the file is taken as it is. `repeats` and `class_words` are the item's.
    """

    place: int
    name: str
    captions: tuple[str, ...]
    size: Size
    format: str
    recipe: Recipe = AS_IT_IS
    mask: Path | None = None

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Plan:
    """`left_out` are pictures that can't be read, with the reason. `notes` say in sentences what gets lost."""

    dataset: Dataset
    options: Export
    pictures: tuple[Planned, ...]
    left_out: tuple[tuple[Item, str], ...]
    notes: tuple[str, ...]

    def seen(self, planned: Planned) -> tuple[str, ...]:
        """The captions that the other program will take: sd-scripts and imagefolder the first, the others by chance."""
        only_first = self.options.to in ("kohya", "imagefolder")
        return planned.captions[:1] if only_first else planned.captions

    def folder_of(self, item: Item) -> str:
        """Of kohya and OneTrainer: `10_sks cat`. Where there are no words the dataset's own name stands for them."""
        words = item.class_words or self.dataset.folder.absolute().name
        return f"{item.repeats}_{_safe(words)}"


@dataclass(slots=True)
class _Names:
    """Names that are given once each, case and accents aside, as all file systems part them."""

    taken: set[str] = field(default_factory=set[str])

    def free(self, folder: str, stem: str) -> str:
        tried, number = f"{folder}{stem}", 1
        while (key := unicodedata.normalize("NFC", tried).casefold()) in self.taken:
            number += 1
            tried = f"{folder}{stem}-{number}"
        self.taken.add(key)
        return tried


def plan(dataset: Dataset, captions: Captions, options: Export) -> Plan:
    """Look at the headers of all pictures and decide what becomes of each, as its recipe prepares it.

    Raises UserError where a caption can't be read, or no picture.
    """
    made = Plan(dataset, options, (), (), ())
    recipes = Recipes(dataset.folder)
    pictures: list[Planned] = []
    left_out: list[tuple[Item, str]] = []
    names = _Names()
    for place, item in enumerate(dataset.items):
        try:
            header = read_header(item.path)
        except PictureError as error:
            left_out.append((item, error.reason))
            continue
        words = captions.caption(place).text or ("" if item.caption_path else item.class_words)
        recipe = recipes.of(item.relative)
        format = _format(header, options, recipe)
        extension = true_extension(format or header.format)
        stem = _stem(made, item, len(pictures) + 1, names)
        mask = mask_path(item.path)
        pictures.append(
            Planned(
                place,
                f"{stem}.{extension}",
                exported_captions(words, options),
                shrunk_size(recipe.size(header.size), options.longest),
                format,
                recipe,
                mask if options.to in ("onetrainer", "plain") and mask.is_file() else None,
            )
        )
    if not pictures:
        raise UserError(
            f"There is no picture to export in {shown(dataset.folder)}.", "Choose a folder that holds pictures."
        )
    notes = [*([recipes.note] if recipes.note else []), *_notes(dataset, options, pictures)]
    return Plan(dataset, options, tuple(pictures), tuple(left_out), tuple(notes))


def exported_captions(text: str, options: Export) -> tuple[str, ...]:
    """The captions of a file as they are exported, one or more."""
    if options.prefix:
        text = WithPrefix(options.prefix)(text)
    if options.trigger:
        text = WithTrigger(options.trigger)(text)
    if options.brackets != "keep":
        text = (EscapeBrackets() if options.brackets == "escape" else UnescapeBrackets())(text)
    return alternatives(text)


def _format(header: Header, options: Export, recipe: Recipe) -> str:
    """The format to write a picture in anew, "" if its file can be taken as it is."""
    readable = true_extension(header.format) in READS[options.to]
    asked = "" if options.format == "keep" else options.format.upper()
    unlike = asked not in ("", header.format) or not readable
    larger = 0 < options.longest < max(header.size)
    odd = not header.plain and options.to != "plain"
    if recipe.changes_nothing and not (unlike or larger or odd):
        return ""
    kept: Literal["JPEG", "WEBP", "PNG"] = "PNG"
    if header.format in ("JPEG", "WEBP"):
        kept = header.format
    return asked or kept


def shrunk_size(size: Size, longest: int) -> Size:
    """`size` with its longer side at most `longest`, 0 being no limit."""
    share = longest / max(size)
    if longest == 0 or share >= 1:
        return size
    return Size(max(1, round(size.width * share)), max(1, round(size.height * share)))


def _stem(made: Plan, item: Item, number: int, names: _Names) -> str:
    """imagefolder takes words like `test` and `train` in a name for the split, so there pictures are only numbered."""
    if made.options.to == "imagefolder":
        return f"{number:06d}"
    if made.options.to == "plain":
        *folders, last = item.relative.split("/")
        folder = "".join(f"{_safe(part)}/" for part in folders)
    else:
        folder, last = f"{made.folder_of(item)}/", item.path.name
    return names.free(folder, _safe(last.rpartition(".")[0]))


def _safe(name: str) -> str:
    """A name that every system takes, of at most 100 letters."""
    cleaned = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name))[:_LONGEST_NAME].strip(" .")
    return cleaned or "picture"


def _notes(dataset: Dataset, options: Export, pictures: list[Planned]) -> list[str]:
    notes: list[str] = []
    several = sum(len(planned.captions) > 1 for planned in pictures)
    if several and options.to in ("kohya", "imagefolder"):
        notes.append(f"{several} pictures have several captions; that program takes the first of each.")
    if options.to == "imagefolder" and any(item.repeats > 1 for item in dataset.items):
        notes.append("It knows no repeats: every picture counts once.")
    if options.to in ("kohya", "imagefolder"):
        masks = sum(mask_path(item.path).is_file() for item in dataset.items)
        if masks:
            notes.append(f"{masks} masks are left out: that program reads none beside the pictures.")
    anew = sum(bool(planned.format) for planned in pictures)
    if anew:
        notes.append(f"{anew} of {len(pictures)} pictures are written anew, the others are taken as they are.")
    return notes
