"""What was done to the files of the open dataset, to be undone and done again among the steps of its history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from trainer.dataset.book import Step
from trainer.dataset.mending import FileMending, Mended


@dataclass(frozen=True, slots=True)
class FilesDone:
    """A mending with what it did. `undone_at`: when that was taken back, if it was."""

    mending: FileMending
    mended: Mended
    undone_at: datetime | None = None

    def undone(self) -> "FilesDone":
        return replace(self, undone_at=datetime.now(UTC))

    def again(self, mended: Mended) -> "FilesDone":
        """Done once more: among the steps it stands where it stood."""
        return FilesDone(self.mending, replace(mended, when=self.mended.when))


class Mendings:
    """Since the folder was opened. `done` has the oldest first, `undone` the next to be done again last."""

    def __init__(self) -> None:
        self.done: list[FilesDone] = []
        self.undone: list[FilesDone] = []

    def clear(self) -> None:
        self.done.clear()
        self.undone.clear()

    def take(self, done: FilesDone | None, undone: FilesDone | None, *, is_anew: bool) -> None:
        """What was done, or undone; `is_anew`: for the first time, so that what was undone before stays so."""
        if is_anew:
            self.undone.clear()
        if done is not None:
            self.done.append(done)
        if undone is not None:
            self.undone.append(undone)

    @property
    def last(self) -> str:
        """The title of what can be undone next; "" for nothing."""
        return self.done[-1].mended.title if self.done else ""

    def is_last(self, done: Sequence[Step]) -> bool:
        """Whether something was done to files since the last of these steps."""
        return bool(self.done) and (not done or done[-1].when < self.done[-1].mended.when)

    def is_next(self, done: Sequence[Step], undone: Sequence[Step]) -> bool:
        """Whether something is to be done again to files before the last of the steps that were undone. What is done
        anew ends what could be done again."""
        if not self.undone:
            return False
        first = self.undone[-1]
        if done and first.undone_at is not None and done[-1].when > first.undone_at:
            return False
        return not undone or first.mended.when < undone[-1].when
