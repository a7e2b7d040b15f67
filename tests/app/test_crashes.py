"""What nobody expected is told, now or at the next start."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from app.crashes import Crashes
from app.widgets.notice import Notice
from app.window import MainWindow
from trainer.home import Home

ROOT = Path(__file__).parents[2]
DIES = """
import ctypes, sys
from pathlib import Path
from app.crashes import Crashes
from trainer.home import Home

crashes = Crashes(Home(Path(sys.argv[1])))
assert crashes.last_words() is None
crashes.watch()
ctypes.string_at(0)
"""


def test_a_window_that_died_is_told_of_at_the_next_start(home: Home) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, str(home.root)], cwd=ROOT, check=False, capture_output=True)
    assert done.returncode != 0
    words = Crashes(home).last_words()
    assert words is not None
    assert "string_at" in words, "the traceback of the fault is kept"


def test_a_window_that_closed_properly_leaves_nothing(home: Home) -> None:
    crashes = Crashes(home)
    crashes.watch()
    assert Crashes(home).last_words() is not None
    crashes.closed()
    assert Crashes(home).last_words() is None
    assert sys.excepthook is sys.__excepthook__


def test_an_exception_is_shown_and_written_down_and_the_window_lives(
    home: Home, qtbot: QtBot, capsys: pytest.CaptureFixture[str]
) -> None:
    window = MainWindow(home)
    qtbot.addWidget(window)
    window.show()
    crashes = Crashes(home)
    crashes.watch()
    crashes.happened.connect(window.tell_of_crash)
    with qtbot.waitSignal(crashes.happened):
        QTimer.singleShot(0, _goes_wrong)
    crashes.closed()
    notice = window.findChild(Notice)
    assert isinstance(notice, Notice)
    assert "Something went wrong inside Gesso" in notice.text
    assert "ZeroDivisionError" in (home.root / "logs" / "window.log").read_text("utf-8")
    assert window.isVisible()


def _goes_wrong() -> None:
    raise ZeroDivisionError
