"""All pictures that Gesso made, newest first, and the words to find them by: read once in the pool, kept in the cache.

The index is an SQLite file that can be deleted at any time; what it misses is read from the pictures again. Without
room or leave to write it, the words live in memory only, until Gesso is closed.
"""

import contextlib
import json
import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Literal, NamedTuple

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImageReader

from app.errand import Errand
from app.videos import FIRST, SUFFIXES, is_video, words_of_video
from trainer.contract.jobfile import JOB_CHUNK
from trainer.files import PARTIAL_PREFIX
from trainer.home import Home

PARAMETERS_CHUNK = "parameters"
"""Where A1111 and its kin write prompt and settings."""
SHOWN = (".png", *SUFFIXES)
AT_ONCE = 200
"""Pictures read in one errand: the pool is free for other work between two of them."""
FORMAT = 1
PATIENCE = 20.0
"""Seconds that one thread, or another Gesso, may keep the file before its words are read from the pictures instead."""

Order = Literal["newest", "oldest", "name", "largest"]


class Found(NamedTuple):
    """A picture as the disk lists it. `modified` is in nanoseconds."""

    modified: int
    path: str
    size: int


def scan(home: Home) -> list[Found]:
    """Every picture in the outputs and among the runs' samples, newest first, without opening any."""
    folders = [*_folders(home.outputs), *(os.path.join(run, "samples") for run in _folders(home.runs))]
    return sorted((picture for folder in folders for picture in _pictures(folder)), reverse=True)


