"""The page Dataset: a folder of pictures with their captions, to be looked through, written, and put in order."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import cast

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QFileDialog, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.errand import Errand
from app.models_list import Models
from app.pages.dataset_captioning import Captioning
from app.pages.dataset_completion import TagCompletion
from app.pages.dataset_search import OF_CAPTIONS, Found, search
from app.pages.dataset_views import DatasetViews
from app.pictures import PictureList
from app.prepared import prepared_image
from app.queue import Queue
from app.thumbnails import SIDE, Thumbnails
from app.widgets.basics import button, column, label, row, surface
from app.widgets.batch_panel import BatchPanel
from app.widgets.dataset_filter import DatasetFilter
from app.widgets.dataset_grid import DatasetGrid, Look
from app.widgets.dataset_inspector import DatasetInspector
from app.widgets.export_panel import ExportPanel
from app.widgets.full_view import FullView
from app.widgets.prepare_panel import PreparePanel
from app.widgets.problem_strip import ProblemStrip
from app.widgets.threshold_panel import ThresholdPanel
from app.widgets.writing_strip import WritingStrip
from trainer.contract.errors import UserError
from trainer.dataset.book import Change
from trainer.dataset.edits import AddTags, RemoveTags
from trainer.dataset.findings import Kind
from trainer.dataset.marks import Flag
from trainer.dataset.mending import Mending
from trainer.dataset.query import compile_query
from trainer.dataset.recipes import Recipe
from trainer.home import Home

WIDTHS = (220, 640, 340)
LEAST_SIDES, MOST_SIDES = 200, 520
SHOWN_LARGE = 1024
"""Pixels of the longer side of the picture in the inspector."""
TILE = 150
NO_FOLDER = "Open a folder of pictures, or drop one here. What is in it is not changed until you write something."
NOTHING_FOUND = "No picture fits. Take a word of the search away."

LOOKING = "Still looking at the pictures…"


class DatasetPage(QWidget):
    """`said` is a sentence for the status bar; `train_on` carries the folder that is to be trained on."""

    said = Signal(str)
    train_on = Signal(object)

    def __init__(self, home: Home, models: Models, queue: Queue) -> None:
        super().__init__()
        self.folder = DatasetFolder(home.cache, self)
        self._pictures = PictureList(SIDE, self, read=Thumbnails(home, self.folder.recipe_of).read)
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
        self.thresholds = ThresholdPanel(self.folder, self.captioning.bar.options.tagger)
        self.completing = TagCompletion(self.inspector.edit, self)
        self.inspector.add_below_caption(self.completing.button)
        self.exporting = ExportPanel(self.folder)
        self.views = DatasetViews(self.folder, self.inspector, self)
        self.large = FullView()
        self.preparing = PreparePanel(self.folder, self._selected)
        self.strip = ProblemStrip()
        self._compare = button("Compare", "The two pictures side by side (V)", self.compare, icon="compare")
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
        kept |= {"captioner": self.captioning.bar.view(), "tag_list": self.completing.view()}
        return {**kept, "folder": folder, "search": self.filter.search.text(), "split": self._split.sizes()}

    def set_view(self, view: Mapping[str, object]) -> None:
        """As `view` gave it. The folder is opened when the page is first in sight."""
        self._restoring = view
        self.filter.search.setText(str(view.get("search", "")))
        self.completing.set_view(str(view.get("tag_list", "")))
        captioner = view.get("captioner")
        if isinstance(captioner, Mapping):
            self.captioning.bar.set_view(cast("Mapping[str, object]", captioner))
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
            self.views.training.refresh()
        self.grid.setFocus()

    def stop_work(self) -> None:
        """Write down what was typed and painted last."""
        self.views.stop_work()
        self.inspector.finish()
        self.preparing.finish()
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
        self._middle.setCurrentIndex(0)
        self.filter.search.clear()
        self.folder.open(folder)
        self._show_folder_name()

    def find_in(self, folder: Path, query: str) -> None:
        """Open a folder, if it is not open already, at the pictures that a search finds."""
        if folder != self.folder.folder:
            self.open_folder(folder)
        self.back()
        self.filter.set_query(query)

    def _let_go(self) -> None:
        """Write down what was typed and painted, and take no more: the pictures are about to be others."""
        self.inspector.finish()
        self.preparing.finish()
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
        if not (self._is_preparing and self.preparing.undo()):
            self.folder.undo()

    @Slot()
    def redo(self) -> None:
        if not (self._is_preparing and self.preparing.redo()):
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
    def move_thresholds(self) -> None:
        """Change which of a tagger's tags the captions have, after it ran."""
        if self.folder.is_read and self._pictures.rowCount():
            self.inspector.finish()
            self.thresholds.open(self._meant())
            self._middle.setCurrentWidget(self.thresholds)

    @Slot()
    def choose_tag_list(self) -> None:
        self.completing.choose()

    @Slot()
    def export(self) -> None:
        """Write a copy of all of it as other programs read it."""
        if self.folder.is_read:
            self.inspector.finish()
            self.exporting.open()
            self._middle.setCurrentWidget(self.exporting)

    @Slot()
    def add_pictures(self) -> None:
        """Copy pictures into the folder, or open a clip."""
        self.views.importing.choose(self)

    @Slot()
    def paste(self) -> None:
        """What lies on the clipboard becomes a picture of the folder."""
        self.views.importing.paste()

    @Slot(object)
    def _take_in(self, paths: tuple[Path, ...]) -> None:
        """Read the folder anew, and go to the first picture that is new in it."""
        folder = self.folder.folder
        if folder is not None:
            self._let_go()
            with QSignalBlocker(self.filter.search):
                self.filter.search.clear()
            self._restoring = {"current": str(paths[0]), "selected": [str(path) for path in paths], "scroll": None}
            self.folder.open(folder)

    @Slot()
    def compare(self) -> None:
        """Show the two selected pictures side by side."""
        self.inspector.finish()
        self.views.compare(self._selected())

    @Slot()
    def buckets(self) -> None:
        """How many pictures lie in each bucket of a training."""
        self.views.show_buckets()

    @Slot()
    def _know_buckets(self) -> None:
        if "bucket:" in self.filter.query:
            self._filter()

    @Slot()
    def full_view(self) -> None:
        if self._middle.currentWidget() is self.large:
            self.back()
        elif self.grid.current():
            self._middle.setCurrentWidget(self.large)
            self.large.setFocus()
            self._show_picture()

    @Slot()
    def prepare(self) -> None:
        """Crop the picture, turn it, paint its mask; its file stays as it is."""
        if self._is_preparing:
            self.back()
        elif (place := self.folder.place_of(self.grid.current())) >= 0:
            self.preparing.open(place, self._place_in_words())
            self._middle.setCurrentWidget(self.preparing)
            self.preparing.take_focus()

    @Slot()
    def turn_left(self) -> None:
        """By a quarter, all that are selected."""
        if self._selected():
            self.folder.preparing.turn(self._selected(), -1)

    @Slot()
    def turn_right(self) -> None:
        if self._selected():
            self.folder.preparing.turn(self._selected(), 1)

    @Slot()
    def mirror(self) -> None:
        """Left and right, of all that are selected."""
        if self._selected():
            self.folder.preparing.mirror(self._selected())

    @property
    def _is_preparing(self) -> bool:
        return self._middle.currentWidget() is self.preparing

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
        is_waiting = self.folder.report is None and "problem:" in self.filter.query
        self.grid.say(NO_FOLDER if not self.folder.rows else LOOKING if is_waiting else NOTHING_FOUND)
        if paths != self._pictures.paths() or not paths:
            self.grid.set_paths(paths, fallback=max(0, self.grid.currentIndex().row()))
        if paths and self._restoring:
            restoring, self._restoring = self._restoring, {}
            self.grid.set_view(restoring)
        if self.folder.is_read:
            self.filter.set_tags(found.tags)
            self.filter.set_problems(found.uncaptioned, found.problems)
            self._show_problem()
            self.completing.set_counts(found.tags)
            self.inspector.tags.set_names([tag for tag, _ in found.tags])
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
        prepared = self.folder.preparing.words(place)
        return Look(of.caption if self.folder.is_read else None, of.stars, of.flag, problem, prepared)

    @Slot()
    def _opened(self) -> None:
        self._shown = -1
        if self._middle.currentWidget() not in (self.large, self.views.clip):
            self._middle.setCurrentIndex(0)
        self.batch.forget()
        self.thresholds.forget()
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

    @Slot(object)
    def _prepared(self, places: tuple[int, ...]) -> None:
        """Recipes, or masks, are others now."""
        self._pictures.forget([self.folder.paths[place] for place in places])
        self.grid.viewport().update()
        self._show_steps()
        if self._shown in places:
            self._show_size(self._shown)
            self._show_picture()

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
        self.views.training.show_place(self._shown)
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
            if self._is_preparing:
                self.preparing.open(place, self._place_in_words())
        self._show_size(place)

    def _show_size(self, place: int) -> None:
        of, size = self.folder.rows[place], self.folder.preparing.size(place)
        own = f" of {of.width} × {of.height}" if self.folder.preparing.recipe(place).crop else ""
        words = f"{size.width} × {size.height}{own}  ·  " if size.width else ""
        self.inspector.about.setText(f"{words}{of.relative}")

    def _show_picture(self) -> None:
        path = self.grid.current()
        place = self.folder.place_of(path)
        if place >= 0:
            recipe = self.folder.preparing.recipe(place)
            self._run(("picture", path, recipe), partial(_image, path, recipe), self._take_picture)

    @Slot(object, object)
    def _take_picture(self, about: tuple[str, str, Recipe], image: QImage) -> None:
        self._errands.pop(about, None)
        if about[1] == self.grid.current() and about[2] == self.folder.recipe_of(Path(about[1])):
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
        self.folder.edit(f"Added {tag!r}", AddTags((tag,)), self._selected())

    @Slot(str)
    def _remove_tag(self, tag: str) -> None:
        self.folder.edit(f"Removed {tag!r}", RemoveTags((tag,)), self._selected())

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
        self._compare.setVisible(chosen == 2)
        self.captioning.say_pictures()

    # ---- How it is put together

    def _wire(self) -> None:
        self._wire_folder()
        self._wire_panels()
        self._soon.timeout.connect(self._filter)
        self.filter.changed.connect(self._filter)
        self.grid.selected.connect(self._show_selection)
        self.grid.picked.connect(self._picked)
        self.grid.full.connect(self.full_view)
        self.grid.rated.connect(self._rate)
        self.grid.flagged.connect(self._flag)
        self.grid.editing.connect(self.edit_caption)
        self.grid.comparing.connect(self.compare)
        self.grid.preparing.connect(self.prepare)
        self.inspector.written.connect(self._write)
        self.inspector.onward.connect(self._onward)
        self.inspector.added.connect(self._add_tag)
        self.inspector.removed.connect(self._remove_tag)
        self.inspector.undoing.connect(self.undo)
        self.inspector.redoing.connect(self.redo)
        self.inspector.preparing.connect(self.prepare)
        leave = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        leave.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        leave.activated.connect(self.back)

    def _wire_folder(self) -> None:
        self.folder.opened.connect(self._opened)
        self.folder.read.connect(self._read)
        self.folder.changed.connect(self._changed)
        self.folder.prepared.connect(self._prepared)
        self.folder.masked.connect(self._prepared)
        self.folder.trouble.connect(self.said)
        self.folder.examined.connect(self._filter)
        self.folder.refused.connect(self._refused)
        self.folder.stuck.connect(self.inspector.say_stuck)
        self.strip.mending.connect(self._mend)
        self.strip.bringing_back.connect(self.folder.bring_back)
        self.inspector.turning_the_rest.connect(self.folder.turn_the_rest)

    def _wire_panels(self) -> None:
        for panel in (self.batch, self.exporting, self.thresholds, self.preparing, self.large, self.views):
            panel.left.connect(self.back)
        for panel in (self.exporting, self.completing, self.views):
            panel.said.connect(self.said)
        self.views.fronted.connect(self._middle.setCurrentWidget)
        self.views.searching.connect(self.filter.set_query)
        self.views.mending.connect(self._mend)
        self.views.arrived.connect(self._take_in)
        self.views.bucketed.connect(self._know_buckets)
        self.captioning.bar.moving.connect(self.move_thresholds)
        self.preparing.stepped.connect(self.grid.step)
        self.large.stepped.connect(self.grid.step)
        self.large.rated.connect(self._rate)

    def _lay_out(self) -> None:
        self._title.setWordWrap(False)
        self._count.setWordWrap(False)
        top = row(
            self._title,
            self._count,
            0,
            self._compare,
            button(
                "Prepare", "Crop, turn and mask the picture; its file stays as it is (C)", self.prepare, icon="crop"
            ),
            button(
                "Add pictures…",
                "Copy pictures into this folder, or take frames from a clip",
                self.add_pictures,
                icon="add",
            ),
            button("Open a folder…", "Choose a folder of pictures", self.choose_folder, icon="folder"),
        )
        self.grid.set_tile(TILE)
        grid = column(
            row(top, margins=(16, 12, 16, 0)),
            self.views.importing.strip,
            self.strip,
            row(self.grid, margins=(16, 0, 0, 0)),
            margins=(0, 0, 0, 0),
        )
        panels = (self.batch, self.thresholds, self.exporting, *self.views.panels, self.large, self.preparing)
        for each in (grid, *panels):
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
        line = row(self.captioning.bar, change, export, train, margins=(16, 8, 16, 8))
        bottom = surface(column(self.captioning.bar.options, line, spacing=0), "panel", edge="top")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._split, 1)
        layout.addWidget(WritingStrip(self.folder))
        layout.addWidget(bottom)


def _image(path: str, recipe: Recipe, _errand: Errand) -> QImage:
    return prepared_image(Path(path), recipe, SHOWN_LARGE)
