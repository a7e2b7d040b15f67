"""The application of the tests, as app.start makes it, and nothing of a test left in its pool of threads."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QThreadPool
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.engine import EngineLink
from app.garbage import GarbageTimer
from app.models_list import Models
from app.pages.train import TrainPage
from app.queue import Queue
from app.start import application
from app.window import MainWindow
from tests.app.stage import Engine
from trainer.home import Home

ROOT = Path(__file__).parents[2]
STAGED = ROOT / "tests" / "engine" / "staged.py"
PATIENCE = 60_000
"""Milliseconds for a process that starts."""


@pytest.fixture(scope="session")
def qapp() -> Iterator[QApplication]:
    """pytest-qt's fixture of this name, with our theme."""
    made = application()
    QThreadPool.globalInstance().setExpiryTimeout(0)  # idle threads of the pool would look like a leak
    yield made
    made.clipboard().clear()  # Qt's offscreen clipboard frees what it holds after Python has ended, and crashes


@pytest.fixture(autouse=True)
def pool_is_idle(qapp: QApplication) -> Iterator[None]:
    """What a test's widgets began in the pool ends before the next test, and so do they; QThreadPool's own threads are
    let go.

    Meanwhile garbage is collected as in the window; the other tests leave that to Python.
    """
    garbage = GarbageTimer(qapp)
    garbage.start()
    yield
    pool = QThreadPool.globalInstance()
    assert pool.waitForDone(10_000), "work left in the thread pool"
    garbage.stop()
    garbage.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def train_engine() -> Engine:
    return Engine()


@pytest.fixture
def train_page(home: Home, train_engine: Engine, qtbot: QtBot) -> Iterator[TrainPage]:
    """The page Train, shown, with the models listed and the sample pictures looked at."""
    models = Models(home)
    made = TrainPage(home, models, Queue(train_engine, home))  # pyright: ignore[reportArgumentType]
    qtbot.addWidget(made)
    with qtbot.waitSignal(models.changed):
        models.refresh()
    with qtbot.waitSignals([made.looked, made.listed]):
        made.show()
    yield made
    made.hide()


@pytest.fixture
def window(home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """The whole window with an engine whose work is staged, and the models listed."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    made = MainWindow(home, EngineLink(home, command=(sys.executable, str(STAGED), "--home", str(home.root))))
    made.show()
    with qtbot.waitSignals([made.engine.state_changed, made.models.changed], timeout=PATIENCE):
        made.start_work()
    yield made
    made.close()
    made.deleteLater()
