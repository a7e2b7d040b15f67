"""The Gallery: every picture that Gesso made, to be found, looked at, compared, used again or thrown away."""

import itertools
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import cast

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.errand import Errand
from app.favourites import Favourites
from app.picture_index import PictureIndex
from app.picture_trash import move_to_trash
from app.picture_words import Opened, open_picture
from app.pictures import PictureList
from app.thumbnails import SIDE, Thumbnails
from app.widgets.basics import column, open_folder, row, surface
from app.widgets.compare import ComparePanel
from app.widgets.full_view import FullView
from app.widgets.picture_bar import PictureBar
from app.widgets.picture_details import PictureDetails
from app.widgets.picture_grid import PictureGrid, PictureTile
from trainer.home import Home

DETAILS_WIDTH, LEAST_DETAILS, MOST_DETAILS = 340, 300, 560
LARGE_ENOUGH = 860
"""Of the grid beside them, at first: what the window has beside the rail."""
NOTHING_YET = "Pictures that you make stand here, and the previews of your trainings too."
NOTHING_FOUND = "No picture fits. Take a word away, or show more than the favourites."


class GalleryPage(QWidget):
    """`said` is a sentence for the status bar, `reuse` the Path of a picture whose settings Generate takes."""

    said = Signal(str)
    reuse = Signal(object)

    def __init__(self, home: Home, favourites: Favourites) -> None:
        super().__init__()
        self._home, self._favourites = home, favourites
        self._index = PictureIndex(home, self)
        self._thumbnails = Thumbnails(home)
        self._pictures = PictureList(SIDE, self, read=self._thumbnails.read)
        self._errands: dict[object, Errand] = {}
        self._numbers = itertools.count(1)
        self._opened: Opened | None = None
        self._first = ""
        self._pair: dict[str, Opened | None] = {}
        self._doomed: list[str] = []
        self._restoring: Mapping[str, object] = {}
        self._swept = False
        self.grid = PictureGrid(self._pictures, PictureTile(favourites.is_starred))
        self.bar = PictureBar()
        self.details = PictureDetails()
        self.comparison = ComparePanel()
        self.large = FullView()
        self._stack = QStackedWidget()
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._lay_out()
        self._wire()

    def view(self) -> dict[str, object]:
        """Search, order and size of the tiles, what is selected, where the grid is scrolled to, how wide it is."""
        return {
            **self.bar.view(),
            **(self.grid.view() or {key: self._restoring[key] for key in self.grid.VIEW if key in self._restoring}),
            "split": self._split.sizes(),
        }

    def set_view(self, view: Mapping[str, object]) -> None:
        """As `view` gave it; what makes no sense is passed over. Pictures are selected once they are listed."""
        self.bar.set_view(view)
        self._restoring = view
        split = view.get("split")
        if isinstance(split, list) and len(split) == 2 and all(isinstance(part, int) for part in split):
            self._split.setSizes(cast("list[int]", split))
        self._filter()

    @Slot()
    def refresh(self) -> None:
        """Look at the disk again, in the pool."""
        self._index.refresh()

    @Slot(str)
    def add(self, path: str) -> None:
        """Show a picture that was just made."""
        if not self._index.add(path):
            return
        if self.bar.order != "newest":
            self._filter()
        elif not self.bar.is_filtering:
            at_top = self.grid.verticalScrollBar().value() == 0
            self._pictures.add(path)
            if not self.grid.current():
                self.grid.go_to(0)
            if at_top:
                self.grid.scrollToTop()
        self._say_count()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()  # files may have come or gone meanwhile
        self.grid.setFocus()

    @Slot()
    def star_selected(self) -> None:
        """Give the selected pictures a star, or take it away when all have one."""
        paths = self.grid.selected_paths()
        self._favourites.star(paths, not all(map(self._favourites.is_starred, paths)))

    @Slot()
    def use_selected(self) -> None:
        """Give Generate the settings of the picture that has the cursor."""
        if self._opened is not None and self._opened.job is not None:
            self.reuse.emit(self._opened.path)

    @Slot()
    def search(self) -> None:
        self._stack.setCurrentIndex(0)
        self.bar.search.setFocus()
        self.bar.search.selectAll()

    @Slot()
    def compare_selected(self) -> None:
        """Compare the two selected pictures; with one, the next that is clicked is the other."""
        paths = self.grid.selected_paths()
        if len(paths) == 2:
            self._open_pair(paths[0], paths[1])
        elif len(paths) == 1:
            self._first = paths[0]
            self.details.ask("Now click the picture to compare it with, or go there and press Enter.")
            self.grid.setFocus()

    @Slot()
    def trash_selected(self) -> None:
        """Ask whether the selected pictures are to go to the trash."""
        self._doomed = self.grid.selected_paths()
        if self._doomed:
            count = len(self._doomed)
            self._stack.setCurrentIndex(0)
            self.details.ask(
                f"Move {'this picture' if count == 1 else f'these {count:,} pictures'} to the trash?", "Move to trash"
            )

    @Slot()
    def delete(self) -> None:
        """The question was answered with yes."""
        doomed, self._doomed = self._doomed, []
        self.details.ask("")
        if doomed:
            name = f"trash {next(self._numbers)}"
            errand = Errand(name, partial(move_to_trash, doomed))
            errand.told.done.connect(self._deleted)
            errand.told.failed.connect(self._failed)
            self._errands[name] = errand
            errand.start()

    @Slot()
    def full_view(self) -> None:
        """The picture that has the cursor, as large as the page; asked again, the grid."""
        if self._stack.currentWidget() is self.large:
            self.back()
        elif self.grid.current():
            self._stack.setCurrentWidget(self.large)
            self._show_large()
            self.large.setFocus()

    @Slot()
    def back(self) -> None:
        """To the grid: out of the full view, the comparison or an unanswered question."""
        self._first, self._doomed, self._pair = "", [], {}
        self.details.ask("")
        self._stack.setCurrentIndex(0)
        self.grid.setFocus()

    @Slot()
    def _show_folder(self) -> None:
        if self._opened is not None:
            open_folder(self._opened.path.parent)

    @Slot(str)
    def _picked(self, path: str) -> None:
        if not path:
            self._opened = None
            self.details.clear("")
            return
        if self._doomed:  # the question was about others
            self._doomed = []
            self.details.ask("")
        self._open(path)

    @Slot(str)
    def _chosen(self, path: str) -> None:
        if self._first and self._first != path:
            first, self._first = self._first, ""
            self.details.ask("")
            self._open_pair(first, path)

    def _open_pair(self, first: str, second: str) -> None:
        self._pair = {first: None, second: None}
        self._open(first)
        self._open(second)

    def _open(self, path: str) -> None:
        if path in self._errands:
            return
        errand = Errand(path, partial(open_picture, Path(path)))
        errand.told.done.connect(self._take)
        errand.told.failed.connect(self._failed)
        self._errands[path] = errand
        errand.start()

    @Slot(object, object)
    def _take(self, path: str, opened: Opened) -> None:
        self._errands.pop(path, None)
        if path in self._pair:
            self._pair[path] = opened
            first, second = self._pair.values()
            if first is not None and second is not None:
                self._pair = {}
                self._stack.setCurrentWidget(self.comparison)
                self.comparison.show_pair(first, second)
        if path == self.grid.current():
            self._opened = opened
            self.details.show_picture(opened, self._place(opened.path))
            self._show_selection()
            self._show_large()

    def _show_large(self) -> None:
        if self._stack.currentWidget() is self.large and self._opened is not None:
            row = self._pictures.row_of(str(self._opened.path))
            place = f"{row + 1:,} of {self._pictures.rowCount():,}"
            star = "  ·  ★ a favourite" if self._favourites.is_starred(str(self._opened.path)) else ""
            self.large.show_image(self._opened.image, self._opened.path.name, place + star, self._opened.problem)

    def _place(self, path: Path) -> str:
        if path.is_relative_to(self._home.runs):
            return f"A preview of the training {path.relative_to(self._home.runs).parts[0]}"
        return ""

    @Slot()
    def _show_selection(self) -> None:
        count = self.grid.count_selected()
        starred = (
            all(self._favourites.is_starred(path) for path in self.grid.selected_paths()) if count < 1000 else False
        )
        self.details.show_selection(count, starred and count > 0)

    @Slot(object, object)
    def _deleted(self, name: str, outcome: "tuple[list[str], str]") -> None:
        self._errands.pop(name, None)
        gone, problem = outcome
        row = self.grid.currentIndex().row()
        self._index.drop(gone)
        self._favourites.drop(gone)
        self._filter(fallback=max(0, row - len(gone) + 1))
        if problem:
            self.details.say_fault(problem)
        else:
            self.said.emit(
                f"{len(gone):,} pictures are in the trash." if len(gone) > 1 else "The picture is in the trash."
            )
        self.grid.setFocus()

    @Slot(object, str)
    def _failed(self, about: object, why: str) -> None:
        self._errands.pop(about, None)
        self.details.say_fault(why)

    @Slot()
    def _stars_changed(self) -> None:
        if self.bar.only.isChecked():
            self._filter()
        self.grid.viewport().update()
        self._show_selection()
        self._show_large()

    @Slot()
    def _filter(self, fallback: int = 0) -> None:
        """Show what fits the search. Only when that is another list than before, or the grid would flicker."""
        wanted, words = self.bar.words, self._index.words
        only, is_starred = self.bar.only.isChecked(), self._favourites.is_starred
        fitting = [
            picture.path
            for picture in self._index.in_order(self.bar.order)
            if (not only or is_starred(picture.path))
            and (not wanted or all(word in words.get(picture.path, "") for word in wanted))
        ]
        if fitting != self._pictures.paths() or not fitting:
            self.grid.say(NOTHING_FOUND if self._index.pictures else NOTHING_YET)
            self.grid.set_paths(fitting, fallback=fallback)
        if fitting and self._restoring and not (wanted and self._index.unread):
            restoring, self._restoring = self._restoring, {}
            self.grid.set_view(restoring)
        self._say_count()

    @Slot(object)
    def _words_came(self, paths: Collection[str]) -> None:
        if self.bar.words and paths:
            self._filter()
        else:
            self._say_count()
        if not self._index.unread and not self._swept:
            self._swept = True
            self._sweep()

    def _sweep(self) -> None:
        """Take thumbnails of pictures that are gone away, now that there is nothing else to do."""
        errand = Errand("sweep", partial(_swept, self._thumbnails))
        errand.told.done.connect(self._done_sweeping)
        errand.told.failed.connect(self._done_sweeping)
        self._errands["sweep"] = errand
        errand.start()

    @Slot(object, object)
    def _done_sweeping(self, about: object, _outcome: object) -> None:
        self._errands.pop(about, None)

    @Slot(object)
    def _rewritten(self, paths: list[str]) -> None:
        self._pictures.forget(paths)
        self.grid.viewport().update()
        if self.grid.current() in paths:
            self._open(self.grid.current())

    def _say_count(self) -> None:
        self.bar.say_count(len(self._index.pictures), self._pictures.rowCount(), self._index.unread)

    def _wire(self) -> None:
        self._index.listed.connect(self._filter)
        self._index.read.connect(self._words_came)
        self._index.changed.connect(self._rewritten)
        self._favourites.changed.connect(self._stars_changed)
        self.bar.changed.connect(self._filter)
        self.bar.resized.connect(self.grid.set_tile)
        self.grid.picked.connect(self._picked)
        self.grid.chosen.connect(self._chosen)
        self.grid.selected.connect(self._show_selection)
        self.grid.full.connect(self.full_view)
        self.grid.starring.connect(self.star_selected)
        self.grid.deleting.connect(self.trash_selected)
        self.details.reuse.connect(self.use_selected)
        self.details.compare.connect(self.compare_selected)
        self.details.folder.connect(self._show_folder)
        self.details.starring.connect(self.star_selected)
        self.details.deleting.connect(self.trash_selected)
        self.details.confirmed.connect(self.delete)
        self.details.refused.connect(self.back)
        self.comparison.left.connect(self.back)
        self.large.left.connect(self.back)
        self.large.stepped.connect(self.grid.step)
        self.large.starring.connect(self.star_selected)
        self.large.deleting.connect(self.trash_selected)
        leave = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        leave.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        leave.activated.connect(self.back)

    def _lay_out(self) -> None:
        middle = column(
            row(self.bar, margins=(16, 16, 16, 0)), row(self.grid, margins=(16, 0, 0, 0)), margins=(0, 0, 0, 0)
        )
        right = surface(self.details, "panel", edge="left")
        right.setMinimumWidth(LEAST_DETAILS)
        right.setMaximumWidth(MOST_DETAILS)
        self._split.addWidget(middle)
        self._split.addWidget(right)
        self._split.setStretchFactor(0, 1)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        self._split.setSizes([LARGE_ENOUGH, DETAILS_WIDTH])
        for page in (self._split, self.large, self.comparison):
            self._stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)


def _swept(thumbnails: Thumbnails, errand: Errand) -> int:
    return thumbnails.sweep(errand.check)
