"""Run: what a job in progress may do to the outside: say something, and ask whether it should stop."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from trainer.contract import events
from trainer.contract.errors import Cancelled


@dataclass(frozen=True)
class Run:
    """Handed to every piece of long work. Tests pass `list.append` as `emit`."""

    emit: Callable[[events.Event], None]
    cancelled: Callable[[], bool] = field(default=lambda: False)
    folder: Path | None = None
    """The run folder of a training job: job.toml, events.jsonl, checkpoints/, samples/, output/."""

    def check(self) -> None:
        """Raise Cancelled if the user asked to stop. Called between steps and between items."""
        if self.cancelled():
            raise Cancelled

    def status(self, text: str) -> None:
        self.emit(events.Status(text=text))

    def progress(self, what: str, done: int, total: int) -> None:
        self.emit(events.Progress(what=what, done=done, total=total))

    def warn(self, title: str, fix: str = "") -> None:
        self.emit(events.Warning(title=title, fix=fix))
