"""The line at the bottom: the truth about the engine, the job in progress, and the network."""

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QWidget

from app.engine import EngineLink
from app.queue import Queue, Queued, in_words
from app.theme import theme
from app.widgets.basics import button, label, set_words
from trainer.contract.generate import GenerateJob
from trainer.contract.train import TrainJob
from trainer.files import human_size

HEIGHT = 34
MEMORY_EVERY = 2_000
"""Milliseconds, as often as the engine says how much it holds."""
STAYS = 20_000
"""Milliseconds that a sentence stands there: long enough to be read twice."""
STOP = ("Stop", "Ask the running job to stop; what it has done is kept")
STOP_NOW = ("Stop now", "Do not wait for it: a training loses what came after its last checkpoint")
STATES = {
    "starting": ("engine is starting", "muted"),
    "ready": ("engine ready", "ok"),
    "busy": ("engine busy", "ok"),
    "lost": ("the engine did not start", "error"),
}


class StatusBar(QWidget):
    """Engine, device and memory on the left; the running job with Stop in the middle; the network on the right."""

    def __init__(self, engine: EngineLink, queue: Queue) -> None:
        super().__init__()
        self._engine, self._queue = engine, queue
        self.setFixedHeight(HEIGHT)
        self._dot = label("●")
        self._state = label()
        self._job = label()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedSize(160, 4)
        self._bar.setAccessibleName("Progress of the running job")
        self._stop = button(*STOP, self._stop_job)
        self._stale = _timer(self, STAYS, self._forget)
        self._stale.setSingleShot(True)
        self._asking_memory = _timer(self, MEMORY_EVERY, self._ask_engine)
        self._asking_memory.start()
        self._stop.setFixedHeight(24)
        self._stop.setStyleSheet("padding: 0 10px;")
        self._note = label("", "muted")
        offline = label("offline", "muted")
        offline.setToolTip("Gesso does not use the network unless you ask for a download.")
        self._cloud = QLabel()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 0)
        layout.setSpacing(8)
        for one in (self._dot, self._state, self._job, self._bar, self._stop):
            layout.addWidget(one)
        layout.addWidget(self._note, 1)
        layout.addWidget(self._cloud)
        layout.addWidget(offline)
        for one in (self._state, self._job, self._note, offline, self._dot):
            one.setWordWrap(False)
        self._note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        engine.state_changed.connect(self._show_engine)
        queue.changed.connect(self._show_running)
        queue.progressed.connect(self._show_job)
        theme().changed.connect(self._draw)
        self._show_engine()
        self._show_running()
        self._draw()

    @Slot(str)
    def say(self, text: str) -> None:
        self._note.setText(text)
        self._note.setToolTip(text)
        self._stale.start()

    @Slot()
    def _forget(self) -> None:
        self._note.clear()
        self._note.setToolTip("")

    @Slot()
    def _stop_job(self) -> None:
        running = self._queue.running
        if running is not None and running.is_stuck:
            self._queue.stop_now()
        elif running is not None:
            self._queue.cancel(running)

    @Slot()
    def _ask_engine(self) -> None:
        self._engine.look_after()
        self._show_engine()

    @Slot()
    def _show_engine(self) -> None:
        words, role = STATES[self._engine.state]
        hello = self._engine.hello
        device = f"  ·  {hello.device_name}  ·  {_of(self._engine.memory, hello.memory)}" if hello else ""
        self._state.setText(words + device)
        self._state.setToolTip(
            f"Memory that is taken, and that there is; torch {hello.torch}, computing in {hello.precision}"
            if hello
            else words
        )
        set_words(self._dot, role)

    @Slot()
    def _show_running(self) -> None:
        self._show_job(self._queue.running)

    @Slot(object)
    def _show_job(self, queued: Queued | None) -> None:
        running = queued if queued is not None and queued.state == "running" else None
        for one in (self._job, self._bar, self._stop):
            one.setVisible(running is not None)
        if running is None:
            return
        self._name_stop(STOP_NOW if running.is_stuck else STOP)
        self._job.setText(f"{_doing(running)}  ·  {in_words(running)}")
        self._bar.setRange(0, running.total or 0)
        self._bar.setValue(running.step)

    def _name_stop(self, name: tuple[str, str]) -> None:
        text, does = name
        if self._stop.text() != text:
            self._stop.setText(text)
            self._stop.setAccessibleName(text)
            self._stop.setToolTip(does)
            self._stop.setAccessibleDescription(does)

    @Slot()
    def _draw(self) -> None:
        self._cloud.setPixmap(theme().icon("offline", "muted").pixmap(16, 16))


def _timer(parent: StatusBar, interval: int, then: Callable[[], None]) -> QTimer:
    made = QTimer(parent)
    made.setInterval(interval)
    made.timeout.connect(then)
    return made


def _doing(running: Queued) -> str:
    match running.job:
        case TrainJob():
            return f"Training {running.title}"
        case GenerateJob():
            return "Generating"
        case _:
            return running.title


def _of(taken: int, total: int) -> str:
    """`4.1 of 24.0 GB`; the whole alone while it is not known what is taken."""
    return f"{taken / 2**30:.1f} of {human_size(total)}" if taken else human_size(total)
