"""What is written in the pool of the dataset that is open: captions, steps back and forth, marks, mended files.

Each piece of work says how the captions that it touched stand now, with their tags: nothing is left to be worked out
in the GUI thread."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.dataset_mendings import FilesDone, Mendings
from app.dataset_preparing import Prepared, Preparing
from app.errand import Errand
from trainer.contract.errors import Cancelled, UserError
from trainer.dataset.book import CaptionBook, Change, Step
from trainer.dataset.edits import Operation
from trainer.dataset.history import ChangedOutside, Watch
from trainer.dataset.marks import Marks
from trainer.dataset.mending import ChangedSince, FileMending, mend, undo
from trainer.dataset.query import Row
from trainer.dataset.tags import tags_of

PAUSE = 300.0
"""Seconds after which typing in the same caption is another step."""


@dataclass(frozen=True, slots=True)
class Written:
    """How captions stand now: the place, text and tags of each."""

    captions: tuple[tuple[int, str, tuple[str, ...]], ...] = ()
    trouble: str = ""
    """Why nothing was written, in a sentence."""
    refused: tuple[Change, ...] = ()
    """What was typed and was to be written then."""
    stuck: str = ""
    """Why a step was not taken back, or not done again, because other programs changed files."""


@dataclass(frozen=True, slots=True)
class FilesMended:
    """Files of the folder were moved or written: it is to be read anew."""

    trouble: str = ""
    """Why it was not done."""


Outcome = Written | Prepared | FilesMended


def apply(book: CaptionBook, title: str, changes: Sequence[Change], merge: str, errand: Errand) -> Written:
    places = [change.place for change in changes]
    try:
        book.apply(title, changes, merge=merge, pause=PAUSE, watch=_watch(errand))
    except Cancelled:
        return _as_they_are(book, places)
    except (UserError, OSError) as error:
        return Written(_as_they_are(book, places).captions, str(error), tuple(changes) if merge else ())
    return _as_they_are(book, places)


def edit(book: CaptionBook, title: str, operation: Operation, places: Sequence[int], errand: Errand) -> Written:
    """Worked out from what is on the disk at this moment, whatever was asked for before it or done by others."""
    others = book.reread(places)
    try:
        changes = book.preview(checked(operation, errand), places)
        if changes:
            book.apply(title, changes, watch=_watch(errand))
    except Cancelled:
        return _as_they_are(book, others)
    except (UserError, OSError) as error:
        return Written(_as_they_are(book, places).captions, str(error))
    return _as_they_are(book, (*others, *(change.place for change in changes)))


def checked(operation: Operation, errand: Errand) -> Operation:
    """The same operation, which the errand can be cancelled in the midst of."""

    def edit(text: str) -> str:
        errand.check()
        return operation(text)

    return edit


def undo_last(
    book: CaptionBook, mendings: Mendings, preparing: Preparing, errand: Errand, *, leave_changed: bool = False
) -> Outcome:
    """Of steps and of what was done to files, whichever is the last when its turn has come."""
    if mendings.is_last(book.done):
        return bring_back(mendings, errand)
    return turn(book, book.undo, preparing, errand, leave_changed=leave_changed)


def redo_next(
    book: CaptionBook, mendings: Mendings, preparing: Preparing, errand: Errand, *, leave_changed: bool = False
) -> Outcome:
    match mendings.following(book.done, book.undone):
        case "files":
            return mend_again(mendings, book.dataset.folder)
        case "step":
            return turn(book, book.redo, preparing, errand, leave_changed=leave_changed)
        case "":
            return Written()


def turn(
    book: CaptionBook,
    take: Callable[..., Step | None],
    preparing: Preparing,
    errand: Errand,
    *,
    leave_changed: bool = False,
) -> Written | Prepared:
    """Undo or redo what is next: a change of captions, of masks or of recipes."""
    try:
        step = take(leave_changed=leave_changed, watch=_watch(errand))
    except ChangedOutside as error:
        return Written(_as_they_are(book, book.places_of(error.paths)).captions, stuck=error.title)
    if step is not None and not step.captions:
        return preparing.look_at_masks(step.masked) if step.masked else Prepared(preparing.reread())
    return _as_they_are(book, [change.place for change in step.changes] if step is not None else ())


def look_again(book: CaptionBook, rows: Sequence[Row], places: Sequence[int], _errand: Errand) -> Written:
    book.look_again()
    book.reread(places)
    return _as_they_are(book, [place for place in places if rows[place].caption != book.caption(place).text])


def reread(preparing: Preparing, _errand: Errand) -> Prepared:
    return Prepared(preparing.reread())


def save(marks: Marks, _errand: Errand) -> Written:
    marks.save()
    return Written()


def mend_files(mending: FileMending, book: CaptionBook, mendings: Mendings, _errand: Errand) -> FilesMended:
    mendings.begin_anew(FilesDone(mending, mend(mending, book.dataset.folder)), book.undone)
    return FilesMended()


def bring_back(mendings: Mendings, _errand: Errand) -> FilesMended:
    """What was done last. Where others changed the files it is not tried again: its sentence says where they are. Where
    the disk refuses it can be."""
    if not mendings.done:
        return FilesMended()
    done = mendings.done[-1]
    try:
        undo(done.mended)
    except ChangedSince as error:
        mendings.done.pop()
        return FilesMended(str(error))
    except (UserError, OSError) as error:
        return FilesMended(str(error))
    mendings.done.pop()
    mendings.undone.append(done.taken_back())
    return FilesMended()


def mend_again(mendings: Mendings, folder: Path) -> FilesMended:
    """What was undone last. Where the disk refuses it can be tried again."""
    undone = mendings.undone[-1]
    try:
        done = undone.again(mend(undone.mending, folder))
    except (UserError, OSError) as error:
        return FilesMended(str(error))
    mendings.undone.pop()
    mendings.done.append(done)
    return FilesMended()


def _as_they_are(book: CaptionBook, places: Iterable[int]) -> Written:
    """These captions, and those of other pictures that share their files."""
    texts = [(place, book.caption(place).text) for place in book.places_of({book.path(place) for place in places})]
    return Written(tuple((place, text, tags_of(text)) for place, text in texts))


def _watch(errand: Errand) -> Watch:
    def watch(done: int, total: int) -> None:
        errand.check()
        errand.progress(done, total)

    return watch
