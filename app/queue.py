"""The queue: jobs that wait, the one in progress, and those that have ended. It alone gives the engine work.

What waits is kept in queue.json in the user's folder, so that it is there again at the next start; so is the job in
progress, which a closed or killed window interrupts.
"""

import contextlib
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from app.engine import EngineLink
from app.writing import Writing
from trainer.contract import events
from trainer.contract.caption import CaptionJob
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.grid import GridJob
from trainer.contract.jobfile import FORMAT, Job, job_from_tree
from trainer.contract.measure import MeasureJob
from trainer.contract.train import TrainJob
from trainer.contract.video import VideoJob
from trainer.engine.runs import resumable
from trainer.files import write_text_atomically
from trainer.home import Home

State = Literal["waiting", "running", "finished", "failed", "stopped"]
STOP_PATIENCE = 2_000
"""Milliseconds in which a job that was asked to stop has to; after them the harder way is offered."""
KEPT = 200
"""So many ended jobs stay in the list."""

PICTURE_JOBS = (GenerateJob, GridJob, VideoJob)
"""Those whose results the page Generate shows."""

_numbers = itertools.count(1)


@dataclass(eq=False)
class Queued:
    """A job with what became of it. `resume` is the folder of a training to go on with."""

    job: Job
    resume: Path | None = None
    state: State = "waiting"
    step: int = 0
    total: int = 0
    seconds_left: float | None = None
    status: str = ""
    is_stopping: bool = False
    """Whether it was asked to stop, and has not yet."""
    is_stuck: bool = False
    """Whether it has had its time for that: `Queue.stop_now` is to be offered."""
    ending: events.Event | None = None
    run_folder: str = ""
    pictures: list[str] = field(default_factory=list)
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def title(self) -> str:
        match self.job:
            case GenerateJob():
                return self.job.prompt or "a picture without a prompt"
            case GridJob():
                return f"Grid of {self.job.base.prompt or 'a picture without a prompt'}"
            case VideoJob():
                return f"Video of {Path(self.job.picture).name}"
            case TrainJob():
                return self.job.output.name
            case CaptionJob():
                return f"Captions for {Path(self.job.folder).name}"
            case MeasureJob():
                return f"Measuring {self.job.train.output.name}"
            case _:
                return self.job.model


