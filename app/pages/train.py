"""Train: what is to be learned on the left; on the right the plan, the training as it runs, and what it made."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QStackedWidget, QTabWidget, QWidget

from app.errand import Errand
from app.models_list import Models
from app.pages.train_advice import Situation, advice
from app.pages.train_disk import Earlier, Looked, earlier_runs, look, past_of
from app.pages.train_form import TrainForm
from app.pages.train_health import PicturesHealth
from app.pages.train_live import LiveView
from app.pages.train_measure import Measurements
from app.pages.train_pictures import SIDE
from app.pages.train_plan import PlanView
from app.pages.train_result import ResultView
from app.pages.train_show import ShownPictures
from app.queue import Queue, Queued
from app.theme import theme
from app.widgets.basics import column, side_by_side, surface
from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.measure import MeasureJob
from trainer.contract.train import TrainJob
from trainer.home import Home
from trainer.library.identity import Kind
from trainer.library.index import Entry

SETTINGS_WIDTH = 400
LOOKED_AFTER = 300
"""Milliseconds without a change after which the pictures are looked at again."""


@dataclass(eq=False)
class _Wanted:
    """What an errand was sent for: a look at the pictures, the list of runs, a run to go on with or to show again."""

    what: Literal["pictures", "runs", "resume", "show"]


class TrainPage(QWidget):
    """`said` carries a sentence for the status bar, `try_it` a LoRA's name and a prompt for Generate to open with,
    `show_model` the name of a model that the page Models is to show, `show_pictures` a folder and a search for Dataset.

    `looked` follows a look at the pictures, `listed` a list of the earlier runs, `measured` a dry run that was kept.
    """

    said = Signal(str)
    try_it = Signal(str, str)
    show_model = Signal(str)
    show_pictures = Signal(object, str)
    looked = Signal()
    listed = Signal()
    measured = Signal()

    def __init__(self, home: Home, models: Models, queue: Queue) -> None:
        super().__init__()
        self._home, self._models, self.queue = home, models, queue
        self._looked: Looked | None = None
        self._looked_for: object = None
        self._earlier: tuple[Earlier, ...] = ()
        self._samples: list[events.Sample] = []
        self._measurements = Measurements(home)
        self._measuring: Queued | None = None
        self._errands: dict[_Wanted, Errand] = {}
        self._look: _Wanted | None = None
        self._scroll_to = 0
        self.form = TrainForm(models)
        self.health = PicturesHealth(self.form.pictures.badges, home.cache, self)
        self.plan, self.live, self.result = PlanView(), LiveView(queue), ResultView()
        self.shown = ShownPictures()
        self._plan_stack = QStackedWidget()
        self.tabs = QTabWidget()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOKED_AFTER)
        self._lay_out()
        self._connect()
        self._changed()

    def draft(self) -> dict[str, Any]:
        return self.form.draft()

    def set_draft(self, draft: dict[str, Any]) -> None:
        self.form.set_draft(draft)

    def view(self) -> dict[str, Any]:
        """What else is to be at the next start as it is now."""
        return {"tab": self.tabs.currentIndex(), "scroll": self.form.scrolled, "run": self.live.run_folder}

    def set_view(self, view: Mapping[str, Any]) -> None:
        tab, scroll, run = view.get("tab"), view.get("scroll"), view.get("run")
        if isinstance(scroll, int):
            self._scroll_to = scroll
            self._scroll()
        if isinstance(tab, int) and 0 <= tab < self.tabs.count():
            self.tabs.setCurrentIndex(tab)
        if isinstance(run, str) and run:
            self._send("show", partial(past_of, Path(run)))

    def open_folder(self, path: Path) -> None:
        """Take a folder of pictures that was dropped somewhere."""
        self.form.set_folder(str(path))
        self._show_plan()

    @Slot()
    def start(self) -> None:
        """Queue what the form says; what it says wrong is shown where it stands."""
        job = self._ready_job()
        if job is not None:
            self.live.follow(self.queue.add(job))

    @Slot()
    def measure(self) -> None:
        """Queue a dry run of what the form says; asked again while it lasts, end it."""
        self._show_plan()
        measuring = self._measuring
        if measuring is not None:
            waits = measuring.state == "waiting"
            self.queue.cancel(measuring)
            if waits:
                self._end_measuring(measuring)
            return
        job = self._ready_job()
        if job is not None:
            self._measuring = self.queue.add(MeasureJob(train=job))
            self.plan.estimate.follow(self._measuring)

    @Slot()
    def pause(self) -> None:
        """Save the training that is shown, and stop it; it can go on from there."""
        self.live.pause()

    @Slot()
    def stop(self) -> None:
        """Stop the training that is shown; asked again while it stops, end the engine under it."""
        self.live.stop()

    @Slot()
    def resume_shown(self) -> None:
        """Go on with the training that is shown."""
        self.live.resume()

    @Slot()
    def try_result(self) -> None:
        """Open Generate with what was trained last."""
        self.result.try_last()

    @Slot()
    def choose_folder(self) -> None:
        self.form.pictures.choose()

    @Slot()
    def find_field(self) -> None:
        """Go to the search for a setting."""
        self.form.find_field()

    @Slot(str)
    def resume(self, folder: str) -> None:
        """Go on with an earlier run; what it told so far is read first."""
        self._send("resume", partial(past_of, Path(folder)))

    def stop_work(self) -> None:
        """Nobody waits any more for what is being read."""
        for errand in self._errands.values():
            errand.cancel()
        self.health.stop_work()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()  # pictures may have come or gone meanwhile
        QTimer.singleShot(0, self._scroll)
        self._list_runs()

    def _ready_job(self) -> TrainJob | None:
        job, looked = self.form.job(), self._looked
        if job is None or looked is None or str(looked.report.folder) != job.data.folder or looked.report.usable:
            return job
        self.form.complain("There is no picture in that folder that can be trained on: see Plan.")
        return None

    def _connect(self) -> None:
        self.form.submitted.connect(self.start)
        self.form.changed.connect(self._changed)
        self._models.changed.connect(self._changed)
        self._timer.timeout.connect(self._look_now)
        self.plan.resumed.connect(self.resume)
        self.plan.changing.connect(self.form.change)
        self.plan.showing.connect(self._show_pictures)
        self.plan.picking.connect(self.form.prior.choose)
        self.plan.measuring.connect(self.measure)
        self.form.pictures.badges.asked.connect(self._ask_for_pictures)
        self.shown.left.connect(self._show_plan)
        self.live.followed.connect(self._show_live)
        self.result.try_it.connect(self.try_it)
        self.result.show_model.connect(self.show_model)
        self.queue.happened.connect(self._on_event)
        self.queue.progressed.connect(self._on_progress)
        self.queue.ended.connect(self._on_ended)
        self.queue.removed.connect(self._on_removed)
        theme().changed.connect(self._redraw)

    @Slot()
    def _changed(self) -> None:
        """The plan at once; the pictures when nothing was changed for a moment, and only if it matters to them."""
        job = self.form.draft_job()
        self._show_job(job)
        if job is not None and self.isVisible() and self._matters(job) != self._looked_for:
            self._timer.start()

    def _show_job(self, job: TrainJob | None, *, anew: bool = False) -> None:
        looked = self._looked if self._is_looked(job) else None
        measured = self._measurements.of(job, self.form.entry) if job is not None else None
        self.plan.show_plan(job, looked, self._earlier, measured)
        now = self._situation(job, looked, measured) if job is not None else None
        self.plan.show_advice(advice(now) if now is not None else (), anew=anew)
        self.plan.show_remarks(looked, anew=anew)

    def _situation(self, job: TrainJob, looked: Looked | None, measured: events.Measured | None) -> Situation:
        kind = Kind.CHECKPOINT if job.method.kind == "full" else Kind.LORA
        taken = frozenset(entry.name.casefold() for entry in self._models.of_kind(kind))
        return Situation(job, looked, self.form.entry, measured, taken, self.form.wants_prior_folder)

    def _send(self, what: Literal["pictures", "runs", "resume", "show"], work: Callable[[Errand], Any]) -> _Wanted:
        """Read something in the pool; `_take` gets what was found."""
        wanted = _Wanted(what)
        errand = self._errands[wanted] = Errand(wanted, work)
        errand.told.done.connect(self._take)
        errand.told.failed.connect(self._complain)
        errand.told.stopped.connect(self._forget)
        if what == "pictures":
            errand.told.progressed.connect(self.form.pictures.show_progress)
        errand.start()
        return wanted

    @Slot(object, object)
    def _take(self, wanted: _Wanted, found: Any) -> None:
        self._forget(wanted)
        match wanted.what:
            case "pictures":
                if wanted is self._look:  # else something was changed meanwhile, and another look is under way
                    self._take_look(found)
            case "runs":
                self._earlier = found
                self.plan.show_earlier(found)
                self._changed()
                self.listed.emit()
            case "resume" if self.live.is_running:
                self.queue.add(found.job, found.folder)  # what is being trained stays in sight
            case "resume":
                self._samples = [event for event in found.told if isinstance(event, events.Sample)]
                self.live.show_past(found)
                self.live.resume()
            case "show":
                if self.live.queued is None:  # else something is training already
                    self.live.show_past(found)

    @Slot(object, str)
    def _complain(self, wanted: _Wanted, words: str) -> None:
        self._forget(wanted)
        if wanted.what == "pictures":
            if wanted is self._look:
                self.form.pictures.show_trouble(words)
                self.looked.emit()
        elif wanted.what != "show":  # a run that is gone by the next start needs no words
            self.said.emit(words)

    @Slot(object)
    def _forget(self, wanted: _Wanted) -> None:
        self._errands.pop(wanted, None)

    @Slot()
    def _look_now(self) -> None:
        job = self.form.draft_job()
        if job is None:
            return
        if self._look in self._errands:
            self._errands[self._look].cancel()
        self._look = None
        if not self._is_looked(job):
            self._looked = None
            self.plan.show_remarks(None)
        self._looked_for = self._matters(job)
        self.health.leave(Path(self.form.pictures.folder))
        if self.form.pictures.folder:
            side = round(SIDE * self.devicePixelRatioF())
            self._look = self._send("pictures", partial(look, job.data, self.form.entry, self._home.runs, side))

    def _take_look(self, looked: Looked) -> None:
        if looked.report.folder != Path(self.form.pictures.folder):
            return  # another folder was chosen, and is looked at in a moment
        self._looked = looked
        self.form.pictures.show_looked(looked)
        self.health.look(looked.report.folder, math.isqrt(looked.area))
        self._changed()
        self.looked.emit()

    def _matters(self, job: TrainJob) -> object:
        """What a look at the pictures depends on."""
        data, entry = job.data, self.form.entry
        folders = self.form.pictures.folder, data.prior.folder if data.prior else ""
        return folders, data.resolution, data.buckets, data.bucket_step, data.enlarge, data.crop, data.masks, entry

    def _is_looked(self, job: TrainJob | None) -> bool:
        return job is not None and self._looked is not None and self._matters(job) == self._looked_for

    @Slot()
    def _redraw(self) -> None:
        self._show_job(self.form.draft_job(), anew=True)

    @Slot()
    def _scroll(self) -> None:
        self.form.scroll_to(self._scroll_to)

    def _list_runs(self) -> None:
        self._send("runs", partial(earlier_runs, self._home))

    @Slot()
    def _show_live(self) -> None:
        self.tabs.setCurrentWidget(self.live)

    @Slot()
    def _show_plan(self) -> None:
        self._plan_stack.setCurrentWidget(self.plan)
        self.tabs.setCurrentWidget(self._plan_stack)

    @Slot(object, str)
    def _show_pictures(self, paths: tuple[Path, ...], what: str) -> None:
        self._plan_stack.setCurrentWidget(self.shown)
        self.shown.show_pictures(paths, what)

    @Slot(str)
    def _ask_for_pictures(self, query: str) -> None:
        self.show_pictures.emit(Path(self.form.pictures.folder), query)

    @Slot(object, object)
    def _on_event(self, queued: Queued, event: events.Event) -> None:
        match event:
            case events.Sample() if isinstance(queued.job, TrainJob):
                self._samples.append(event)
            case events.Measured() if isinstance(queued.job, MeasureJob):
                self._keep_measured(queued.job.train, event)
            case _:
                pass

    def _keep_measured(self, job: TrainJob, measured: events.Measured) -> None:
        try:
            self._measurements.keep(job, self._entry_of(job), measured)
        except UserError as error:
            self.said.emit(f"The measurement could not be kept. {error}")
        self._changed()
        self.measured.emit()

    def _entry_of(self, job: TrainJob) -> Entry | None:
        return next((one for one in self._models.of_kind(Kind.CHECKPOINT) if one.name == job.model), None)

    @Slot(object)
    def _on_progress(self, queued: Queued) -> None:
        if isinstance(queued.job, MeasureJob):
            self._measuring = queued  # one that waited when the window was closed is followed, too
            self.plan.estimate.follow(queued)

    @Slot(object)
    def _on_ended(self, queued: Queued) -> None:
        if isinstance(queued.job, MeasureJob):
            self._end_measuring(queued)
        if not isinstance(queued.job, TrainJob):
            return
        self._list_runs()
        if isinstance(queued.ending, events.Finished):
            folder = Path(queued.run_folder)
            samples = [sample for sample in self._samples if folder in Path(sample.path).parents]
            self.result.show_result(queued.job, queued.ending, samples)
            self.tabs.setCurrentWidget(self.result)
            self._models.refresh()
            self.said.emit(f"{self.result.name or queued.job.output.name} is trained.")

    @Slot(object)
    def _on_removed(self, queued: Queued) -> None:
        if queued is self._measuring:
            self._end_measuring(queued)

    def _end_measuring(self, queued: Queued) -> None:
        self._measuring = None
        self.plan.estimate.show_end(queued)

    def _lay_out(self) -> None:
        left = surface(self.form, "panel", edge="right")
        left.setFixedWidth(SETTINGS_WIDTH)
        for view in (self.plan, self.shown):
            self._plan_stack.addWidget(view)
        for view, name in ((self._plan_stack, "Plan"), (self.live, "Live"), (self.result, "Result")):
            self.tabs.addTab(view, name)
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setStyleSheet("QTabWidget::tab-bar { left: 10px; }")  # its words begin where those below do
        side_by_side(self, left, column(self.tabs, margins=(0, 8, 0, 0)))
