"""What was done to the files of the open dataset, to be undone and done again among the steps of its history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from trainer.dataset.book import Step
from trainer.dataset.mending import FileMending, Mended


@dataclass(frozen=True, slots=True)
class FilesDone:
    """A mending with what it did. `undone_at`: when that was taken back, if it was."""

    mending: FileMending
    mended: Mended
    undone_at: datetime | None = None

    def taken_back(self) -> "FilesDone":
        return replace(self, undone_at=datetime.now(UTC))

    def again(self, mended: Mended) -> "FilesDone":
        """Done once more: among the steps it stands where it stood."""
        return FilesDone(self.mending, replace(mended, when=self.mended.when))


class Mendings:
    """Since the folder was opened. `done` has the oldest first, `undone` the next to be done again last."""

    def __init__(self) -> None:
        self.done: list[FilesDone] = []
        self.undone: list[FilesDone] = []
        self._ended: frozenset[int] = frozenset()
        """The numbers of steps that were undone when something was done to files anew: they stay so."""

    def begin_anew(self, done: FilesDone, undone: Sequence[Step]) -> None:
        """Something was done for the first time while these steps were undone: nothing of before is done again."""
        self.done.append(done)
        self.undone.clear()
        self._ended = frozenset(step.number for step in undone)

    @property
    def last(self) -> str:
        """The title of what can be undone next; "" for nothing."""
        return self.done[-1].mended.title if self.done else ""

    def is_last(self, done: Sequence[Step]) -> bool:
        """Whether something was done to files since the last of these steps."""
        return bool(self.done) and (not done or done[-1].when < self.done[-1].mended.when)

    def following(self, done: Sequence[Step], undone: Sequence[Step]) -> Literal["files", "step", ""]:
        """What is to be done again next, of these steps and of what was done to files; "" for nothing. A step that was
        made since files were brought back ends that, also where it was undone itself."""
        live = [step for step in undone if step.number not in self._ended]
        if self.undone:
            first = self.undone[-1]
            ended = any(first.undone_at is not None and step.when > first.undone_at for step in (*done, *undone))
            if not ended and (not live or first.mended.when < live[-1].when):
                return "files"
        return "step" if live else ""
