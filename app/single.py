"""One window for each user's folder: a second start hands its files to the first window, which comes to the front.

A lock file in the folder says who is first. It names its process, so that one left by a crash is seen through. The
files travel over a local socket that only this user may open.
"""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QLockFile, QObject, QThread, QTimer, Signal, Slot

from trainer.home import Home

ANSWER_WITHIN = 5_000
"""Milliseconds that the first window gets to take what the second start brings: it may itself be starting."""
AGAIN_AFTER = 50
"""Milliseconds between two attempts to reach it."""
LONGEST = 1_000_000
"""Bytes of one message; nobody drops that many files."""


class SingleWindow(QObject):
    """`asked` carries the files that another start brought, perhaps none: the window is to come to the front."""

    asked = Signal(list)

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = socket_name(home)
        self._lock = _lock(home)
        self._server: QObject | None = None

    def claim(self) -> bool:
        """Whether this process is the first. Where the folder can't hold a lock (read-only), every one is."""
        if self._lock.tryLock(0):
            return True
        return self._lock.error() != QLockFile.LockError.LockFailedError

    def listen(self) -> None:
        """Hear of further starts from now on. After the first paint: loading Qt's network module takes a moment."""
        from PySide6.QtNetwork import QLocalServer

        QLocalServer.removeServer(self._name)  # of a window that has crashed: we hold the lock
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._greet)
        server.listen(self._name)
        self._server = server

    def release(self) -> None:
        """Let another window be the first."""
        from PySide6.QtNetwork import QLocalServer

        if isinstance(self._server, QLocalServer):
            self._server.close()
        self._lock.unlock()

    @Slot()
    def _greet(self) -> None:
        from PySide6.QtNetwork import QLocalServer

        server = self._server
        while isinstance(server, QLocalServer) and (socket := server.nextPendingConnection()) is not None:
            socket.readyRead.connect(self._read)
            socket.disconnected.connect(socket.deleteLater)
            QTimer.singleShot(ANSWER_WITHIN, socket, socket.abort)
            if socket.bytesAvailable():
                self._take(socket)

    @Slot()
    def _read(self) -> None:
        self._take(self.sender())

    def _take(self, socket: object) -> None:
        from PySide6.QtNetwork import QLocalSocket

        if not isinstance(socket, QLocalSocket) or not socket.canReadLine():
            return
        try:
            told = json.loads(bytes(socket.readLine(LONGEST).data()))
            files = [Path(str(one)) for one in told["files"]]
        except (ValueError, TypeError, KeyError):
            socket.abort()
            return
        socket.write(b"taken\n")
        socket.flush()
        socket.disconnectFromServer()
        self.asked.emit(files)


def hand_over(home: Home, files: Sequence[Path]) -> bool:
    """Bring the window that has this folder to the front, with these files. False when it does not answer in time."""
    from PySide6.QtNetwork import QLocalSocket

    socket = QLocalSocket()
    patience = QDeadlineTimer(ANSWER_WITHIN)
    socket.connectToServer(socket_name(home))
    while not socket.waitForConnected(ANSWER_WITHIN):
        if patience.hasExpired():
            return False
        QThread.msleep(AGAIN_AFTER)  # it does not listen before its first paint
        socket.connectToServer(socket_name(home))
    socket.write(json.dumps({"files": [str(path.absolute()) for path in files]}).encode() + b"\n")
    socket.flush()
    while not socket.canReadLine():
        if not socket.waitForReadyRead(ANSWER_WITHIN):
            return False
    socket.disconnectFromServer()
    return True


def socket_name(home: Home) -> str:
    """Short, since some systems allow about a hundred characters of path in all."""
    return "gesso-" + hashlib.sha256(str(home.root.resolve()).encode()).hexdigest()[:16]


def _lock(home: Home) -> QLockFile:
    with contextlib.suppress(OSError):
        home.root.mkdir(parents=True, exist_ok=True)
    lock = QLockFile(str(home.root / ".window.lock"))
    lock.setStaleLockTime(0)  # a window may be open for weeks; whether its process lives is looked at all the same
    return lock
