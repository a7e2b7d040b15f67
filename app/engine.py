"""The engine process as the window has it: a thread owns it, and its events arrive as Qt signals in the GUI thread."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QThread, Signal, Slot
from PySide6.QtGui import QImage

from trainer.contract import events
from trainer.contract.jobfile import Job
from trainer.engine.client import Engine
from trainer.engine.protocol import Hello
from trainer.home import Home

READY_WITHIN = 180.0
"""Seconds the engine may take to load its libraries from a cold disk before the window says that it does not come."""
CLOSE_WITHIN = 15_000
"""Milliseconds granted for saving and leaving when the window closes."""


class _Worker(QObject):
    """Lives in the thread, where it may wait for the engine. Everything it says is a signal."""

    hello = Signal(object)
    lost = Signal()
    happened = Signal(object)
    preview = Signal(object, QImage)
    idle = Signal()

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self.closing = False
        """Set by the GUI thread: no new process is to be started."""
        self.cancelled = False
        """Set by the GUI thread: the job given last is to end, be it sent already or not."""

    @Slot()
    def start(self) -> None:
        if self.closing:
            return
        self._engine.start()
        hello = self._engine.ready(READY_WITHIN)
        if hello is None:
            self.lost.emit()
        else:
            self.hello.emit(hello)

    @Slot(object, str)
    def perform(self, job: Job, folder: str) -> None:
        self._follow(self._engine.perform(job, Path(folder) if folder else None))

    @Slot(str)
    def resume(self, folder: str) -> None:
        self._follow(self._engine.resume(Path(folder)))

    @Slot()
    def close(self) -> None:
        self._engine.close()
        self.thread().quit()

    def _follow(self, said: Iterator[events.Event]) -> None:
        for event in said:
            if self.cancelled or self.closing:  # asked before the engine had the job: it would have heard nothing
                self.cancelled = False
                self._engine.cancel()
            if isinstance(event, events.Preview):
                self.preview.emit(event, _decoded(event))
            else:
                self.happened.emit(event)
        self.idle.emit()
        self.start()  # where the process was lost or is to be replaced, the next one loads while nobody waits


State = Literal["starting", "ready", "busy", "lost"]


class EngineLink(QObject):
    """The engine for everything in the GUI thread. One job at a time; `app.queue` sees to that.

    `happened` carries every event but previews, the ending last; `preview` its picture, decoded in the thread.
    """

    state_changed = Signal()
    happened = Signal(object)
    preview = Signal(object, QImage)
    idle = Signal()
    _start = Signal()
    _perform = Signal(object, str)
    _resume = Signal(str)
    _close = Signal()

    def __init__(self, home: Home, parent: QObject | None = None, *, command: tuple[str, ...] | None = None) -> None:
        """`command` starts another program that speaks the engine's protocol, for tests."""
        super().__init__(parent)
        self._engine = Engine(home, command=command)
        self._thread = QThread(self)
        self._thread.setObjectName("engine")
        self._worker = _Worker(self._engine)
        self._worker.moveToThread(self._thread)
        self._worker.hello.connect(self._greeted)
        self._worker.lost.connect(self._went_missing)
        self._worker.happened.connect(self.happened)
        self._worker.preview.connect(self.preview)
        self._worker.idle.connect(self._became_idle)
        self._start.connect(self._worker.start)
        self._perform.connect(self._worker.perform)
        self._resume.connect(self._worker.resume)
        self._close.connect(self._worker.close)
        self.state: State = "starting"
        self.hello: Hello | None = None

    @property
    def memory(self) -> int:
        """Bytes of the device that are taken; 0 while it is not known."""
        return self._engine.memory

    def last_words(self) -> str:
        """What the engine printed last, for who wants to know why it does not come."""
        return self._engine.last_words()

    def start(self) -> None:
        """Start the thread, and in it the process, which loads while the window is already there."""
        self._thread.start()
        self._start.emit()

    def look_after(self) -> None:
        """Start another process where the one that waits for work has died: nobody else would notice before a job."""
        if self.state == "ready" and not self._engine.alive:
            self._set("starting")
            self._start.emit()

    def perform(self, job: Job, folder: Path | None = None) -> None:
        self._worker.cancelled = False
        self._set("busy")
        self._perform.emit(job, str(folder or ""))

    def resume(self, folder: Path) -> None:
        self._worker.cancelled = False
        self._set("busy")
        self._resume.emit(str(folder))

    def cancel(self) -> None:
        """Ask the job in progress to stop; it ends with Stopped."""
        self._worker.cancelled = True
        self._engine.cancel()

    def stop_now(self) -> None:
        """End the process under its job."""
        self._engine.kill()

    def close(self) -> None:
        """Let the job in progress save, end the process and the thread. Waits for it, at most some seconds."""
        if not self._thread.isRunning():
            return
        self._worker.closing = True
        self._engine.cancel()
        self._close.emit()  # done when the worker has followed the job to its end
        if not self._thread.wait(CLOSE_WITHIN):
            self._engine.kill()
            self._thread.wait()

    @Slot(object)
    def _greeted(self, hello: Hello) -> None:
        self.hello = hello
        self._set("busy" if self.state == "busy" else "ready")

    @Slot()
    def _went_missing(self) -> None:
        self._set("lost")

    @Slot()
    def _became_idle(self) -> None:
        self._set("ready" if self._engine.alive else "starting")
        self.idle.emit()

    def _set(self, state: State) -> None:
        self.state = state
        self.state_changed.emit()


def _decoded(preview: events.Preview) -> QImage:
    image = QImage.fromData(base64.b64decode(preview.data))
    return image.convertToFormat(QImage.Format.Format_RGB32)
