"""Train: what is to be learned on the left; on the right the plan, the training as it runs, and what it made."""

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QTabWidget, QWidget

from app.models_list import Models
from app.pages.train_disk import Earlier, Look, Looked, Past, Told, earlier_runs, in_pool, past_of
from app.pages.train_form import TrainForm
from app.pages.train_live import LiveView, ResultView
from app.pages.train_pictures import SIDE
from app.pages.train_plan import PlanView
from app.queue import Queue, Queued
from app.theme import theme
from app.widgets.basics import column, side_by_side, surface
from trainer.contract import events
from trainer.contract.train import TrainJob
from trainer.home import Home

SETTINGS_WIDTH = 400
LOOKED_AFTER = 300
"""Milliseconds without a change after which the pictures are looked at again."""


class TrainPage(QWidget):
    """`said` carries a sentence for the status bar, `try_it` the name of a LoRA that Generate is to open with.

    `looked` follows a look at the pictures, `listed` a list of the earlier runs.
    """

    said = Signal(str)
    try_it = Signal(str)
    looked = Signal()
    listed = Signal()

    def __init__(self, home: Home, models: Models, queue: Queue) -> None:
        super().__init__()
        self._home, self._models, self.queue = home, models, queue
        self._looked: Looked | None = None
        self._look: Look | None = None
        self._looked_for: object = None
        self._earlier: tuple[Earlier, ...] = ()
        self._samples: list[events.Sample] = []
        self.form = TrainForm(models)
        self.plan, self.live, self.result = PlanView(), LiveView(queue), ResultView()
        self.tabs = QTabWidget()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOKED_AFTER)
        self._pictures, self._runs, self._past = Told(), Told(), Told()
        self._lay_out()
        self._connect()

    def draft(self) -> dict[str, Any]:
        return self.form.draft()

    def set_draft(self, draft: dict[str, Any]) -> None:
        self.form.set_draft(draft)

    def open_folder(self, path: Path) -> None:
        """Take a folder of pictures that was dropped somewhere."""
        self.form.set_folder(str(path))
        self.tabs.setCurrentWidget(self.plan)

    @Slot()
    def start(self) -> None:
        """Queue what the form says; what it says wrong is shown where it stands."""
        job = self.form.job()
        if job is None:
            return
        looked = self._looked
        if looked is not None and str(looked.report.folder) == job.data.folder and not looked.report.usable:
            self.form.complain("There is no picture in that folder that can be trained on: see Plan.")
            return
        self.live.follow(self.queue.add(job))

    def resume(self, folder: str) -> None:
        """Go on with an earlier run; what it told so far is read first."""
        in_pool(partial(past_of, Path(folder)), self._past)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()  # pictures may have come or gone meanwhile
        self._list_runs()

    def _connect(self) -> None:
        self.form.submitted.connect(self.start)
        self.form.changed.connect(self._changed)
        self._models.changed.connect(self._changed)
        self._timer.timeout.connect(self._look_now)
        self._pictures.done.connect(self._take_look)
        self._pictures.failed.connect(self._look_failed)
        self._pictures.progress.connect(self.form.pictures.show_progress)
        self._runs.done.connect(self._take_runs)
        self._runs.failed.connect(self.said)
        self._past.done.connect(self._go_on)
        self._past.failed.connect(self.said)
        self.plan.resumed.connect(self.resume)
        self.live.followed.connect(self._show_live)
        self.result.try_it.connect(self.try_it)
        self.queue.happened.connect(self._on_event)
        self.queue.ended.connect(self._on_ended)
        theme().changed.connect(self._redraw)

    @Slot()
    def _changed(self) -> None:
        """The plan at once; the pictures when nothing was changed for a moment, and only if it matters to them."""
        job = self.form.draft_job()
        self.plan.show_plan(job, self._looked if self._is_looked(job) else None, self._earlier)
        if job is not None and self.isVisible() and self._matters(job) != self._looked_for:
            self._timer.start()

    @Slot()
    def _look_now(self) -> None:
        job = self.form.draft_job()
        if job is None:
            return
        if self._look is not None:
            self._look.stop()
        if not self._is_looked(job):
            self._looked = None
            self.plan.show_remarks(None)
        self._look, self._looked_for = None, self._matters(job)
        if self.form.pictures.folder:
            side = round(SIDE * self.devicePixelRatioF())
            self._look = Look(job.data, self.form.entry, side, self._pictures)
            in_pool(self._look, self._pictures)

    @Slot(object)
    def _take_look(self, looked: Looked) -> None:
        if looked.report.folder != Path(self.form.pictures.folder):
            return  # another folder was chosen while this one was looked at
        self._looked = looked
        self.form.pictures.show_looked(looked)
        self.plan.show_remarks(looked)
        self._changed()
        self.looked.emit()

    @Slot(str)
    def _look_failed(self, words: str) -> None:
        self.form.pictures.show_trouble(words)
        self.looked.emit()

    def _matters(self, job: TrainJob) -> object:
        """What a look at the pictures depends on."""
        data, entry = job.data, self.form.entry
        folders = self.form.pictures.folder, data.prior.folder if data.prior else ""
        return folders, data.resolution, data.buckets, data.bucket_step, data.enlarge, data.crop, entry

    def _is_looked(self, job: TrainJob | None) -> bool:
        return job is not None and self._looked is not None and self._matters(job) == self._looked_for

    @Slot()
    def _redraw(self) -> None:
        self.plan.show_remarks(self._looked)

    def _list_runs(self) -> None:
        in_pool(partial(earlier_runs, self._home), self._runs)

    @Slot(object)
    def _take_runs(self, earlier: tuple[Earlier, ...]) -> None:
        self._earlier = earlier
        self.plan.show_earlier(earlier)
        self._changed()
        self.listed.emit()

    @Slot(object)
    def _go_on(self, past: Past) -> None:
        self._samples = [event for event in past.told if isinstance(event, events.Sample)]
        self.live.follow(self.queue.add(past.job, past.folder))
        self.live.replay(past.told)

    @Slot()
    def _show_live(self) -> None:
        self.tabs.setCurrentWidget(self.live)

    @Slot(object, object)
    def _on_event(self, queued: Queued, event: events.Event) -> None:
        if isinstance(queued.job, TrainJob) and isinstance(event, events.Sample):
            self._samples.append(event)

    @Slot(object)
    def _on_ended(self, queued: Queued) -> None:
        if not isinstance(queued.job, TrainJob):
            return
        self._list_runs()
        if isinstance(queued.ending, events.Finished):
            folder = Path(queued.run_folder)
            samples = [sample for sample in self._samples if folder in Path(sample.path).parents]
            self.result.show_result(queued.job, queued.ending, samples)
            self.tabs.setCurrentWidget(self.result)
            self._models.refresh()
            self.said.emit(f"{queued.job.output.name} is trained.")

    def _lay_out(self) -> None:
        left = surface(self.form, "panel", edge="right")
        left.setFixedWidth(SETTINGS_WIDTH)
        for view, name in ((self.plan, "Plan"), (self.live, "Live"), (self.result, "Result")):
            self.tabs.addTab(view, name)
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setStyleSheet("QTabWidget::tab-bar { left: 10px; }")  # its words begin where those below do
        side_by_side(self, left, column(self.tabs, margins=(0, 8, 0, 0)))
