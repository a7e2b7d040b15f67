"""The page Dataset: a folder of pictures with their captions, to be looked through, written, and put in order."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.errand import Errands
from app.models_list import Models
from app.pages.dataset_captioning import Captioning
from app.pages.dataset_completion import TagCompletion
from app.pages.dataset_layout import Columns, Foot, Head
from app.pages.dataset_search import OF_CAPTIONS, Found, Searching
from app.pages.dataset_selection import Selection
from app.pages.dataset_shown import ShownPicture
from app.pages.dataset_views import DatasetViews
from app.pictures import PictureList
from app.queue import Queue
from app.thumbnails import SIDE, Thumbnails
from app.widgets.basics import column, row, surface
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
from trainer.dataset.findings import Kind
from trainer.dataset.mending import Mending
from trainer.home import Home

TILE = 150
READ_AGAIN = 2000
"""Pictures whose captions are looked at anew when the page comes into sight: as many as take no time."""
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
        self._errands = Errands(self)
        self._restoring: Mapping[str, object] = {}
        self.filter = DatasetFilter()
        self.searching = Searching(self.folder, self.filter, self._errands, self)
        self.grid = DatasetGrid(self._pictures, self._look)
        self.selection = Selection(self.folder, self._pictures, self.grid, self)
        self.inspector = DatasetInspector()
        self.large = FullView()
        self.shown = ShownPicture(
            self.folder, self.grid, self.selection, self.inspector, self.large, self._errands, self
        )
        self.batch = BatchPanel(self.folder)
        self.captioning = Captioning(self.folder, models, queue, self.selection.meant, self)
        self.thresholds = ThresholdPanel(self.folder, self.captioning.bar.options.tagger)
        self.completing = TagCompletion(self.inspector.edit, self)
        self.inspector.add_below_caption(self.completing.button)
        self.exporting = ExportPanel(self.folder)
        self.views = DatasetViews(self.folder, self.inspector, self)
        self.preparing = PreparePanel(self.folder, self.selection.selected)
        self.strip = ProblemStrip()
        self.head = Head()
        self.foot = Foot(self.captioning.bar)
        self._middle = QStackedWidget()
        self._columns = Columns(self.filter, self._middle, self.inspector)
        self._soon = QTimer(self, singleShot=True, interval=150)
        self._lay_out()
        self._wire()
        self._show_folder_name()

    # ---- What the window remembers

    def view(self) -> dict[str, object]:
        folder = str(self.folder.folder) if self.folder.folder else self._restoring.get("folder", "")
        kept = self.grid.view() or {key: self._restoring[key] for key in self.grid.VIEW if key in self._restoring}
        kept |= {"captioner": self.captioning.bar.view(), "tag_list": self.completing.view()}
        return {**kept, "folder": folder, "search": self.filter.search.text(), "split": self._columns.sizes()}

    def set_view(self, view: Mapping[str, object]) -> None:
        """As `view` gave it. The folder is opened when the page is first in sight."""
        self._restoring = view
        self.filter.search.setText(str(view.get("search", "")))
        self.completing.set_view(str(view.get("tag_list", "")))
        captioner = view.get("captioner")
        if isinstance(captioner, Mapping):
            self.captioning.bar.set_view(cast("Mapping[str, object]", captioner))
        self._columns.set_view(view.get("split"))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        kept = str(self._restoring.get("folder", ""))
        if self.folder.folder is None and kept and Path(kept).is_dir():
            self.folder.open(Path(kept))
        elif self.folder.folder is not None:
            self.folder.look_again(self.selection.listed()[:READ_AGAIN])
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
        self.shown.show_none()

    @Slot(object)
    def _mend(self, mending: Mending) -> None:
        self._let_go()
        self.folder.mend(mending)

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
        if self.selection.go_to_uncaptioned():
            self.edit_caption()
        else:
            self.said.emit("Every picture here has a caption.")

    @Slot()
    def edit_caption(self) -> None:
        self.inspector.edit.setFocus()

    @Slot()
    def change_captions(self) -> None:
        """Change the captions of the selected pictures, or with one or none of all that are shown."""
        if self.folder.is_read and self._pictures.rowCount():
            self.inspector.finish()
            self.batch.open(self.selection.meant())
            self._middle.setCurrentWidget(self.batch)

    @Slot()
    def move_thresholds(self) -> None:
        """Change which of a tagger's tags the captions have, after it ran."""
        if self.folder.is_read and self._pictures.rowCount():
            self.inspector.finish()
            self.thresholds.open(self.selection.meant())
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
        self.views.compare(self.selection.selected())

    @Slot()
    def buckets(self) -> None:
        """How many pictures lie in each bucket of a training."""
        self.views.show_buckets()

    @Slot()
    def _know_buckets(self) -> None:
        if "bucket:" in self.filter.query:
            self.searching.search()

    @Slot()
    def full_view(self) -> None:
        if self._middle.currentWidget() is self.large:
            self.back()
        elif self.grid.current():
            self._middle.setCurrentWidget(self.large)
            self.large.setFocus()
            self.shown.show_picture()

    @Slot()
    def prepare(self) -> None:
        """Crop the picture, turn it, paint its mask; its file stays as it is."""
        if self._is_preparing:
            self.back()
        elif (place := self.folder.place_of(self.grid.current())) >= 0:
            self.preparing.open(place, self.selection.where())
            self._middle.setCurrentWidget(self.preparing)
            self.preparing.take_focus()

    @Slot()
    def turn_left(self) -> None:
        self.selection.turn(-1)

    @Slot()
    def turn_right(self) -> None:
        self.selection.turn(1)

    @Slot()
    def mirror(self) -> None:
        self.selection.mirror()

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

    # ---- What is shown

    @Slot(object)
    def _take_found(self, found: Found) -> None:
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
        self.shown.forget()
        if self._middle.currentWidget() not in (self.large, self.views.clip):
            self._middle.setCurrentIndex(0)
        self.batch.forget()
        self.thresholds.forget()
        self._show_folder_name()
        self.searching.search()
        self._show_steps()

    @Slot()
    def _read(self) -> None:
        self.searching.search()
        self.shown.forget()
        self.shown.show_selection()

    @Slot(object)
    def _changed(self, places: tuple[int, ...]) -> None:
        self.grid.viewport().update()
        self._soon.start()
        self.shown.changed(places)
        self._show_steps()

    @Slot(object)
    def _prepared(self, places: tuple[int, ...]) -> None:
        """Recipes, or masks, are others now."""
        self._pictures.forget([self.folder.paths[place] for place in places])
        self.grid.viewport().update()
        self._show_steps()
        self.shown.prepared(places)

    @Slot(int)
    def _show_selected(self, place: int) -> None:
        self.views.training.show_place(place)
        self._say_count()

    @Slot(int)
    def _show_another(self, place: int) -> None:
        if self._is_preparing:
            self.preparing.open(place, self.selection.where())

    @Slot()
    def _onward(self) -> None:
        self.grid.step(1)
        self.edit_caption()

    @Slot()
    def _show_problem(self) -> None:
        kind, report = self.filter.kind, self.folder.report
        problems = report.by_kind().get(cast("Kind", kind), ()) if report is not None else ()
        mendings = report.mendings(cast("Kind", kind)) if report is not None and problems else ()
        self.strip.show_kind(kind, problems, mendings, can_bring_back=self.folder.mended is not None)

    def _show_steps(self) -> None:
        self.inspector.show_steps(self.folder.steps(), self.folder.can_redo)

    def _show_folder_name(self) -> None:
        self.head.title.setText(self.folder.folder.name if self.folder.folder else "Dataset")
        if self.folder.folder is None:
            self.grid.say(NO_FOLDER)
            self.inspector.show_none()

    def _say_count(self) -> None:
        total, listed, chosen = len(self.folder.rows), self._pictures.rowCount(), self.grid.count_selected()
        self.head.say_count(total, listed, chosen, is_searched=bool(self.filter.query))
        self.captioning.say_pictures()

    # ---- How it is put together

    def _wire(self) -> None:
        self._wire_folder()
        self._wire_panels()
        self._wire_frame()
        self._errands.failed.connect(self.said)
        self._soon.timeout.connect(self.searching.search)
        self.filter.changed.connect(self.searching.search)
        self.searching.found.connect(self._take_found)
        self.shown.selected.connect(self._show_selected)
        self.shown.another.connect(self._show_another)
        self.grid.full.connect(self.full_view)
        self.grid.rated.connect(self.selection.rate)
        self.grid.flagged.connect(self.selection.flag)
        self.grid.editing.connect(self.edit_caption)
        self.grid.comparing.connect(self.compare)
        self.grid.preparing.connect(self.prepare)
        self.inspector.onward.connect(self._onward)
        self.inspector.added.connect(self.selection.add_tag)
        self.inspector.removed.connect(self.selection.remove_tag)
        self.inspector.undoing.connect(self.undo)
        self.inspector.redoing.connect(self.redo)
        self.inspector.preparing.connect(self.prepare)
        leave = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        leave.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        leave.activated.connect(self.back)

    def _wire_frame(self) -> None:
        self.head.comparing.connect(self.compare)
        self.head.preparing.connect(self.prepare)
        self.head.adding.connect(self.add_pictures)
        self.head.opening.connect(self.choose_folder)
        self.foot.changing.connect(self.change_captions)
        self.foot.exporting.connect(self.export)
        self.foot.training.connect(self.train)

    def _wire_folder(self) -> None:
        self.folder.opened.connect(self._opened)
        self.folder.read.connect(self._read)
        self.folder.changed.connect(self._changed)
        self.folder.prepared.connect(self._prepared)
        self.folder.masked.connect(self._prepared)
        self.folder.trouble.connect(self.said)
        self.folder.examined.connect(self.searching.search)
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
        self.large.rated.connect(self.selection.rate)

    def _lay_out(self) -> None:
        self.grid.set_tile(TILE)
        grid = column(
            self.head,
            self.views.importing.strip,
            self.strip,
            row(self.grid, margins=(16, 0, 0, 0)),
            margins=(0, 0, 0, 0),
        )
        panels = (self.batch, self.thresholds, self.exporting, *self.views.panels, self.large, self.preparing)
        for each in (grid, *panels):
            self._middle.addWidget(each)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._columns, 1)
        layout.addWidget(WritingStrip(self.folder))
        layout.addWidget(surface(self.foot, "panel", edge="top"))
