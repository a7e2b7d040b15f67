"""The journal of a dataset: what every step wrote over, kept so that it can be undone after any restart and any crash.

One file, `.gesso/history/journal` in the dataset's folder, that grows until its oldest steps are let go. A record is a
line of JSON; that of a step is followed by its body: the files' bytes before and after, as JSON, compressed by zlib. A
record that begins something is on the disk before the first file is touched, and an `end` follows the last; so what a
crash leaves half done is known, and so is what to put right. A record that is cut short at the end of the file was
never acted on.
"""

import base64
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal, cast, get_args

from trainer.contract.errors import UserError
from trainer.dataset.captions import KEPT_SUFFIX
from trainer.dataset.items import CAPTION_EXTENSIONS
from trainer.dataset.masks import MASK
from trainer.dataset.names import shown
from trainer.dataset.own_file import OWN_FOLDER
from trainer.dataset.recipes import RECIPES_PATH
from trainer.files import require_room, said_as_user_error, sync, write_bytes_atomically

JOURNAL_FORMAT = 1
_HEAD = b'{"kind":"captions journal","format":%d}\n' % JOURNAL_FORMAT
_LONGEST_LINE = 64 * 1024

Kind = Literal["step", "part", "undo", "redo", "end", "dropped", "settled"]
"""`step`, `part` (which joins the step of its number), `undo` and `redo` begin something. `end`: it is done; `dropped`:
it was taken back; `settled`: what was done up to here is known to be on the disk."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file's bytes before and after; None where there is no file. `path` is posix, relative to the dataset."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal; `offset`, `length` and `sha256` are those of the body that follows it."""

    kind: Kind
    number: int = 0
    title: str = ""
    source: str = ""
    when: str = ""
    captions: int = 0
    """How many the whole step has changed so far."""
    offset: int = 0
    length: int = 0
    sha256: str = ""
    synced: bool = True
    """Of an `end`: whether every file was put on the disk one by one."""


_Saved = str | dict[str, str] | None
"""The bytes of a file in a body; None: no file."""


class JournalReplaced(Exception):
    """Another process let its oldest steps go: what was read of it stands elsewhere now, and is to be read anew."""


class JournalDamaged(Exception):
    """The journal can't be read from some place on; the message says why."""


class Journal:
    """The file. Whoever appends must hold the lock `locked(journal.path)`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / OWN_FOLDER / "history" / "journal"
        self._end = 0
        """Where the last whole record ends."""
        self._inode = 0

    @property
    def size(self) -> int:
        """Bytes up to the end of the last record that was read."""
        return self._end

    def read_new(self) -> Iterator[Record]:
        """The records that were appended since the last call. Raises JournalDamaged, JournalReplaced or OSError."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            if self._end:
                raise JournalDamaged("it was taken away") from None
            return
        with file:
            status = os.fstat(file.fileno())
            if self._end and status.st_ino != self._inode:
                raise JournalReplaced
            size, self._inode = status.st_size, status.st_ino
            if size < self._end:
                raise JournalDamaged("it was shortened")
            if not self._end:
                self._read_head(file)
            file.seek(self._end)
            while self._end < size:
                record = self._next(file, size)
                if record is None:
                    _require_nothing_behind(file, self._end)
                    return
                self._end = file.tell()
                yield record

    def append(self, record: Record, files: tuple[FileChange, ...] = (), *, sync_now: bool = True) -> Record:
        """Write a record, with its body if there are `files`; returns it as it stands there.

        Raises UserError if there is no room, or the folder can't be written.
        """
        body = zlib.compress(_to_json(files)) if files else b""
        require_room(self.path.parent, 2 * len(body) + sum(len(one.after or b"") + 4096 for one in files), "the step")
        with said_as_user_error(self.path):
            is_new = not self._end
            if is_new:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("r+b" if self.path.exists() else "w+b") as file:
                file.truncate(self._end)
                file.seek(self._end)
                if is_new:
                    file.write(_HEAD)
                sha256 = hashlib.sha256(body).hexdigest() if body else ""
                line = _line(record, len(body), sha256)
                offset = file.tell() + len(line)
                file.write(line + body + b"\n" if body else line)
                file.flush()
                if sync_now:
                    os.fsync(file.fileno())
                self._end, self._inode = file.tell(), os.fstat(file.fileno()).st_ino
            if is_new:
                for folder in (self.path.parent, self.path.parent.parent, self.path.parent.parent.parent):
                    sync(folder)
        return _placed(record, offset, len(body), sha256)

    def body(self, record: Record) -> tuple[FileChange, ...]:
        """The files of a step or part. Raises UserError if they are damaged or gone."""
        try:
            with self.path.open("rb") as file:
                file.seek(record.offset)
                body = file.read(record.length)
            if hashlib.sha256(body).hexdigest() != record.sha256:
                raise ValueError("its checksum is wrong")
            return _from_json(zlib.decompress(body))
        except (OSError, ValueError, TypeError, KeyError, zlib.error) as error:
            raise UserError(
                f"The step “{record.title}” can't be undone or redone: its part of the journal is damaged ({error}).",
                f"Take those files from a backup. The journal is {shown(self.path)}.",
            ) from error

    def begin_anew(self, records: Iterable[Record] | None = None) -> None:
        """Read from the beginning the next time; with `records`, of a journal that has only these, each of them done.

        Raises UserError if the disk refuses; the journal is as it was then.
        """
        if records is not None:
            with said_as_user_error(self.path), self.path.open("rb") as file:
                parts = [_HEAD]
                for record in records:
                    file.seek(record.offset)
                    body = file.read(record.length) + b"\n" if record.length else b""
                    parts += [_line(record, record.length, record.sha256), body, _line(Record("end"), 0, "")]
            write_bytes_atomically(self.path, b"".join(parts))
        self._end = 0

    def set_aside(self) -> Path:
        """Give a damaged journal another name, so that a new one can begin. Raises OSError."""
        number = 1
        while (aside := self.path.with_name(f"journal.damaged-{number}")).exists():
            number += 1
        if self.path.exists():
            os.replace(self.path, aside)
        self._end = 0
        return aside

    def _read_head(self, file: BinaryIO) -> None:
        head = file.read(len(_HEAD))
        if head == _HEAD:
            self._end = len(_HEAD)
        elif not _HEAD.startswith(head.rstrip(b"\0")):
            raise JournalDamaged("it does not begin as one, or a newer Gesso wrote it")

    def _next(self, file: BinaryIO, size: int) -> Record | None:
        """None where no whole record follows."""
        line = file.readline(_LONGEST_LINE)
        record = _parsed(line, file.tell())
        if record is None or not record.length:
            return record
        file.seek(record.offset + record.length)
        return record if file.tell() + 1 <= size and file.read(1) == b"\n" else None


