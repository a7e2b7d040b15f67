"""The page Dataset with ten and a hundred thousand pictures: how soon it shows some, and whether it stands still."""

import os
import random
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
import pytest
from PIL import Image, ImageDraw
from PySide6.QtCore import QObject, Qt, QThreadPool, QTimer, Slot
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.engine import EngineLink
from app.garbage import GarbageTimer
from app.models_list import Models
from app.pages.dataset import DatasetPage
from app.queue import Queue
from app.start import application
from tests.benchmarks.record import Record
from trainer.home import Home

pytestmark = pytest.mark.benchmark

DRAWN = 60
"""Different pictures; the others are links to them, which are decoded each by itself."""
TICK, LONG, ON_SCREEN = 16, 600_000, 16
WORDS = "cat dog sofa garden window smile hat scarf moon river snow night hill boat tree".split()  # noqa: SIM905
TYPED = ("c", "ca", "cat", "cat s", "cat so", "cat sofa", "", "tag:hat", "-tag:hat", "")


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """pytest-qt's fixture of this name, with our theme."""
    made = application()
    QThreadPool.globalInstance().setExpiryTimeout(0)  # idle threads of the pool would look like a leak
    return made


def draw(folder: Path, count: int) -> None:
    """Pictures of 1 to 4 megapixels, JPEG and PNG, each with a caption."""
    rng = random.Random(0)
    drawn = folder.parent / "drawn"
    drawn.mkdir()
    folder.mkdir()
    for number in range(DRAWN):
        size = (rng.randrange(1000, 2000), rng.randrange(1000, 2000))
        picture = Image.new("RGB", size, tuple(rng.randrange(256) for _ in range(3)))
        pen = ImageDraw.Draw(picture)
        for _ in range(40):
            x, y, side = rng.randrange(size[0]), rng.randrange(size[1]), rng.randrange(20, 400)
            pen.ellipse((x, y, x + side, y + side), fill=tuple(rng.randrange(256) for _ in range(3)))
        picture.save(drawn / f"{number}.{'png' if number % 3 == 0 else 'jpg'}")
    sources = sorted(drawn.iterdir())
    for number in range(count):
        source = sources[number % DRAWN]
        target = folder / f"{number:06d}{source.suffix}"
        os.link(source, target)
        target.with_suffix(".txt").write_text(", ".join(rng.sample(WORDS, 6)) + "\n", encoding="utf-8")


class Using(QObject):
    """Scrolls at each tick, types into the search now and then, and notes how late each tick is."""

    def __init__(self, page: DatasetPage, ticks: int) -> None:
        super().__init__()
        self._page, self._ticks = page, ticks
        self.late: list[float] = []
        self._last = 0.0
        self._timer = QTimer(self, interval=TICK, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._last = time.perf_counter()
        self._timer.start()

    @Slot()
    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append(now - self._last - TICK / 1000)
        self._last = now
        bar, count = self._page.grid.verticalScrollBar(), len(self.late)
        bar.setValue((bar.value() + (40 if count % 40 else bar.maximum() // 15)) % max(1, bar.maximum()))
        if count % 25 == 0:
            self._page.filter.search.setText(TYPED[count // 25 % len(TYPED)])
        if count == self._ticks:
            self._timer.stop()


@pytest.mark.parametrize(("count", "ticks"), [(10_000, 500), (100_000, 100)])
def test_a_large_dataset(count: int, ticks: int, qtbot: QtBot, home: Home, tmp_path: Path, record: Record) -> None:
    """Thumbnails are made for the first time; captions and sizes are read meanwhile."""
    draw(tmp_path / "many", count)
    garbage = GarbageTimer()  # as the window does it
    garbage.start()
    garbage.settle()
    engine = EngineLink(home)
    page = DatasetPage(home, Models(home), Queue(engine, home))
    qtbot.addWidget(page)
    page.resize(1196, 766)
    page.show()
    QApplication.processEvents()
    before = psutil.Process().memory_info().rss
    begun = time.perf_counter()
    page.open_folder(tmp_path / "many")
    figures: dict[str, list[float]] = {}
    qtbot.waitUntil(lambda: page._pictures.rowCount() == count, timeout=LONG)
    page.grid.repaint()
    figures["grid"] = [time.perf_counter() - begun]
    qtbot.waitUntil(lambda: len(page._pictures._pixmaps) >= ON_SCREEN, timeout=LONG)
    figures["first screen of thumbnails"] = [time.perf_counter() - begun]
    using = Using(page, ticks)
    using.start()
    qtbot.waitUntil(lambda: len(using.late) >= ticks, timeout=LONG)
    stalls = sorted(using.late)
    figures["longest stall"] = stalls[-1:]
    figures["stall, 99 of 100"] = [stalls[len(stalls) * 99 // 100]]
    figures["memory taken, GB"] = [(psutil.Process().memory_info().rss - before) / 1e9]
    record.seconds(f"dataset of {count:,} pictures", figures, "grid 1 s (100,000: 3 s), thumbnails 1.5, stall 0.05")
    page.stop_work()  # the health of so many pictures would take minutes
    qtbot.waitUntil(lambda: not page._errands, timeout=LONG)
    page.close()
    QThreadPool.globalInstance().waitForDone()
    garbage.stop()
