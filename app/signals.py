"""SIGTERM (the system shuts down) and Ctrl+C in a terminal, brought into the event loop, where they close Gesso."""

import contextlib
import signal
import socket
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier, Signal, Slot

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Signals(QObject):
    """`asked` is said when the process is asked to end.

    Python runs a signal's handler between two of its own instructions, and has none to run while Qt waits. But it
    writes a byte to a socket at once, and that wakes Qt up.
    """

    asked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._read, self._write = socket.socketpair()
        for one in (self._read, self._write):
            one.setblocking(False)
        self._before = {number: signal.signal(number, self._heard) for number in NUMBERS}
        self._fd_before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._wake)

    def close(self) -> None:
        """Leave signals to whoever had them."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()

    @Slot()
    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._read.recv(4096)

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self.asked.emit()
