"""What captioners said of the pictures of a dataset, kept in `<folder>/.gesso/scores`, one file for each model.

A file has one JSON object a line, and the last line of a picture counts: a run only ever adds lines, so that one that
is killed loses at most the line that it was writing. The files can be deleted at any time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TextIO, cast, get_args

from trainer.contract.captioners import CaptionerName
from trainer.dataset.tag_scores import CATEGORIES, Category, Reading
from trainer.files import said_as_user_error, write_text_atomically

FLOOR = 0.05
"""Tags that a captioner is less sure of are not kept: no threshold goes so low, and there are thousands of them."""

FOLDER = ".gesso/scores"


class Readings:
    """The file of one model, open for adding. A context manager; leaving it closes the file.

    Raises UserError where the disk refuses.
    """

    def __init__(self, folder: Path, captioner: CaptionerName, model: str) -> None:
        self.path = folder / FOLDER / (f"{captioner}-{model}.jsonl" if model else f"{captioner}.jsonl")
        self._lines = 0
        self._by_picture: dict[str, Reading] = {}
        self._by_content: dict[tuple[str, str], Reading] = {}
        for reading in _read(self.path):
            self._lines += 1
            self._learn(reading)
        self._file: TextIO | None = None

    def __enter__(self) -> "Readings":
        with said_as_user_error(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torn = self.path.exists() and self.path.read_bytes()[-1:] not in (b"", b"\n")
            self._file = self.path.open("a", encoding="utf-8", newline="\n")
            if torn:
                self._file.write("\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if kind is None and self._lines > len(self._by_picture):
            write_text_atomically(self.path, "".join(map(_line, self._by_picture.values())))

    def known(self, picture: str, content: str, key: str) -> Reading | None:
        """What was said of a file of the same content by the same model with the same settings, wherever it lay."""
        found = self._by_content.get((content, key))
        return None if found is None else replace(found, picture=picture)

    def keep(self, readings: Iterable[Reading]) -> None:
        """Add what was said; a reading that is there already adds nothing."""
        if self._file is None:
            raise ValueError("the file is not open")
        with said_as_user_error(self.path):
            for reading in readings:
                if self._by_picture.get(reading.picture) != reading:
                    self._file.write(_line(reading))
                    self._lines += 1
                    self._learn(reading)
            self._file.flush()

    def _learn(self, reading: Reading) -> None:
        self._by_picture[reading.picture] = reading
        self._by_content[reading.content, reading.key] = reading


def read_readings(folder: Path) -> dict[str, tuple[Reading, ...]]:
    """All that is kept for the dataset in `folder`, by picture: one reading of each model."""
    found: dict[str, dict[str, Reading]] = {}
    for path in sorted((folder / FOLDER).glob("*.jsonl")):
        for reading in _read(path):
            found.setdefault(reading.picture, {})[path.name] = reading
    return {picture: tuple(by_model.values()) for picture, by_model in found.items()}


def _read(path: Path) -> Iterator[Reading]:
    """Lines that were torn by a crash, or are of another format, are passed over."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError:  # not ours to read: it is made anew, or refused when it is written
        return
    for line in text.split("\n"):
        try:
            yield _reading(cast(object, json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue


def _line(reading: Reading) -> str:
    saved: dict[str, object] = {
        "picture": reading.picture,
        "captioner": reading.captioner,
        "model": reading.model,
        "content": reading.content,
        "key": reading.key,
    }
    if reading.text:
        saved["text"] = reading.text
    if reading.scores:
        saved["scores"] = reading.scores
    return json.dumps(saved, ensure_ascii=False, separators=(",", ":")) + "\n"


def _reading(saved: object) -> Reading:
    entries = cast("dict[str, object]", saved)
    captioner, *rest = (str(entries[name]) for name in ("captioner", "model", "picture", "content", "key"))
    if captioner not in get_args(CaptionerName):
        raise ValueError(f"{captioner!r} is no captioner")
    scores = cast("Mapping[str, Mapping[str, float]]", entries.get("scores", {}))
    by_category: dict[Category, Mapping[str, float]] = {
        category: {str(tag): float(score) for tag, score in scores[category].items()}
        for category in CATEGORIES
        if category in scores
    }
    return Reading(cast(CaptionerName, captioner), *rest, text=str(entries.get("text", "")), scores=by_category)
