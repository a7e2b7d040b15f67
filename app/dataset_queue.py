"""Work on the files of a dataset, in the pool, one piece after the other: each sees what the one before wrote."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.dataset_writing import Outcome
from app.errand import Errand
from trainer.dataset.book import CaptionBook

Work = Callable[..., Outcome]
"""Called with its errand: how what it touched stands now, or why it did nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done, about the captions of this book. The rows at the places in `ahead` show what it is to write
    already."""

    book: CaptionBook
    work: Work
    ahead: tuple[int, ...] = ()


class WritingQueue(QObject):
    """`done` carries what was asked for and its outcome, `failed` why there is none; the next piece begins after that.
    `progressed`: how many files of what is being written are, and of how many; `rested`: nothing is left.

    `holds` is asked before each piece whether it has to wait; `begin_next` follows when it has not.
    """

    done = Signal(object, object)
    failed = Signal(object, str)
    progressed = Signal(object, object)
    rested = Signal()

    def __init__(self, holds: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self._holds = holds
        self._waiting: deque[Asked] = deque()
        self._asked: Asked | None = None
        self._errand: Errand | None = None

    @property
    def is_busy(self) -> bool:
        return self._errand is not None

    def put(self, asked: Asked) -> None:
        self._waiting.append(asked)
        self.begin_next()

    def begin_next(self) -> None:
        """Unless a piece is under way."""
        if self._errand is not None or self._holds():
            return
        if not self._waiting:
            self.rested.emit()
            return
        self._asked = asked = self._waiting.popleft()
        self._errand = errand = Errand(asked, asked.work)
        errand.told.done.connect(self._take)
        errand.told.failed.connect(self._fail)
        errand.told.stopped.connect(self._go_on)
        errand.told.progressed.connect(self.progressed)
        errand.start()

    def stop(self) -> None:
        """Give up what is under way; what waits is still done."""
        if self._errand is not None:
            self._errand.cancel()

    def ahead(self, book: CaptionBook) -> set[int]:
        """The places whose rows show what still waits to be written."""
        return {place for one in self._waiting if one.book is book for place in one.ahead}

    def is_about(self, folder: Path) -> bool:
        """Whether any of it, under way or waiting, is about this folder."""
        asked = [*self._waiting, *([self._asked] if self._asked is not None else [])]
        return any(one.book.dataset.folder == folder for one in asked)

    def take_waiting(self) -> list[Asked]:
        """What is not begun; it is the caller's now."""
        waiting = [*self._waiting]
        self._waiting.clear()
        return waiting

    @Slot(object, object)
    def _take(self, asked: Asked, outcome: Outcome) -> None:
        self.done.emit(asked, outcome)
        self._go_on()

    @Slot(object, str)
    def _fail(self, asked: Asked, why: str) -> None:
        self.failed.emit(asked, why)
        self._go_on()

    @Slot()
    def _go_on(self) -> None:
        self._errand = self._asked = None
        self.begin_next()
