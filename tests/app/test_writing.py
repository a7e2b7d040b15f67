"""What is kept on the disk while the window goes on: the newest, one at a time, and nothing older over it."""

import threading

from PySide6.QtCore import QThreadPool
from pytestqt.qtbot import QtBot

from app.writing import Writing


class Disk:
    """One that waits until it is let go."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.threads: set[int] = set()
        self.free = threading.Event()

    def write(self, text: str) -> None:
        assert self.free.wait(10)
        self.threads.add(threading.get_ident())
        if text == "too much":
            raise OSError("the disk is full")
        self.texts.append(text)


def test_a_slow_disk_gets_the_first_and_the_newest(qtbot: QtBot) -> None:
    disk = Disk()
    writing = Writing(disk.write)
    for text in ("first", "second", "third"):
        writing.put(text)
    assert disk.texts == [], "the window does not wait"
    with qtbot.waitSignal(writing.done):
        disk.free.set()
    assert disk.texts == ["first", "third"]
    assert threading.get_ident() not in disk.threads


def test_what_waits_in_the_pool_is_not_written_over_what_was_finished(qtbot: QtBot) -> None:
    disk = Disk()
    disk.free.set()
    pool, busy = QThreadPool.globalInstance(), threading.Event()
    for _ in range(pool.maxThreadCount()):
        pool.start(lambda: busy.wait(10))
    writing = Writing(disk.write)
    writing.put("older")
    writing.put("newer")
    writing.finish()
    assert disk.texts == ["newer"]
    with qtbot.waitSignal(writing.done):
        busy.set()
    assert disk.texts == ["newer"]


def test_a_refusal_is_said_and_the_next_is_tried(qtbot: QtBot) -> None:
    disk = Disk()
    writing = Writing(disk.write)
    writing.put("too much")
    writing.put("little")
    with qtbot.waitSignals([writing.refused, writing.done]):
        disk.free.set()
    assert disk.texts == ["little"]
