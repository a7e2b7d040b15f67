"""The dataset that is open: its pictures, captions and marks, read and written in the pool, one thing at a time."""

import itertools
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QThreadPool, Signal, Slot

from app.dataset_preparing import Prepared, Preparing
from app.errand import Errand
from trainer.contract.errors import UserError
from trainer.dataset.book import CaptionBook, Change, Step
from trainer.dataset.edits import Operation
from trainer.dataset.health import HealthReport, examine
from trainer.dataset.health_problem import Language
from trainer.dataset.history import ChangedOutside, Watch
from trainer.dataset.items import Captions, Dataset, scan
from trainer.dataset.marks import Flag, Marks
from trainer.dataset.masks import mask_path
from trainer.dataset.mending import Edit, FileMending, Mended, Mending, mend, undo
from trainer.dataset.pictures import measure
from trainer.dataset.query import Row
from trainer.dataset.recipes import AS_IT_IS, Recipe, Recipes
from trainer.dataset.tags import tags_of
from trainer.files import folder_written_atomically
from trainer.home import RESOURCES, Home
from trainer.library.tokens import count_tokens, is_word

TRAINING_SIDE = 512
"""Pixels at which the health check, and what training will see, take the pictures to be trained."""
PAUSE = 300.0
"""Seconds after which typing in the same caption is another step."""
Work = Callable[..., Any]
"""Called with its errand: the places that it changed, or why it did not."""
AT_ONCE = 500
"""Captions or sizes read between two looks at whether they are still wanted, and edited while the window waits."""


@dataclass(frozen=True)
class Opened:
    """What the disk says of a folder, before any caption is read."""

    book: CaptionBook
    marks: Marks
    recipes: Recipes
    rows: list[Row]
    paths: list[str]
    places: dict[str, int]
    masked: set[int] = field(default_factory=set[int])
    """Places with a mask."""


