"""The engine as its user sees it: jobs in, events out. Loads no torch; the work happens in a process of its own."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from trainer.contract import events
from trainer.contract.jobfile import Job
from trainer.contract.measure import MeasureJob
from trainer.contract.train import TrainJob
from trainer.engine import deaths, protocol, runs
from trainer.engine.child import Child, Gone, Silent
from trainer.home import RESOURCES, Home

CLOSE_SECONDS = 10.0
"""How long `close` waits for a job to stop and save, before it ends the process."""
REPLACE_SECONDS = 2.0
"""How long an idle process that is to be replaced gets for leaving by itself."""


class Engine:
    """Owns one engine process at a time, and replaces it when its memory has to come back: before a training,
    and after a failure that was not the user's.

    `start`, `perform` and `resume` belong to one thread; `cancel`, `kill`, `alive` and `ready` may be used by any.
    Use it as a context manager, or call `close`.
    """

    def __init__(self, home: Home, *, debug: bool = False, command: Sequence[str] | None = None) -> None:
        """`debug` lets the engine print where we print, instead of into logs/engine.log of the home folder.
        `command` starts another program that speaks the protocol."""
        self._home = home
        self._debug = debug
        self._command = tuple(command or default_command(home))
        self._child: Child | None = None
        self._number = 0
        self._busy = False
        """Whether a job is in progress."""
        self._used = False
        """Whether the process has done a job."""
        self._worn = False
        """Whether the process is to be replaced before the next job."""

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the process unless a fresh one runs, so that it loads while nobody waits for it."""
        self._started()

    def ready(self, seconds: float) -> protocol.Hello | None:
        """Wait at most so long until the engine has loaded; None if it has not, or has died."""
        child = self._child
        return child.wait_for_hello(seconds) if child is not None else None

    @property
    def alive(self) -> bool:
        child = self._child
        return child is not None and child.alive

    @property
    def memory(self) -> int:
        """Bytes of the device that are taken, as the engine said last; 0 while it is not known."""
        child = self._child
        return child.memory if child is not None and child.alive else 0

    def last_words(self) -> str:
        """What the process printed last."""
        child = self._child
        return child.last_words() if child is not None else ""

    def perform(self, job: Job, folder: Path | None = None) -> Iterator[events.Event]:
        """Do a job, in the run folder made for it if one is given. Yields its events as they come; the last is
        exactly one of Finished, Failed and Stopped. An engine that is silent shows as a Warning."""
        return self._follow(protocol.RunJob(id=self._next(), job=job, folder=str(folder or "")), job)

    def resume(self, folder: Path) -> Iterator[events.Event]:
        """Go on with the training run in `folder`. Yields events as `perform` does."""
        return self._follow(protocol.ResumeRun(id=self._next(), folder=str(folder)), None)

    def cancel(self) -> None:
        """Ask the job in progress to stop at its next check; `perform` then ends with Stopped."""
        child = self._child
        if child is not None and self._busy:
            child.send(protocol.Cancel(id=self._number))

    def kill(self) -> None:
        """Stop now: end the process under its job. `perform` ends with Stopped; the next job gets a new process."""
        child = self._child
        if child is not None:
            child.kill()

    def close(self, patience: float = CLOSE_SECONDS) -> None:
        """Ask the job in progress to stop, wait at most `patience` seconds, and end the process."""
        child, self._child = self._child, None
        if child is not None:
            child.end(patience)

    def _next(self) -> int:
        if self._busy:
            raise RuntimeError("one job at a time: the one before has not ended")
        self._number += 1
        return self._number

    def _started(self) -> Child:
        child = self._child
        if child is not None and (self._worn or not child.alive):
            child.end(REPLACE_SECONDS)
            child = None
        if child is None:
            child = self._child = Child(self._command, self._home, debug=self._debug)
            self._used = self._worn = False
        return child

    def _follow(self, request: protocol.RunJob | protocol.ResumeRun, job: Job | None) -> Iterator[events.Event]:
        """Send a request and yield what is said of it, up to its ending."""
        if self._used and (job is None or isinstance(job, TrainJob | MeasureJob)):
            self._worn = True
        child = self._started()
        self._used = self._busy = True
        folder = request.folder
        ended = False
        child.send(request)
        try:
            while not ended:
                match child.next():
                    case protocol.Said() as said:
                        event = said.event
                        if said.id != request.id:  # of a job whose follower had lost interest
                            continue
                    case Silent() as silence:
                        event = _silence(silence.seconds)
                    case Gone() as gone:
                        wished = child.wished
                        event = _stopped(folder) if wished else deaths.failed(gone.code, job, child.last_words())
                if isinstance(event, events.Started):
                    folder = event.run_folder
                ended = isinstance(event, events.ENDINGS)
                self._worn = self._worn or (isinstance(event, events.Failed) and event.cause != "user")
                self._busy = not ended
                yield event
        finally:
            if not ended:  # whoever iterated has lost interest
                self.cancel()
                self._busy = False
                self._worn = True


def default_command(home: Home) -> list[str]:
    """How this same program starts as the engine: the frozen executable, or this Python with main.py."""
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, str(RESOURCES.parent / "main.py")]
    return [*program, "--engine", "--home", str(home.root)]


def _silence(seconds: float) -> events.Warning:
    return events.Warning(
        title=f"The engine has not answered for {seconds:.0f} seconds.",
        fix="It may be busy with something large: wait, or stop it now and start again.",
        cause="silence",
    )


def _stopped(folder: str) -> events.Stopped:
    return events.Stopped(resume=folder if folder and runs.resumable(Path(folder)) else "")
