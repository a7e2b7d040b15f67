"""The window's own main: the application, its theme, the first paint, and the engine behind it."""

import locale
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QThreadPool, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QMessageBox

from app.crashes import Crashes
from app.garbage import GarbageTimer
from app.priority import take_short_turns
from app.signals import Signals
from app.single import SingleWindow, hand_over
from app.theme import Theme
from app.window import MainWindow
from trainer.home import RESOURCES, Home

NO_DISPLAY = """There is no display to open the window on.
Start Gesso from a desktop, or work without the window: `main.py --help` lists the commands."""


DOES_NOT_ANSWER = """Gesso is already open with this folder, but does not answer.

Wait a moment and start it again, or end it with your system's task manager."""


def has_display() -> bool:
    """Whether Qt can open a window: it ends the process where it can't."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def application(arguments: Sequence[str] = ()) -> QApplication:
    """The one application of this process, with our theme."""
    take_short_turns()
    made = QApplication([sys.argv[0], *arguments])
    made.setApplicationName("Gesso")
    made.setApplicationDisplayName("Gesso")
    locale.setlocale(locale.LC_NUMERIC, "C")  # Qt took the user's: with a comma, numbers in files would be misread
    made.setWindowIcon(QIcon(str(RESOURCES / "icons" / "gesso.svg")))
    Theme(made)
    return made


def run(home: Home, files: Sequence[Path] = ()) -> int:
    """Open the window with these files, and stay until it is closed. Returns the exit code.

    Where a window with this folder is open already, it gets the files and comes to the front instead.
    """
    running = application()
    garbage = GarbageTimer(running)
    garbage.start()
    single = SingleWindow(home)
    if not single.claim():
        if hand_over(home, files):
            return 0
        if not single.claim():  # else it has closed meanwhile
            QMessageBox.warning(None, "Gesso", DOES_NOT_ANSWER)
            return 1
    crashes = Crashes(home)
    last_words = crashes.last_words()
    crashes.watch()
    signals = Signals()
    window = MainWindow(home)
    signals.asked.connect(window.leave)
    crashes.happened.connect(window.tell_of_crash)
    single.asked.connect(window.come_to_front)
    window.show()
    if last_words is not None:
        window.tell_of_crash(last_words, before=True)
    QTimer.singleShot(0, window.start_work)
    QTimer.singleShot(0, garbage.settle)
    QTimer.singleShot(0, single.listen)
    if files:
        QTimer.singleShot(0, partial(window.take, files))
    code = running.exec()
    QThreadPool.globalInstance().waitForDone()  # what still reads the disk would speak to objects that are gone
    signals.close()
    crashes.closed()
    single.release()
    return code
