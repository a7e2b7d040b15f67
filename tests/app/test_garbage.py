"""Garbage is collected in the GUI thread alone."""

import gc
import threading
import weakref

from pytestqt.qtbot import QtBot

from app.garbage import MANY, GarbageTimer


class Ring:
    """Refers to itself, so that only a collection frees it."""

    def __init__(self, freed_in: list[int]) -> None:
        self.me = self
        self._say = weakref.finalize(self, lambda: freed_in.append(threading.get_ident()))


def test_a_thread_that_allocates_collects_nothing_and_the_timer_does(qtbot: QtBot) -> None:
    assert not gc.isenabled()
    freed_in: list[int] = []
    Ring(freed_in)
    thread = threading.Thread(target=_allocate)
    thread.start()
    thread.join()
    assert freed_in == []
    timer = GarbageTimer()
    timer._timer.setInterval(1)
    timer.start()
    kept = _allocate()
    qtbot.waitUntil(lambda: freed_in != [])
    timer.stop()
    gc.disable()
    assert freed_in == [threading.get_ident()]
    assert kept


def test_much_that_was_read_at_once_is_not_looked_through(qtbot: QtBot) -> None:
    timer = GarbageTimer()
    timer._timer.setInterval(1)
    read = [[one] for one in range(2 * MANY)]
    timer.start()
    qtbot.waitUntil(lambda: gc.get_freeze_count() > MANY)
    timer.stop()
    gc.disable()
    gc.unfreeze()
    assert len(read) == 2 * MANY


def _allocate() -> list[list[int]]:
    """Enough for Python's own collector to begin."""
    return [[one] for one in range(20 * gc.get_threshold()[0])]
