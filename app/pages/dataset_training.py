"""What a training with the settings of the page Train sees of the open dataset."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from app.dataset_folder import DatasetFolder
from app.dataset_preparing import Preparing
from app.errand import Errand
from app.pages.train_disk import ModelSize, size_of
from app.widgets.bucket_panel import BucketPanel
from app.widgets.seen_canvas import SeenCanvas
from app.widgets.training_view import TrainingView, kept_shares, placement_in_words
from trainer.contract.train import Data, TrainJob
from trainer.dataset.book import CaptionBook
from trainer.dataset.buckets import Buckets, buckets_for
from trainer.dataset.pictures import Size
from trainer.dataset.seen import Bucket, Fit, bucket_name, fill, is_by_chance, showing
from trainer.library.index import Entry

Ask = Callable[[], tuple[TrainJob | None, Entry | None]]
"""What the page Train says: its job (None while it makes no sense), and the model that it names."""
USUAL = Data(folder="any")


@dataclass(frozen=True)
class Settings:
    """What the buckets depend on. `book` stands for the folder, whose pictures' sizes are known or not."""

    data: Data
    batch: int
    entry: Entry | None
    book: CaptionBook
    measured: int


@dataclass(frozen=True)
class Filled:
    buckets: Buckets
    table: tuple[Bucket, ...]


class TrainingPreview(QObject):
    """Fills the inspector's `view`, the shadow on its `canvas` and the table of buckets. `worked_out` carries the Fit
    of the training: the buckets of all pictures are known, and can be searched for."""

    worked_out = Signal(object)

    def __init__(
        self, folder: DatasetFolder, view: TrainingView, canvas: SeenCanvas, panel: BucketPanel, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.ask: Ask = lambda: (None, None)
        self._folder, self._view, self._canvas, self._panel = folder, view, canvas, panel
        self._settings: Settings | None = None
        self._filled: Filled | None = None
        self._works: dict[object, Errand] = {}
        self._numbers = itertools.count(1)
        self._latest = 0
        self._place = -1
        self._rolls = 0
        view.rolling.connect(self._roll)

    @Slot()
    def refresh(self) -> None:
        """Look whether the settings are others, or more of the folder is known; then work everything out anew."""
        if self._folder.folder is None or not self._folder.rows or not self._folder.is_read:
            return
        job, entry = self.ask()
        data = job.data.model_copy(update={"folder": USUAL.folder}) if job is not None else USUAL
        batch = job.steps.batch_size if job is not None else 1
        measured = sum(1 for row in self._folder.rows if row.width)
        now = Settings(data, batch, entry, self._folder.book, measured)
        if now == self._settings:
            return
        for work in self._works.values():
            work.cancel()
        self._settings, self._latest = now, next(self._numbers)
        repeats = [item.repeats for item in now.book.dataset.items]
        work = Errand(self._latest, partial(_filled, now, self._folder.preparing, repeats))
        work.told.done.connect(self._take)
        work.told.failed.connect(self._fail)
        work.told.stopped.connect(self._forget)
        self._works[self._latest] = work
        work.start()

    @Slot()
    def work_out_anew(self) -> None:
        """Pictures are prepared in another way now."""
        self._settings = None
        self.refresh()

    def show_place(self, place: int) -> None:
        """Show this picture of the dataset, or none (-1)."""
        if place != self._place:
            self._place, self._rolls = place, 0
        self._show()

    @Slot(object, object)
    def _take(self, number: object, filled: Filled) -> None:
        self._forget(number)
        settings = self._settings
        if number != self._latest or settings is None or settings.book is not self._folder.book:
            return
        self._filled = filled
        for bucket in filled.table:
            for place in bucket.places:
                self._folder.rows[place].bucket = bucket_name(bucket.size)
        words = _settings_in_words(settings, filled)
        self._panel.show_buckets(filled.table, settings.batch, words)
        self._view.say_settings(words)
        self._show()
        self.worked_out.emit(Fit.of(settings.data, filled.buckets))

    @Slot(object, str)
    def _fail(self, number: object, why: str) -> None:
        self._forget(number)
        if number == self._latest:
            self._filled = None
            self._canvas.show_kept(None)
            self._view.show_unknown()
            self._view.say_settings(why)

    @Slot(object)
    def _forget(self, number: object) -> None:
        self._works.pop(number, None)

    @Slot()
    def _roll(self) -> None:
        self._rolls += 1
        self._show()

    def _show(self) -> None:
        settings, filled, rows = self._settings, self._filled, self._folder.rows
        size = self._folder.preparing.size(self._place) if 0 <= self._place < len(rows) else Size(0, 0)
        if settings is None or filled is None or settings.book is not self._folder.book or not all(size):
            self._canvas.show_kept(None)
            self._view.show_unknown()
            return
        data, text = settings.data, rows[self._place].caption
        seen = showing(text, size, data, filled.buckets, random.Random(f"{self._place} {self._rolls}"))
        times = settings.book.dataset.items[self._place].repeats * data.repeats
        words = placement_in_words(seen, size, times, is_piece=data.crop == "piece")
        self._canvas.show_kept(kept_shares(seen, size))
        self._view.show_seen(words, seen, can_differ=is_by_chance(text, data))


def _filled(settings: Settings, preparing: Preparing, repeats: list[int], errand: Errand) -> Filled:
    model = size_of(settings.entry) if settings.entry is not None else ModelSize()
    buckets = buckets_for(settings.data, Size(model.width, model.height), model.step)
    errand.check()
    sizes = [preparing.size(place) for place in range(len(repeats))]
    return Filled(buckets, fill(sizes, repeats, settings.data, buckets, settings.batch))


def _settings_in_words(settings: Settings, filled: Filled) -> str:
    side = round(filled.buckets.max_area**0.5)
    one_size = "" if settings.data.buckets and settings.data.crop == "fit" else ", all at one size"
    return f"With the settings of Train: about {side} × {side} pixels{one_size}, batches of {settings.batch}."
