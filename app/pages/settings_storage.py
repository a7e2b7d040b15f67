"""Settings, Storage: what takes how much of the disk, and the cache emptied."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from app.errand import Errand
from app.pages.settings_disk import Use, count_all, empty_cache, folders, free_bytes
from app.queue import Queue
from app.widgets.basics import button, column, label, open_folder, row
from trainer.files import human_size
from trainer.home import Home

WHAT = {
    "Models": "installed models",
    "Runs": "checkpoints, samples and results of trainings",
    "Pictures": "what you generated",
    "Datasets": "pictures and captions to train on",
    "Cache": "thumbnails, encoded pictures and lists",
}
EMPTYING = (
    "Emptying the cache frees room and loses nothing: thumbnails and encoded pictures are made again when they are "
    "needed, which takes a while. The checksums of your models are kept."
)
BUSY = "The cache can be emptied once no job is running."


class StorageSettings(QWidget):
    """`said` is a sentence for the status bar."""

    said = Signal(str)

    def __init__(self, home: Home, queue: Queue) -> None:
        super().__init__()
        self._home, self._queue = home, queue
        self._counting: Errand | None = None
        self._emptying: Errand | None = None
        self._uses: dict[str, Use] = {}
        self._sizes: dict[str, QLabel] = {}
        self._bars: dict[str, QProgressBar] = {}
        self._free = label("", "muted")
        self._free.setWordWrap(False)
        self._outcome = label("", "error")
        self._outcome.hide()
        self._busy = label(BUSY, "muted")
        self._again = button("Count again", "Ask the disk once more", self.look, icon="retry")
        self._empty = button("Empty the cache", "Throw thumbnails and encoded pictures away", self.empty, icon="remove")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            column(
                label("What Gesso takes of your disk", "heading"),
                self._table(),
                row(self._free, 0, self._again),
                16,
                label("Cache", "heading"),
                label(EMPTYING, "muted"),
                row(self._empty, 0),
                self._busy,
                self._outcome,
                0,
                spacing=12,
            )
        )
        queue.changed.connect(self._draw)
        self._draw()

    @Slot()
    def look(self) -> None:
        """Count, in the pool."""
        if self._counting is None:
            self._counting = Errand(None, partial(_count, self._home))
            self._counting.told.done.connect(self._take)
            self._counting.told.failed.connect(self._no_count)
            self._counting.told.stopped.connect(self._no_count)
            self._counting.start()
            self._draw()

    def leave(self) -> None:
        """Nobody looks any more: a count that is under way is given up."""
        if self._counting is not None:
            self._counting.cancel()

    @Slot()
    def empty(self) -> None:
        """Empty the cache, unless a job may be using it."""
        if self._emptying is None and self._queue.running is None:
            self._outcome.hide()
            self._emptying = Errand(None, partial(_emptied, self._home))
            self._emptying.told.done.connect(self._take_emptied)
            self._emptying.told.failed.connect(self._refused)
            self._emptying.start()
            self._draw()

    @Slot(object, object)
    def _take(self, _about: object, found: tuple[dict[str, Use], int]) -> None:
        self._counting = None
        self._uses, free = found
        self._free.setText(f"{human_size(free)} are free on that disk.")
        self._draw()

    @Slot(object)
    def _no_count(self, _about: object, _why: str = "") -> None:
        self._counting = None
        self._draw()

    @Slot(object, object)
    def _take_emptied(self, _about: object, was: Use) -> None:
        self._emptying = None
        self.said.emit(f"The cache is empty; {human_size(was.bytes)} are free again.")
        self._draw()
        self.look()

    @Slot(object, str)
    def _refused(self, _about: object, why: str) -> None:
        self._emptying = None
        self._outcome.setText(why)
        self._outcome.show()
        self._draw()
        self.look()

    @Slot()
    def _draw(self) -> None:
        largest = max((use.bytes for use in self._uses.values()), default=0)
        for name, size in self._sizes.items():
            use = self._uses.get(name)
            size.setText("…" if use is None else human_size(use.bytes) if use.files else "empty")
            size.setToolTip("" if use is None else f"{use.files:,} files")
            self._bars[name].setValue(use.bytes * 1000 // largest if use is not None and largest else 0)
        self._again.setEnabled(self._counting is None)
        is_busy = self._queue.running is not None
        self._busy.setVisible(is_busy)
        self._empty.setEnabled(self._emptying is None and not is_busy)

    def _table(self) -> QWidget:
        made = QWidget()
        grid = QGridLayout(made)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        grid.setColumnStretch(0, 1)
        for line, (name, folder) in enumerate(folders(self._home).items()):
            size = label()
            size.setWordWrap(False)
            size.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            size.setMinimumWidth(80)
            size.setAccessibleName(f"Size of {name}")
            bar = QProgressBar()
            bar.setRange(0, 1000)
            bar.setTextVisible(False)
            bar.setFixedSize(120, 4)
            bar.setAccessibleName(f"{name}, compared with the largest")
            show = button("", f"Open the folder: {name}", partial(self._open, folder), icon="folder", kind="quiet")
            self._sizes[name], self._bars[name] = size, bar
            grid.addWidget(column(label(name), label(WHAT[name], "muted"), spacing=0), line, 0)
            grid.addWidget(bar, line, 1)
            grid.addWidget(size, line, 2)
            grid.addWidget(show, line, 3)
        return made

    def _open(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        open_folder(folder)


def _count(home: Home, errand: Errand) -> tuple[dict[str, Use], int]:
    return count_all(home, errand.check), free_bytes(home)


def _emptied(home: Home, errand: Errand) -> Use:
    return empty_cache(home, errand.check)
