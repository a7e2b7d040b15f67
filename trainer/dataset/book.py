"""The captions of one open folder: read when first asked for, edited by steps that can be undone, written without harm.
Masks and recipes become steps of the same history.

On disk captions stay as they are, letter for letter and byte for byte, until a change names them. What is rewritten
becomes UTF-8 with `\\n`, as `captions.write_caption` has it; undo brings the old bytes back, whatever they were. A
caption file that is a link becomes a file of its own when it is written: what it leads to belongs to others.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from trainer.contract.errors import UserError
from trainer.dataset.caption_files import CaptionFiles, caption_path_of, digest
from trainer.dataset.captions import GUESSED, KEPT_SUFFIX, Caption, decode_caption, encode_caption
from trainer.dataset.edits import Operation
from trainer.dataset.history import ChangedOutside, Direction, Entry, History, Watch, named
from trainer.dataset.items import Dataset
from trainer.dataset.journal import FileChange, Record
from trainer.dataset.masks import MASK, mask_path_of
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
    if it changed masks, or how pictures are prepared.

    `changes` is read from the journal when first asked for, and so is `masked`: where it changed masks. Pictures that
    are not in the dataset any more are left out.
    """

    title: str
    when: datetime
    source: str
    number: int
    captions: int
    load: Callable[[], tuple[tuple[Change, ...], tuple[int, ...]]] = field(repr=False, compare=False)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Raises UserError if the journal is damaged there."""
        return self._loaded[0]

    @property
    def masked(self) -> tuple[int, ...]:
        """The places, in order. Raises UserError if the journal is damaged there."""
        return self._loaded[1]

    @cached_property
    def _loaded(self) -> tuple[tuple[Change, ...], tuple[int, ...]]:
        return self.load()


@dataclass(slots=True)
class _Merge:
    """The step that may be joined: by what key, its number, and its files' bytes from before it and as it left them, as
    digests."""

    key: str = ""
    number: int = 0
    originals: dict[str, bytes | None] = field(default_factory=dict[str, bytes | None])
    written: dict[str, bytes | None] = field(default_factory=dict[str, bytes | None])


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
        self._files = CaptionFiles(dataset.folder)
        self._paths = [caption_path_of(item, extension) for item in dataset.items]
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
        return self._files.known(self._paths[place]).caption

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
        return self._files.is_another(self._paths[place])

    def has_file(self, place: int) -> bool:
        """Whether there is a caption file, be it an empty one."""
        return self._files.known(self._paths[place]).digest is not None

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
            return self._do(title, (file,), source)

    def mask(
        self,
        title: str,
        masks: Mapping[int, bytes | None],
        *,
        source: str = "hand",
        merge: str = "",
    ) -> Step | None:
        """Give the pictures at these places masks, files as `masks.mask_file` makes them or None for none, as one undo
        step. With `merge` they join the last step as in `apply`; where that leaves nothing of it, it is undone.

        None where nothing would change. Raises UserError where the disk refuses; nothing was written then.
        """
        files: list[FileChange] = []
        with self._history.at_work():
            for place, after in masks.items():
                path = mask_path_of(self.dataset.items[place])
                before = self._history.bytes_of(path)
                if before is None:
                    raise UserError(f"The mask {shown(path)} can't be written.", "Look at what stands in its place.")
                if before[0] != after:
                    files.append(FileChange(path, before[0], after))
            if not files:
                return None
            if self._may_join(merge, files) and self._leaves_nothing(files):
                entry, _ = self._history.turn("undo", self._clock(), leave_changed=False)
                self._merge = _Merge()
                return self._step(entry)
            return self._do(title, files, source, merge)

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
            return self._do(title, self._files_to_write(changes), source, merge, pause, watch)

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
        changed = {path for path in {self._paths[place] for place in places} if self._files.changed(path)}
        return tuple(place for place in places if self._paths[place] in changed)

    def _do(
        self,
        title: str,
        files: Sequence[FileChange],
        source: str,
        merge: str = "",
        pause: float = float("inf"),
        watch: Watch | None = None,
    ) -> Step:
        """Write the files, as a step of their own or as part of the last one."""
        joins = self._may_join(merge, files, pause) and not self._leaves_nothing(files)
        joined = self._merge if joins else _Merge()
        originals = {one.path: digest(one.before) for one in files} | joined.originals
        written = joined.written | {one.path: digest(one.after) for one in files}
        try:
            entry = self._history.do(
                title,
                tuple(files),
                source=source,
                when=self._clock(),
                captions=sum(map(_is_caption, originals)),
                joins=joined.number,
                watch=watch,
            )
        finally:
            self._remember(files)
        self._merge = _Merge(merge, entry.number, originals, written)
        return self._step(entry)

    def _turn(self, direction: Direction, leave_changed: bool, watch: Watch | None) -> Step | None:
        if not self._history.is_begun:
            return None
        with self._history.at_work():
            if not (self._history.done if direction == "undo" else self._history.undone):
                return None
            try:
                entry, files = self._history.turn(direction, self._clock(), leave_changed=leave_changed, watch=watch)
            except ChangedOutside as refusal:
                self._files.read_anew(filter(_is_caption, refusal.paths))
                raise
            self._remember(files)
            self._merge = _Merge()
        return self._step(entry)

    def _remember(self, files: Iterable[FileChange]) -> None:
        """What stands in files that were written."""
        self._files.read_anew(one.path for one in files if _is_caption(one.path))

    def _files_to_write(self, changes: Sequence[Change]) -> tuple[FileChange, ...]:
        """What the changes come to, each compared with its file. Raises UserError, and ChangedOutside."""
        wanted: dict[str, str | None] = {}
        outdated: dict[str, None] = {}
        for change in changes:
            path = self._paths[change.place]
            caption = self._files.known(path).caption
            after = None if change.after is None else _plain(change.after)
            if not caption.complete:
                raise UserError(
                    f"The caption {shown(path)} can't be changed: {caption.note}",
                    "Leave that picture out, or put a caption file of text in its place.",
                )
            if caption.text != change.before:
                outdated[path] = None
            if wanted.setdefault(path, after) != after:
                raise UserError(
                    f"Two pictures share the caption {shown(path)}, and it can't become two different ones.",
                    "Give the pictures different names, each with a caption of its own.",
                )
        files: list[FileChange] = []
        for path, after in wanted.items():
            current = self._history.bytes_of(path)
            if current is None or not self._files.known(path).is_read_from(current[0]):
                outdated[path] = None
            else:
                files += self._change_of(path, current[0], after)
        if outdated:
            self._files.read_anew(outdated)
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
        is_guess = after is not None and self._files.known(path).caption.encoding in GUESSED
        if is_guess and self._history.bytes_of(kept) == (None,):
            return [FileChange(kept, None, before), FileChange(path, before, after)]
        return [FileChange(path, before, after)]

    def _may_join(self, key: str, files: Sequence[FileChange], pause: float = float("inf")) -> bool:
        """Whether the last step is of this key, and recent, and nothing was undone or done by others since: what is
        between two parts of a step no undo would bring back."""
        last = self._history.done[-1] if self._history.done else None
        if not key or last is None or (key, last.number) != (self._merge.key, self._merge.number):
            return False
        as_left = all(self._merge.written.get(one.path, b"") in (b"", digest(one.before)) for one in files)
        return as_left and not self._history.undone and (self._clock() - last.when).total_seconds() <= pause

    def _leaves_nothing(self, files: Sequence[FileChange]) -> bool:
        """Of the last step, if they joined it: captions stay apart then, so that undo always has something to show."""
        return self._merge.originals == {one.path: digest(one.after) for one in files}

    def _step(self, entry: Entry) -> Step:
        records = tuple(entry.records)
        known, step = self._steps.get(entry.number, ((), None))
        if step is None or known != records:
            captions = records[-1].captions

            def load() -> tuple[tuple[Change, ...], tuple[int, ...]]:
                files = self._history.net(records)
                return self._changes(files), self._masked({one.path for one in files})

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

    def _masked(self, paths: set[str]) -> tuple[int, ...]:
        if not any(path.endswith(MASK) for path in paths):
            return ()
        return tuple(place for place, item in enumerate(self.dataset.items) if mask_path_of(item) in paths)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for place, path in enumerate(self._paths):
            places.setdefault(path, []).append(place)
        return places


def _is_caption(path: str) -> bool:
    return path != RECIPES_PATH and not path.endswith((KEPT_SUFFIX, MASK))


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def _text(data: bytes | None) -> str:
    return "" if data is None else decode_caption(data).text