class Queue(QObject):
    """Jobs in order. `changed` whenever the list or a state changed; the others tell of the job in progress."""

    changed = Signal()
    progressed = Signal(object)
    happened = Signal(object, object)
    preview = Signal(object, object, QImage)
    ended = Signal(object)
    removed = Signal(object)
    trouble = Signal(str)

    def __init__(self, engine: EngineLink, home: Home, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._file = home.root / "queue.json"
        self.jobs: list[Queued] = []
        self._is_left = False
        self._writing = Writing(self._write, self)
        self._writing.refused.connect(self.trouble)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(self._give_up)
        engine.happened.connect(self._on_event)
        engine.preview.connect(self._on_preview)
        engine.idle.connect(self._on_idle)

    @property
    def running(self) -> Queued | None:
        return next((queued for queued in self.jobs if queued.state == "running"), None)

    @property
    def waiting(self) -> list[Queued]:
        return [queued for queued in self.jobs if queued.state == "waiting"]

    def add(self, job: Job, resume: Path | None = None) -> Queued:
        """Put a job at the end; it starts at once when nothing else runs."""
        queued = Queued(job, resume)
        self.jobs.append(queued)
        self._forget_oldest()
        self._next()
        self._changed()
        return queued

    def retry(self, queued: Queued) -> Queued:
        """The same job once more; a training that can be resumed goes on."""
        folder = Path(queued.run_folder) if queued.run_folder else queued.resume
        goes_on = isinstance(queued.job, TrainJob) and folder is not None and queued.state != "finished"
        return self.add(queued.job, folder if goes_on and folder and resumable(folder) else None)

    def cancel(self, queued: Queued) -> None:
        """Take a waiting job out; ask a running one to stop."""
        if queued.state == "running":
            queued.is_stopping = True
            self._engine.cancel()
            if not self._patience.isActive():
                self._patience.start(STOP_PATIENCE)
            self.progressed.emit(queued)
        elif queued in self.jobs and queued.state == "waiting":  # else it was taken out already
            self.jobs.remove(queued)
            self._changed()
            self.removed.emit(queued)

    def stop_now(self) -> None:
        self._engine.stop_now()

    def move(self, queued: Queued, by: int) -> None:
        """Change a waiting job's turn by so many places."""
        waiting = self.waiting
        place = waiting.index(queued)
        other = waiting[max(0, min(len(waiting) - 1, place + by))]
        here, there = self.jobs.index(queued), self.jobs.index(other)
        self.jobs.insert(there, self.jobs.pop(here))
        self._changed()

    def leave(self) -> None:
        """The window closes: the file stays as it is, what waits waits, and what runs is said to be broken off."""
        self._writing.finish()
        self._is_left = True

    def clear_ended(self) -> None:
        self.jobs = [queued for queued in self.jobs if queued.state in ("waiting", "running")]
        self._changed()

    def restore(self) -> None:
        """Bring back what waited when the window was closed, and as stopped what ran. A file that makes no sense is set
        aside and said."""
        try:
            saved = json.loads(self._file.read_text(encoding="utf-8"))
            restored = [_restored(one) for one in saved["waiting"]]
            if saved.get("interrupted"):
                restored.insert(0, _restored(saved["interrupted"], "stopped"))
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, UserError):
            with contextlib.suppress(OSError):
                self._file.replace(self._file.with_name("queue.damaged.json"))
            self.trouble.emit("The list of waiting jobs was damaged; it was set aside as queue.damaged.json.")
            return
        self.jobs += restored
        self._next()
        self._changed()

    @Slot(object)
    def _on_event(self, event: events.Event) -> None:
        queued = self.running
        if queued is None or self._is_left:
            return
        match event:
            case events.Started():
                queued.run_folder = event.run_folder
                self._changed()
            case events.Status():
                queued.status = event.text
                if queued.seconds_left is None:  # the count was of what came before
                    queued.step = queued.total = 0
            case events.Progress():
                queued.status, queued.step, queued.total = event.what, event.done, event.total
            case events.Step():
                queued.status = ""
                queued.step, queued.total, queued.seconds_left = event.step, event.total, event.seconds_left
            case events.Saved() if event.what in ("picture", "video"):
                queued.pictures.append(event.path)
            case events.Finished() | events.Failed() | events.Stopped():
                queued.ending = event
                queued.state = _state_after(event)
                self._patience.stop()
            case _:
                pass
        self.happened.emit(queued, event)
        if isinstance(event, events.ENDINGS):
            self.ended.emit(queued)
            self._changed()
        else:
            self.progressed.emit(queued)

    @Slot(object, QImage)
    def _on_preview(self, preview: events.Preview, image: QImage) -> None:
        queued = self.running
        if queued is not None:
            self.preview.emit(queued, preview, image)

    @Slot()
    def _give_up(self) -> None:
        running = self.running
        if running is not None and running.is_stopping:
            running.is_stuck = True
            self.progressed.emit(running)

    @Slot()
    def _on_idle(self) -> None:
        if not self._is_left:
            self._next()
            self._changed()

    def _next(self) -> None:
        """Give the engine the first job that waits, unless it has one or is still busy ending it."""
        if self.running is not None or self._engine.state == "busy":
            return
        queued = next(iter(self.waiting), None)
        if queued is None:
            return
        queued.state = "running"
        if queued.resume is not None:
            self._engine.resume(queued.resume)
        else:
            self._engine.perform(queued.job)

    def _changed(self) -> None:
        waiting = [_saved(queued) for queued in self.waiting]
        interrupted = _saved(self.running) if self.running else None
        saved = {"waiting": waiting, "interrupted": interrupted}
        self._writing.put(json.dumps(saved, ensure_ascii=False) if waiting or interrupted else "")
        self.changed.emit()

    def _write(self, text: str) -> None:
        """In any thread."""
        if text:
            write_text_atomically(self._file, text)
        elif self._file.exists():  # a disk that can't be written refuses to remove what isn't there, too
            self._file.unlink()

    def _forget_oldest(self) -> None:
        ended = [queued for queued in self.jobs if queued.state not in ("waiting", "running")]
        for queued in ended[: max(0, len(ended) - KEPT)]:
            self.jobs.remove(queued)


def _saved(queued: Queued) -> dict[str, object]:
    return {
        "job": {"format": FORMAT, **queued.job.model_dump(mode="json")},
        "resume": str(queued.resume or ""),
        "run_folder": queued.run_folder,
    }


def _restored(saved: dict[str, Any], state: State = "waiting") -> Queued:
    """Raises what the parts of it that are missing or wrong raise."""
    resume = Path(saved["resume"]) if saved["resume"] else None
    folder = str(saved.get("run_folder", ""))
    return Queued(job_from_tree(saved["job"], "the queue"), resume, state=state, run_folder=folder)


def in_words(queued: Queued) -> str:
    """`Step 12 of 25  ·  3 s left`, or what the engine says it is doing."""
    if queued.is_stopping and queued.state == "running":
        return "Stopping"
    if queued.status:
        return queued.status[:1].upper() + queued.status[1:]
    left = f"  ·  {duration(queued.seconds_left)} left" if queued.seconds_left is not None else ""
    return f"Step {queued.step} of {queued.total}{left}" if queued.total else "Starting"


def duration(seconds: float) -> str:
    """`40 s`, `9 min`, `3 h 20 min`."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _state_after(event: events.Event) -> State:
    match event:
        case events.Failed():
            return "failed"
        case events.Stopped():
            return "stopped"
        case _:
            return "finished"
