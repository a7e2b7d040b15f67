"""What the pool works on does not take the processor from the window."""

import os
import sys
import threading

import pytest
from PySide6.QtCore import QThreadPool
from pytestqt.qtbot import QtBot

from app.errand import Errand
from app.priority import LESS, TURN, step_back, take_short_turns

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux weighs threads one by one")


def niceness(_errand: Errand | None = None) -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_an_errand_steps_back_behind_the_window(qtbot: QtBot) -> None:
    before = niceness()
    errand = Errand("how nice", niceness)
    with qtbot.waitSignal(errand.told.done) as told:
        errand.start()
    QThreadPool.globalInstance().waitForDone()
    assert told.args == ["how nice", max(before, LESS)]
    assert niceness() == before


def test_the_window_does_not(qtbot: QtBot) -> None:
    before = niceness()
    step_back()
    assert niceness() == before


def test_python_in_the_pool_makes_way_soon() -> None:
    before = sys.getswitchinterval()
    try:
        take_short_turns()
        assert sys.getswitchinterval() == pytest.approx(TURN)
    finally:
        sys.setswitchinterval(before)
