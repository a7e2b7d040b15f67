"""The window's own main: the application, its theme, the first paint, and the engine behind it."""

import locale
import os
import sys
from collections.abc import Sequence

from PySide6.QtCore import QThreadPool, QTimer
from PySide6.QtWidgets import QApplication

from app.theme import Theme
from app.window import MainWindow
from trainer.home import Home

NO_DISPLAY = """There is no display to open the window on.
Start Gesso from a desktop, or work without the window: `main.py --help` lists the commands."""


def has_display() -> bool:
    """Whether Qt can open a window: it ends the process where it can't."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def application(arguments: Sequence[str] = ()) -> QApplication:
    """The one application of this process, with our theme."""
    made = QApplication([sys.argv[0], *arguments])
    made.setApplicationName("Gesso")
    made.setApplicationDisplayName("Gesso")
    locale.setlocale(locale.LC_NUMERIC, "C")  # Qt took the user's: with a comma, numbers in files would be misread
    Theme(made)
    return made


def run(home: Home) -> int:
    """Open the window and stay until it is closed. Returns the exit code."""
    running = application()
    window = MainWindow(home)
    window.show()
    QTimer.singleShot(0, window.start_work)
    code = running.exec()
    QThreadPool.globalInstance().waitForDone()  # what still reads the disk would speak to objects that are gone
    return code
