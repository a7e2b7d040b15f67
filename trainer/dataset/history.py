"""The steps of a dataset, done and undone, and how they reach the files.

A step is journaled first (`journal.py`), then carried out file by file, each replaced in one instant: a process that is
killed leaves every file old or new. The next one to open the history completes what was begun.

Power may fail too. Steps of up to `FEW` files are put on the disk file by file. Thousands would take minutes that way,
so those are only handed to the system, and where it loses power within the half minute before it writes them out, some
file systems leave such a file empty or full of zeros. Its bytes lie in the journal, which was put on the disk before,
and the next opening puts them back. A file that the power cut left as it was before the step stays so; undo says then
that it differs, and leaves it.
"""

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from trainer.contract.errors import Cancelled, UserError
from trainer.dataset.journal import FileChange, Journal, JournalDamaged, JournalReplaced, Record
from trainer.dataset.names import number_of, shown
from trainer.files import locked, replace_at_once, said_as_user_error, sweep_partials, sync

FEW = 16
MOST_BYTES = 128 * 1024**2
"""Of the journal: some hundred changes of ten thousand captions. Of a larger one the newer half is kept."""

WRITTEN_OUT = 60.0
"""Seconds after which a system has put on the disk what it was given (Linux takes 30, Windows and macOS less)."""

_THREADS = 8
"""Where a file was written a moment ago, replacing it waits for the disk (ext4: 2 ms); several may wait at a time."""

Direction = Literal["undo", "redo"]
Watch = Callable[[int, int], None]
"""Called with how many files of a step are written, and of how many. It may raise Cancelled: then those that were
written are put back, and the step was never made."""


@dataclass(slots=True)
class Entry:
    """One undo step: the record that began it, and those that joined it since."""

    records: list[Record]

    @property
    def number(self) -> int:
        return self.records[0].number

    @property
    def title(self) -> str:
        return self.records[0].title

    @property
    def source(self) -> str:
        return self.records[0].source

    @property
    def when(self) -> datetime:
        return datetime.fromisoformat(self.records[-1].when)


class ChangedOutside(UserError):
    """Another program changed files, and nothing was written. `paths` are theirs, relative to the dataset."""

    def __init__(self, paths: Iterable[str], title: str, fix: str) -> None:
        self.paths = tuple(paths)
        super().__init__(title, fix, "\n".join(map(shown, self.paths)))


