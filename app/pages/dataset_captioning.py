"""From the page Dataset to a captioner's job, and from what the job says back to the pictures."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Slot

from app.dataset_folder import DatasetFolder
from app.models_list import Models
from app.queue import Queue, Queued
from app.widgets.caption_bar import CaptionBar
from trainer.contract import events
from trainer.contract.caption import CaptionJob
from trainer.library.identity import Kind

GATHERED = 300
"""Milliseconds in which captions that were written are gathered, to be read together."""


class Captioning(QObject):
    """`places` gives the pictures that are meant: the selected ones, or all that are shown."""

    def __init__(
        self, folder: DatasetFolder, models: Models, queue: Queue, places: Callable[[], list[int]], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._folder, self._models, self._queue, self._places = folder, models, queue, places
        self.bar = CaptionBar()
        self._written: list[int] = []
        self._soon = QTimer(self, singleShot=True, interval=GATHERED)
        self._soon.timeout.connect(self._read_written)
        self.bar.wanted.connect(self.start)
        self.bar.changed.connect(self.say_pictures)
        models.changed.connect(self._list)
        queue.happened.connect(self._happened)

    @Slot()
    def start(self) -> None:
        """Queue the work."""
        wanted = self._wanted()
        if self._folder.folder is not None and wanted:
            names = [self._folder.rows[place].relative for place in wanted]
            job = self.bar.job(str(self._folder.folder), names)
            if job is not None:
                self._queue.add(job)

    @Slot()
    def say_pictures(self) -> None:
        """Say on the button how many pictures it is about."""
        count, places = (len(self._wanted()), self._places()) if self._folder.is_read else (0, [])
        self.bar.say_pictures(count, len(places) - count)

    def _wanted(self) -> list[int]:
        """Those of the pictures that would be written."""
        rows, places = self._folder.rows, self._places()
        return [place for place in places if not rows[place].caption.strip()] if self.bar.fills else places

    @Slot()
    def _list(self) -> None:
        self.bar.set_models(self._models.of_kind(Kind.CAPTIONER))

    @Slot(object, object)
    def _happened(self, queued: Queued, event: events.Event) -> None:
        job, folder = queued.job, self._folder.folder
        if folder is None or not isinstance(job, CaptionJob) or Path(job.folder) != folder:
            return
        if isinstance(event, events.Captioned):
            place = self._folder.place_of(str(folder / event.picture))
            if place >= 0:
                self._written.append(place)
                self._soon.start()

    @Slot()
    def _read_written(self) -> None:
        places, self._written = self._written, []
        self._folder.look_again(places)
