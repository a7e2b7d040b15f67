"""What training sees of pictures and captions, worked out from a job's settings before any training."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.contract.train import Captions, Data
from trainer.dataset.buckets import Buckets, Placement, piece_of
from trainer.dataset.captions import alternatives, caption_for_step, split_tags
from trainer.dataset.pictures import Size

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Showing:
    """One time that training shows a picture: where it lies, what is read with it, and whether it is mirrored."""

    placement: Placement
    caption: str
    is_mirrored: bool
    is_dropped: bool
    """The caption was left out by dropout."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket with the pictures that lie in it, by their places. `shown`: how many of an epoch's examples it has.

    `is_lonely`: it cannot fill a batch, so that steps over it learn from fewer pictures.
    """

    size: Size
    places: tuple[int, ...]
    shown: int
    is_lonely: bool

    @property
    def name(self) -> str:
        return bucket_name(self.size)


def bucket_name(size: Size) -> str:
    """`576x448`, as a query has it."""
    return f"{size.width}x{size.height}"


@dataclass(frozen=True, slots=True)
class Fit:
    """How a job brings pictures to its sizes. `is_piece`: it cuts a part of that size out of each, by chance."""

    buckets: Buckets
    is_piece: bool = False

    @classmethod
    def of(cls, data: Data, buckets: Buckets) -> "Fit":
        return cls(buckets, data.crop == "piece")

    def place(self, size: Size, chance: random.Random) -> Placement:
        placement = self.buckets.place(size)
        return piece_of(size, placement, chance) if self.is_piece else placement


def showing(text: str, size: Size, data: Data, buckets: Buckets, chance: random.Random) -> Showing:
    """One time that a job shows a picture of this (prepared) size with the caption file's `text`. The order of what
    is drawn by chance is training's own (`training/feed.py`)."""
    placement = Fit.of(data, buckets).place(size, chance)
    is_mirrored = data.flip and chance.random() < 0.5
    options = data.captions
    caption = caption_for_step(
        text,
        chance,
        prefix=options.prefix,
        shuffle_tags=options.shuffle,
        keep_tokens=options.keep_tags,
        dropout=options.dropout,
    )
    has_words = bool(options.prefix.strip()) or any(alternatives(text))
    return Showing(placement, caption, is_mirrored, is_dropped=has_words and not caption)


def is_by_chance(text: str, data: Data) -> bool:
    """Whether another time may look other than the first."""
    return data.flip or data.crop == "piece" or _caption_varies(text, data.captions)


def _caption_varies(text: str, options: Captions) -> bool:
    texts = alternatives(text)
    moving = options.shuffle and any(len(split_tags(one)) > options.keep_tags + 1 for one in texts)
    return options.dropout < 1 and (len(texts) > 1 or moving or options.dropout > 0)


def kept_box(placement: Placement, size: Size) -> Box:
    """What is left of a picture of this size, in its own pixels: left, top, right, bottom."""
    across, down = size.width / placement.resized_size.width, size.height / placement.resized_size.height
    left, top, right, bottom = placement.crop_box
    return left * across, top * down, right * across, bottom * down


def scale_of(placement: Placement, size: Size) -> float:
    """By how much a picture of this size is enlarged; below 1 it is shrunk."""
    return max(placement.resized_size.width / size.width, placement.resized_size.height / size.height)


def fill(sizes: Sequence[Size], repeats: Sequence[int], data: Data, buckets: Buckets, batch: int) -> tuple[Bucket, ...]:
    """The buckets that are not empty, by size. A size of 0 x 0 is not known, and its picture in none.

    Lonely is what has fewer examples than a batch, and also what has but one.
    """
    members: dict[Size, list[int]] = {}
    known: dict[Size, Size] = {}
    for place, size in enumerate(sizes):
        if size.width and size.height:
            if size not in known:
                known[size] = buckets.place(size).bucket_size
            members.setdefault(known[size], []).append(place)
    filled: list[Bucket] = []
    for size in sorted(members):
        shown = sum(repeats[place] for place in members[size]) * data.repeats
        filled.append(Bucket(size, tuple(members[size]), shown, is_lonely=shown < max(2, batch)))
    return tuple(filled)
