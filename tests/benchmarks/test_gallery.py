"""The Gallery with twenty thousand pictures: how soon it shows some, and whether it stands still while it scrolls."""

import os
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QObject, Qt, QThreadPool, QTimer, Slot
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.favourites import Favourites
from app.garbage import GarbageTimer
from app.pages.gallery import GalleryPage
from app.settings import Settings
from app.start import application
from tests.app.pictures import write_png
from tests.benchmarks.record import Record
from trainer.contract.generate import GenerateJob
from trainer.home import Home

pytestmark = pytest.mark.benchmark

COUNT, A_DAY = 20_000, 400
TICK = 16
TICKS = 400
LONG = 300_000


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """pytest-qt's fixture of this name, with our theme."""
    made = application()
    QThreadPool.globalInstance().setExpiryTimeout(0)  # idle threads of the pool would look like a leak
    return made


class Scrolling(QObject):
    """Scrolls a little at each tick of a timer, and notes the time between two."""

    def __init__(self, page: GalleryPage) -> None:
        super().__init__()
        self._bar = page.grid.verticalScrollBar()
        self.gaps: list[float] = []
        self._last = 0.0
        self._timer = QTimer(self, interval=TICK, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._last = time.perf_counter()
        self._timer.start()

    @Slot()
    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now
        step = 40 if len(self.gaps) % 40 else self._bar.maximum() // 15  # rows one by one, and a pull at the bar
        self._bar.setValue((self._bar.value() + step) % max(1, self._bar.maximum()))
        if len(self.gaps) == TICKS:
            self._timer.stop()


def test_twenty_thousand_pictures(qtbot: QtBot, home: Home, record: Record) -> None:
    """First without any cache, while the settings are read behind the scrolling; then as at every later start."""
    for number in range(COUNT):
        job = GenerateJob(prompt=f"a red cat number {number} on a mint background", seed=number)
        write_png(home.outputs / f"day-{number // A_DAY:03d}" / f"{number:05d}.png", job, age=number, side=64)
    figures: dict[str, list[float]] = {}
    pages: list[GalleryPage] = []  # a page forgotten here would be collected in any thread, where widgets must not die
    garbage = GarbageTimer()  # as the window does it
    garbage.start()
    garbage.settle()
    for name in ("cold", "warm"):
        page = GalleryPage(home, Favourites(home, Settings()))
        pages.append(page)
        qtbot.addWidget(page)
        page.resize(1196, 766)
        begun = time.perf_counter()
        page.show()
        scrolling = Scrolling(page)
        scrolling.start()
        thumbnails = page._pictures._pixmaps
        qtbot.waitUntil(lambda thumbnails=thumbnails: len(thumbnails) >= 5, timeout=LONG)
        page.grid.repaint()
        figures[f"{name} first row"] = [time.perf_counter() - begun]
        qtbot.waitUntil(lambda scrolling=scrolling: len(scrolling.gaps) >= TICKS, timeout=LONG)
        stalls = sorted(gap - TICK / 1000 for gap in scrolling.gaps)
        figures[f"{name} longest stall"] = stalls[-1:]
        figures[f"{name} stall, 99 of 100"] = [stalls[len(stalls) * 99 // 100]]
        qtbot.waitUntil(lambda page=page: page._index.unread == 0, timeout=LONG)
        page.close()
        QThreadPool.globalInstance().waitForDone()
    garbage.stop()
    record.seconds("gallery of 20,000 pictures", figures, "first row under 1 s, no stall over 0.05 s")
