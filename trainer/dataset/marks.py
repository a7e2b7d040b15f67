"""Stars and flags of a dataset's pictures, kept in `.gesso/marks.json` within its folder.

They say nothing to training and are no part of undo. Writing is atomic and the caller's to time.
"""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, cast

from trainer.dataset.names import shown
from trainer.files import locked, set_aside, write_text_atomically

OWN_FOLDER = ".gesso"
"""Gesso's own folder within a dataset; hidden, so that `scan` leaves it out."""

MARKS_FORMAT = 1
MOST_STARS = 5

Flag = Literal["", "pick", "reject"]
FLAGS: tuple[Flag, ...] = ("", "pick", "reject")

_Mark = tuple[int, Flag]
_NOTHING: _Mark = (0, "")


class Marks:
    """Stars (0 to 5) and flags by the pictures' relative paths; a picture that is not in the folder keeps its own.

    `note` says in a sentence that the file was damaged and set aside ("" otherwise). Reading never raises.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / OWN_FOLDER / "marks.json"
        self.note = ""
        self._marks: dict[str, _Mark] = {}
        self._touched: set[str] = set()
        self._lock = threading.Lock()
        try:
            self._marks = _parse(self.path.read_bytes())
        except FileNotFoundError:
            pass
        except _DAMAGE as error:
            self.note = f"The stars and flags in {shown(self.path)} can't be read ({error}). {set_aside(self.path)}"

    @property
    def changed(self) -> bool:
        """Whether something was marked since the last `save`."""
        return bool(self._touched)

    def stars(self, relative: str) -> int:
        return self._marks.get(relative, _NOTHING)[0]

    def flag(self, relative: str) -> Flag:
        return self._marks.get(relative, _NOTHING)[1]

    def set_stars(self, relative: str, stars: int) -> None:
        """Raises ValueError if `stars` is not 0 to 5."""
        if not 0 <= stars <= MOST_STARS:
            raise ValueError(f"{stars} stars")
        self._set(relative, (stars, self.flag(relative)))

    def set_flag(self, relative: str, flag: Flag) -> None:
        self._set(relative, (self.stars(relative), flag))

    def __iter__(self) -> Iterator[str]:
        """The relative paths of all pictures with stars or a flag."""
        return iter(tuple(self._marks))

    def save(self) -> None:
        """Write what changed; what another process marked meanwhile stays. May be called in any thread.

        Raises UserError when the disk refuses; the old file is intact then.
        """
        with self._lock:
            touched, self._touched = self._touched, set()
        if not touched:
            return
        try:
            with locked(self.path):
                try:
                    marks = _parse(self.path.read_bytes())
                except _DAMAGE:
                    marks = dict(self._marks)
                for relative in touched:
                    _put(marks, relative, self._marks.get(relative, _NOTHING))
                write_text_atomically(self.path, _text(marks))
        except BaseException:
            with self._lock:
                self._touched |= touched
            raise

    def _set(self, relative: str, mark: _Mark) -> None:
        if self._marks.get(relative, _NOTHING) != mark:
            with self._lock:
                _put(self._marks, relative, mark)
                self._touched.add(relative)


_DAMAGE = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading a file raises that is not there, or is none that `save` wrote."""


def _put(marks: dict[str, _Mark], relative: str, mark: _Mark) -> None:
    if mark == _NOTHING:
        marks.pop(relative, None)
    else:
        marks[relative] = mark


def _text(marks: dict[str, _Mark]) -> str:
    saved = {relative: {"stars": stars, "flag": flag} for relative, (stars, flag) in sorted(marks.items())}
    return json.dumps({"format": MARKS_FORMAT, "marks": saved}, indent=1)


def _parse(data: bytes) -> dict[str, _Mark]:
    """What `_text` gave. Raises ValueError, TypeError or KeyError for anything else."""
    saved = cast("dict[str, object]", json.loads(data))
    if saved["format"] != MARKS_FORMAT:
        raise ValueError(f"their format is {saved['format']}, not {MARKS_FORMAT}")
    marks = saved["marks"]
    if not isinstance(marks, dict):
        raise TypeError("the marks are no JSON object")
    return {relative: _mark(relative, one) for relative, one in cast("dict[str, dict[str, object]]", marks).items()}


def _mark(relative: str, saved: dict[str, object]) -> _Mark:
    stars, flag = saved["stars"], saved["flag"]
    if not isinstance(stars, int) or not 0 <= stars <= MOST_STARS or flag not in FLAGS:
        raise ValueError(f"the mark of {relative} is none")
    return stars, flag
