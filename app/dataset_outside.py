"""What other programs did to the folder of the open dataset meanwhile, looked for in the pool."""

from dataclasses import dataclass
from pathlib import Path

from app.dataset_preparing import Prepared
from app.dataset_reading import AT_ONCE, Opened, measure_one
from app.errand import Errand
from trainer.dataset.book import CaptionBook
from trainer.dataset.caption_files import caption_path_of
from trainer.dataset.items import Dataset, scan
from trainer.dataset.masks import mask_stamp
from trainer.files import stamp_of


@dataclass(frozen=True, slots=True)
class Outside:
    """Where the disk differs from what is shown of the dataset of `book`. Places are looked at again when it is their
    turn: what Gesso itself is writing at the moment may be among them."""

    book: CaptionBook
    is_gone: bool = False
    """There is no such folder any more."""
    came: int = 0
    went: int = 0
    has_others: bool = False
    """Pictures came or went, or other files that matter; the folder is to be read anew."""
    captions: tuple[int, ...] = ()
    masks: tuple[int, ...] = ()
    pictures: tuple[int, ...] = ()
    """Whose files were changed."""


def look_outside(found: Opened, errand: Errand) -> Outside:
    """Lists the folder, and asks for time and size of every caption, picture and mask; no file is read."""
    book, items = found.book, found.book.dataset.items
    if not book.dataset.folder.is_dir():
        return Outside(book, is_gone=True)
    now = scan(book.dataset.folder)
    errand.check()
    before, after = {item.relative for item in items}, {item.relative for item in now.items}
    shown = {item.relative: book.path(place) for place, item in enumerate(items)}
    is_other = shown != {item.relative: caption_path_of(item) for item in now.items}
    captions: list[int] = []
    masks: list[int] = []
    pictures: list[int] = []
    for place, item in enumerate(items):
        if place % AT_ONCE == 0:
            errand.check()
        if item.relative not in after:
            continue
        if book.differs(place) or found.rows[place].caption != book.caption(place).text:
            captions.append(place)
        if mask_stamp(item) != found.masked.get(place):
            masks.append(place)
        if place in found.stamps and found.stamps[place] != stamp_of(item.head + item.name):
            pictures.append(place)
    return Outside(
        book,
        came=len(after - before),
        went=len(before - after),
        has_others=is_other or _beside(now) != _beside(book.dataset),
        captions=tuple(captions),
        masks=tuple(masks),
        pictures=tuple(pictures),
    )


def pictures_again(found: Opened, places: tuple[int, ...], errand: Errand) -> Prepared:
    """The sizes of pictures whose files were changed."""
    for place in places:
        errand.check()
        found.sizes.pop(place, None)
        measure_one(found, place)
    return Prepared(places)


def _beside(dataset: Dataset) -> tuple[set[Path], set[tuple[Path, str]]]:
    """Files that are no picture with its caption, and are said in its health."""
    unread = {(finding.path, finding.reason) for finding in dataset.findings if finding.kind == "unreadable"}
    return set(dataset.orphans), unread
