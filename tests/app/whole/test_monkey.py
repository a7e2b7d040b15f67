"""A monkey at the window finds no exception, no Qt warning and no stall.

`-m slow` lets it play for two minutes, three times; GESSO_MONKEY=SEED lets it do something else.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.engine import EngineLink
from app.window import MainWindow
from tests.app.pictures import write_png
from tests.app.whole.driving import PATIENCE, ROOT
from tests.app.whole.monkey import Answers, Monkey, Watch
from tests.library.layouts import write_header_only
from trainer.contract.generate import GenerateJob
from trainer.home import RESOURCES, Home

STAGED = ROOT / "tests" / "engine" / "staged.py"
STALL, FROZEN = 0.2, 1.0
"""Seconds without an answer. The first is what a person notices, and measured where nothing else runs."""
SEED = int(os.environ.get("GESSO_MONKEY", "1"))
PICTURES = 40


@pytest.fixture
def window(home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """With pictures and a damaged model; nothing that it opens outside of itself is opened."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]))
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda *_: True)
    monkeypatch.setattr("send2trash.send2trash", lambda *_: None)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: "")
    for name in ("getOpenFileName", "getOpenFileNames", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *_, **__: ("", ""))
    for number in range(PICTURES):
        write_png(home.outputs / "2026-01-01" / f"{number:02}.png", GenerateJob(prompt=f"cat {number}"), age=number)
    damaged = home.models / "checkpoints" / "damaged.safetensors"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"\x00" * 100)
    write_header_only(home.models / "loras" / "unknown.safetensors", {"a.weight": (2, 2)})
    made = MainWindow(home, EngineLink(home, command=(sys.executable, str(STAGED), "--home", str(home.root))))
    made.show()
    QTest.qWaitForWindowExposed(made)
    with qtbot.waitSignals([made.engine.state_changed, made.models.changed], timeout=PATIENCE):
        made.start_work()
    yield made
    made.queue.jobs.clear()  # or it would ask whether to stop them
    made.close()
    made.deleteLater()


@pytest.fixture
def drops(tmp_path: Path, home: Home) -> list[list[Path]]:
    """What is dragged in: pictures with settings and without, folders, models, nonsense, nothing but text."""
    here = tmp_path / "dropped"
    with_settings = write_png(here / "ours.png", GenerateJob(prompt="a dropped cat"))
    without = write_png(here / "theirs.png")
    model = write_header_only(here / "strange.safetensors", {"b.weight": (4, 4)})
    torn = here / "torn.png"
    torn.write_bytes(with_settings.read_bytes()[:60])
    nonsense = here / "nonsense.xyz"
    nonsense.write_text("no picture")
    (here / "empty").mkdir()
    many = [with_settings, without, model, torn, nonsense, here / "empty", RESOURCES / "sample-dataset"]
    return [*([one] for one in many), many, [here / "gone.png"], []]


def rampage(window: MainWindow, qtbot: QtBot, drops: list[list[Path]], seconds: float, seed: int, stall: float) -> None:
    monkey, answers = Monkey(window, seed, drops), Answers(window)
    watch = Watch(stall, monkey.acts)
    watch.start()
    over = QTimer(interval=round(seconds * 1000), singleShot=True)
    shipped = shipped_samples()
    try:
        with qtbot.captureExceptions() as exceptions, qtbot.waitSignal(over.timeout, timeout=PATIENCE * 3):
            over.start()
            monkey.start()
    finally:
        monkey.stop()
        watch.stop()
        answers.stop()
    assert not exceptions, f"{exceptions[0][1]!r} after {list(monkey.acts)}"
    assert window.isVisible(), f"the window was closed: {list(monkey.acts)}"
    assert monkey.count > seconds * 5, "the monkey hardly moved"
    assert not watch.stalls, watch.in_words()
    assert shipped_samples() == shipped, "what ships with Gesso was written into"


def shipped_samples() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (RESOURCES / "sample-dataset").iterdir() if path.is_file()}


def test_ten_seconds_of_a_monkey(window: MainWindow, qtbot: QtBot, drops: list[list[Path]]) -> None:
    rampage(window, qtbot, drops, 10, SEED, FROZEN)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [SEED, SEED + 1, SEED + 2])
def test_two_minutes_of_a_monkey(window: MainWindow, qtbot: QtBot, drops: list[list[Path]], seed: int) -> None:
    rampage(window, qtbot, drops, 120, seed, STALL)
