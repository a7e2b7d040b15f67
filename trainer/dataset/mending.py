"""What can be done about what the health check finds: as data, and for files also done and undone.

Nothing is deleted: what is taken out of a dataset is moved to `.gesso/removed` within it. Edits of captions are
for a CaptionBook, which previews and undoes them.
"""

import os
import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from trainer.contract.errors import UserError
from trainer.dataset.captions import encode_caption, read_caption
from trainer.dataset.items import CAPTION_EXTENSIONS, COMPANIONS, EXTENSIONS
from trainer.dataset.marks import Mark, Marks
from trainer.dataset.names import shown
from trainer.dataset.recipes import AS_IT_IS, Recipe, Recipes
from trainer.files import said_as_user_error, sync, write_bytes_atomically

REMOVED = Path(".gesso") / "removed"
"""Within a dataset: a folder for each mending, in which each file has the relative path that it had."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Call `operation` with the captions of the pictures at `places` of the dataset."""

    title: str
    places: tuple[int, ...]
    operation: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class MoveAway:
    """Take these files out of the dataset; with a picture go its caption and masks, unless another one uses them."""

    title: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Rename:
    """Give each file the name beside it, in its folder. With a picture go its caption (a shared one is copied), its
    masks, its recipe, its stars and its flag."""

    title: str
    names: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True)
class Recode:
    """Write these captions as UTF-8 without a byte order mark, their text as it was read."""

    title: str
    paths: tuple[Path, ...]


FileMending = MoveAway | Rename | Recode
Mending = Edit | FileMending


@dataclass(frozen=True, slots=True)
class Written:
    """A file that a mending wrote; `kept` is where its former bytes lie, None where there was none."""

    path: Path
    data: bytes
    kept: Path | None


@dataclass(frozen=True, slots=True)
class Carried:
    """Recipe and mark of a picture, from one relative path to another; `recipe` and `mark` are what stands where they
    came from afterwards."""

    old: str
    new: str
    recipe: Recipe = AS_IT_IS
    mark: Mark = Marks.NOTHING


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done in the dataset at `folder`, and when: files moved (from, to), in that order, then files written.
    `back` is what is to be carried back then."""

    title: str
    folder: Path
    moved: tuple[tuple[Path, Path], ...] = ()
    written: tuple[Written, ...] = ()
    back: tuple[Carried, ...] = ()
    when: datetime = field(default_factory=partial(datetime.now, UTC), compare=False)


def together(mendings: Iterable[Mending]) -> tuple[Mending, ...]:
    """The same mendings with like ones joined, so that one click mends all findings of a kind."""
    joined: dict[object, Mending] = {}
    for mending in mendings:
        like = (type(mending), mending.title, mending.operation if isinstance(mending, Edit) else None)
        match mending, joined.get(like):
            case Edit(), Edit(places=places):
                both = tuple(dict.fromkeys((*places, *mending.places)))
                joined[like] = Edit(mending.title, both, mending.operation)
            case MoveAway(), MoveAway(paths=paths):
                joined[like] = MoveAway(mending.title, tuple(dict.fromkeys((*paths, *mending.paths))))
            case Recode(), Recode(paths=paths):
                joined[like] = Recode(mending.title, tuple(dict.fromkeys((*paths, *mending.paths))))
            case Rename(), Rename(names=names):
                joined[like] = Rename(mending.title, tuple(dict.fromkeys((*names, *mending.names))))
            case _:
                joined[like] = mending
    return tuple(joined.values())


def mend(mending: FileMending, folder: Path) -> Mended:
    """Do it, in the dataset at `folder`. Raises UserError where the disk refuses; then nothing has changed."""
    done = Mended(mending.title, folder)
    try:
        match mending:
            case MoveAway(paths=paths):
                done = _move_away(done, paths, folder)
            case Rename(names=names):
                for path, name in names:
                    done = _rename(done, path, name)
                done = _carried(done, names)
            case Recode(paths=paths):
                kept = _new_folder(folder)
                for path in paths:
                    done = _recode(done, path, kept / path.relative_to(folder))
    except _HalfDone as half:
        undo(half.done)
        raise half.error from half.error.__cause__
    return done


def undo(mended: Mended) -> None:
    """Bring everything back to where it was. Raises ChangedSince, before anything is changed, where a file has changed
    since or another has taken its place; and UserError or OSError where the disk refuses."""
    for written in mended.written:
        if not written.path.is_file() or written.path.read_bytes() != written.data:
            raise ChangedSince(
                f"{mended.title} can't be undone: {shown(written.path)} was changed since.",
                f"The former text is kept in {shown(written.kept)}."
                if written.kept
                else "Leave it, or mend it by hand.",
            )
    leaving = {to for _, to in mended.moved} | {written.path for written in mended.written if written.kept is None}
    for path, to in mended.moved:
        if not to.exists() or (path.exists() and path not in leaving):
            what = f"{shown(to)} is gone" if not to.exists() else f"{shown(path)} is there again"
            raise ChangedSince(
                f"{mended.title} can't be undone: {what}.", f"Move the files back by hand, from {shown(to.parent)}."
            )
    _carry(mended.back, mended.folder)
    for written in reversed(mended.written):
        with said_as_user_error(written.path):
            if written.kept is None:
                written.path.unlink()
            else:
                os.replace(written.kept, written.path)
    for path, to in reversed(mended.moved):
        with said_as_user_error(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.rename(to, path)
            sync(path.parent)
    for emptied in {to.parent for _, to in mended.moved} | {w.kept.parent for w in mended.written if w.kept}:
        with suppress(OSError):
            os.removedirs(emptied)


class ChangedSince(UserError):
    """What was done can't be undone any more."""


