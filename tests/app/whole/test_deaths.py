"""The engine killed under a job, the window closed, the window killed: nothing is lost, nothing stays behind."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot
from safetensors.numpy import load_file

from app.queue import Queued
from app.settings import Settings, SettingsFile
from tests.app.whole.driving import PATIENCE, ROOT, Person
from trainer.contract import events
from trainer.contract.common import Hardware
from trainer.contract.jobfile import FORMAT
from trainer.contract.train import Data, Output, Steps, TrainJob
from trainer.engine import runs
from trainer.home import RESOURCES, Home

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")

PLAIN_WITHIN = 10.0
"""Seconds from the death of the engine to the sentence about it."""
GONE_WITHIN = 10.0
"""Seconds from the death of the window to the end of the engine, its checkpoint written."""


def training(name: str, steps: int, checkpoint_every: int = 0) -> TrainJob:
    """On the sample pictures and a fixed precision, so that two of them come out bit by bit the same."""
    return TrainJob(
        model="starter",
        data=Data(folder=str(RESOURCES / "sample-dataset")),
        steps=Steps(total=steps, batch_size=1),
        output=Output(name=name, checkpoint_every=checkpoint_every),
        hardware=Hardware(device="cpu", precision="fp32"),
    )


class KillAt(QObject):
    """Kills the engine when a training has taken this step (or is beyond), or a generation shows its first preview."""

    def __init__(self, person: Person, step: int = 0) -> None:
        super().__init__()
        self._person, self._step = person, step
        self.when = 0.0
        person.window.queue.happened.connect(self._on_event)
        person.window.queue.preview.connect(self._on_preview)

    @Slot(object, object)
    def _on_event(self, queued: Queued, event: events.Event) -> None:
        if isinstance(queued.job, TrainJob) and isinstance(event, events.Step) and event.step >= self._step:
            self._kill()

    @Slot(object, object, object)
    def _on_preview(self, _queued: Queued, _preview: events.Preview, _image: object) -> None:
        self._kill()

    def _kill(self) -> None:
        if not self.when:
            self.when = time.monotonic()
            engine_of(os.getpid()).kill()


class Answer(QObject):
    """Presses the button of this role in the next question."""

    def __init__(self, role: QMessageBox.ButtonRole) -> None:
        super().__init__()
        self._role = role
        self.asked = ""
        self._timer = QTimer(self, interval=20)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    @Slot()
    def _look(self) -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            self._timer.stop()
            self.asked = f"{box.text()} {box.informativeText()}"
            next(one for one in box.buttons() if box.buttonRole(one) == self._role).click()


def test_an_engine_killed_while_it_generates(home: Home, meet: Callable[[Home], Person]) -> None:
    person = meet(home)
    person.window.show_page("generate")
    killing = KillAt(person)
    person.type_into("Prompt", "a red cat on a mint background")
    person.click("Generate")
    person.wait(lambda: is_told(person), "a sentence about what happened")
    assert time.monotonic() - killing.when < PLAIN_WITHIN
    assert person.window.isEnabled()
    assert person.window.queue.jobs[-1].state == "failed"
    person.click("Generate")
    person.wait(lambda: list(home.outputs.glob("*/*.png")), "a picture by the next engine")
    person.wait(lambda: person.window.queue.running is None, "its end")
    person.leave()


def test_a_training_whose_engine_was_killed_goes_on_to_the_same_weights(
    home: Home, meet: Callable[[Home], Person]
) -> None:
    person = meet(home)
    queue = person.window.queue
    whole = queue.add(training("whole", 12))
    person.wait(lambda: whole.state == "finished", "the training that nobody disturbs")
    person.page("Train")
    killing = KillAt(person, step=4)
    killed = queue.add(training("killed", 12, checkpoint_every=3))
    person.wait(lambda: is_told(person), "a sentence about what happened")
    assert time.monotonic() - killing.when < PLAIN_WITHIN
    assert killed.state == "failed"
    person.click("Try again")
    person.wait(lambda: "killed is ready" in person.reads(), "the result")
    resumed = queue.jobs[-1]
    assert resumed.run_folder == killed.run_folder
    assert weights(resumed) == weights(whole)
    person.leave()


def test_closing_during_a_training_asks_and_keeps_a_checkpoint(home: Home, meet: Callable[[Home], Person]) -> None:
    person = meet(home)
    job = person.window.queue.add(training("closed", 10_000))
    person.wait(lambda: last_step(home) >= 2, "the first steps")
    stays = Answer(QMessageBox.ButtonRole.RejectRole)
    assert not person.window.close()
    assert "checkpoint" in stays.asked
    assert job.state == "running"
    engine = engine_of(os.getpid())
    leaves = Answer(QMessageBox.ButtonRole.AcceptRole)
    assert person.window.close()
    assert leaves.asked
    assert not engine.is_running()
    summary = runs.summary(Path(job.run_folder))
    assert summary.state == "stopped"
    assert runs.resumable(summary.folder)
    person.window.deleteLater()
    again = meet(home)
    again.page("Train")
    again.wait(lambda: "can go on" in again.reads(), "the offer to go on")
    assert again.sees("Resume")
    again.leave()


@pytest.fixture
def window_process(home: Home) -> "Iterator[subprocess.Popen[bytes]]":
    """The whole program as the user starts it, with a training that waits in its queue."""
    SettingsFile(home).save(Settings(welcomed=True))
    job = training("orphan", 10_000)
    waiting = {"waiting": [{"job": {"format": FORMAT, **job.model_dump(mode="json")}, "resume": ""}]}
    (home.root / "queue.json").write_text(json.dumps(waiting), encoding="utf-8")
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    process = subprocess.Popen([sys.executable, "main.py", "--home", str(home.root)], cwd=ROOT, env=environment)
    yield process
    process.kill()
    process.wait()


def test_a_killed_window_lets_the_engine_save_and_leave(
    home: Home, qtbot: QtBot, window_process: "subprocess.Popen[bytes]"
) -> None:
    qtbot.waitUntil(lambda: last_step(home) >= 2, timeout=PATIENCE)
    engine = engine_of(window_process.pid)
    window_process.kill()
    killed = time.monotonic()
    window_process.wait()
    _, alive = psutil.wait_procs([engine], timeout=GONE_WITHIN)
    for one in alive:
        one.kill()
    assert not alive, f"the engine is still there after {time.monotonic() - killed:.0f} s"
    (summary,) = runs.list_runs(home)
    assert summary.state == "stopped"
    kept = sorted(one.name for one in (summary.folder / "checkpoints").iterdir())
    assert kept[-1] >= f"step-{summary.step:08d}", "what was learned since the last checkpoint is lost"


def engine_of(pid: int) -> psutil.Process:
    """The engine's process, by that of the window."""
    (engine,) = [one for one in psutil.Process(pid).children() if "--engine" in one.cmdline()]
    return engine


def is_told(person: Person) -> bool:
    """Whether the end of the last job stands in sight, in the engine's plain words."""
    ending = person.window.queue.jobs[-1].ending
    if not isinstance(ending, events.Failed):
        return False
    words = person.reads()
    assert "Traceback" not in words
    return ending.title in words and ending.fix in words


def last_step(home: Home) -> int:
    return max((summary.step for summary in runs.list_runs(home)), default=0)


def weights(queued: Queued) -> dict[str, bytes]:
    (file,) = (Path(queued.run_folder) / "output").glob("*.safetensors")
    return {name: value.tobytes() for name, value in load_file(file).items()}
