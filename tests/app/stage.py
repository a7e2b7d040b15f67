"""An engine that says what a test lets it say, and what the tests of the page Train do with it."""

import shutil
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from app.pages.train import TrainPage
from trainer.contract import events
from trainer.contract.jobfile import Job
from trainer.engine.demo import SAMPLE_DATASET


class Engine(QObject):
    """Takes jobs, and says only what a test lets it say."""

    happened = Signal(object)
    preview = Signal(object, QImage)
    idle = Signal()
    state_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.state = "ready"
        self.asked: list[object] = []

    def perform(self, job: Job) -> None:
        self.state = "busy"
        self.asked.append(job)

    def resume(self, folder: Path) -> None:
        self.state = "busy"
        self.asked.append(folder)

    def cancel(self) -> None:
        self.asked.append("cancel")

    def stop_now(self) -> None:
        self.asked.append("stop now")

    def say(self, event: events.Event) -> None:
        self.happened.emit(event)

    def end(self, ending: events.Event) -> None:
        self.say(ending)
        self.state = "ready"
        self.idle.emit()


def open_and_look(page: TrainPage, folder: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.looked):
        page.open_folder(folder)


def pictures(folder: Path, *sizes: tuple[int, int]) -> Path:
    folder.mkdir()
    for number, size in enumerate(sizes):
        Image.new("RGB", size, (number, 90, 30)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("a cat", encoding="utf-8")
    return folder


def play(page: TrainPage, engine: Engine, tmp_path: Path, first: int = 1, last: int = 20) -> Path:
    run = tmp_path / "run"
    (run / "checkpoints" / "step-00000010").mkdir(parents=True, exist_ok=True)
    shutil.copy(SAMPLE_DATASET / "00001.png", run / "a.png")
    engine.say(events.Started(job="train", name="kiki", run_folder=str(run)))
    engine.say(events.Sample(step=first - 1, prompt="a kiki cat", path=str(run / "a.png")))
    for step in range(first, last + 1):
        engine.say(events.Step(step=step, total=300, loss=0.2, learning_rate=1e-4, seconds_left=90))
    return run
