"""The page Dataset: a folder of pictures with their captions, to be looked through, written, and put in order."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import cast

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.errand import Errands
from app.models_list import Models
from app.pages.dataset_captioning import Captioning
from app.pages.dataset_close import CloseUp
from app.pages.dataset_completion import TagCompletion
from app.pages.dataset_layout import Columns, Foot, Head
from app.pages.dataset_listing import Listing, look
from app.pages.dataset_mending import FileMending
from app.pages.dataset_refreshing import Refreshing
from app.pages.dataset_refused import Refused
from app.pages.dataset_search import Searching
from app.pages.dataset_selection import Selection
from app.pages.dataset_shown import ShownPicture
from app.pages.dataset_steps import Steps
from app.pages.dataset_views import DatasetViews
from app.pictures import PictureList
from app.queue import Queue
from app.thumbnails import SIDE, Thumbnails
from app.widgets.basics import column, row, surface
from app.widgets.batch_panel import BatchPanel
from app.widgets.dataset_filter import DatasetFilter
from app.widgets.dataset_grid import DatasetGrid
from app.widgets.dataset_inspector import DatasetInspector
from app.widgets.export_panel import ExportPanel
from app.widgets.full_view import FullView
from app.widgets.prepare_panel import PreparePanel
from app.widgets.problem_strip import ProblemStrip
from app.widgets.threshold_panel import ThresholdPanel
from app.widgets.writing_strip import WritingStrip
from trainer.home import Home

TILE = 150


class DatasetPage(QWidget):
    """`said` is a sentence for the status bar; `train_on` carries the folder that is to be trained on."""

    said = Signal(str)
    train_on = Signal(object)

    def __init__(self, home: Home, models: Models, queue: Queue) -> None:
        super().__init__()
        self.folder = DatasetFolder(home, self)
        self._pictures = PictureList(SIDE, self, read=Thumbnails(home, self.folder.recipe_of).read)
        self._errands = Errands(self)
        self.filter = DatasetFilter()
        self.searching = Searching(self.folder, self.filter, self._errands, self)
        self.grid = DatasetGrid(self._pictures, partial(look, self.folder))
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
        self.listing = Listing(
            self.folder, self._pictures, self.grid, self.selection, self.filter, self.strip, self.head, self
        )
        self.listing.edited = self.shown.edited
        self.mending = FileMending(self.folder, self.selection, self.listing, self.strip, self._finish, self)
        self.foot = Foot(self.captioning.bar)
        self._middle = QStackedWidget()
        self.close_up = CloseUp(
            self.folder, self.grid, self.selection, self.shown, self.large, self.preparing, self._middle
        )
        self.refused = Refused(self.folder, self.grid, self.inspector.refused, self)
        self.steps = Steps(self.folder, self.inspector, self.close_up, self)
        calm = self._middle, (self.large, self.exporting)
        self.refreshing = Refreshing(self.folder, self.listing, self.grid, self.inspector, calm, self)
        self._columns = Columns(self.filter, self._middle, self.inspector)
        self._lay_out()
        self._wire()
        self._show_folder_name()

    # ---- What the window remembers

    def view(self) -> dict[str, object]:
        folder = str(self.folder.folder) if self.folder.folder else self.listing.restoring.get("folder", "")
        kept = self.listing.view()
        kept |= {"captioner": self.captioning.bar.view(), "tag_list": self.completing.view()}
        kept |= {"refused": self.refused.view()}
        return {**kept, "folder": folder, "search": self.filter.search.text(), "split": self._columns.sizes()}

    def set_view(self, view: Mapping[str, object]) -> None:
        """As `view` gave it. The folder is opened when the page is first in sight."""
        self.listing.restoring = view
        self.filter.search.setText(str(view.get("search", "")))
        self.completing.set_view(str(view.get("tag_list", "")))
        self.refused.set_view(view.get("refused"))
        captioner = view.get("captioner")
        if isinstance(captioner, Mapping):
            self.captioning.bar.set_view(cast("Mapping[str, object]", captioner))
        self._columns.set_view(view.get("split"))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        kept = str(self.listing.restoring.get("folder", ""))
        if self.folder.folder is None and kept and Path(kept).is_dir():
            self.folder.open(Path(kept))
        elif self.folder.folder is not None:
            self.look_again()
            self.views.training.refresh()
        self.grid.setFocus()

    def stop_work(self) -> None:
        """Write down what was typed and painted last."""
        self.views.stop_work()
        self._finish()
        self.folder.finish()

    # ---- Actions

    @Slot()
    def look_again(self) -> None:
        """Take in what other programs did to the folder."""
        if not self.views.importing.is_busy:  # else it is read when all is there
            self.folder.look_outside()

    @Slot()
    def choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "A folder of pictures", str(self.folder.folder or ""))
        if chosen:
            self.open_folder(Path(chosen))

    def open_folder(self, folder: Path) -> None:
        self.listing.restoring = {}
        self._middle.setCurrentIndex(0)
        self.filter.search.clear()
        self.folder.open(folder)
        self._show_folder_name()

    def find_in(self, folder: Path, query: str) -> None:
        """Open a folder, if it is not open already, at the pictures that a search finds."""
        if self.folder.own(folder) != self.folder.folder:
            self.open_folder(folder)
        self.back()
        self.filter.set_query(query)

    @Slot()
    def _let_go(self) -> None:
        """Write down what was typed and painted, and take no more: the pictures are about to be others."""
        self._finish()
        self.shown.show_none()

    def _finish(self) -> None:
        """Write down what was typed and painted."""
        self.inspector.finish()
        self.preparing.finish()

    @Slot()
    def take_out(self) -> None:
        """Take the selected pictures out of the folder, with captions and masks. They can be brought back."""
        self.mending.take_out()

    @Slot()
    def take_out_rejects(self) -> None:
        """Take out all that were flagged as rejects."""
        self.mending.take_out_rejects()

    @Slot()
    def search(self) -> None:
        self.filter.search.setFocus()
        self.filter.search.selectAll()

    @Slot()
    def undo(self) -> None:
        self.steps.undo()

    @Slot()
    def redo(self) -> None:
        self.steps.redo()

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
            self.look_again()
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
            with QSignalBlocker(self.filter.search):
                self.filter.search.clear()
            self.listing.restoring = {
                "current": str(paths[0]),
                "selected": [str(path) for path in paths],
                "scroll": None,
            }
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
    def full_view(self) -> None:
        if self.close_up.is_full:
            self.back()
        else:
            self.close_up.show_full()

    @Slot()
    def prepare(self) -> None:
        """Crop the picture, turn it, paint its mask; its file stays as it is."""
        if self.close_up.is_preparing:
            self.back()
        else:
            self.close_up.prepare()

    @Slot()
    def turn_left(self) -> None:
        self.selection.turn(-1)

    @Slot()
    def turn_right(self) -> None:
        self.selection.turn(1)

    @Slot()
    def mirror(self) -> None:
        self.selection.mirror()

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
    def _know_tags(self, tags: list[tuple[str, int]]) -> None:
        self.completing.set_counts(tags)
        self.inspector.tags.set_names([tag for tag, _ in tags])

    @Slot()
    def _opened(self) -> None:
        self.shown.forget()
        if self._middle.currentWidget() not in (self.large, self.exporting, self.views.clip):
            self._middle.setCurrentIndex(0)
        self.batch.forget()
        self.thresholds.forget()
        self._show_folder_name()
        self.searching.search()

    @Slot(int)
    def _show_selected(self, place: int) -> None:
        self.views.training.show_place(place)
        self.listing.say_count()

    @Slot()
    def _onward(self) -> None:
        self.grid.step(1)
        self.edit_caption()

    def _show_folder_name(self) -> None:
        self.listing.say_folder()
        if self.folder.folder is None:
            self.inspector.show_none()

    # ---- How it is put together

    def _wire(self) -> None:
        self._wire_folder()
        self._wire_panels()
        self._wire_frame()
        self._errands.failed.connect(self.said)
        self.searching.found.connect(self.listing.take)
        self.listing.tagged.connect(self._know_tags)
        self.listing.counted.connect(self.captioning.say_pictures)
        self.shown.selected.connect(self._show_selected)
        self._pictures.renewed.connect(self.shown.show_renewed)
        self.grid.full.connect(self.full_view)
        self.grid.editing.connect(self.edit_caption)
        self.grid.comparing.connect(self.compare)
        self.grid.preparing.connect(self.prepare)
        for pictures in (self.grid, self.large):
            pictures.deleting.connect(self.take_out)
        self.inspector.onward.connect(self._onward)
        self.inspector.preparing.connect(self.prepare)
        leave = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        leave.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        leave.activated.connect(self.back)

    def _wire_frame(self) -> None:
        self._middle.currentChanged.connect(self.foot.make_room)
        self.head.comparing.connect(self.compare)
        self.head.preparing.connect(self.prepare)
        self.head.adding.connect(self.add_pictures)
        self.head.opening.connect(self.choose_folder)
        self.refreshing.strip.opening.connect(self.choose_folder)
        self.foot.changing.connect(self.change_captions)
        self.foot.exporting.connect(self.export)
        self.foot.training.connect(self.train)

    def _wire_folder(self) -> None:
        self.folder.opening.connect(self._let_go)
        self.folder.opened.connect(self._opened)
        for then in (self.searching.search, self._show_folder_name):
            self.folder.read.connect(then)
        self.folder.trouble.connect(self.said)

    def _wire_panels(self) -> None:
        for panel in (self.batch, self.exporting, self.thresholds, self.preparing, self.large, self.views):
            panel.left.connect(self.back)
        for panel in (self.exporting, self.completing, self.views, self.mending, self.refreshing):
            panel.said.connect(self.said)
        self.views.fronted.connect(self._middle.setCurrentWidget)
        self.views.searching.connect(self.filter.set_query)
        self.views.mending.connect(self.mending.mend)
        self.views.arrived.connect(self._take_in)
        self.views.bucketed.connect(self.searching.know_buckets)
        self.views.bucketed.connect(self.preparing.fit_by)
        self.captioning.bar.moving.connect(self.move_thresholds)

    def _lay_out(self) -> None:
        self.grid.set_tile(TILE)
        grid = column(
            self.head,
            self.refreshing.strip,
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
