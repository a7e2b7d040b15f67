"""GridJob: every cell through `generate`, and the sheets that lay them side by side."""

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from trainer.contract import events
from trainer.contract.common import Hardware
from trainer.contract.grid import GridJob, Place, cells
from trainer.contract.run import Run
from trainer.generation.grid_sheet import draw_sheet, write_sheet
from trainer.generation.picture_files import free_path
from trainer.generation.text_to_image import generate
from trainer.home import Home
from trainer.models.family import Bundle

Opened = Callable[[str, Hardware], Bundle]
"""(model by name or path, hardware) to the model, which may be the one that was opened last."""

COSTLY = ("model", "hardware", "loras", "prompt", "negative")
"""Fields whose change costs time, the dearest first: their axes change least often."""


def make_grid(job: GridJob, run: Run, home: Home, opened: Opened) -> tuple[Path, ...]:
    """Make all pictures, then a sheet for each value of z; returns the sheets' paths behind those of the pictures.

    Raises UserError before any work where a cell can't be. Cancelled leaves the pictures that were complete, and no
    sheet.
    """
    jobs = cells(job)
    pictures: dict[Place, Path] = {}
    told = _Told(run, len(jobs))
    for place in sorted(jobs, key=lambda place: _cost_order(job, place)):
        cell = jobs[place]
        run.check()
        bundle = opened(cell.model, cell.hardware)
        second = partial(opened, cell.second_pass.model if cell.second_pass else "", cell.hardware)
        (pictures[place],) = generate(cell, dataclasses.replace(run, emit=told.emit), home, bundle, second)
        told.done()
    sheets = [_sheet(job, pictures, index, run) for index in sorted({place[2] for place in pictures})]
    return (*(pictures[place] for place in sorted(pictures, key=_row_by_row)), *sheets)


def _cost_order(job: GridJob, place: Place) -> list[int]:
    """The place with the axis first that costs most to change."""
    axes = sorted(range(len(job.axes)), key=lambda number: _cost(job.axes[number].field))
    return [place[number] for number in axes]


def _row_by_row(place: Place) -> list[int]:
    """As a sheet is read: x changes first."""
    return list(reversed(place))


def _cost(field: str) -> int:
    first = field.partition(".")[0]
    return COSTLY.index(first) if first in COSTLY else len(COSTLY)


def _sheet(job: GridJob, pictures: dict[Place, Path], z: int, run: Run) -> Path:
    run.status("drawing the sheet")
    shown = {(x, y): path for (x, y, place), path in pictures.items() if place == z}
    image = draw_sheet(job, shown, z)
    with free_path(next(iter(shown.values())).parent, "grid") as path:
        write_sheet(path, image, job)
    run.emit(events.Saved(what="picture", path=str(path)))
    return path


class _Told:
    """What is said of the cells, as of one job: progress over all of them, and a warning once."""

    def __init__(self, run: Run, total: int) -> None:
        self._run, self._total = run, total
        self._done = 0
        self._start = time.monotonic()
        self._warned: set[events.Warning] = set()

    def emit(self, event: events.Event) -> None:
        match event:
            case events.Progress():
                pass
            case events.Step(seconds_left=left) if left is not None:
                per_cell = (time.monotonic() - self._start) / self._done if self._done else 0.0
                ahead = per_cell * (self._total - self._done - 1)
                self._run.emit(event.model_copy(update={"seconds_left": round(left + ahead, 2)}))
            case events.Warning() if event in self._warned:
                pass
            case _:
                if isinstance(event, events.Warning):
                    self._warned.add(event)
                self._run.emit(event)

    def done(self) -> None:
        self._done += 1
        self._run.progress("pictures", self._done, self._total)
