"""The captions of one open folder: read when first asked for, edited by steps that can be undone, written without harm.

On disk captions stay as they are, letter for letter and byte for byte, until a change names them. What is rewritten
becomes UTF-8 with `\\n`, as `captions.write_caption` has it; undo brings the old bytes back, whatever they were. A
caption file that is a link becomes a file of its own when it is written: what it leads to belongs to others.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from trainer.contract.errors import UserError
from trainer.dataset.captions import GUESSED, KEPT_SUFFIX, MAX_CAPTION_BYTES, Caption, decode_caption, encode_caption
from trainer.dataset.edits import Operation
from trainer.dataset.history import ChangedOutside, Direction, Entry, History, Watch, named
from trainer.dataset.items import Dataset, Item
from trainer.dataset.journal import FileChange, Record
from trainer.dataset.names import shown
from trainer.dataset.recipes import RECIPES_PATH, Recipe, Recipes
from trainer.files import locked

PREVIEW_SECONDS = 5.0
"""What a preview may take, and a millisecond more for each caption; that is a hundred times what sound edits need."""


@dataclass(frozen=True, slots=True)
class Change:
    """The caption of `dataset.items[place]` before and after; `after` None: no caption file any more.

    Where there is no caption file `before` is "". Pictures that share a caption file have a change each.
    """

    place: int
    before: str
    after: str | None


@dataclass(frozen=True)
class Step:
    """One undo step. `source` says who made it: "hand", or a captioner. `captions` counts the files that it changed; 0
    if it changed how pictures are prepared.

    `changes` is read from the journal when first asked for; pictures that are not in the dataset any more are left out.
    """

    title: str
    when: datetime
    source: str
    number: int
    captions: int
    load: Callable[[], tuple[Change, ...]] = field(repr=False, compare=False)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Raises UserError if the journal is damaged there."""
        return self.load()


@dataclass(slots=True)
class _Read:
    """A caption as it was read. `digest`: of the file's bytes, None without a file, b"" if it can't be read.

    As long as `stamp` stays the same, the file is taken to be unchanged.
    """

    caption: Caption
    digest: bytes | None
    stamp: tuple[int, int, int] | None


@dataclass(slots=True)
class _Merge:
    """The step that may be joined: by what key, its number, and its files' bytes from before it, as digests."""

    key: str = ""
    number: int = 0
    originals: dict[str, bytes | None] = field(default_factory=dict[str, bytes | None])


