"""The line at the bottom: the truth about the engine, the job in progress, and the network."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QWidget

from app.engine import EngineLink
from app.queue import Queue, Queued, in_words
from app.theme import theme
from app.widgets.basics import button, label, set_words
from trainer.contract.train import TrainJob
from trainer.files import human_size

HEIGHT = 34
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
        self._stop = button("Stop", "Ask the running job to stop; what it has done is kept", self._stop_job)
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

    @Slot()
    def _stop_job(self) -> None:
        running = self._queue.running
        if running is not None:
            self._queue.cancel(running)

    @Slot()
    def _show_engine(self) -> None:
        words, role = STATES[self._engine.state]
        hello = self._engine.hello
        device = f"  ·  {hello.device_name}  ·  {human_size(hello.memory)}" if hello else ""
        self._state.setText(words + device)
        self._state.setToolTip(f"torch {hello.torch}, computing in {hello.precision}" if hello else words)
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
        doing = f"Training {running.title}" if isinstance(running.job, TrainJob) else "Generating"
        self._job.setText(f"{doing}  ·  {in_words(running)}")
        self._bar.setRange(0, running.total or 0)
        self._bar.setValue(running.step)

    @Slot()
    def _draw(self) -> None:
        self._cloud.setPixmap(theme().icon("offline", "muted").pixmap(16, 16))
