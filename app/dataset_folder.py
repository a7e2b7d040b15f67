"""The dataset that is open: its pictures, captions and marks, read and written in the pool, one thing at a time."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThreadPool, QTimer, Signal, Slot

from app import dataset_writing
from app.dataset_mendings import Mendings
from app.dataset_outside import Outside, look_outside, pictures_again
from app.dataset_preparing import Prepared, Preparing
from app.dataset_queue import Asked, Work, WritingQueue
from app.dataset_reading import Opened, examined, measure_pictures, open_folder, read_captions
from app.dataset_writing import FilesMended, Outcome, Written
from app.errand import Errand, Errands
from trainer.contract.errors import UserError
from trainer.dataset.book import CaptionBook, Change, Step
from trainer.dataset.edits import Operation
from trainer.dataset.health import HealthReport
from trainer.dataset.marks import Flag, Marks
from trainer.dataset.mending import Edit, Mending
from trainer.dataset.query import Row
from trainer.dataset.recipes import AS_IT_IS, Recipe
from trainer.home import RESOURCES, Home

EXAMINED_AFTER = 1000
"""Milliseconds without a further change until the health of the pictures is looked at anew."""


class DatasetFolder(QObject):
    """One at a time. `opening`: a folder is about to be read, the same one or another, so what is typed in this one has
    to be handed in; `opened`: it is there, its captions still unread; `read`: they have been read, or more of them
    were; `changed` carries the places whose caption, stars or flag are others now, `ahead` those whose rows show
    already what is still to be written; `trouble` a sentence, and `stuck` one that says why a step was not taken back,
    or not done again, because other programs changed files. `prepared` carries the places whose recipe is another now,
    `masked` those with another mask, and the Painted that it is, or None. `refused`: a caption that was typed and could
    not be written: the path of its picture, the Change, and why. `progressed`: how many files of what is being written
    are, and of how many; `rested`: nothing is being written any more. `examined`: the health check is through, and
    `report` has what it found; `looked` carries what other programs did to the folder meanwhile."""

    opening = Signal()
    opened = Signal()
    read = Signal()
    changed = Signal(object)
    ahead = Signal(object)
    prepared = Signal(object)
    masked = Signal(object, object)
    trouble = Signal(str)
    stuck = Signal(str)
    refused = Signal(str, object, str)
    progressed = Signal(object, object)
    rested = Signal()
    examined = Signal()
    looked = Signal(object)

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._home = home
        self.report: HealthReport | None = None
        self.mendings = Mendings()
        self.folder: Path | None = None
        self.rows: list[Row] = []
        self.paths: list[str] = []
        self.is_read = False
        self._found: Opened | None = None
        self._book: CaptionBook | None = None
        self._marks: Marks | None = None
        self._preparing: Preparing | None = None
        self._places: dict[str, int] = {}
        self._reading = Errands(self)
        self._reading.failed.connect(self.trouble)
        self._reading.ended.connect(self._read_through)
        self._opening: Callable[[Errand], Opened] | None = None
        """What is to be opened as soon as nothing is to be written into it any more."""
        self._held_by = 0
        """The errand that opens the folder or reads its captions; nothing is written meanwhile."""
        self._read_by = 0
        """The errand that reads captions or sizes of what is open now."""
        self._writing = WritingQueue(self._holds, self)
        self._writing.done.connect(self._written)
        self._writing.failed.connect(self._not_written)
        self._writing.progressed.connect(self.progressed)
        self._writing.rested.connect(self.rested)
        self._turn: Work | None = None
        self._numbers = itertools.count(1)
        self._examination = self._looking = 0
        self._examine_soon = QTimer(self, singleShot=True, interval=EXAMINED_AFTER)
        self._examine_soon.timeout.connect(self._examine)

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

    def undone(self) -> tuple[Step, ...]:
        """What can be done again, the next one last."""
        return self._book.undone if self._book is not None else ()

    @property
    def is_writing(self) -> bool:
        return self._writing.is_busy

    # ---- Opening

    def own(self, folder: Path) -> Path:
        """The folder itself. For what ships with Gesso, which is not to be written into, a copy among the user's
        datasets stands."""
        return self._home.datasets / folder.name if folder.is_relative_to(RESOURCES) else folder

    def open(self, asked: Path) -> None:
        """Read it in the pool, once all is written that is to be. What was being read is left, and nothing can be typed
        until it was read anew."""
        self.opening.emit()
        folder = self.own(asked)
        self._stop_reading()
        self.is_read = False
        self.folder, self.report = folder, None
        self._opening = partial(open_folder, folder, asked)
        self._writing.begin_next()

    def _holds(self) -> bool:
        """Nothing is written while the folder is opened and its captions are read: they are read as they are then.
        It is opened as soon as nothing is to be written into it any more."""
        if self._opening is not None and self.folder is not None and not self._writing.is_about(self.folder):
            opening, self._opening = self._opening, None
            self._held_by = self._read_in_pool(opening, self._take_opened)
        return self._held_by in self._reading

    @Slot(object)
    def _read_through(self, number: object) -> None:
        """Where the folder could not be opened, what was open before still is."""
        if number == self._held_by:
            if not self.is_read and self._opening is None:
                self._stay()
            self._writing.begin_next()

    def _stay(self) -> None:
        self.folder = self._book.dataset.folder if self._book is not None else None
        if self._book is not None:
            self.is_read = True
            self._examine_soon.start()
            self.read.emit()

    @Slot(object, object)
    def _take_opened(self, number: object, found: Opened) -> None:
        folder = found.book.dataset.folder
        if number != self._held_by or folder != self.folder:
            return
        if self._writing.is_about(folder):  # that was asked for meanwhile, and is not in what was read
            self.open(folder)
            return
        if self._book is not None and folder != self._book.dataset.folder:
            self.mendings = Mendings()
        self._found, self._book, self._marks, self.rows = found, found.book, found.marks, found.rows
        self._turn = None
        self.paths, self._places = found.paths, found.places
        self._preparing = Preparing(found, self._put, self._take_prepared)
        self.opened.emit()
        for note in filter(None, (*found.book.notes, found.marks.note, found.recipes.note)):
            self.trouble.emit(note)
        self._held_by = self._read_by = self._read_in_pool(partial(read_captions, found), self._take_read)

    @Slot(object, object)
    def _take_read(self, number: object, found: Opened) -> None:
        if number != self._read_by:
            return
        is_first = not self.is_read
        self.is_read = True
        self.read.emit()
        if is_first:
            self._read_by = self._read_in_pool(partial(measure_pictures, found, self.preparing.recipe), self._take_read)
        else:
            self._examine()

    @Slot()
    def _examine(self) -> None:
        """Look at the health of what is there now; what an earlier look would have said is not waited for."""
        self._reading.cancel(self._examination)
        work = partial(examined, self.book.dataset, self.book, self._home.cache)
        self._examination = self._read_in_pool(work, self._take_report)

    @Slot(object, object)
    def _take_report(self, number: object, report: HealthReport) -> None:
        if number != self._examination or report.dataset is not self.book.dataset:
            return
        self.report = report
        found = report.by_place()
        for place, row in enumerate(self.rows):
            row.problems = found.get(place, frozenset())
        self.examined.emit()

    def _read_in_pool(self, work: Callable[[Errand], Any], then: Callable[[object, Any], None]) -> int:
        number = next(self._numbers)
        self._reading.run(number, work, then)
        return number

    def _stop_reading(self) -> None:
        self._examine_soon.stop()
        self._held_by = self._read_by = 0
        self._reading.cancel_all()

    def finish(self) -> None:
        """What was asked for is written when this comes back: the window closes."""
        self._stop_reading()
        waiting = self._writing.take_waiting()
        QThreadPool.globalInstance().waitForDone()
        QCoreApplication.sendPostedEvents(self._writing, QEvent.Type.MetaCall.value)  # how what was under way has ended
        for asked in waiting:
            try:
                self._say_trouble(asked.book, asked.work(Errand(asked, asked.work)))
            except (UserError, OSError) as error:
                self.trouble.emit(str(error))
        self._opening = None  # what was mended last would have the folder read anew
        self._stop_reading()
        QThreadPool.globalInstance().waitForDone()

    # ---- Changing. One piece of work after the other, so that each sees what the one before it wrote.

    def write(self, title: str, changes: Sequence[Change], *, merge: str = "") -> None:
        """As one step that can be undone; with the same `merge` as the step before it, as a part of that one."""
        if not changes:
            return
        for change in changes:  # shown at once, so that what is typed next goes on from it
            self.rows[change.place].caption = change.after or ""
        ahead = tuple(change.place for change in changes)
        self._put(partial(dataset_writing.apply, self.book, title, changes, merge), ahead)
        self.ahead.emit(ahead)

    def edit(self, title: str, operation: Operation, places: Sequence[int]) -> None:
        """Write what the operation changes as one step, if anything. It is worked out where it is written, and so from
        what was written before it."""
        if places:
            self._put(partial(dataset_writing.edit, self.book, title, operation, tuple(places)))

    def mend(self, mending: Mending) -> None:
        """Edits of captions become a step; what is done to files is followed by reading the folder anew."""
        if isinstance(mending, Edit):
            self.edit(mending.title, mending.operation, mending.places)
        elif self._book is not None:
            self._put(partial(dataset_writing.mend_files, mending, self._book, self.mendings))

    def bring_back(self) -> None:
        """Undo what was done to files last."""
        if self.mendings.done:
            self._put(partial(dataset_writing.bring_back, self.mendings))

    def stop_writing(self) -> None:
        """Give up what is being written now: all of its files become what they were before it. What was asked for
        after it is still done."""
        self._writing.stop()

    def undo(self) -> None:
        if self._book is not None:
            self._put(partial(dataset_writing.undo_last, self._book, self.mendings, self.preparing))

    def redo(self) -> None:
        if self._book is not None:
            self._put(partial(dataset_writing.redo_next, self._book, self.mendings, self.preparing))

    def turn_the_rest(self) -> None:
        """Undo, or redo, what was stuck last, and leave what others changed as it is."""
        if self._turn is not None:
            turn, self._turn = self._turn, None
            self._put(partial(turn, leave_changed=True))

    def preview(self, operation: Operation, places: Sequence[int]) -> tuple[Change, ...]:
        """What the operation would change of the captions as they are on the disk now, which is not touched."""
        self.book.reread(places)
        return self.book.preview(operation, places)

    def look_again(self, places: Sequence[int]) -> None:
        """Take in what other programs, and the engine, wrote meanwhile."""
        if self._book is not None:
            self._put(partial(dataset_writing.look_again, self._book, self.rows, places))
            self._put(partial(dataset_writing.reread, self.preparing))

    @Slot()
    def look_outside(self) -> None:
        """Take in what other programs did to captions, masks and pictures; `looked` says what else they did."""
        if self._found is not None and self.is_read:
            self._reading.cancel(self._looking)
            self._looking = self._read_in_pool(partial(look_outside, self._found), self._take_outside)

    @Slot(object, object)
    def _take_outside(self, number: object, outside: Outside) -> None:
        found = self._found
        if found is None or number != self._looking or outside.book is not found.book:
            return
        if not outside.is_gone:
            self.look_again(outside.captions)
            if outside.masks:
                self._put(partial(self.preparing.masks_again, outside.masks))
            if outside.pictures:
                self._put(partial(pictures_again, found, outside.pictures))
        self.looked.emit(outside)

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
        self._put(partial(dataset_writing.save, marks))

    def _put(self, work: Work, ahead: tuple[int, ...] = ()) -> None:
        """Whatever is open when it is done, it is about what is open now."""
        self._writing.put(Asked(self.book, work, ahead))

    @Slot(object, object)
    def _written(self, asked: Asked, outcome: Outcome) -> None:
        is_open = asked.book is self._book
        match outcome:
            case FilesMended() if asked.book.dataset.folder == self.folder:
                self.open(asked.book.dataset.folder)
            case Written() if is_open:
                self._take_written(asked.work, outcome)
            case Prepared(places=places, are_masks=True, painted=painted) if is_open:
                self.masked.emit(places, painted)
            case Prepared(places=places) if is_open:
                self._take_prepared(places)
            case _:
                pass
        self._say_trouble(asked.book, outcome)

    @Slot(object, str)
    def _not_written(self, asked: Asked, why: str) -> None:
        self.trouble.emit(why)
        if asked.book is self._book and asked.ahead:
            self.look_again(asked.ahead)

    def _say_trouble(self, book: CaptionBook, outcome: Outcome) -> None:
        """And give back what was typed and is not written, whatever folder is open by now."""
        if outcome.trouble:
            self.trouble.emit(outcome.trouble)
        if isinstance(outcome, Written):
            for change in outcome.refused:
                item = book.dataset.items[change.place]
                self.refused.emit(item.head + item.name, change, outcome.trouble)

    def _take_written(self, work: Work, written: Written) -> None:
        ahead = self._writing.ahead(self.book)
        for place, text, tags in written.captions:
            if place not in ahead:  # else it shows already what is to be written next
                self.rows[place].caption, self.rows[place].tags = text, tags
        if written.captions:
            self._examine_soon.start()
            self.changed.emit(tuple(place for place, _, _ in written.captions))
        if written.stuck:
            self._turn = work
            self.stuck.emit(written.stuck)

    def _take_prepared(self, places: tuple[int, ...]) -> None:
        """They have another recipe now, and with it another size."""
        for place in places:
            self.rows[place].width, self.rows[place].height = self.preparing.size(place)
        if places:
            self._examine_soon.start()
            self.prepared.emit(places)
