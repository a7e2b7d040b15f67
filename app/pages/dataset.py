"""The page Dataset: a folder of pictures with their captions, to be looked through, written, and put in order."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import cast

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QFileDialog, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.errand import Errand
from app.models_list import Models
from app.pages.dataset_captioning import Captioning
from app.pages.dataset_search import OF_CAPTIONS, Found, search
from app.pictures import PictureList, read_image
from app.queue import Queue
from app.thumbnails import SIDE, Thumbnails
from app.widgets.basics import button, column, label, row, surface
from app.widgets.batch_panel import BatchPanel
from app.widgets.dataset_filter import DatasetFilter
from app.widgets.dataset_grid import DatasetGrid, Look
from app.widgets.dataset_inspector import DatasetInspector
from app.widgets.export_panel import ExportPanel
from app.widgets.full_view import FullView
from app.widgets.problem_strip import ProblemStrip
from trainer.contract.errors import UserError
from trainer.dataset.book import Change
from trainer.dataset.edits import AddTags, RemoveTags
from trainer.dataset.findings import Kind
from trainer.dataset.marks import Flag
from trainer.dataset.mending import Mending
from trainer.dataset.query import compile_query
from trainer.home import Home

WIDTHS = (220, 640, 340)
LEAST_SIDES, MOST_SIDES = 200, 520
SHOWN_LARGE = 1024
"""Pixels of the longer side of the picture in the inspector."""
TILE = 150
NO_FOLDER = "Open a folder of pictures, or drop one here. What is in it is not changed until you write something."
NOTHING_FOUND = "No picture fits. Take a word of the search away."


class DatasetPage(QWidget):
    """`said` is a sentence for the status bar; `train_on` carries the folder that is to be trained on."""

    said = Signal(str)
    train_on = Signal(object)

    def __init__(self, home: Home, models: Models, queue: Queue) -> None:
        super().__init__()
        self.folder = DatasetFolder(home.cache, self)
        self._pictures = PictureList(SIDE, self, read=Thumbnails(home).read)
        self._errands: dict[object, Errand] = {}
        self._numbers = itertools.count(1)
        self._search = 0
        self._restoring: Mapping[str, object] = {}
        self._shown = -1
        self.filter = DatasetFilter()
        self.grid = DatasetGrid(self._pictures, self._look)
        self.inspector = DatasetInspector()
        self.batch = BatchPanel(self.folder)
        self.captioning = Captioning(self.folder, models, queue, self._meant, self)
        self.exporting = ExportPanel(self.folder)
        self.large = FullView()
        self.strip = ProblemStrip()
        self._title = label("", "heading")
        self._count = label("", "muted")
        self._middle = QStackedWidget()
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._soon = QTimer(self, singleShot=True, interval=150)
        self._lay_out()
        self._wire()
        self._show_folder_name()

    # ---- What the window remembers

    def view(self) -> dict[str, object]:
        folder = str(self.folder.folder) if self.folder.folder else self._restoring.get("folder", "")
        kept = self.grid.view() or {key: self._restoring[key] for key in self.grid.VIEW if key in self._restoring}
        return {**kept, "folder": folder, "search": self.filter.search.text(), "split": self._split.sizes()}

    def set_view(self, view: Mapping[str, object]) -> None:
        """As `view` gave it. The folder is opened when the page is first in sight."""
        self._restoring = view
        self.filter.search.setText(str(view.get("search", "")))
        split = view.get("split")
        if isinstance(split, list) and len(split) == 3:
            self._split.setSizes([int(str(part)) for part in split])

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        kept = str(self._restoring.get("folder", ""))
        if self.folder.folder is None and kept and Path(kept).is_dir():
            self.folder.open(Path(kept))
        elif self.folder.folder is not None:
            self.folder.look_again(self._places_in_sight())
        self.grid.setFocus()

    def stop_work(self) -> None:
        """Write down what was typed last."""
        self.inspector.finish()
        self.folder.finish()

    # ---- Actions

    @Slot()
    def choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "A folder of pictures", str(self.folder.folder or ""))
        if chosen:
            self.open_folder(Path(chosen))

    def open_folder(self, folder: Path) -> None:
        self._let_go()
        self._restoring = {}
        self.filter.search.clear()
        self.folder.open(folder)
        self._show_folder_name()

    def _let_go(self) -> None:
        """Write down what was typed, and take no more: the pictures are about to be others."""
        self.inspector.finish()
        self._shown = -1
        self.inspector.show_none()

    @Slot(object)
    def _mend(self, mending: Mending) -> None:
        self._let_go()
        self.folder.mend(mending)

    @Slot(int, str, str)
    def _refused(self, place: int, text: str, why: str) -> None:
        """Nothing that was typed is lost: it stands in the field again, with the reason."""
        row = self._pictures.row_of(self.folder.paths[place])
        if row >= 0:
            self.grid.go_to(row)
            self._show_selection()
            self.inspector.put_back(text, why)

    @Slot()
    def search(self) -> None:
        self.filter.search.setFocus()
        self.filter.search.selectAll()

    @Slot()
    def undo(self) -> None:
        self.inspector.finish()
        self.folder.undo()

    @Slot()
    def redo(self) -> None:
        self.folder.redo()

    @Slot()
    def next_uncaptioned(self) -> None:
        """On to the next picture without a caption, from the top again after the last."""
        places = self._places()
        start = self.grid.currentIndex().row() + 1
        for step in range(len(places)):
            at = (start + step) % len(places)
            if not self.folder.rows[places[at]].caption.strip():
                self.grid.go_to(at)
                self.edit_caption()
                return
        self.said.emit("Every picture here has a caption.")

    @Slot()
    def edit_caption(self) -> None:
        self.inspector.edit.setFocus()

    @Slot()
    def change_captions(self) -> None:
        """Change the captions of the selected pictures, or with one or none of all that are shown."""
        if self.folder.is_read and self._pictures.rowCount():
            self.inspector.finish()
            self.batch.open(self._meant())
            self._middle.setCurrentWidget(self.batch)

    @Slot()
    def export(self) -> None:
        """Write a copy of all of it as other programs read it."""
        if self.folder.is_read:
            self.inspector.finish()
            self.exporting.open()
            self._middle.setCurrentWidget(self.exporting)

    @Slot()
    def full_view(self) -> None:
        if self._middle.currentWidget() is self.large:
            self.back()
        elif self.grid.current():
            self._middle.setCurrentWidget(self.large)
            self.large.setFocus()
            self._show_picture()

    @Slot()
    def back(self) -> None:
        self._middle.setCurrentIndex(0)
        self.grid.setFocus()

    @Slot()
    def caption(self) -> None:
        """Let the chosen captioner look at the pictures that it names."""
        self.inspector.finish()
        self.captioning.start()

    @Slot()
    def train(self) -> None:
        if self.folder.folder is not None:
            self.inspector.finish()
            self.train_on.emit(self.folder.folder)

    # ---- Searching

    @Slot()
    def _filter(self) -> None:
        try:
            query = compile_query(self.filter.query)
        except UserError as error:
            self.filter.say_fault(str(error))
            return
        self.filter.say_fault("")
        self._search = next(self._numbers)
        self._run(("search", self._search), partial(search, self._search, query, self.folder.rows), self._take_found)

    @Slot(object, object)
    def _take_found(self, about: object, found: Found) -> None:
        self._errands.pop(about, None)
        if found.number != self._search:
            return
        paths = [self.folder.paths[place] for place in found.places]
        self.grid.say(NOTHING_FOUND if self.folder.rows else NO_FOLDER)
        if paths != self._pictures.paths() or not paths:
            self.grid.set_paths(paths, fallback=max(0, self.grid.currentIndex().row()))
        if paths and self._restoring:
            restoring, self._restoring = self._restoring, {}
            self.grid.set_view(restoring)
        if self.folder.is_read:
            self.filter.set_tags(found.tags)
            self.filter.set_problems(found.uncaptioned, found.problems)
            self._show_problem()
            names = [tag for tag, _ in found.tags]
            self.inspector.edit.set_names(names)
            self.inspector.tags.set_names(names)
        self._say_count()

    def _run(self, about: object, work: Callable[[Errand], object], then: Callable[..., None]) -> None:
        errand = Errand(about, work)
        errand.told.done.connect(then)
        errand.told.failed.connect(self._failed)
        self._errands[about] = errand
        errand.start()

    @Slot(object, str)
    def _failed(self, about: object, why: str) -> None:
        self._errands.pop(about, None)
        self.said.emit(why)

    # ---- What is shown

    def _look(self, path: str) -> Look:
        place = self.folder.place_of(path)
        if place < 0:
            return Look()
        of = self.folder.rows[place]
        problem = next(iter(of.problems - OF_CAPTIONS), "")
        return Look(of.caption if self.folder.is_read else None, of.stars, of.flag, problem)

    @Slot()
    def _opened(self) -> None:
        self._shown = -1
        if self._middle.currentWidget() is not self.large:
            self._middle.setCurrentIndex(0)
        self.batch.forget()
        self._show_folder_name()
        self._filter()
        self._show_steps()

    @Slot()
    def _read(self) -> None:
        self._filter()
        self._shown = -1
        self._show_selection()

    @Slot(object)
    def _changed(self, places: tuple[int, ...]) -> None:
        self.grid.viewport().update()
        self._soon.start()
        if self._shown in places and not self.inspector.is_edited:
            self._shown = -1
        self._show_selection()
        self._show_steps()

    @Slot()
    def _show_selection(self) -> None:
        chosen = self._selected()
        if chosen != [self._shown]:
            self.inspector.finish()
        rows = [self.folder.rows[place] for place in chosen]
        if len(chosen) == 1:
            self._show_one(chosen[0])
        else:
            self._shown = -1
            if chosen:
                self.inspector.show_many(len(chosen))
            else:
                self.inspector.show_none()
        numbers = Counter(tag for of in rows for tag in dict.fromkeys(of.tags))
        self.inspector.tags.show_tags(sorted(numbers.items(), key=lambda one: (-one[1], one[0])), len(rows))
        self._say_count()

    @Slot(str)
    def _picked(self, path: str) -> None:
        if not path:  # nothing is listed any more, which Qt does not call another selection
            self._show_selection()

    def _show_one(self, place: int) -> None:
        if place != self._shown:
            self._shown = place
            note = self.folder.book.caption(place).note if self.folder.is_read else ""
            self.inspector.show_one(Path(self.folder.paths[place]), self.folder.rows[place].caption, note)
            self._show_picture()
        of = self.folder.rows[place]
        size = f"{of.width} × {of.height}  ·  " if of.width else ""
        self.inspector.about.setText(f"{size}{of.relative}")
        self.inspector.show_placement((of.width, of.height), self.folder.book.dataset.items[place].repeats)

    def _show_picture(self) -> None:
        path = self.grid.current()
        if path:
            self._run(("picture", path), partial(_image, path), self._take_picture)

    @Slot(object, object)
    def _take_picture(self, about: tuple[str, str], image: QImage) -> None:
        self._errands.pop(about, None)
        if about[1] == self.grid.current():
            name = Path(about[1]).name
            self.inspector.show_image(image, name)
            self.large.show_image(image, name, self._place_in_words())

    @Slot(str)
    def _write(self, text: str) -> None:
        """The caption in the inspector is done with."""
        if self._shown < 0 or not self.folder.is_read:
            return
        before = self.folder.rows[self._shown].caption
        if text.rstrip("\n") != before:
            name = Path(self.folder.paths[self._shown]).name
            self.folder.write(f"Edited {name}", (Change(self._shown, before, text),), merge=f"typed {self._shown}")

    @Slot(str)
    def _add_tag(self, tag: str) -> None:
        changes = self.folder.preview(AddTags((tag,)), self._selected())
        self.folder.write(f"Added {tag!r}", changes)

    @Slot(str)
    def _remove_tag(self, tag: str) -> None:
        changes = self.folder.preview(RemoveTags((tag,)), self._selected())
        self.folder.write(f"Removed {tag!r}", changes)

    @Slot(int)
    def _rate(self, stars: int) -> None:
        self.folder.rate(self._selected(), stars)

    @Slot(str)
    def _flag(self, flag: Flag) -> None:
        self.folder.flag(self._selected(), flag)

    @Slot()
    def _onward(self) -> None:
        self.grid.step(1)
        self.edit_caption()

    def _selected(self) -> list[int]:
        return self.folder.places_of(self.grid.selected_paths())

    def _meant(self) -> list[int]:
        """The selected pictures; with one or none all that are shown."""
        chosen = self._selected()
        return chosen if len(chosen) > 1 else self._places()

    def _places(self) -> list[int]:
        return self.folder.places_of(self._pictures.paths())

    def _places_in_sight(self) -> list[int]:
        return self._places()[:2000]

    def _place_in_words(self) -> str:
        return f"{self.grid.currentIndex().row() + 1:,} of {self._pictures.rowCount():,}"

    @Slot()
    def _show_problem(self) -> None:
        kind, report = self.filter.kind, self.folder.report
        problems = report.by_kind().get(cast("Kind", kind), ()) if report is not None else ()
        mendings = report.mendings(cast("Kind", kind)) if report is not None and problems else ()
        self.strip.show_kind(kind, problems, mendings, can_bring_back=self.folder.mended is not None)

    def _show_steps(self) -> None:
        self.inspector.show_steps(self.folder.steps(), self.folder.can_redo)

    def _show_folder_name(self) -> None:
        self._title.setText(self.folder.folder.name if self.folder.folder else "Dataset")
        if self.folder.folder is None:
            self.grid.say(NO_FOLDER)
            self.inspector.show_none()

    def _say_count(self) -> None:
        total, shown, chosen = len(self.folder.rows), self._pictures.rowCount(), self.grid.count_selected()
        words = f"{shown:,} of {total:,} pictures" if self.filter.query else f"{total:,} pictures"
        self._count.setText(f"{words}  ·  {chosen:,} selected" if chosen > 1 else words)
        self.captioning.say_pictures()

    # ---- How it is put together

    def _wire(self) -> None:
        self.folder.opened.connect(self._opened)
        self.folder.read.connect(self._read)
        self.folder.changed.connect(self._changed)
        self.folder.trouble.connect(self.said)
        self.folder.examined.connect(self._filter)
        self.strip.mending.connect(self._mend)
        self.folder.refused.connect(self._refused)
        self.strip.bringing_back.connect(self.folder.bring_back)
        self.folder.stuck.connect(self.inspector.say_stuck)
        self.inspector.turning_the_rest.connect(self.folder.turn_the_rest)
        self._soon.timeout.connect(self._filter)
        self.filter.changed.connect(self._filter)
        self.grid.selected.connect(self._show_selection)
        self.grid.picked.connect(self._picked)
        self.grid.full.connect(self.full_view)
        self.grid.rated.connect(self._rate)
        self.grid.flagged.connect(self._flag)
        self.grid.editing.connect(self.edit_caption)
        self.inspector.written.connect(self._write)
        self.inspector.onward.connect(self._onward)
        self.inspector.added.connect(self._add_tag)
        self.inspector.removed.connect(self._remove_tag)
        self.inspector.undoing.connect(self.undo)
        self.inspector.redoing.connect(self.redo)
        self.batch.left.connect(self.back)
        self.exporting.left.connect(self.back)
        self.exporting.said.connect(self.said)
        self.large.left.connect(self.back)
        self.large.stepped.connect(self.grid.step)
        self.large.rated.connect(self._rate)
        leave = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        leave.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        leave.activated.connect(self.back)

    def _lay_out(self) -> None:
        self._title.setWordWrap(False)
        self._count.setWordWrap(False)
        top = row(
            self._title,
            self._count,
            0,
            button("Open a folder…", "Choose a folder of pictures", self.choose_folder, icon="folder"),
        )
        self.grid.set_tile(TILE)
        grid = column(
            row(top, margins=(16, 12, 16, 0)), self.strip, row(self.grid, margins=(16, 0, 0, 0)), margins=(0, 0, 0, 0)
        )
        for each in (grid, self.batch, self.exporting, self.large):
            self._middle.addWidget(each)
        left, right = surface(self.filter, "panel", edge="right"), surface(self.inspector, "panel", edge="left")
        for side in (left, right):
            side.setMinimumWidth(LEAST_SIDES)
            side.setMaximumWidth(MOST_SIDES)
        for part in (left, self._middle, right):
            self._split.addWidget(part)
        self._split.setStretchFactor(1, 1)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        self._split.setSizes(list(WIDTHS))
        change = button(
            "Change captions…", "Add, remove, replace, sort: in many at once", self.change_captions, icon="tag"
        )
        export = button("Export…", "A copy as other programs read it", self.export, icon="save")
        train = button("Train on these", "Open Train with this folder", self.train, icon="train")
        bottom = surface(row(self.captioning.bar, change, export, train, margins=(16, 8, 16, 8)), "panel", edge="top")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._split, 1)
        layout.addWidget(bottom)


def _image(path: str, _errand: Errand) -> QImage:
    return read_image(Path(path), SHOWN_LARGE)