class DatasetFolder(QObject):
    """One at a time. `opened`: another folder is there, its captions still unread; `read`: they have been read, or more
    of them were; `changed` carries the places whose caption, stars or flag are others now; `trouble` a sentence, and
    `stuck` one that says why a step was not taken back, or not done again, because other programs changed files.
    `prepared` carries the places whose recipe is another now, `masked` those with another mask.
    `refused`: the place and text of one caption that could not be written, and why. `progressed`: how many files of
    what is being written are, and of how many; `rested`: nothing is being written any more. `examined`: the health
    check is through, and `report` has what it found."""

    opened = Signal()
    read = Signal()
    changed = Signal(object)
    prepared = Signal(object)
    masked = Signal(object)
    trouble = Signal(str)
    stuck = Signal(str)
    refused = Signal(int, str, str)
    progressed = Signal(object, object)
    rested = Signal()
    examined = Signal()

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._home = home
        self.report: HealthReport | None = None
        self.mended: Mended | None = None
        """What was done to files last, which can be undone."""
        self.folder: Path | None = None
        self.rows: list[Row] = []
        self.paths: list[str] = []
        self.is_read = False
        self._book: CaptionBook | None = None
        self._marks: Marks | None = None
        self._preparing: Preparing | None = None
        self._places: dict[str, int] = {}
        self._reading: dict[object, Errand] = {}
        self._waiting: deque[tuple[CaptionBook, Work]] = deque()
        self._turn: Work | None = None
        self._writing: Errand | None = None
        self._numbers = itertools.count(1)

    # ---- What is there

    @property
    def book(self) -> CaptionBook:
        assert self._book is not None, "no folder is open"
        return self._book

    @property
    def preparing(self) -> Preparing:
        assert self._preparing is not None, "no folder is open"
        return self._preparing

    def recipe_of(self, path: Path) -> Recipe:
        """Of a picture, in any thread; of one that is in no open folder, to leave it as it is."""
        return AS_IT_IS if self._preparing is None else self._preparing.recipe_of(path)

    def place_of(self, path: str) -> int:
        """Its place in the dataset, or -1."""
        return self._places.get(path, -1)

    def places_of(self, paths: Sequence[str]) -> list[int]:
        """Their places; those of a folder that was open before are left out, as a list may show them for a moment."""
        return [self._places[path] for path in paths if path in self._places]

    def steps(self) -> tuple[Step, ...]:
        """What can be undone, the oldest first."""
        return self._book.done if self._book is not None else ()

    @property
    def can_redo(self) -> bool:
        return self._book is not None and bool(self._book.undone)

    # ---- Opening

    def own(self, folder: Path) -> Path:
        """The folder itself. For what ships with Gesso, which is not to be written into, a copy among the user's
        datasets stands."""
        return self._home.datasets / folder.name if folder.is_relative_to(RESOURCES) else folder

    def open(self, asked: Path) -> None:
        """Read it in the pool. What was being read of another is left."""
        folder = self.own(asked)
        for errand in self._reading.values():
            errand.cancel()
        if folder != self.folder:
            self.mended = None
        self.folder, self.report = folder, None
        self._start(partial(_opened, folder, asked), self._take_opened)

    @Slot(object, object)
    def _take_opened(self, number: object, found: Opened) -> None:
        if self._reading.pop(number, None) is None or found.book.dataset.folder != self.folder:
            return
        self._book, self._marks, self.rows, self.is_read = found.book, found.marks, found.rows, False
        self._turn = None
        self.paths, self._places = found.paths, found.places
        self._preparing = Preparing(found, self._put, self.prepared.emit)
        self.opened.emit()
        for note in filter(None, (*found.book.notes, found.marks.note, found.recipes.note)):
            self.trouble.emit(note)
        self._start(partial(_read_captions, found), self._take_read)

    @Slot(object, object)
    def _take_read(self, number: object, found: Opened) -> None:
        if self._reading.pop(number, None) is None or found.book is not self._book:
            return
        is_first = not self.is_read
        self.is_read = True
        self.read.emit()
        if is_first:
            self._start(partial(_measure, found), self._take_read)
        else:
            self._start(partial(_examined, found, self._home.cache), self._take_report)

    @Slot(object, object)
    def _take_report(self, number: object, report: HealthReport) -> None:
        if self._reading.pop(number, None) is None or report.dataset is not self.book.dataset:
            return
        self.report = report
        found = report.by_place()
        for place, row in enumerate(self.rows):
            row.problems = found.get(place, frozenset())
        self.examined.emit()

    # ---- Mending what the health check found

    def mend(self, mending: Mending) -> None:
        """Edits of captions become a step; what is done to files is followed by looking at the folder anew."""
        if isinstance(mending, Edit):
            self.edit(mending.title, mending.operation, mending.places)
        elif self.folder is not None:
            self._start(partial(_mend, mending, self.folder), self._take_mended)

    def bring_back(self) -> None:
        """Undo what was done to files last."""
        if self.mended is not None:
            self._start(partial(_bring_back, self.mended), self._take_mended)

    @Slot(object, object)
    def _take_mended(self, number: object, mended: Mended | None) -> None:
        self._reading.pop(number, None)
        self.mended = mended
        if self.folder is not None:
            self.open(self.folder)

    @Slot(object, str)
    def _not_read(self, number: object, why: str) -> None:
        if self._reading.pop(number, None) is not None:
            self.trouble.emit(why)

    @Slot(object)
    def _stopped(self, number: object) -> None:
        self._reading.pop(number, None)

    def _start(self, work: Callable[[Errand], Any], then: Callable[[object, Any], None]) -> None:
        number = next(self._numbers)
        errand = Errand(number, work)
        errand.told.done.connect(then)
        errand.told.failed.connect(self._not_read)
        errand.told.stopped.connect(self._stopped)
        self._reading[number] = errand
        errand.start()

    def finish(self) -> None:
        """What was asked for is written when this comes back: the window closes."""
        for errand in self._reading.values():
            errand.cancel()
        works = [*self._waiting]
        self._waiting.clear()
        QThreadPool.globalInstance().waitForDone()
        for _, work in works:
            try:
                work(Errand(work, work))
            except (UserError, OSError) as error:
                self.trouble.emit(str(error))

    # ---- Changing. One piece of work after the other, so that each sees what the one before it wrote.

    def write(self, title: str, changes: Sequence[Change], *, merge: str = "") -> None:
        """As one step that can be undone; with the same `merge` as the step before it, as a part of that one."""
        for change in changes:  # shown at once, so that what is typed next goes on from it
            _fill(self.rows[change.place], change.after or "")
        if changes:
            self._put(partial(_applied, self.book, title, changes, merge))

    def edit(self, title: str, operation: Operation, places: Sequence[int]) -> None:
        """Write what the operation changes as one step, if anything; of many captions it is worked out in the pool."""
        if len(places) <= AT_ONCE:
            self.write(title, self.preview(operation, places))
        else:
            self._put(partial(_edited, self.book, title, operation, tuple(places)))

    def stop_writing(self) -> None:
        """Give up what is being written now: all of its files become what they were before it. What was asked for
        after it is still done."""
        if self._writing is not None:
            self._writing.cancel()

    def undo(self) -> None:
        if self._book is not None:
            self._put(partial(_turned, self._book.undo, self.preparing))

    def redo(self) -> None:
        if self._book is not None:
            self._put(partial(_turned, self._book.redo, self.preparing))

    def turn_the_rest(self) -> None:
        """Undo, or redo, what was stuck last, and leave what others changed as it is."""
        if self._turn is not None:
            turn, self._turn = self._turn, None
            self._put(partial(turn, leave_changed=True))

    def preview(self, operation: Operation, places: Sequence[int]) -> tuple[Change, ...]:
        """What the operation would change; the disk is not touched."""
        return self.book.preview(operation, places)

    def look_again(self, places: Sequence[int]) -> None:
        """Take in what other programs, and the engine, wrote meanwhile."""
        if self._book is not None:
            self._put(partial(_looked_again, self.book, places))
            self._put(partial(_reread, self.preparing))

    def rate(self, places: Sequence[int], stars: int) -> None:
        for place in places:
            self.rows[place].stars = stars
        self._mark(places)

    def flag(self, places: Sequence[int], flag: Flag) -> None:
        for place in places:
            self.rows[place].flag = flag
        self._mark(places)

    def _mark(self, places: Sequence[int]) -> None:
        marks, rows = self._marks, self.rows
        if marks is None or not places:
            return
        for place in places:
            marks.set_stars(rows[place].relative, rows[place].stars)
            marks.set_flag(rows[place].relative, rows[place].flag)
        self.changed.emit(tuple(places))
        self._put(lambda _errand: _saved(marks))

    def _put(self, work: Work) -> None:
        """Whatever is open when it is done, it is about what is open now."""
        self._waiting.append((self.book, work))
        self._write_next()

    def _write_next(self) -> None:
        if self._writing is None and self._waiting:
            book, work = self._waiting.popleft()
            errand = Errand((book, work), work)
            errand.told.done.connect(self._written)
            errand.told.failed.connect(self._not_written)
            errand.told.stopped.connect(self._writing_stopped)
            errand.told.progressed.connect(self.progressed)
            self._writing = errand
            errand.start()
        elif self._writing is None:
            self.rested.emit()

    @Slot(object, object)
    def _written(self, about: tuple[CaptionBook, Work], places: tuple[int, ...] | Prepared | ChangedOutside) -> None:
        self._writing = None
        book, work = about
        if book is not self._book:
            places = ()
        if isinstance(places, Prepared):
            (self.masked if places.are_masks else self.prepared).emit(places.places)
            if places.trouble:
                self.trouble.emit(places.trouble)
            places = ()
        if isinstance(places, ChangedOutside):
            self._turn = work
            self.stuck.emit(places.title)
            places = ()
        for place in places:
            _fill(self.rows[place], self.book.caption(place).text)
        if places:
            self.changed.emit(places)
        self._write_next()

    @Slot(object, str)
    def _not_written(self, about: tuple[CaptionBook, Work], why: str) -> None:
        self._writing = None
        self.trouble.emit(why)
        if about[0] is self._book:
            self._show_what_is()
            match about[1]:
                case partial(args=(_, _, (Change(place=place, after=str(text)),), _)):
                    self.refused.emit(place, text, why)
                case _:
                    pass
        self._write_next()

    @Slot(object)
    def _writing_stopped(self, about: tuple[CaptionBook, Work]) -> None:
        self._writing = None
        if about[0] is self._book:
            self._show_what_is()
        self._write_next()

    def _show_what_is(self) -> None:
        """The captions as they are, where the rows ran ahead of what was to be written."""
        for place, row in enumerate(self.rows):
            _fill(row, self.book.caption(place).text)
        self.changed.emit(tuple(range(len(self.rows))))


