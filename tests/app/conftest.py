"""The application of the tests, as app.start makes it, and nothing of a test left in its pool of threads."""

import os
from collections.abc import Iterator

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QThreadPool
from PySide6.QtWidgets import QApplication

from app.start import application


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """pytest-qt's fixture of this name, with our theme."""
    made = application()
    QThreadPool.globalInstance().setExpiryTimeout(0)  # idle threads of the pool would look like a leak
    return made


@pytest.fixture(autouse=True)
def pool_is_idle(qapp: QApplication) -> Iterator[None]:
    """What a test's widgets began in the pool ends before the next test; QThreadPool's own threads are let go."""
    yield
    pool = QThreadPool.globalInstance()
    assert pool.waitForDone(10_000), "work left in the thread pool"