class History:
    """The steps of the dataset in `folder`. `done` and `undone` have the oldest first and the next to redo last.

    Opening it completes what a killed process left half done. Several processes may have it open: each change is made
    under a lock, after what the others appended was read. `notes` has what the user should be told.
    """

    def __init__(self, folder: Path) -> None:
        self.done: list[Entry] = []
        self.undone: list[Entry] = []
        self.notes: list[str] = []
        self._folder = folder
        self._journal = Journal(folder)
        self._pending: Record | None = None
        self._unsettled: list[tuple[bool, tuple[Record, ...]]] = []
        """Whether forward, and the records, of what was handed to the system without waiting for the disk."""
        self._unsettled_since = 0.0
        self._last_number = 0
        if not self.is_begun:
            return
        try:
            with self.at_work():
                self._mend_what_power_took()
                self._let_the_oldest_go()
        except UserError as error:
            self.notes.append(f"The history of the captions needs care: {error}")

    @property
    def is_begun(self) -> bool:
        """Whether there is a journal. Without one nothing was ever written to the folder."""
        return self._journal.path.exists()

    @contextlib.contextmanager
    def at_work(self) -> Generator[None]:
        """Hold the lock, know what other processes did, and have completed what they could not. Raises UserError."""
        with locked(self._journal.path):
            self._catch_up()
            yield

    def do(
        self,
        title: str,
        files: tuple[FileChange, ...],
        *,
        source: str,
        when: datetime,
        captions: int,
        joins: int = 0,
        watch: Watch | None = None,
    ) -> Entry:
        """Write files, whose `before` the caller has just compared, as a new step, or as part of the last step if that
        has the number `joins`; title and source stay then. `captions`: how many the step changes in all.

        Call it within `at_work`. Raises UserError when the disk refuses, and Cancelled; then no file has changed.
        """
        joined = bool(joins) and not self.undone and bool(self.done) and self.done[-1].number == joins
        number = joins if joined else self._last_number + 1
        record = Record("part" if joined else "step", number, title, source, when.isoformat(), captions)
        self._carry_out(record, files, watch)
        return self.done[-1]

    def turn(
        self, direction: Direction, when: datetime, *, leave_changed: bool, watch: Watch | None = None
    ) -> tuple[Entry, tuple[FileChange, ...]]:
        """Undo the last step, or redo the one undone last; gives it with what was written. Call it within `at_work`,
        and only if there is one.

        Files that were changed by others since are left as they are with `leave_changed`; without it they raise
        ChangedOutside, and nothing is written.
        """
        entry = (self.done if direction == "undo" else self.undone)[-1]
        wanted = self.net(entry.records, forward=direction == "redo")
        files = tuple(one for one in wanted if self.bytes_of(one.path) == (one.before,))
        if len(files) < len(wanted) and not leave_changed:
            as_they_were = set(files)
            changed = [one.path for one in wanted if one not in as_they_were]
            raise ChangedOutside(
                changed,
                f"{named(changed)} changed since “{entry.title}”, so it was not {direction}ne.",
                f"{direction.capitalize()} the rest and leave what changed, or restore those files first.",
            )
        self._carry_out(Record(direction, entry.number, when=when.isoformat()), files, watch)
        return entry, files

    def net(self, records: Iterable[Record], *, forward: bool = True) -> tuple[FileChange, ...]:
        """What the records come to together. Raises UserError if the journal is damaged there."""
        befores: dict[str, bytes | None] = {}
        afters: dict[str, bytes | None] = {}
        for record in records:
            for one in self._journal.body(record):
                befores.setdefault(one.path, one.before)
                afters[one.path] = one.after
        if not forward:
            befores, afters = afters, befores
        return tuple(FileChange(path, befores[path], afters[path]) for path in befores if befores[path] != afters[path])

    def bytes_of(self, path: str) -> tuple[bytes | None] | None:
        """The bytes of a file in a tuple; (None,) where there is no file and could be one; None if it can't be read."""
        whole = self._folder / path
        try:
            return (whole.read_bytes(),)
        except FileNotFoundError:
            return (None,) if whole.parent.is_dir() else None
        except OSError:
            return None

    def _catch_up(self) -> None:
        try:
            with said_as_user_error(self._journal.path):
                try:
                    for record in self._journal.read_new():
                        self._take(record)
                except JournalReplaced:
                    self._read_anew()
        except JournalDamaged as error:
            self._forget()
            with said_as_user_error(self._journal.path):
                aside = self._journal.set_aside()
            self.notes.append(
                f"The journal of the captions can't be read ({error}) and was set aside as {shown(aside.name)}. What "
                "was done before can't be undone; the captions are as they were."
            )
        if self._pending is not None:
            self._complete(self._pending)

    def _forget(self) -> None:
        self.done, self.undone, self._unsettled, self._pending = [], [], [], None

    def _read_anew(self, records: Iterable[Record] | None = None) -> None:
        """The journal from its beginning, which with `records` is made of those first."""
        self._journal.begin_anew(records)
        self._forget()
        with said_as_user_error(self._journal.path):
            for record in self._journal.read_new():
                self._take(record)

    def _let_the_oldest_go(self) -> None:
        """Make a journal that is too large one of its newest steps: each holds all that its own undoing needs. The last
        one, and what was undone, stay however large. Where the disk refuses, the next opening tries again."""
        if self._journal.size <= MOST_BYTES:
            return
        room = MOST_BYTES // 2 - sum(map(_size, self.undone))
        kept: list[Entry] = []
        for entry in reversed(self.done):
            room -= _size(entry)
            if kept and room < 0:
                break
            kept.append(entry)
        gone = len(self.done) - len(kept)
        in_order = [record for entry in (*reversed(kept), *reversed(self.undone)) for record in entry.records]
        undoing = [Record("undo", entry.number, when=entry.records[-1].when) for entry in self.undone]
        with contextlib.suppress(UserError):
            self._read_anew([*in_order, *undoing])
            if gone:
                self.notes.append(
                    f"The history of the captions was larger than {MOST_BYTES // 1024**2} MB, so its oldest "
                    f"{number_of(gone, 'step')} can't be undone any more."
                )

    def _take(self, record: Record) -> None:
        self._last_number = max(self._last_number, record.number)
        match record.kind:
            case "step" | "part" | "undo" | "redo":
                self._pending = record
            case "end" if self._pending is not None:
                begun, self._pending = self._pending, None
                entry = self._commit(begun)
                if not record.synced:
                    of_step = (begun,) if begun.length else tuple(entry.records)
                    self._unsettled.append((begun.kind != "undo", of_step))
                    self._unsettled_since = time.monotonic()
            case "dropped":
                self._pending = None
            case "settled":
                self._unsettled.clear()
            case "end":
                raise JournalDamaged("something ends in it that did not begin")

    def _commit(self, record: Record) -> Entry:
        if record.kind == "step":
            self.undone.clear()
            self.done.append(Entry([record]))
            return self.done[-1]
        source, target = (self.undone, self.done) if record.kind == "redo" else (self.done, self.undone)
        if not source or source[-1].number != record.number:
            raise JournalDamaged("its steps do not follow each other")
        if record.kind == "part":
            self.done[-1].records.append(record)
            return self.done[-1]
        target.append(source.pop())
        return target[-1]

    def _carry_out(self, record: Record, files: tuple[FileChange, ...], watch: Watch | None) -> None:
        if self._unsettled and time.monotonic() - self._unsettled_since > WRITTEN_OUT:
            self._take(self._journal.append(Record("settled"), sync_now=False))
        has_body = record.kind in ("step", "part")
        self._take(self._journal.append(record, files if has_body else ()))
        written: list[FileChange] = []
        try:
            self._write(files, written, watch)
        except (UserError, OSError, Cancelled):
            # Where even this fails the step stays begun, and is completed when the disk is willing again.
            with contextlib.suppress(UserError, OSError):
                self._write([FileChange(one.path, one.after, one.before) for one in reversed(written)], [])
                self._take(self._journal.append(Record("dropped")))
            raise
        self._finish(files)

    def _write(self, files: Sequence[FileChange], written: list[FileChange], watch: Watch | None = None) -> None:
        """Replace the files, and put those into `written` that were. Raises what the first one raised that failed, and
        what `watch` does. It watches only where there are more than `FEW`, which take their time."""

        def write(one: FileChange) -> None:
            self._put(one.path, one.after, sync_now=len(files) <= FEW)
            written.append(one)

        if len(files) <= FEW:
            for one in files:
                write(one)
            return
        with ThreadPoolExecutor(_THREADS, "captions") as pool:
            waiting = [pool.submit(write, one) for one in files]
            try:
                for done, future in enumerate(waiting, 1):
                    future.result()
                    if watch is not None:
                        watch(done, len(waiting))
            finally:
                for future in waiting:
                    future.cancel()

    def _finish(self, files: Sequence[FileChange]) -> None:
        self._take(self._journal.append(Record("end", synced=len(files) <= FEW), sync_now=False))

    def _put(self, path: str, data: bytes | None, *, sync_now: bool) -> None:
        whole = self._folder / path
        with said_as_user_error(whole):
            if data is not None:
                replace_at_once(whole, data, sync_now=sync_now)
            else:
                whole.unlink(missing_ok=True)
                if sync_now:
                    sync(whole.parent)

    def _complete(self, record: Record) -> None:
        """Carry out the rest of what a killed process, or one whose disk refused, had begun."""
        try:
            files = self._files_of(record)
        except UserError:  # its body never reached the disk whole, so no file was touched
            self._take(self._journal.append(Record("dropped")))
            return
        for folder in {(self._folder / one.path).parent for one in files}:
            sweep_partials(folder)
        rest = tuple(one for one in files if self._is_old(one))
        self._write(rest, [])
        entry = self._entry_of(record)
        self._finish(files)
        title = record.title or (entry.title if entry else "")
        self.notes.append(
            f"“{title}” was interrupted; it is complete now: {number_of(len(rest), 'file')} had still to be written."
        )

    def _entry_of(self, record: Record) -> Entry | None:
        return next((entry for entry in (*self.done, *self.undone) if entry.number == record.number), None)

    def _files_of(self, record: Record) -> tuple[FileChange, ...]:
        if record.length:
            return self._journal.body(record)
        entry = self._entry_of(record)
        return () if entry is None else self.net(entry.records, forward=record.kind == "redo")

    def _is_old(self, one: FileChange) -> bool:
        current = self.bytes_of(one.path)
        return current is not None and current != (one.after,) and (current == (one.before,) or _is_void(current[0]))

    def _mend_what_power_took(self) -> None:
        """Put back files that are empty or full of zeros although they were written, as a power cut leaves them."""
        if not self._unsettled:
            return
        wanted = {
            one.path: one.after for forward, records in self._unsettled for one in self.net(records, forward=forward)
        }
        mended = 0
        for path, data in wanted.items():
            current = self.bytes_of(path)
            if data and current is not None and _is_void(current[0]):
                self._put(path, data, sync_now=True)
                mended += 1
        if mended:
            self.notes.append(f"{number_of(mended, 'file')}, lost when the power failed, came back from the journal.")
        self._take(self._journal.append(Record("settled"), sync_now=False))


def _size(entry: Entry) -> int:
    return sum(record.length for record in entry.records)


def _is_void(data: bytes | None) -> bool:
    return data is not None and not data.strip(b"\0")


def named(paths: list[str]) -> str:
    """`a.txt, b.txt and 7 others`."""
    names = [shown(path) for path in paths[:3]]
    if len(paths) > 3:
        return f"{', '.join(names)} and {len(paths) - 3} others"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