def _line(record: Record, length: int, sha256: str) -> bytes:
    value: dict[str, object] = {"kind": record.kind}
    if record.kind == "end":
        value["synced"] = record.synced
    if record.number:
        value |= {"number": record.number, "when": record.when}
    if record.kind in ("step", "part"):
        value |= {"title": record.title, "source": record.source}
        value |= {"captions": record.captions, "length": length, "sha256": sha256}
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _placed(record: Record, offset: int, length: int, sha256: str) -> Record:
    if not length:
        return record
    return Record(
        record.kind, record.number, record.title, record.source, record.when, record.captions, offset, length, sha256
    )


def _parsed(line: bytes, offset: int) -> Record | None:
    if not line.endswith(b"\n"):
        return None
    try:
        value = cast("dict[str, object]", json.loads(line))
        kind = value["kind"]
        if kind not in get_args(Kind):
            return None
        record = Record(
            cast(Kind, kind),
            number=int(cast(int, value.get("number", 0))),
            title=str(value.get("title", "")),
            source=str(value.get("source", "")),
            when=str(value.get("when", "")),
            captions=int(cast(int, value.get("captions", 0))),
            offset=offset,
            length=int(cast(int, value.get("length", 0))),
            sha256=str(value.get("sha256", "")),
            synced=value.get("synced") is not False,
        )
        if record.number:
            datetime.fromisoformat(record.when)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return record if record.length >= 0 else None


def _require_nothing_behind(file: BinaryIO, start: int) -> None:
    """Raise JournalDamaged if whole records follow what can't be read at `start`: then it is more than a torn end."""
    file.seek(start)
    rest = file.read()
    place = rest.find(b'\n{"kind":')
    while place >= 0:
        line = rest[place + 1 : rest.find(b"\n", place + 1) + 1]
        if _parsed(line, 0) is not None:
            raise JournalDamaged(f"its byte {start} and what follows")
        place = rest.find(b'\n{"kind":', place + 1)


def _to_json(files: tuple[FileChange, ...]) -> bytes:
    """Bytes of a caption stand in it as text of Latin-1, which has a letter for each; those of a mask in base 64, which
    is as small again when it is compressed."""
    return json.dumps([[one.path, _saved(one.path, one.before), _saved(one.path, one.after)] for one in files]).encode()


def _saved(path: str, data: bytes | None) -> _Saved:
    if data is None:
        return None
    return {"base64": base64.b64encode(data).decode()} if path.endswith(MASK) else data.decode("latin-1")


def _from_json(body: bytes) -> tuple[FileChange, ...]:
    """Raises ValueError, TypeError or KeyError for what `_to_json` did not write, and for paths that lead elsewhere."""
    entries = cast("list[tuple[str, _Saved, _Saved]]", json.loads(body))
    return tuple(FileChange(_own_path(path), _as_bytes(before), _as_bytes(after)) for path, before, after in entries)


def _as_bytes(saved: _Saved) -> bytes | None:
    if isinstance(saved, dict):
        return base64.b64decode(saved["base64"], validate=True)
    return None if saved is None else saved.encode("latin-1")


def _own_path(path: str) -> str:
    """A journal may come with a dataset from anywhere: nothing but caption files and masks within the folder, and the
    recipes of its pictures, is written by it."""
    if path == RECIPES_PATH:
        return path
    pure = Path(path)
    leads_out = pure.is_absolute() or pure.drive or ".." in pure.parts
    name = pure.name.lower()
    is_ours = name.endswith(MASK) or name.removesuffix(KEPT_SUFFIX).rpartition(".")[2] in CAPTION_EXTENSIONS
    if leads_out or not is_ours:
        raise ValueError(f"it names {shown(path)}")
    return path
