"""Run folders: `runs/<date>-<name>/` with job.toml, events.jsonl, checkpoints/, samples/, output/. They are all that is
known of a run; nothing about it is kept elsewhere."""

import contextlib
import datetime
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.jobfile import Job, job_to_toml, read_job
from trainer.contract.train import TrainJob
from trainer.files import said_as_user_error, write_text_atomically
from trainer.home import Home

JOB_FILE = "job.toml"
EVENTS_FILE = "events.jsonl"
LOCK_FILE = "in-use.lock"

State = Literal["new", "running", "finished", "failed", "stopped", "interrupted"]
"""`interrupted`: it began and no ending was written, so its process was killed or the power failed."""


@dataclass(frozen=True)
class Summary:
    """A run as its files tell it."""

    folder: Path
    state: State
    step: int = 0
    total: int = 0
    problem: str = ""
    """Title of the failure, when it failed."""


def create(parent: Path, job: TrainJob) -> Path:
    """Make a new run folder in `parent` that holds the job; one that exists is never touched. Raises UserError if it
    can't be made."""
    name = f"{datetime.date.today().isoformat()}-{_slug(job.output.name)}"
    with said_as_user_error(parent):
        parent.mkdir(parents=True, exist_ok=True)
        folder = _made_unique(parent, name)
    write_text_atomically(folder / JOB_FILE, job_to_toml(job))
    return folder


def job_of(folder: Path) -> TrainJob:
    """The training job that a run folder holds. Raises UserError when it is no run folder."""
    if not folder.is_dir():
        raise UserError(f"There is no run folder {folder}.", "Give a folder below `runs` in your Gesso folder.")
    if not (folder / JOB_FILE).is_file():
        raise UserError(f"{folder} is not a run folder: it has no {JOB_FILE}.", "Give the folder of a training run.")
    job: Job = read_job(folder / JOB_FILE)
    if not isinstance(job, TrainJob):
        raise UserError(f"The run in {folder} is no training.", "Only training runs can be resumed.")
    return job


def resumable(folder: Path) -> bool:
    """Whether the folder holds at least one checkpoint; whether that one is valid is seen on resuming."""
    checkpoints = folder / "checkpoints"
    return checkpoints.is_dir() and any(not entry.name.startswith(".") for entry in checkpoints.iterdir())


def summary(folder: Path, told: Iterable[events.Event] | None = None) -> Summary:
    """What became of a run, read from its events, or from `told` where they were read already. Lines that are none (a
    torn last line) are passed over."""
    state: State = "new"
    step = total = 0
    problem = ""
    for event in events_of(folder) if told is None else told:
        match event:
            case events.Started():
                state, problem = "interrupted", ""
            case events.Step():
                step, total = event.step, event.total
            case events.Finished():
                state = "finished"
            case events.Stopped():
                state = "stopped"
            case events.Failed():
                state, problem = "failed", event.title
            case _:
                pass
    if _in_use(folder):
        state = "running"
    return Summary(folder, state, step, total, problem)


def run_folders(home: Home) -> list[Path]:
    """The folder of every run, newest first (by the time its job was written)."""
    if not home.runs.is_dir():
        return []
    jobs = [file for file in home.runs.glob(f"*/{JOB_FILE}") if not file.parent.name.startswith(".")]
    jobs.sort(key=lambda file: (file.stat().st_mtime_ns, file.parent.name), reverse=True)
    return [file.parent for file in jobs]


def list_runs(home: Home) -> list[Summary]:
    """Every run, in the order of `run_folders`."""
    return [summary(folder) for folder in run_folders(home)]


def events_of(folder: Path) -> Iterator[events.Event]:
    """The events of a run in the order they were written."""
    path = folder / EVENTS_FILE
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            # A process killed while writing leaves a torn line; what stands before and after it still counts.
            with contextlib.suppress(ValidationError):
                yield events.from_json(line)


@contextlib.contextmanager
def recording(folder: Path, emit: Callable[[events.Event], None]) -> Iterator[Callable[[events.Event], None]]:
    """An `emit` that also appends each event to events.jsonl, previews left out.

    Holds the run's lock meanwhile. Raises UserError when another process works on the run or the disk refuses.
    """
    path = folder / EVENTS_FILE
    with held(folder), _opened_to_append(path) as file:

        def record(event: events.Event) -> None:
            emit(event)
            if not isinstance(event, events.Preview):
                line = events.to_json(event).encode("utf-8") + b"\n"
                with said_as_user_error(path):
                    while line:
                        line = line[file.write(line) :]

        yield record


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the run for this process alone. The system lets go when the process ends, however it ends.

    Raises UserError when another process holds it.
    """
    path = folder / LOCK_FILE
    with said_as_user_error(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not any(_locked(handle) or time.sleep(0.02) for _ in range(10)):  # a listing holds it for an instant
            raise UserError(
                f"The run {folder.name} is being worked on already.", "Wait until it ends, or stop it where it runs."
            )
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _opened_to_append(path: Path) -> Iterator[FileIO]:
    """The file at its end, after a newline if a killed process left its last line torn.

    Unbuffered: what a full disk has refused is not tried again when the file is closed.
    """
    with contextlib.ExitStack() as stack:
        with said_as_user_error(path):
            file = stack.enter_context(path.open("a+b", buffering=0))
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
        yield file


def _in_use(folder: Path) -> bool:
    path = folder / LOCK_FILE
    if not path.is_file():
        return False
    handle = os.open(path, os.O_RDWR)
    try:
        return not _locked(handle)
    finally:
        os.close(handle)


if os.name == "nt":
    import msvcrt

    def _locked(handle: int) -> bool:
        """Take the lock on an open file; False when another holds it. Closing the handle gives it back."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _locked(handle: int) -> bool:
        """Take the lock on an open file; False when another holds it. Closing the handle gives it back."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _slug(name: str) -> str:
    """A file name on every system: letters and digits of any script, other characters as hyphens, 60 at most."""
    return re.sub(r"[^\w.]+", "-", name)[:60].strip("-.") or "run"


def _made_unique(parent: Path, name: str) -> Path:
    """Make `name`, or the first of `name-2`, `name-3`... that does not exist yet."""
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder
