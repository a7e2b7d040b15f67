"""What the health check finds, with what can be done about it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainer.dataset.captions import count_words
from trainer.dataset.findings import Kind, Severity
from trainer.dataset.items import Dataset
from trainer.dataset.mending import Mending


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth knowing, with the files and the pictures (by place in the dataset) it is about.

    Of what concerns several pictures the first is the one to keep, or the example. `reason` is a sentence without the
    file's name, `fix` what to do, `mendings` what Gesso can do about it: several are a choice.
    """

    kind: Kind
    severity: Severity
    paths: tuple[Path, ...]
    places: tuple[int, ...]
    reason: str
    fix: str
    mendings: tuple[Mending, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """The caption of the picture at `place`, read once. `path` is its file, None where the folder's words stand in.

    `lists` are the tags of each of its lines that is a list of tags and no sentence.
    """

    place: int
    path: Path | None
    text: str
    lists: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Language:
    """What is known of words: how many tokens a caption has, and whether a word is known to the text encoder.

    Without a tokenizer words and marks are counted, and no word is known.
    """

    count_tokens: Callable[[str], int] = count_words
    is_word: Callable[[str], bool] = lambda word: False
    unit: str = "words and marks"


def places_by_path(dataset: Dataset) -> dict[Path, tuple[int, ...]]:
    """Which pictures a file is about: a picture itself, or the caption of one or more."""
    found: dict[Path, list[int]] = {}
    for place, item in enumerate(dataset.items):
        for path in (item.path, item.caption_path):
            if path is not None:
                found.setdefault(path, []).append(place)
    return {path: tuple(places) for path, places in found.items()}
