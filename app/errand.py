"""Slow work in a thread of the pool, each piece with its outcome brought back to the GUI thread."""

import threading
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

from app.priority import step_back
from trainer.contract.errors import Cancelled, UserError

PROGRESS_EVERY = 0.1
"""Seconds between two reports of progress: as often as an eye can follow."""


class Told(QObject):
    """Carries what became of an errand, each time with what it was `about`.

    Bytes travel as objects: a C++ int ends at 2 GB.
    """

    done = Signal(object, object)
    failed = Signal(object, str)
    stopped = Signal(object)
    progressed = Signal(object, object)


class Errand(QRunnable):
    """`work` is called once, in a thread of the pool; connect to `told` before `start`.

    `check` and `progress` are what `work` may hand on to the library. Whoever starts an errand keeps it until it has
    told its end.
    """

    def __init__(self, about: object, work: Callable[["Errand"], Any]) -> None:
        super().__init__()
        self.told = Told()
        self._about = about
        self._work = work
        self._cancelled = threading.Event()
        self._last_progress = 0.0

    def start(self) -> None:
        QThreadPool.globalInstance().start(self)

    def cancel(self) -> None:
        """Ask the work to stop at its next check."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """For work that ends early with what it has, instead of raising by `check`."""
        return self._cancelled.is_set()

    def check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled

    def progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last_progress >= PROGRESS_EVERY or done == total:
            self._last_progress = now
            self.told.progressed.emit(done, total)

    def run(self) -> None:
        step_back()
        try:
            outcome = self._work(self)
        except Cancelled:
            self.told.stopped.emit(self._about)
        except (UserError, OSError) as error:
            self.told.failed.emit(self._about, str(error))
        except Exception:  # a bug of ours: whoever waits is told, and the traceback goes where tracebacks go
            self.told.failed.emit(self._about, "Something went wrong inside Gesso. Try again, or start Gesso anew.")
            raise
        else:
            self.told.done.emit(self._about, outcome)


class Errands(QObject):
    """Errands that are under way for one owner, kept until they have told their end. `failed` carries why one did;
    `ended` what one was about, however it ended, after whoever waits for it got its outcome."""

    failed = Signal(str)
    ended = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._under_way: dict[object, Errand] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def __contains__(self, about: object) -> bool:
        return about in self._under_way

    def run(self, about: object, work: Callable[[Errand], object], then: Callable[[Any, Any], None]) -> None:
        """`then`, a slot, gets `about` and the outcome in the GUI thread."""
        errand = Errand(about, work)
        errand.told.done.connect(self._done)
        errand.told.done.connect(then)
        errand.told.done.connect(self.ended)
        errand.told.failed.connect(self._failed)
        errand.told.stopped.connect(self._stopped)
        self._under_way[about] = errand
        errand.start()

    def cancel(self, about: object) -> None:
        """Ask it, if it is under way, to stop at its next check."""
        if about in self._under_way:
            self._under_way[about].cancel()

    def cancel_all(self) -> None:
        for errand in self._under_way.values():
            errand.cancel()

    @Slot(object, object)
    def _done(self, about: object, _outcome: object) -> None:
        self._under_way.pop(about, None)

    @Slot(object, str)
    def _failed(self, about: object, why: str) -> None:
        self._under_way.pop(about, None)
        self.failed.emit(why)
        self.ended.emit(about)

    @Slot(object)
    def _stopped(self, about: object) -> None:
        self._under_way.pop(about, None)
        self.ended.emit(about)