def _folders(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return [entry.path for entry in entries if entry.is_dir()]
    except OSError:
        return []


def _pictures(folder: str) -> Iterator[Found]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_shown(entry) and not entry.name.startswith(PARTIAL_PREFIX):
                    with contextlib.suppress(OSError):  # gone meanwhile
                        state = entry.stat()
                        yield Found(state.st_mtime_ns, entry.path, state.st_size)
    except OSError:
        return


def _is_shown(entry: "os.DirEntry[str]") -> bool:
    """Pictures, videos, and folders that hold the frames of one."""
    suffix = os.path.splitext(entry.name)[1].lower()
    return suffix in SHOWN or (not suffix and os.path.isfile(os.path.join(entry.path, FIRST)))


def words_of(path: str, name: str) -> str:
    """What a picture is found by, in one case: prompt, model, LoRAs, seed and its `name` (where it lies)."""
    parts = [name]
    if is_video(path):
        return "\n".join([*parts, words_of_video(Path(path))]).casefold()
    reader = QImageReader(path)
    try:
        tree = json.loads(reader.text(JOB_CHUNK))
    except ValueError:
        tree = None
    if isinstance(tree, dict) and isinstance(tree.get("base"), dict):  # the sheet of a grid
        tree = tree["base"]
    if isinstance(tree, dict):
        parts += [str(tree.get(key, "")) for key in ("prompt", "negative", "model", "seed")]
        loras = tree.get("loras")
        parts += [str(use.get("name", "")) for use in loras if isinstance(use, dict)] if isinstance(loras, list) else []
        sampling = tree.get("sampling")
        parts.append(str(sampling.get("sampler", "")) if isinstance(sampling, dict) else "")
    else:
        parts.append(reader.text(PARAMETERS_CHUNK))
    return "\n".join(parts).casefold()


class PictureIndex(QObject):
    """`listed`: `pictures` is new. `read` carries the paths whose words have come since. All in the GUI thread."""

    listed = Signal()
    read = Signal(object)
    changed = Signal(object)
    """Paths of pictures that were written over since the last look."""

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._home = home
        self._kept = home.cache / "pictures.sqlite"
        self.pictures: list[Found] = []
        self.words: dict[str, str] = {}
        self._states: dict[str, Found] = {}
        self._unread: deque[Found] = deque()
        self._in_hand = 0
        self._looking: Errand | None = None
        self._reading: Errand | None = None
        self._again = self._is_listed = self._is_tidy = False
        self._meanwhile: list[Found] = []

    @property
    def unread(self) -> int:
        """How many pictures can't be found by their words yet."""
        return len(self._unread) + self._in_hand

    def in_order(self, order: Order) -> list[Found]:
        match order:
            case "newest":
                return self.pictures
            case "oldest":
                return self.pictures[::-1]
            case "name":
                return sorted(self.pictures, key=_name_first)
            case "largest":
                return sorted(self.pictures, key=itemgetter(2), reverse=True)

    @Slot()
    def refresh(self) -> None:
        """Look at the disk again. Asked again meanwhile, it looks once more afterwards."""
        if self._looking is not None:
            self._again = True
            return
        self._looking = self._start(partial(_scanned, self._home), self._take_list)

    def add(self, path: str) -> bool:
        """Take a picture that was just made. False if it is known already, or not there."""
        if path in self._states:
            return False
        try:
            state = os.stat(path)
        except OSError:
            return False
        made = Found(state.st_mtime_ns, path, state.st_size)
        self.pictures.insert(0, made)
        self._states[path] = made
        if self._looking is not None:
            self._meanwhile.append(made)
        self._unread.appendleft(made)
        self._read_on()
        return True

    def drop(self, paths: Iterable[str]) -> None:
        """These are gone from the disk."""
        gone = set(paths)
        self.pictures = [picture for picture in self.pictures if picture.path not in gone]
        for path in gone:
            self._states.pop(path, None)
            self.words.pop(path, None)

    def _start(self, work: object, then: object) -> Errand:
        errand = Errand(None, work)  # pyright: ignore[reportArgumentType]
        errand.told.done.connect(then)
        errand.told.failed.connect(self._failed)
        errand.start()
        return errand

    @Slot(object, object)
    def _take_list(self, _about: object, states: dict[str, Found]) -> None:
        self._looking = None
        late = {made.path: made for made in reversed(self._meanwhile) if made.path not in states}
        self._meanwhile.clear()
        before, self._states = self._states, {**late, **states} if late else states
        found = list(self._states.values())
        is_new = found != self.pictures
        self.pictures = found
        rewritten = [path for path, old in before.items() if self._states.get(path, old) != old]
        for path in [*rewritten, *(before.keys() - self._states.keys())]:
            self.words.pop(path, None)
        if rewritten:
            self.changed.emit(rewritten)
        self._unread = deque(picture for picture in found if picture.path not in self.words)
        if is_new or not self._is_listed:
            self._is_listed = True
            self.listed.emit()
        self._read_on()
        if self._again:
            self._again = False
            self.refresh()

    def _read_on(self) -> None:
        if self._reading is not None:
            return
        if self._unread:
            some = [self._unread.popleft() for _ in range(min(AT_ONCE, len(self._unread)))]
            self._in_hand = len(some)
            self._reading = self._start(partial(_read, self._kept, self._home.root, some), self._take_words)
        elif self._states and not self._is_tidy:
            self._is_tidy = True
            paths = list(self._states)
            self._reading = self._start(partial(_tidied, self._kept, self._home.root, paths), self._take_words)

    @Slot(object, object)
    def _take_words(self, _about: object, words: dict[str, str]) -> None:
        self._reading, self._in_hand = None, 0
        self.words.update(words)
        self.read.emit(words.keys())
        self._read_on()

    @Slot(object, str)
    def _failed(self, _about: object, _why: str) -> None:
        """Only a bug of ours comes here (its traceback is told): the pictures are still listed."""
        self._looking = self._reading = None
        self._in_hand = 0
        self._read_on()


def _name_first(picture: Found) -> tuple[str, str]:
    return os.path.basename(picture.path).casefold(), picture.path


def _scanned(home: Home, _errand: Errand) -> dict[str, Found]:
    """By path, newest first. The dictionary is made here, where nobody waits."""
    return {picture.path: picture for picture in scan(home)}


def _read(kept: Path, root: Path, some: Sequence[Found], _errand: Errand) -> dict[str, str]:
    """The words of these: as they were kept, else out of the pictures, and kept then."""
    names = {picture.path: _name(picture.path, root) for picture in some}
    rows = _from_index(kept, list(names.values()))
    words: dict[str, str] = {}
    new: list[Row] = []
    for modified, path, size in some:
        row = rows.get(names[path])
        if row is None or row[1:3] != (modified, size):
            row = names[path], modified, size, words_of(path, names[path])
            new.append(row)
        words[path] = row[3]
    if new:
        with contextlib.suppress(sqlite3.Error, OSError), _opened(kept) as connection:
            connection.executemany("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?)", new)
    return words


def _tidied(kept: Path, root: Path, paths: Sequence[str], _errand: Errand) -> dict[str, str]:
    """Take out of the index what is no longer on the disk. There is nothing to tell."""
    here = {_name(path, root) for path in paths}
    with contextlib.suppress(sqlite3.Error, OSError), _opened(kept) as connection:
        gone = [row for row in connection.execute("SELECT name FROM pictures") if row[0] not in here]
        connection.executemany("DELETE FROM pictures WHERE name = ?", gone)
    return {}


def _name(path: str, root: Path) -> str:
    """The path below the user's folder, so that the folder may move."""
    return path.removeprefix(f"{root}{os.sep}").replace(os.sep, "/")


Row = tuple[str, int, int, str]
"""Name, time of change in nanoseconds, size in bytes, words."""


@contextlib.contextmanager
def _opened(kept: Path) -> Iterator[sqlite3.Connection]:
    """A connection for this thread and this moment alone. Several may be open at once: SQLite makes writers wait."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(kept, timeout=PATIENCE)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")  # it can be made again
        if connection.execute("PRAGMA user_version").fetchone() != (FORMAT,):
            connection.execute("BEGIN IMMEDIATE")  # of two that find it missing, the second waits here
            if connection.execute("PRAGMA user_version").fetchone() != (FORMAT,):
                connection.execute("DROP TABLE IF EXISTS pictures")
                connection.execute(
                    "CREATE TABLE pictures (name TEXT PRIMARY KEY, modified INTEGER, size INTEGER, words TEXT)"
                )
                connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.commit()
        yield connection


def _from_index(kept: Path, names: Sequence[str]) -> dict[str, Row]:
    """What it holds of these; nothing when it can't be read. A damaged one is removed."""
    places = ", ".join("?" * len(names))
    try:
        with _opened(kept) as connection:
            rows = connection.execute(
                f"SELECT name, modified, size, words FROM pictures WHERE name IN ({places})", names
            )
            return {row[0]: row for row in rows}
    except (sqlite3.OperationalError, OSError):  # in use by another Gesso, or no leave to write
        return {}
    except sqlite3.DatabaseError:
        with contextlib.suppress(OSError):
            kept.unlink(missing_ok=True)
        return {}
