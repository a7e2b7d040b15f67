"""What Gesso keeps beside a dataset's pictures: JSON files in `.gesso` with a value for each picture that has one.

They say nothing to other programs; whoever moves the folder takes them along.
"""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar, cast

from trainer.dataset.names import shown
from trainer.files import locked, set_aside, write_text_atomically

OWN_FOLDER = ".gesso"
"""Gesso's own folder within a dataset; hidden, so that `scan` leaves it out."""

Value = TypeVar("Value")
Saved = dict[str, object]

_DAMAGE = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading a file raises that is not there, or is none that `save` wrote."""


class OwnFile(ABC, Generic[Value]):
    """Values by the pictures' relative paths, in any thread; a picture that is not in the folder keeps its own.

    `note` says in a sentence that the file was damaged and set aside ("" otherwise). Reading never raises. What a newer
    Gesso wrote beside a value stays in the file. Writing is atomic and the caller's to time.
    """

    NAME: str
    """Of the values within the file, and with `.json` of the file itself."""
    WORDS: str
    """For the user: what can't be read."""
    FORMAT: int
    NOTHING: Value
    """What a picture has that is not in the file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / OWN_FOLDER / f"{self.NAME}.json"
        self.note = ""
        self._values: dict[str, Value] = {}
        self._unknown: dict[str, Saved] = {}
        self._touched: set[str] = set()
        self._lock = threading.Lock()
        try:
            self._values, self._unknown = self._parse(self.path.read_bytes())
        except FileNotFoundError:
            pass
        except _DAMAGE as error:
            self.note = f"The {self.WORDS} in {shown(self.path)} can't be read ({error}). {set_aside(self.path)}"

    @abstractmethod
    def _saved(self, value: Value) -> Saved:
        """For JSON, always with the same keys."""

    @abstractmethod
    def _value(self, saved: Saved) -> Value:
        """What `_saved` gave, maybe with more keys. Raises ValueError, TypeError or KeyError for anything else."""

    @property
    def changed(self) -> bool:
        """Whether something was set since the last `save`."""
        return bool(self._touched)

    def of(self, relative: str) -> Value:
        return self._values.get(relative, self.NOTHING)

    def set(self, relative: str, value: Value) -> None:
        if self.of(relative) != value:
            with self._lock:
                self._put(self._values, relative, value)
                self._touched.add(relative)

    def __iter__(self) -> Iterator[str]:
        """The relative paths of all pictures that have something."""
        return iter(tuple(self._values))

    def text(self) -> str:
        """What the file would hold."""
        with self._lock:
            return self._text(self._values, self._unknown)

    def save(self) -> None:
        """Write what changed; what another process set for other pictures meanwhile stays.

        Raises UserError when the disk refuses; the old file is intact then.
        """
        with self._lock:
            touched, self._touched = self._touched, set()
        if not touched:
            return
        try:
            with locked(self.path):
                values, unknown = self._on_disk()
                for relative in touched:
                    self._put(values, relative, self.of(relative))
                write_text_atomically(self.path, self._text(values, unknown))
        except BaseException:
            with self._lock:
                self._touched |= touched
            raise

    def _on_disk(self) -> tuple[dict[str, Value], dict[str, Saved]]:
        """What others saved meanwhile; where that was damaged or taken away, what was read of it."""
        try:
            return self._parse(self.path.read_bytes())
        except FileNotFoundError:
            pass
        except _DAMAGE:
            set_aside(self.path)
        return dict(self._values), self._unknown

    def _put(self, values: dict[str, Value], relative: str, value: Value) -> None:
        if value == self.NOTHING:
            values.pop(relative, None)
        else:
            values[relative] = value

    def _text(self, values: dict[str, Value], unknown: dict[str, Saved]) -> str:
        relatives = sorted(values.keys() | {relative for relative, more in unknown.items() if more})
        saved = {one: unknown.get(one, {}) | self._saved(values.get(one, self.NOTHING)) for one in relatives}
        return json.dumps({"format": self.FORMAT, self.NAME: saved}, indent=1)

    def _parse(self, data: bytes) -> tuple[dict[str, Value], dict[str, Saved]]:
        """The values, and by the same paths what this Gesso does not know of them. Raises one of _DAMAGE for anything
        that `_text` did not give."""
        file = cast("Saved", json.loads(data))
        if file["format"] != self.FORMAT:
            raise ValueError(f"their format is {file['format']}, not {self.FORMAT}")
        saved = file[self.NAME]
        if not isinstance(saved, dict):
            raise TypeError(f"the {self.NAME} are no JSON object")
        each = cast("dict[str, Saved]", saved)
        known = self._saved(self.NOTHING).keys()
        values = {relative: self._value(one) for relative, one in each.items()}
        return (
            {relative: value for relative, value in values.items() if value != self.NOTHING},
            {relative: {key: one[key] for key in one.keys() - known} for relative, one in each.items()},
        )