def _opened(folder: Path, asked: Path, errand: Errand) -> Opened:
    if folder != asked and not folder.exists():
        with folder_written_atomically(folder) as partial_copy:
            shutil.copytree(asked, partial_copy, dirs_exist_ok=True)
    dataset = scan(folder)
    errand.check()
    marks, recipes = Marks(folder), Recipes(folder)
    rows: list[Row] = []
    for item in dataset.items:
        rows.append(Row(item.relative, stars=marks.stars(item.relative), flag=marks.flag(item.relative)))
    paths = [item.head + item.name for item in dataset.items]
    return Opened(CaptionBook(dataset), marks, recipes, rows, paths, {path: place for place, path in enumerate(paths)})


def _read_captions(found: Opened, errand: Errand) -> Opened:
    for place, row in enumerate(found.rows):
        if place % AT_ONCE == 0:
            errand.check()
        _fill(row, found.book.caption(place).text)
    return found


def _measure(found: Opened, errand: Errand) -> Opened:
    """The sizes, from the heads of the files, and who has a mask. A picture that can't be read keeps 0."""
    for place, row in enumerate(found.rows):
        if place % AT_ONCE == 0:
            errand.check()
        if mask_path(found.book.dataset.items[place].path).is_file():
            found.masked.add(place)
        with suppress(UserError):  # the health check says what is the matter with it
            row.width, row.height = measure(found.book.dataset.items[place].path)
    return found


