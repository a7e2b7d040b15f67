"""Live and Result: a training while it runs, and what it made."""

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from app.pages.train_plan import duration
from app.queue import Queue, Queued
from app.widgets.basics import button, column, label, open_folder, row, set_words
from app.widgets.fold import Fold
from app.widgets.loss_chart import LossChart
from app.widgets.previews import Previews
from trainer.contract import events
from trainer.contract.train import TrainJob
from trainer.dataset.names import shown
from trainer.engine.runs import resumable
from trainer.files import human_size

WARNINGS = 3
"""So many of the engine's warnings are shown; the newest ones."""


class LiveView(QWidget):
    """Follows one training: its chart, its numbers, its previews, and what can be done about it."""

    followed = Signal()

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self._queue = queue
        self.queued: Queued | None = None
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
        self._chart = LossChart()
        self._chart.setFixedHeight(220)
        self._previews = Previews()
        self._no_previews = label("", "muted")
        self._state = label()
        self._warned = label("", "warn")
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
        self._show_state("Nothing has been trained yet. Press Start training, and watch it learn here.")
        self._show_actions()

    def follow(self, queued: Queued) -> None:
        """Show this training from now on. One that goes on with the run that is shown keeps what is there."""
        goes_on = self.queued is not None and queued.resume is not None and self._is_shown(queued.resume)
        self.queued, self._pausing = queued, False
        if isinstance(queued.job, TrainJob):
            self._job = queued.job
            self._name.setText(shown(queued.job.output.name))
        if not goes_on:
            self._clear()
        self._show_state("Waiting for its turn in the queue." if queued.state == "waiting" else "Starting.")
        self._fold.hide()
        self._show_actions()
        self.followed.emit()

    def replay(self, told: tuple[events.Event, ...]) -> None:
        """Show what a run told before it was broken off."""
        for event in told:
            self._take(event)

    @property
    def chart(self) -> LossChart:
        return self._chart

    @property
    def previews(self) -> Previews:
        return self._previews

    @property
    def numbers(self) -> str:
        return self._numbers.text()

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
    def resume(self) -> None:
        """Go on from its checkpoint; without one, begin again."""
        if self.queued is None or self.queued.state in ("waiting", "running"):
            return
        folder = Path(self.queued.run_folder) if self.queued.run_folder else None
        if isinstance(self.queued.ending, events.Failed) and folder is not None and resumable(folder):
            self.follow(self._queue.add(self.queued.job, folder))
        else:
            self.follow(self._queue.retry(self.queued))

    @property
    def _is_stopping(self) -> bool:
        return self.queued is not None and self.queued.state == "running" and self.queued.status == "stopping"

    def _is_shown(self, folder: Path) -> bool:
        return self.queued is not None and Path(self.queued.run_folder or self.queued.resume or "") == folder

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
        self._take(event)

    def _take(self, event: events.Event) -> None:
        match event:
            case events.Step(loss=float() as loss):
                self._last = event
                self._chart.show()
                self._chart.add(event.step, loss)
                self._show_numbers()
            case events.Sample():
                self._no_previews.hide()
                self._previews.add(event)
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
        if queued.status == "stopping":
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
        step, mean = self._last, self._chart.mean
        if step is None or mean is None:
            return
        said = [f"Loss {mean:.4f}"]
        if step.learning_rate is not None:
            said.append(f"learning rate {step.learning_rate:.2g}")
        if step.pictures_per_second:
            said.append(f"{step.pictures_per_second:.1f} pictures a second")
        said.append(f"step {step.step:,} of {step.total:,}")
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
        goes_on = isinstance(ending, events.Stopped) and bool(ending.resume)
        self._resume.setVisible(goes_on or isinstance(ending, events.Failed | events.Stopped))
        self._resume.setText("Resume" if goes_on else "Try again")

    def _clear(self) -> None:
        self._chart.clear()
        self._chart.hide()
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
        for one in (self._fold, self._warned, self._chart):
            one.hide()
        actions = row(self._pause, self._resume, self._stop)
        actions.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        top = row(column(self._name, self._state, 0, spacing=4), actions, spacing=16)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 16)
        layout.setSpacing(8)
        for one in (top, self._line, self._fold, self._warned, self._numbers, self._chart):
            layout.addWidget(one)
        layout.addWidget(self._no_previews)
        layout.addWidget(self._previews, 1)


class ResultView(QWidget):
    """`try_it` carries the name of the LoRA in the library."""

    try_it = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._paths: list[Path] = []
        self._title = label("", "title")
        self._words = label("", "muted")
        self._files = QVBoxLayout()
        self._files.setSpacing(8)
        self.try_button = button("Try it", "Open Generate with it", self._try_it, icon="generate", kind="primary")
        self._folder = button("Show in folder", "Open the folder that holds the file", self._show_folder, icon="folder")
        self.previews = Previews()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 16)
        layout.setSpacing(12)
        layout.addWidget(self._title)
        layout.addWidget(self._words)
        layout.addLayout(self._files)
        layout.addWidget(row(self.try_button, self._folder, 0))
        layout.addWidget(self.previews, 1)
        self._title.setText("Nothing yet")
        self._words.setText("What a training makes is shown here when it is done.")
        for one in (self.try_button, self._folder):
            one.hide()

    @property
    def title(self) -> str:
        return self._title.text()

    def show_result(self, job: TrainJob, finished: events.Finished, samples: list[events.Sample]) -> None:
        self._paths = [Path(path) for path in finished.paths]
        is_lora = job.method.kind == "lora"
        self._title.setText(f"{shown(job.output.name)} is ready")
        where = "Try it opens Generate with it." if is_lora else "Choose it as the model on the page Generate."
        self._words.setText(
            f"Trained in {duration(finished.seconds)}, {job.steps.total:,} steps. It is in your models. {where}"
        )
        self._show_files()
        self.try_button.setVisible(is_lora and bool(self._paths))
        self._folder.setVisible(bool(self._paths))
        self.previews.clear()
        steps = sorted({sample.step for sample in samples})
        for sample in samples:
            if steps and sample.step in (steps[0], steps[-1]):
                self.previews.add(sample)

    def _show_files(self) -> None:
        while (item := self._files.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for path, what in zip(self._paths, ("in its run", "in your models"), strict=False):
            size = f"  ·  {human_size(path.stat().st_size)}" if path.is_file() else "  ·  not there any more"
            place = label(f"{what}{size}", "muted")
            name = label(shown(path))
            name.setToolTip(shown(path))
            self._files.addWidget(column(name, place, spacing=2))

    @Slot()
    def _try_it(self) -> None:
        self.try_it.emit(self._paths[-1].stem)

    @Slot()
    def _show_folder(self) -> None:
        open_folder(self._paths[-1].parent)
