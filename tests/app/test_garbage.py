"""Garbage is collected in the GUI thread alone."""

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.garbage import MANY, GarbageTimer

ROOT = Path(__file__).parents[2]
CLEARS_THE_LIST_FIRST = """
import gc
from PySide6.QtWidgets import QApplication, QCompleter, QPlainTextEdit
from app.widgets.completer_popup import popup_of

application = QApplication([])
gc.disable()
edit = QPlainTextEdit()
completer = QCompleter(edit)
edit.ring = [edit, completer]
gc.freeze()
popup = popup_of(completer)
edit.ring.append(popup)
gc.collect()
gc.unfreeze()  # behind the list
del edit, completer, popup
assert gc.collect() > 0
"""
"""In a process that may die of it."""


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


def test_the_list_of_a_completer_is_deleted_once() -> None:
    done = subprocess.run([sys.executable, "-c", CLEARS_THE_LIST_FIRST], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def _allocate() -> list[list[int]]:
    """Enough for Python's own collector to begin."""
    return [[one] for one in range(20 * gc.get_threshold()[0])]