def _examined(found: Opened, cache: Path, errand: Errand) -> HealthReport:
    return examined(found.book.dataset, found.book, cache, errand)


def examined(
    dataset: Dataset, captions: Captions, cache: Path, errand: Errand, side: int = TRAINING_SIDE
) -> HealthReport:
    """The health of a dataset for a training at side x side pixels; what was seen before comes from the cache."""

    def watch(_done: int, _total: int) -> None:
        errand.check()

    language = Language(count_tokens, is_word, "tokens")
    return examine(dataset, captions, resolution=side, language=language, watch=watch, cache=cache)


def _mend(mending: FileMending, folder: Path, _errand: Errand) -> Mended:
    return mend(mending, folder)


def _bring_back(mended: Mended, _errand: Errand) -> None:
    undo(mended)


def _fill(row: Row, text: str) -> None:
    row.caption, row.tags = text, tags_of(text)


def _places(step: Step | None) -> tuple[int, ...]:
    return tuple(change.place for change in step.changes) if step is not None else ()


def _applied(book: CaptionBook, title: str, changes: Sequence[Change], merge: str, errand: Errand) -> tuple[int, ...]:
    return _places(book.apply(title, changes, merge=merge, pause=PAUSE, watch=_watch(errand)))


def _edited(
    book: CaptionBook, title: str, operation: Operation, places: Sequence[int], errand: Errand
) -> tuple[int, ...]:
    changes = book.preview(checked(operation, errand), places)
    return _places(book.apply(title, changes, watch=_watch(errand))) if changes else ()


def checked(operation: Operation, errand: Errand) -> Operation:
    """The same operation, which the errand can be cancelled in the midst of."""

    def edit(text: str) -> str:
        errand.check()
        return operation(text)

    return edit


def _watch(errand: Errand) -> Watch:
    def watch(done: int, total: int) -> None:
        errand.check()
        errand.progress(done, total)

    return watch


def _turned(
    turn: Callable[..., Step | None], preparing: Preparing, errand: Errand, *, leave_changed: bool = False
) -> tuple[int, ...] | Prepared | ChangedOutside:
    """Undo or redo what is next: a change of recipes, or of captions."""
    try:
        step = turn(leave_changed=leave_changed, watch=_watch(errand))
    except ChangedOutside as error:
        return error
    return _places(step) if step is None or step.captions else Prepared(preparing.reread())


def _looked_again(book: CaptionBook, places: Sequence[int], _errand: Errand) -> tuple[int, ...]:
    book.look_again()
    return book.reread(places)


def _reread(preparing: Preparing, _errand: Errand) -> Prepared:
    return Prepared(preparing.reread())


def _saved(marks: Marks) -> tuple[int, ...]:
    marks.save()
    return ()
