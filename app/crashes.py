"""What nobody expected: an exception of ours is shown in the window, and a crash is told at the next start.

While the window is open, logs/window-open.txt lies in the user's folder. It holds when the window was opened, and
Python writes its last words into it when the process dies of a fault. Found at a start, it says that the window
before did not close properly.
"""

import contextlib
import faulthandler
import os
import sys
import threading
import traceback
from datetime import datetime
from types import TracebackType
from typing import TextIO

from PySide6.QtCore import QObject, Signal

from trainer.home import Home

LOG_LIMIT = 1_000_000
"""Bytes of window.log; a larger one is set aside as window.log.1."""


class Crashes(QObject):
    """`happened` carries the traceback of an exception that nothing has caught. The window lives on."""

    happened = Signal(str)

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = home.root / "logs"
        self._open = self._folder / "window-open.txt"
        self._file: TextIO | None = None

    def last_words(self) -> str | None:
        """What the window before left when it did not close properly; None when it did. Ask before `watch`."""
        try:
            return self._open.read_text("utf-8", errors="replace")
        except OSError:
            return None

    def watch(self) -> None:
        """From now on. A folder that can't be written is no reason not to work: then nothing is told later."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._open.open("w", encoding="utf-8")
            self._file.write(f"opened {datetime.now():%Y-%m-%d %H:%M:%S}\n")
            self._file.flush()
            faulthandler.enable(self._file)
        sys.excepthook = self._caught
        threading.excepthook = self._caught_in_thread
        sys.unraisablehook = self._unraisable

    def closed(self) -> None:
        """The window closed as it should."""
        sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__
        sys.unraisablehook = sys.__unraisablehook__
        if self._file is not None:
            faulthandler.disable()
            self._file.close()
            self._open.unlink(missing_ok=True)

    def _caught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self._tell("".join(traceback.format_exception(kind, error, trace)))

    def _caught_in_thread(self, caught: threading.ExceptHookArgs) -> None:
        if caught.exc_value is not None:
            self._caught(caught.exc_type, caught.exc_value, caught.exc_traceback)

    def _unraisable(self, caught: "sys.UnraisableHookArgs") -> None:
        if caught.exc_value is not None:
            self._caught(caught.exc_type, caught.exc_value, caught.exc_traceback)

    def _tell(self, text: str) -> None:
        if sys.__stderr__ is not None:  # there is none where no terminal is
            print(text, file=sys.__stderr__)
        with contextlib.suppress(OSError):
            path = self._folder / "window.log"
            if path.exists() and path.stat().st_size > LOG_LIMIT:
                os.replace(path, path.with_suffix(".log.1"))
            with path.open("a", encoding="utf-8") as log:
                log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S}\n{text}\n")
        self.happened.emit(text)
