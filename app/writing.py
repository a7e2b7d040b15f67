"""A text kept on the disk while the window goes on: a thread waits for the disk, and only the newest is written."""

import threading
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from app.errand import Errand
from trainer.contract.errors import UserError


class Writing(QObject):
    """`write` puts a text on the disk, in any thread. `done` says that the newest stands there, `refused` why one does
    not."""

    done = Signal()
    refused = Signal(str)

    def __init__(self, write: Callable[[str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._write = write
        self._lock = threading.Lock()
        self._newest, self._number, self._written = "", 0, 0
        self._errand: Errand | None = None

    def put(self, text: str) -> None:
        """Have it written soon, in place of what still waits."""
        self._newest, self._number = text, self._number + 1
        if self._errand is None:
            self._start()

    def finish(self) -> None:
        """Write now what is not written yet, in this thread: the window closes, or somebody reads the file next."""
        try:
            self._write_newer(self._newest, self._number)
        except (UserError, OSError) as error:
            self.refused.emit(str(error))

    def _start(self) -> None:
        self._errand = Errand(self._number, partial(self._write_newer, self._newest, self._number))
        self._errand.told.done.connect(self._ended)
        self._errand.told.failed.connect(self._failed)
        self._errand.start()

    def _write_newer(self, text: str, number: int, _errand: object = None) -> None:
        """What waits in the pool may be older than what was written by `finish` meanwhile."""
        with self._lock:
            if number > self._written:
                self._write(text)
                self._written = number

    @Slot(object, object)
    def _ended(self, number: int, _outcome: object) -> None:
        self._errand = None
        if number < self._number:
            self._start()
        else:
            self.done.emit()

    @Slot(object, str)
    def _failed(self, number: int, why: str) -> None:
        self._errand = None
        self.refused.emit(why)
        if number < self._number:
            self._start()
