"""Live: a training while it runs, or as it was left."""

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from app.errand import Errand
from app.pages.train_disk import Past
from app.queue import Queue, Queued, duration
from app.widgets.basics import button, column, label, row, set_words
from app.widgets.fold import Fold
from app.widgets.previews import Previews
from trainer.contract import events
from trainer.contract.train import TrainJob
from trainer.dataset.names import shown
from trainer.files import human_size

if TYPE_CHECKING:
    from app.widgets.loss_chart import LossChart

CHART_HEIGHT = 212
WARNINGS = 3
"""So many of the engine's warnings are shown; the newest ones."""


class LiveView(QWidget):
    """Follows one training: its chart, its numbers, its previews, and what can be done about it."""

    followed = Signal()

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self._queue = queue
        self.queued: Queued | None = None
        self._past: Past | None = None
        """A run of an earlier start, where that is what is shown."""
        self._job: TrainJob | None = None
        self._last: events.Step | None = None
        self._pausing = False
        self._warnings: list[str] = []
        self._name = label("", "heading")
        self._numbers = label("", "muted")
        self._line = QProgressBar()
        self._line.setTextVisible(False)
        self._line.setFixedHeight(4)
        self._line.setAccessibleName("Progress of the training")
        self._chart_place = QVBoxLayout()
        self._loading = Errand(None, _load_charts)
        self._previews = Previews()
        self._no_previews = label("", "muted")
        self._state = label()
        self._warned = label("", "warn")
        self._silence = label("", "warn")
        end = button("Stop now", "Do not wait for it: what came after the last checkpoint is lost", self.stop_now)
        end.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        self._silent = row(self._silence, end, spacing=16)
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setFixedHeight(120)
        self._details.setAccessibleName("Details of the failure")
        copy = button("Copy", "Copy the details, to send them to somebody who can help", self._copy, icon="copy")
        self._fold = Fold("Details", column(self._details, row(copy, 0)))
        self._pause = button("Pause", "Save a checkpoint and stop; Resume goes on from there", self.pause, icon="pause")
        self._resume = button("Resume", "Go on from the last checkpoint", self.resume, icon="play", kind="primary")
        self._stop = button("Stop", "", self.stop, icon="stop")
        self._lay_out()
        queue.happened.connect(self._on_event)
        queue.progressed.connect(self._on_progress)
        queue.ended.connect(self._on_ended)
        queue.changed.connect(self._show_actions)
        queue.removed.connect(self._on_removed)
        self._show_state("Nothing has been trained yet. Press Start training, and watch it learn here.")
        self._show_actions()

    def prepare(self) -> None:
        """Load the chart's library in the pool, and make the chart, before anybody waits for it."""
        self._loading.told.done.connect(self._loaded)
        self._loading.start()

    @Slot(object, object)
    def _loaded(self, _about: object, _outcome: object) -> None:
        self.chart.update()

    def follow(self, queued: Queued) -> None:
        """Show this training from now on. One that goes on with the run that is shown keeps what is there."""
        if queued.state == "waiting" and self.is_running:
            self.followed.emit()  # what is being trained stays in sight until it ends
            return
        goes_on = queued.resume is not None and self.run_folder == str(queued.resume)
        self.queued, self._past, self._pausing = queued, None, False
        if isinstance(queued.job, TrainJob):
            self._job = queued.job
            self._name.setText(shown(queued.job.output.name))
        if not goes_on:
            self._clear()
        self._show_state("Waiting for its turn in the queue." if queued.state == "waiting" else "Starting.")
        self._fold.hide()
        self._show_actions()
        self.followed.emit()

    def show_past(self, past: Past) -> None:
        """Show a run as it was left. One that can go on does so with `resume`."""
        self.queued, self._past, self._job = None, past, past.job
        self._name.setText(shown(past.job.output.name))
        self._clear()
        for event in past.told:
            self._take(event, quietly=True)
        self._show_numbers()
        self._no_previews.setHidden(any(isinstance(event, events.Sample) for event in past.told))
        at = f" at step {self._last.step:,} of {self._last.total:,}" if self._last is not None else ""
        became = {"finished": "Done", "stopped": "Stopped", "failed": "Failed"}.get(past.state, "Broken off")
        self._show_state(f"{became}{at}.{' It can go on from its last checkpoint.' if past.can_go_on else ''}")
        self._fold.hide()
        self._show_actions()

    @property
    def is_running(self) -> bool:
        """Whether what is shown is being trained now."""
        return self.queued is not None and self.queued.state == "running"

    @property
    def run_folder(self) -> str:
        """That of the training that is shown; empty where none is, or none was made yet."""
        if self.queued is not None:
            return str(self.queued.run_folder or self.queued.resume or "")
        return str(self._past.folder) if self._past is not None else ""

    @cached_property
    def chart(self) -> "LossChart":
        """Made when it is first asked for: its library takes longer to load than the whole page to make."""
        from app.widgets.loss_chart import LossChart

        made = LossChart()
        made.setFixedHeight(CHART_HEIGHT)
        made.hide()
        self._chart_place.addWidget(made)
        return made

    @property
    def previews(self) -> Previews:
        return self._previews

    @property
    def numbers(self) -> str:
        return self._numbers.text()

    @property
    def silence(self) -> str:
        """What is said of an engine that does not answer; empty while it does."""
        return "" if self._silent.isHidden() else self._silence.text()

    @property
    def words(self) -> str:
        return self._state.text()

    @Slot()
    def pause(self) -> None:
        self._pausing = True
        self._cancel()

    @Slot()
    def stop(self) -> None:
        """Ask it to stop; pressed again meanwhile, end the engine's process."""
        if self._is_stopping:
            self._queue.stop_now()
        else:
            self._cancel()

    @Slot()
    def stop_now(self) -> None:
        """End the engine's process under the training, whether it hears or not."""
        if self.queued is not None and self.queued.state == "running":
            self._queue.stop_now()

    @Slot()
    def resume(self) -> None:
        """Go on from its checkpoint; without one, begin again."""
        if self._past is not None and self._past.can_go_on:
            self.follow(self._queue.add(self._past.job, self._past.folder))
            return
        if self.queued is None or self.queued.state in ("waiting", "running"):
            return
        self.follow(self._queue.retry(self.queued))

    @property
    def _is_stopping(self) -> bool:
        return self.queued is not None and self.queued.state == "running" and self.queued.is_stopping

    @Slot(object)
    def _on_removed(self, queued: Queued) -> None:
        if queued is self.queued:
            self.queued = None
            self._show_state("Taken out of the queue.")
            self._show_actions()

    def _cancel(self) -> None:
        if self.queued is None:
            return
        was_waiting = self.queued.state == "waiting"
        self._queue.cancel(self.queued)
        if was_waiting:
            self.queued = None
            self._show_state("Taken out of the queue.")
        self._show_actions()

    @Slot(object, object)
    def _on_event(self, queued: Queued, event: events.Event) -> None:
        if not isinstance(queued.job, TrainJob):
            return
        if queued is not self.queued:
            self.follow(queued)
        self._silent.hide()  # it is heard again; a warning of silence shows it anew
        self._take(event)

    def _take(self, event: events.Event, *, quietly: bool = False) -> None:
        """`quietly` where many come at once: the numbers are shown after the last of them."""
        match event:
            case events.Step(loss=float() as loss):
                self._last = event
                self.chart.add(event.step, loss, event.learning_rate or 0.0)
                if not quietly:
                    self._show_numbers()
            case events.Sample():
                self._no_previews.hide()
                self._previews.add(event)
            case events.Warning(cause="silence"):
                self._silence.setText(f"{event.title} {event.fix}")
                self._silent.show()
            case events.Warning():
                self._warnings = [*self._warnings, f"{event.title} {event.fix}".strip()][-WARNINGS:]
                self._warned.setText("\n".join(self._warnings))
                self._warned.show()
            case _:
                pass

    @Slot(object)
    def _on_progress(self, queued: Queued) -> None:
        if queued is not self.queued or queued.state != "running":
            return
        self._line.setRange(0, queued.total or 1)
        self._line.setValue(queued.step if queued.total else 0)
        if queued.is_stopping:
            self._show_state("Stopping: it saves a checkpoint first.")
        elif queued.status:
            count = f" {queued.step} of {queued.total}" if queued.total and not self._last else ""
            self._show_state(f"{queued.status[:1].upper()}{queued.status[1:]}{count}")
        else:
            self._show_state("")
        self._show_actions()

    @Slot(object)
    def _on_ended(self, queued: Queued) -> None:
        if queued is not self.queued:
            return
        self._silent.hide()
        match queued.ending:
            case events.Failed(title=title, fix=fix, detail=detail):
                self._show_state(f"{title} {fix}", "error")
                self._details.setPlainText(detail)
                self._fold.setVisible(bool(detail))
            case events.Stopped(resume=folder):
                at = f" at step {queued.step:,}" if self._last else ""
                if not folder:
                    self._show_state(f"Stopped{at}, before there was anything to keep.")
                elif self._pausing:
                    self._show_state(f"Paused{at}. Resume goes on from here, today or next week.")
                else:
                    self._show_state(f"Stopped{at}. It can go on from there: with Resume, or later from Plan.")
            case events.Finished(seconds=seconds):
                self._show_state(f"Done in {duration(seconds)}. Result has the file.", "ok")
            case _:
                pass
        self._show_numbers()
        self._show_actions()

    def _show_numbers(self) -> None:
        step, mean = self._last, self.chart.mean
        self.chart.setVisible(step is not None)
        if step is None or mean is None:
            return
        said = [f"Loss {mean:.4f}"]
        if step.learning_rate is not None:
            said.append(f"learning rate {step.learning_rate:.2g}")
        if step.pictures_per_second:
            said.append(f"{step.pictures_per_second:.1f} pictures a second")
        said.append(f"step {step.step:,} of {step.total:,}")
        if step.memory:
            said.append(f"{human_size(step.memory)} of memory")
        is_running = self.queued is not None and self.queued.state == "running"
        if step.seconds_left is not None and is_running and step.step < step.total:
            said.append(f"{duration(step.seconds_left)} left")
        self._numbers.setText("  ·  ".join(said))

    def _show_state(self, text: str, words: str = "") -> None:
        self._state.setText(text)
        self._state.setVisible(bool(text))
        set_words(self._state, words)

    @Slot()
    def _show_actions(self) -> None:
        state = self.queued.state if self.queued is not None else ""
        ending = self.queued.ending if self.queued is not None else None
        self._line.setVisible(state in ("running", "waiting"))
        self._pause.setVisible(state == "running")
        self._pause.setEnabled(not self._is_stopping)
        self._stop.setVisible(state in ("running", "waiting"))
        text, does = "Stop", "Save a checkpoint and stop"
        if state == "waiting":
            text, does = "Take out", "Take it out of the queue"
        elif self._is_stopping:
            text, does = "Stop now", "Do not wait for it: what came after the last checkpoint is lost"
        self._stop.setText(text)
        self._stop.setToolTip(does)
        self._stop.setAccessibleName(text)
        self._stop.setAccessibleDescription(does)
        past_goes_on = self._past is not None and self._past.can_go_on
        goes_on = past_goes_on or (isinstance(ending, events.Stopped) and bool(ending.resume))
        self._resume.setVisible(goes_on or isinstance(ending, events.Failed | events.Stopped))
        self._resume.setText("Resume" if goes_on else "Try again")

    def _clear(self) -> None:
        self.chart.clear()
        self.chart.hide()
        self._previews.clear()
        self._last = None
        self._warnings = []
        self._warned.clear()
        self._warned.hide()
        self._numbers.clear()
        self._line.setRange(0, 1)
        self._line.setValue(0)
        prompts = self._job is not None and bool(self._job.samples.prompts) and self._job.samples.every > 0
        self._no_previews.setText(
            "The first previews come before the first step." if prompts else "No previews asked for."
        )
        self._no_previews.show()

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._details.toPlainText())

    def _lay_out(self) -> None:
        for one in (self._fold, self._warned, self._silent):
            one.hide()
        actions = row(self._pause, self._resume, self._stop)
        actions.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        top = row(column(self._name, self._state, 0, spacing=4), actions, spacing=16)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 16)
        layout.setSpacing(8)
        for one in (top, self._line, self._silent, self._fold, self._warned, self._numbers):
            layout.addWidget(one)
        layout.addLayout(self._chart_place)
        layout.addWidget(self._no_previews)
        layout.addWidget(self._previews, 1)


def _load_charts(_errand: Errand) -> None:
    import pyqtgraph  # noqa: F401 - imported to be there