class _HalfDone(Exception):
    """The disk refused in the middle of a mending."""

    def __init__(self, done: Mended, error: UserError) -> None:
        super().__init__(str(error))
        self.done = done
        self.error = error


def _move_away(done: Mended, paths: Sequence[Path], folder: Path) -> Mended:
    kept = _new_folder(folder)
    leaving = [path for picture in paths for path in (picture, *_companions(picture, paths))]
    for path in dict.fromkeys(leaving):
        done = _moved(done, path, kept / path.relative_to(folder))
    return done


def _companions(picture: Path, leaving: Sequence[Path]) -> list[Path]:
    """Its caption files and masks, unless a picture of the same stem stays."""
    if picture.suffix[1:].lower() in CAPTION_EXTENSIONS:
        return []
    beside = [path for path in picture.parent.iterdir() if path.stem == picture.stem and path not in leaving]
    if any(path.suffix[1:].lower() in EXTENSIONS for path in beside):
        return []
    captions = [path for path in beside if path.suffix[1:].lower() in CAPTION_EXTENSIONS]
    masks = [picture.with_name(picture.stem + ending) for ending in COMPANIONS]
    return captions + [mask for mask in masks if mask.exists()]


def _rename(done: Mended, path: Path, name: str) -> Mended:
    stem = name.rpartition(".")[0]
    changes = [(path, path.with_name(name))]
    copies: list[tuple[Path, Path]] = []
    if stem != path.stem:
        own = _companions(path, (path,))
        changes += [(one, one.with_name(stem + one.name.removeprefix(path.stem))) for one in own]
        shared = [] if own else [path.with_suffix(f".{extension}") for extension in CAPTION_EXTENSIONS]
        copies = [(one, one.with_name(stem + one.suffix)) for one in shared if one.is_file()]
    for old, new in changes:
        done = _moved(done, old, new)
    for old, new in copies:
        done = _written(done, new, old.read_bytes(), None)
    return done


def _carried(done: Mended, names: Sequence[tuple[Path, str]]) -> Mended:
    """Recipes and marks go along; what pictures that are gone have under the new names comes back by an undo."""
    changes = [(path.relative_to(done.folder), name) for path, name in names]
    there = [Carried(old.as_posix(), old.with_name(name).as_posix()) for old, name in changes]
    with _half_done(done, "Recipes and stars were not written"):
        return replace(done, back=_carry(there, done.folder))


def _carry(changes: Sequence[Carried], folder: Path) -> tuple[Carried, ...]:
    """In order; gives what carries it back. Where the disk refuses, no picture has lost its own: first all is written
    where it goes to."""
    if not changes:
        return ()
    recipes, marks = Recipes(folder), Marks(folder)
    back = tuple(Carried(one.new, one.old, recipes.of(one.new), marks.of(one.new)) for one in reversed(changes))
    leaving: dict[str, Carried] = {}
    for one in changes:
        recipes.set(one.new, recipes.of(one.old))
        marks.set(one.new, marks.of(one.old))
        leaving.pop(one.new, None)
        leaving[one.old] = one
    recipes.save()
    try:
        marks.save()
    except (UserError, OSError):
        for one in back:
            recipes.set(one.old, one.recipe)
        with suppress(UserError, OSError):
            recipes.save()
        raise
    for old, one in leaving.items():
        recipes.set(old, one.recipe)
        marks.set(old, one.mark)
    with suppress(UserError, OSError):  # it stays under both names then, which harms nothing
        recipes.save()
        marks.save()
    return back


def _recode(done: Mended, path: Path, kept: Path) -> Mended:
    with _half_done(done, f"{shown(path)} was not written"):
        caption = read_caption(path)
        if not caption.complete:
            return done
        write_bytes_atomically(kept, path.read_bytes())
    return _written(done, path, encode_caption(caption.text), kept)


def _moved(done: Mended, path: Path, to: Path) -> Mended:
    """Move one file, never over another: where two names differ in case alone they may be the same file."""
    with _half_done(done, f"{shown(path)} was not moved"), said_as_user_error(to):
        if to.exists() and not to.samefile(path):
            raise UserError(
                f"{shown(path)} was not renamed: there is a {shown(to.name)} already.", "Choose another name."
            )
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, to)
        sync(to.parent)
    return replace(done, moved=(*done.moved, (path, to)))


def _written(done: Mended, path: Path, data: bytes, kept: Path | None) -> Mended:
    with _half_done(done, f"{shown(path)} was not written"):
        if kept is None and path.exists():
            raise UserError(f"{shown(path)} was not written: it is there already.", "Choose another name.")
        write_bytes_atomically(path, data)
    return replace(done, written=(*done.written, Written(path, data, kept)))


@contextmanager
def _half_done(done: Mended, what: str) -> Generator[None]:
    """What the disk refuses within the block comes after all of `done`."""
    try:
        yield
    except UserError as error:
        raise _HalfDone(done, error) from error
    except OSError as error:
        reason = f"{what}: {error.strerror or error}."
        raise _HalfDone(done, UserError(reason, "Look at the folder again, then try again.")) from error


def _new_folder(folder: Path) -> Path:
    """A folder of its own for what one mending takes away: `.gesso/removed/0001`, `0002` and so on."""
    removed = folder / REMOVED
    taken = [int(path.name) for path in removed.iterdir() if path.name.isdecimal()] if removed.is_dir() else []
    new = removed / f"{max(taken, default=0) + 1:04d}"
    with said_as_user_error(new):
        new.mkdir(parents=True)
    return new
