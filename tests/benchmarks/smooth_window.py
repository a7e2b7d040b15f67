"""The window while the engine trains the starter model: how late a timer of 16 ms is in the window's own thread.

A program of its own, so that nothing of the test shares the thread's process:

    python -m tests.benchmarks.smooth_window HOME SECONDS

It prints one JSON object: every lateness in seconds, and what happened meanwhile.
"""

import gc
import json
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QThreadPool, QTimer, Slot
from PySide6.QtWidgets import QApplication

from app.garbage import GarbageTimer
from app.queue import Queued
from app.start import application
from app.window import MainWindow
from trainer.contract import events
from trainer.home import Home

TICK = 0.016
STALL = 0.08
"""Seconds without a tick after which the thread's stack is written down, to say what was in the way."""
STEPS = 100_000
"""More than can be done meanwhile."""
PREVIEWS_EVERY = 10
WARM_UP_STEPS = 10


class Metronome(QObject):
    """Ticks in the thread it lives in, and notes how much later than it should."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[float] = []
        self.last = 0.0
        self._timer = QTimer(self, interval=round(TICK * 1000), timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self.last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    @Slot()
    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append(max(0.0, now - self.last - TICK))
        self.last = now


class Lookout(threading.Thread):
    """Writes down where the window's thread stands while the metronome is silent for too long."""

    def __init__(self, metronome: Metronome) -> None:
        super().__init__(name="lookout", daemon=True)
        self._metronome = metronome
        self._watched = threading.main_thread().ident or 0
        self._over = threading.Event()
        self.seen: list[str] = []

    def run(self) -> None:
        told = 0.0
        while not self._over.wait(0.01):
            last = self._metronome.last
            if last and last != told and time.perf_counter() - last > STALL:
                told = last
                frame = sys._current_frames().get(self._watched)
                self.seen.append("".join(traceback.format_stack(frame)[-6:]))

    def stop(self) -> None:
        self._over.set()
        self.join()


class Watch(QObject):
    """Starts the training through the window, and measures once its first steps are done."""

    def __init__(self, window: MainWindow, seconds: float) -> None:
        super().__init__()
        self._window, self._seconds = window, seconds
        self._metronome = Metronome()
        self._lookout = Lookout(self._metronome)
        self.told: dict[str, Any] = {"steps": 0, "samples": 0, "collections": []}
        self._collecting = 0.0
        self._measuring = False
        window.queue.happened.connect(self._on_event)
        window.models.changed.connect(self._begin)

    @Slot()
    def _begin(self) -> None:
        self._window.models.changed.disconnect(self._begin)
        page = self._window.train
        self._window.show_page("train")
        tree = page.form.tree()
        tree["steps"]["total"] = STEPS
        tree["samples"]["every"] = PREVIEWS_EVERY
        page.form.set_tree(tree)
        page.start()

    @Slot(object, object)
    def _on_event(self, _queued: Queued, event: events.Event) -> None:
        if isinstance(event, events.Failed):
            self.told["failed"] = f"{event.title} {event.detail}"
            self._end()
        if isinstance(event, events.Step) and event.step == WARM_UP_STEPS:
            self._measuring = True
            gc.callbacks.append(self._collected)
            self._lookout.start()
            self._metronome.start()
            QTimer.singleShot(round(self._seconds * 1000), self._end)
        if self._measuring:
            self.told["steps"] += isinstance(event, events.Step)
            self.told["samples"] += isinstance(event, events.Sample)

    def _collected(self, phase: str, information: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.perf_counter()
        elif information["generation"] == 2:
            self.told["collections"].append(time.perf_counter() - self._collecting)

    @Slot()
    def _end(self) -> None:
        if self._measuring:
            self._metronome.stop()
            self._lookout.stop()
            gc.callbacks.remove(self._collected)
        self.told |= {"late": self._metronome.late, "stalls": self._lookout.seen}
        self._window.queue.ended.connect(QApplication.quit)
        if (running := self._window.queue.running) is not None:
            self._window.queue.cancel(running)
        else:
            QApplication.quit()


def main() -> None:
    running = application()
    garbage = GarbageTimer(running)
    garbage.start()
    window = MainWindow(Home(Path(sys.argv[1])))
    window.show()
    watch = Watch(window, float(sys.argv[2]))
    window.start_work()
    garbage.settle()
    running.exec()
    window.close()
    QThreadPool.globalInstance().waitForDone()
    print(json.dumps(watch.told), flush=True)


if __name__ == "__main__":
    main()
