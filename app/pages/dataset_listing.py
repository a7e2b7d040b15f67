"""The list of pictures on the page Dataset: what a search found, put into the grid and said around it."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import cast

from PySide6.QtCore import QObject, Signal, Slot

from app.dataset_folder import DatasetFolder
from app.pages.dataset_layout import Head
from app.pages.dataset_search import OF_CAPTIONS, Found
from app.pages.dataset_selection import Selection
from app.pictures import PictureList
from app.widgets.dataset_filter import REJECTED, DatasetFilter
from app.widgets.dataset_grid import DatasetGrid, Look
from app.widgets.problem_strip import ProblemStrip
from trainer.dataset.findings import Kind
from trainer.dataset.health_problem import Problem

NO_FOLDER = "Open a folder of pictures, or drop one here. What is in it is not changed until you write something."
NOTHING_FOUND = "No picture fits. Take a word of the search away."
ONLY_FILES = "No picture has this: it is about the files above."
LOOKING = "Still looking at the pictures…"


def look(folder: DatasetFolder, path: str) -> Look:
    """What the tile of a picture says of it."""
    place = folder.place_of(path)
    if place < 0:
        return Look()
    of = folder.rows[place]
    problem = next(iter(of.problems - OF_CAPTIONS), "")
    prepared = folder.preparing.words(place)
    return Look(of.caption if folder.is_read else None, of.stars, of.flag, problem, prepared)


class Listing(QObject):
    """Keeps `grid`, `filtered`, `strip` and `head` at what was found in the `folder`.

    `restoring` is how the grid is to stand again as soon as pictures are listed. `tagged` carries the tags of the
    whole folder, each with how often it comes; `counted`: other pictures are listed, or selected. The picture at the
    place that `edited` gives stays listed whatever is found: nothing jumps away under somebody who types.
    """

    tagged = Signal(object)
    counted = Signal()

    def __init__(
        self,
        folder: DatasetFolder,
        pictures: PictureList,
        grid: DatasetGrid,
        selection: Selection,
        filtered: DatasetFilter,
        strip: ProblemStrip,
        head: Head,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.restoring: Mapping[str, object] = {}
        self.edited: Callable[[], int] = lambda: -1
        self._folder, self._pictures, self._grid, self._selection = folder, pictures, grid, selection
        self._filter, self._strip, self._head = filtered, strip, head
        folder.opened.connect(pictures.look_again)
        folder.changed.connect(self._look_again)
        for prepared in (folder.prepared, folder.masked):
            prepared.connect(self._draw_anew)

    def view(self) -> dict[str, object]:
        """How the grid stands, or is to stand."""
        return self._grid.view() or {key: self.restoring[key] for key in self._grid.VIEW if key in self.restoring}

    @Slot(object)
    def take(self, found: Found) -> None:
        edited = self.edited()
        places = found.places if edited < 0 else sorted({*found.places, edited})
        paths = [self._folder.paths[place] for place in places]
        self._grid.say(self._nothing())
        if paths != self._pictures.paths() or not paths:
            self._grid.set_paths(paths, fallback=max(0, self._grid.currentIndex().row()))
        if paths and self.restoring:
            restoring, self.restoring = self.restoring, {}
            self._grid.set_view(restoring)
        if self._folder.is_read:
            self._filter.set_tags(found.tags)
            self._filter.set_problems(found.uncaptioned, found.rejected, found.problems)
            self._show_problem()
            self.tagged.emit(found.tags)
        self.say_count()

    @Slot()
    def _look_again(self) -> None:
        self._grid.viewport().update()

    @Slot(object)
    def _draw_anew(self, places: tuple[int, ...]) -> None:
        """Recipes, or masks, are others now."""
        self._pictures.forget([self._folder.paths[place] for place in places])
        self._grid.viewport().update()

    def say_folder(self) -> None:
        """Name the folder, or say how to come to one."""
        self._head.say_folder(self._folder.folder)
        if self._folder.folder is None:
            self._grid.say(NO_FOLDER)

    @Slot()
    def say_count(self) -> None:
        total, listed, selected = len(self._folder.rows), self._pictures.rowCount(), self._grid.count_selected()
        self._head.say_count(total, listed, selected, is_searched=bool(self._filter.query))
        self.counted.emit()

    def leave_out(self, paths: Collection[Path]) -> None:
        """These are about to be taken out of the folder: whoever goes on is not to meet them again."""
        going = {str(path) for path in paths}
        before = self._pictures.paths()
        fallback = sum(path not in going for path in before[: self._grid.currentIndex().row()])
        self._grid.set_paths([path for path in before if path not in going], fallback=fallback)
        self.say_count()

    def _nothing(self) -> str:
        """What stands in place of the pictures where the search finds none."""
        if not self._folder.rows:
            return NO_FOLDER
        if self._folder.report is None and "problem:" in self._filter.query:
            return LOOKING
        return ONLY_FILES if self._problems() else NOTHING_FOUND

    def _problems(self) -> tuple[Problem, ...]:
        """Of the kind that is searched for."""
        report = self._folder.report
        return report.by_kind().get(cast("Kind", self._filter.kind), ()) if report is not None else ()

    def _show_problem(self) -> None:
        kind, report, problems = self._filter.kind, self._folder.report, self._problems()
        mended = self._folder.mendings.last
        if self._filter.query == REJECTED and (rejects := self._selection.rejects()):
            self._strip.show_rejects((self._selection.taking_out(rejects),), mended=mended)
        else:
            mendings = report.mendings(cast("Kind", kind)) if report is not None and problems else ()
            self._strip.show_kind(kind, problems, mendings, mended=mended)