class CaptionBook:
    """The captions of `dataset`, and their history, which outlives the book in `.gesso/history` of the folder.

    Making one reads the journal, and completes a step that was interrupted; no caption is read. New captions get the
    `extension`. `caption` may be called from any thread while another one applies, undoes or redoes.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        extension: str = "txt",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.dataset = dataset
        self._clock = clock
        self._history = History(dataset.folder)
        self._root = os.fspath(dataset.folder)
        self._paths = [caption_path_of(item, extension) for item in dataset.items]
        self._read: dict[str, _Read] = {}
        self._steps: dict[int, tuple[tuple[Record, ...], Step]] = {}
        """By number, each with the records that it was made of."""
        self._merge = _Merge()

    @property
    def done(self) -> tuple[Step, ...]:
        """The steps that can be undone, the oldest first."""
        return tuple(map(self._step, tuple(self._history.done)))

    @property
    def undone(self) -> tuple[Step, ...]:
        """The steps that can be redone, the next one last."""
        return tuple(map(self._step, tuple(self._history.undone)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told about the history: a step that was completed, a damaged journal set aside."""
        return tuple(self._history.notes)

    def caption(self, place: int) -> Caption:
        """The caption of a picture, as it was when first read. Never raises.

        Without a caption file it is Caption(""), even where the folder's name has class words (`Item.class_words`).
        Where the file can't be read it is not `complete`, its `note` says why, and it can't be edited.
        """
        return self._known(self._paths[place]).caption

    def path(self, place: int) -> str:
        """Where the caption of a picture is or would be, relative to the dataset's folder."""
        return self._paths[place]

    def places_of(self, paths: Iterable[str]) -> tuple[int, ...]:
        """The pictures that have one of these captions, by paths as `path` gives them, in order."""
        return tuple(sorted(place for path in set(paths) for place in self._places.get(path, ())))

    def look_again(self) -> None:
        """Know the steps that other processes made since. Raises UserError if the journal can't be read."""
        if self._history.is_begun:
            with self._history.at_work():
                pass

    def differs(self, place: int) -> bool:
        """Whether a caption's file has another time or size than when it was read. It is not read; see `reread`."""
        known = self._read.get(self._paths[place])
        return known is not None and self._stamp_of(self._paths[place]) != known.stamp

    def has_file(self, place: int) -> bool:
        """Whether there is a caption file, be it an empty one."""
        return self._known(self._paths[place]).digest is not None

    def prepare(self, title: str, recipes: Mapping[int, Recipe], *, source: str = "hand") -> Step:
        """Give the pictures at these places these recipes, as one undo step.

        Raises UserError where nothing would change, or the disk refuses; nothing was written then.
        """
        folder = self.dataset.folder
        with self._history.at_work(), locked(folder / RECIPES_PATH):
            kept = Recipes(folder)
            for place, recipe in recipes.items():
                kept.set(self.dataset.items[place].relative, recipe)
            if not kept.changed:
                raise UserError("Nothing would change.", "Choose other pictures, or prepare them in another way.")
            before = self._history.bytes_of(RECIPES_PATH)
            file = FileChange(RECIPES_PATH, before[0] if before else None, kept.text().encode("utf-8"))
            entry = self._history.do(title, (file,), source=source, when=self._clock(), captions=0)
            self._merge = _Merge()
        return self._step(entry)

    def preview(self, operation: Operation, places: Sequence[int]) -> tuple[Change, ...]:
        """What the operation would change, only what would differ; captions that are not `complete` are left out.

        Raises UserError if the operation does, or takes too long over all of them.
        """
        captions = [(place, self.caption(place)) for place in places]
        deadline = time.monotonic() + PREVIEW_SECONDS + len(captions) / 1000
        changes: list[Change] = []
        for place, caption in captions:
            if not caption.complete:
                continue
            after = _plain(operation(caption.text))
            if after != caption.text:
                changes.append(Change(place, caption.text, after))
            if time.monotonic() > deadline:
                raise UserError(
                    f"The edit takes too long: after {len(changes)} changes most captions were still to come.",
                    "Choose a simpler pattern, or fewer captions at a time.",
                )
        return tuple(changes)

    def apply(
        self,
        title: str,
        changes: Sequence[Change],
        *,
        source: str = "hand",
        merge: str = "",
        pause: float = float("inf"),
        watch: Watch | None = None,
    ) -> Step:
        """Write the changes as one undo step, all of them or none, also where `watch` raises Cancelled.

        With a `merge` key the changes join the last step, if this book made it with the same key, nothing was undone
        since, and it is at most `pause` seconds old (typing in one caption; the results of one captioner run).

        Raises ChangedOutside, with the paths, if a caption is not what `before` says, in this book or on disk; those
        are read anew, and nothing is written. Raises UserError for texts that no caption file can hold, for
        contradictions, and when the disk refuses; no file has changed then.
        """
        if not changes:
            raise UserError("Nothing would change.", "Choose other pictures, or another edit.")
        with self._history.at_work():
            files = self._files_to_write(changes)
            digests = {one.path: _digest(one.before) for one in files}
            joins = self._joined(merge, pause, files)
            originals = {**digests, **self._merge.originals} if joins else digests
            captions = sum(not path.endswith(KEPT_SUFFIX) for path in originals)
            try:
                entry = self._history.do(
                    title, files, source=source, when=self._clock(), captions=captions, joins=joins, watch=watch
                )
            finally:
                self._remember(files)
            self._merge = _Merge(merge, entry.number, originals)
        return self._step(entry)

    def undo(self, *, leave_changed: bool = False, watch: Watch | None = None) -> Step | None:
        """Take the last step back, to the very bytes from before it; None if there is none.

        Raises ChangedOutside, with the paths, if captions were changed by others since; nothing is written then. With
        `leave_changed` those stay as they are and the rest is undone.
        """
        return self._turn("undo", leave_changed, watch)

    def redo(self, *, leave_changed: bool = False, watch: Watch | None = None) -> Step | None:
        """Do again what was undone last; otherwise as `undo`."""
        return self._turn("redo", leave_changed, watch)

    def reread(self, places: Sequence[int]) -> tuple[int, ...]:
        """The places whose files were changed by others since they were read; their captions are now the new ones.

        Only files whose time or size changed are read again. What was not read yet is not read now.
        """
        changed = {path for path in {self._paths[place] for place in places} if self._differs(path)}
        return tuple(place for place in places if self._paths[place] in changed)

    def _turn(self, direction: Direction, leave_changed: bool, watch: Watch | None) -> Step | None:
        if not self._history.is_begun:
            return None
        with self._history.at_work():
            if not (self._history.done if direction == "undo" else self._history.undone):
                return None
            try:
                entry, files = self._history.turn(direction, self._clock(), leave_changed=leave_changed, watch=watch)
            except ChangedOutside as refusal:
                self._reload(refusal.paths)
                raise
            self._remember(files)
            self._merge = _Merge()
        return self._step(entry)

    def _known(self, path: str) -> _Read:
        known = self._read.get(path)
        if known is None:
            known = self._read[path] = self._load(path)
        return known

    def _load(self, path: str) -> _Read:
        try:
            with open(f"{self._root}/{path}", "rb") as file:
                data = file.read(MAX_CAPTION_BYTES + 1)
                stamp = _stamp(os.fstat(file.fileno()))
        except (FileNotFoundError, NotADirectoryError):
            return _Read(Caption(""), None, None)
        except OSError as error:
            note = f"It can't be read: {error.strerror or error}."
            return _Read(Caption("", "binary", note=note, complete=False), b"", None)
        return _Read(decode_caption(data), _digest(data), stamp)

    def _remember(self, files: Iterable[FileChange]) -> None:
        """What stands in files that were written."""
        written = (one.path for one in files)
        self._reload(path for path in written if path != RECIPES_PATH and not path.endswith(KEPT_SUFFIX))

    def _reload(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._read[path] = self._load(path)

    def _differs(self, path: str) -> bool:
        known = self._read.get(path)
        if known is None:
            return False
        if self._stamp_of(path) == known.stamp:
            return False
        self._read[path] = self._load(path)
        return self._read[path].digest != known.digest

    def _stamp_of(self, path: str) -> tuple[int, int, int] | None:
        try:
            return _stamp(os.stat(f"{self._root}/{path}"))
        except OSError:
            return None

    def _files_to_write(self, changes: Sequence[Change]) -> tuple[FileChange, ...]:
        """What the changes come to, each compared with its file. Raises UserError, and ChangedOutside."""
        wanted: dict[str, str | None] = {}
        outdated: dict[str, None] = {}
        for change in changes:
            path = self._paths[change.place]
            known = self._known(path)
            after = None if change.after is None else _plain(change.after)
            if not known.caption.complete:
                raise UserError(
                    f"The caption {shown(path)} can't be changed: {known.caption.note}",
                    "Leave that picture out, or put a caption file of text in its place.",
                )
            if known.caption.text != change.before:
                outdated[path] = None
            if wanted.setdefault(path, after) != after:
                raise UserError(
                    f"Two pictures share the caption {shown(path)}, and it can't become two different ones.",
                    "Give the pictures different names, each with a caption of its own.",
                )
        files: list[FileChange] = []
        for path, after in wanted.items():
            current = self._history.bytes_of(path)
            if current is None or _digest(current[0]) != self._read[path].digest:
                outdated[path] = None
            else:
                files += self._change_of(path, current[0], after)
        if outdated:
            self._reload(outdated)
            raise ChangedOutside(
                outdated,
                f"{named(list(outdated))} changed meanwhile, so nothing was written.",
                "Look at the captions as they are now, then try again.",
            )
        if not files:
            raise UserError("Nothing would change.", "Choose other pictures, or another edit.")
        return tuple(files)

    def _change_of(self, path: str, before: bytes | None, text: str | None) -> list[FileChange]:
        """The file's own change, after that of the copy that is kept where its encoding was a guess."""
        try:
            after = None if text is None else encode_caption(text)
        except UserError as error:
            raise UserError(f"{shown(path)}: {error.title}", error.fix) from error
        if before == after:
            return []
        kept = path + KEPT_SUFFIX
        is_guess = after is not None and self._read[path].caption.encoding in GUESSED
        if is_guess and self._history.bytes_of(kept) == (None,):
            return [FileChange(kept, None, before), FileChange(path, before, after)]
        return [FileChange(path, before, after)]

    def _joined(self, key: str, pause: float, files: Sequence[FileChange]) -> int:
        """The number of the step that `files` may join, or 0.

        What would leave nothing of that step stays apart, so that undo always has something to show.
        """
        last = self._history.done[-1] if self._history.done else None
        if not key or last is None or (key, last.number) != (self._merge.key, self._merge.number):
            return 0
        originals = self._merge.originals
        leaves_nothing = all(originals.get(one.path, b"") == _digest(one.after) for one in files)
        is_recent = (self._clock() - last.when).total_seconds() <= pause
        return last.number if is_recent and not leaves_nothing else 0

    def _step(self, entry: Entry) -> Step:
        records = tuple(entry.records)
        known, step = self._steps.get(entry.number, ((), None))
        if step is None or known != records:
            captions = records[-1].captions

            def load() -> tuple[Change, ...]:
                return self._changes(self._history.net(records))

            step = Step(entry.title, entry.when, entry.source, entry.number, captions, load)
            self._steps[entry.number] = (records, step)
        return step

    def _changes(self, files: Iterable[FileChange]) -> tuple[Change, ...]:
        changes = (
            Change(place, _text(one.before), None if one.after is None else _text(one.after))
            for one in files
            for place in self._places.get(one.path, ())
        )
        return tuple(sorted(changes, key=lambda change: change.place))

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for place, path in enumerate(self._paths):
            places.setdefault(path, []).append(place)
        return places


def caption_path_of(item: Item, extension: str = "txt") -> str:
    """Relative to the dataset. A picture that has none yet gets one with this extension."""
    folder, slash, name = item.relative.rpartition("/")
    own = item.caption_name or f"{name.rpartition('.')[0]}.{extension}"
    return f"{folder}{slash}{own}"


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def _text(data: bytes | None) -> str:
    return "" if data is None else decode_caption(data).text


def _digest(data: bytes | None) -> bytes | None:
    return None if data is None else hashlib.sha256(data[: MAX_CAPTION_BYTES + 1]).digest()


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino
