"""What the page Dataset shows in place of the grid: buckets, two pictures, clips; and the pictures that come in."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from app.dataset_folder import DatasetFolder
from app.pages.dataset_clip import ClipPanel
from app.pages.dataset_compare import PairPanel
from app.pages.dataset_importing import Importing
from app.pages.dataset_training import TrainingPreview
from app.widgets.bucket_panel import BucketPanel
from app.widgets.dataset_inspector import DatasetInspector

HOW_TO_COMPARE = "Select two pictures to compare them: click one, then the other with Ctrl."


class DatasetViews(QObject):
    """`panels` stand in the page's stack: `fronted` carries the one to show, `left` follows the way back to the grid.

    `searching` carries a search, `mending` a Mending, `arrived` the paths of pictures that are new in the folder;
    `bucketed` carries the Fit of another training: pictures can be searched for by its buckets now.
    """

    said = Signal(str)
    fronted = Signal(QWidget)
    left = Signal()
    searching = Signal(str)
    mending = Signal(object)
    arrived = Signal(object)
    bucketed = Signal(object)

    def __init__(self, folder: DatasetFolder, inspector: DatasetInspector, parent: QObject) -> None:
        super().__init__(parent)
        self.buckets = BucketPanel()
        self.pair = PairPanel(folder)
        self.clip = ClipPanel(folder)
        self.importing = Importing(folder, self)
        self.training = TrainingPreview(folder, inspector.training, inspector.picture, self.buckets, self)
        self.panels: tuple[QWidget, ...] = self.buckets, self.pair, self.clip
        for known in (folder.read, folder.examined):
            known.connect(self.training.refresh)
        folder.prepared.connect(self.training.work_out_anew)
        inspector.training.opening.connect(self.show_buckets)
        self.training.worked_out.connect(self.bucketed)
        self.buckets.picked.connect(self._search_bucket)
        for panel in (self.buckets, self.pair, self.clip):
            panel.left.connect(self.left)
        self.clip.taken.connect(self.importing.show_added)
        self.pair.mending.connect(self.mending)
        self.importing.said.connect(self.said)
        self.importing.added.connect(self.arrived)
        self.importing.mending.connect(self.mending)
        self.importing.clip.connect(self.open_clip)

    @Slot()
    def show_buckets(self) -> None:
        self.fronted.emit(self.buckets)
        self.buckets.table.setFocus()

    def compare(self, places: Sequence[int]) -> None:
        """Two pictures of the dataset side by side."""
        if len(places) == 2:
            self.fronted.emit(self.pair)
            self.pair.open(*places)
        else:
            self.said.emit(HOW_TO_COMPARE)

    @Slot(object)
    def open_clip(self, path: Path) -> None:
        """Look at a clip, and take pictures out of it."""
        self.fronted.emit(self.clip)
        self.clip.open(path)
        self.clip.setFocus()

    def stop_work(self) -> None:
        self.importing.stop()
        self.clip.stop_work()

    @Slot(str)
    def _search_bucket(self, name: str) -> None:
        self.left.emit()
        self.searching.emit(f"bucket:{name}")
