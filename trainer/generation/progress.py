"""How far a job is: a step, what is left of it, a preview."""

import time
from collections.abc import Sequence

from torch import Tensor

from trainer.contract import events
from trainer.contract.run import Run
from trainer.generation.plan import Pass
from trainer.generation.preview import Previews


class Clock:
    """Reckons what is left from what is done, a step by the area of its pictures."""

    def __init__(self, passes: Sequence[Pass], count: int) -> None:
        self._left = float(count * sum(one.steps * _area(one) for one in passes))
        self._done = 0.0
        self._start = 0.0

    def begin(self) -> None:
        """The first step begins; what came before it says nothing of the steps."""
        self._start = self._start or time.monotonic()

    def step(self, one: Pass, pictures: int) -> float:
        """Another step of so many pictures is done. Returns the seconds that are left."""
        work = pictures * _area(one)
        self._done += work
        self._left = max(self._left - work, 0.0)
        return (time.monotonic() - self._start) / self._done * self._left


class Reporter:
    """What happens in each step of some pictures: look for a cancel, say how far it is, show a preview."""

    def __init__(
        self, run: Run, clock: Clock, previews: Previews, passes: Sequence[Pass], place: int, first: int
    ) -> None:
        """For pass number `place`, and pictures numbered from `first`."""
        self._run = run
        self._clock = clock
        self._previews = previews
        self._pass = passes[place]
        self._before = sum(one.steps for one in passes[:place])
        self._total = sum(one.steps for one in passes)
        self._first = first
        clock.begin()
        run.check()

    def __call__(self, index: int, clean: Tensor) -> None:
        self._run.check()
        step = self._before + index + 1
        left = self._clock.step(self._pass, len(clean))
        self._run.emit(events.Step(step=step, total=self._total, seconds_left=round(left, 2)))
        if self._previews.due(step):
            self._previews.show(clean, self._first, step, self._total)


def _area(one: Pass) -> int:
    return one.size[0] * one.size[1]
