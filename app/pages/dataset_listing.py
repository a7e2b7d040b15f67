"""The list of pictures on the page Dataset: what a search found, put into the grid and said around it."""

from collections.abc import Mapping
from typing import cast

from PySide6.QtCore import QObject, Signal, Slot

from app.dataset_folder import DatasetFolder
from app.pages.dataset_layout import Head
from app.pages.dataset_search import OF_CAPTIONS, Found
from app.pictures import PictureList
from app.widgets.dataset_filter import DatasetFilter
from app.widgets.dataset_grid import DatasetGrid, Look
from app.widgets.problem_strip import ProblemStrip
from trainer.dataset.findings import Kind

NO_FOLDER = "Open a folder of pictures, or drop one here. What is in it is not changed until you write something."
NOTHING_FOUND = "No picture fits. Take a word of the search away."
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
    whole folder, each with how often it comes; `counted`: other pictures are listed, or selected.
    """

    tagged = Signal(object)
    counted = Signal()

    def __init__(
        self,
        folder: DatasetFolder,
        pictures: PictureList,
        grid: DatasetGrid,
        filtered: DatasetFilter,
        strip: ProblemStrip,
        head: Head,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.restoring: Mapping[str, object] = {}
        self._folder, self._pictures, self._grid = folder, pictures, grid
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
        paths = [self._folder.paths[place] for place in found.places]
        is_waiting = self._folder.report is None and "problem:" in self._filter.query
        self._grid.say(NO_FOLDER if not self._folder.rows else LOOKING if is_waiting else NOTHING_FOUND)
        if paths != self._pictures.paths() or not paths:
            self._grid.set_paths(paths, fallback=max(0, self._grid.currentIndex().row()))
        if paths and self.restoring:
            restoring, self.restoring = self.restoring, {}
            self._grid.set_view(restoring)
        if self._folder.is_read:
            self._filter.set_tags(found.tags)
            self._filter.set_problems(found.uncaptioned, found.problems)
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

    def _show_problem(self) -> None:
        kind, report = self._filter.kind, self._folder.report
        problems = report.by_kind().get(cast("Kind", kind), ()) if report is not None else ()
        mendings = report.mendings(cast("Kind", kind)) if report is not None and problems else ()
        self._strip.show_kind(kind, problems, mendings, can_bring_back=self._folder.mended is not None)
