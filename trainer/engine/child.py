"""One engine process as its parent holds it: started, listened to, ended; with no thread or descriptor left behind."""

import contextlib
import os
import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from trainer import offline
from trainer.engine import pipes, protocol
from trainer.home import Home

SILENCE_SECONDS = 10.0
"""An engine that has sent no heartbeat for so long is reported."""
LOADING_SECONDS = 120.0
"""While it loads its libraries it may be silent for longer: a cold disk and a large CUDA build."""
LEFT_SECONDS = 10.0
"""Granted to the process between the closing of its pipe and its end."""
LOG_LIMIT = 1_000_000
"""Bytes; a larger log is set aside as engine.log.1 when the next engine starts."""
LOG_TAIL = 4_000
"""Bytes of the log that go into the report of a crash."""

_HARMFUL = ("PYTHONHOME", "PYTHONINSPECT", "PYTHONSTARTUP", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT")
"""Variables that break a child Python, or that would be sent somewhere if anything connected."""


@dataclass(frozen=True)
class Gone:
    """The process has ended with this exit code; negative is a signal's number."""

    code: int


@dataclass(frozen=True)
class Silent:
    """No heartbeat has come for so many seconds. Said once for each silence."""

    seconds: float


class Child:
    """The process, its pipes, and the thread that reads from it."""

    def __init__(self, command: Sequence[str], home: Home, *, debug: bool) -> None:
        self._log = None if debug else _log_path(home)
        self._log_start = 0
        with contextlib.ExitStack() as stack:
            output: IO[bytes] | int | None = None if debug else subprocess.DEVNULL
            if self._log is not None:
                output = stack.enter_context(self._log.open("ab"))
                self._log_start = output.tell()
            self._process, self._pipes = pipes.start(command, environment(), output)
        self._said: queue.SimpleQueue[protocol.Said | Gone] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._heard = time.monotonic()
        self._reported = 0.0
        self._fault = ""
        self._greeted = threading.Event()
        self.hello: protocol.Hello | None = None
        self.memory = 0
        """Of the device, in bytes, as the last heartbeat said; 0 before."""
        self.wished = False
        """Whether its end was asked for."""
        self._reader = threading.Thread(target=self._read, name="engine reader", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None and not self._fault

    def send(self, request: protocol.Request) -> None:
        """Hand over a request. If the process is gone nothing happens here: `next` tells of it."""
        with self._lock, contextlib.suppress(OSError):
            self._pipes.write(protocol.to_line(request))

    def wait_for_hello(self, seconds: float) -> protocol.Hello | None:
        self._greeted.wait(seconds)
        return self.hello

    def next(self) -> protocol.Said | Gone | Silent:
        """The next thing that happens; waits for it, but never longer than the engine may be silent."""
        while True:
            limit = SILENCE_SECONDS if self.hello is not None else LOADING_SECONDS
            heard = self._heard
            wait = heard + limit - time.monotonic()
            if wait <= 0:
                if self._reported != heard:
                    self._reported = heard
                    return Silent(limit)
                wait = limit
            with contextlib.suppress(queue.Empty):
                return self._said.get(timeout=wait)

    def kill(self) -> None:
        """End it at once; what it has not saved is lost."""
        self.wished = True
        self._process.kill()

    def end(self, patience: float) -> None:
        """Ask it to leave, wait at most `patience` seconds for that, then kill it; let go of everything it used."""
        self.wished = True
        self.send(protocol.Quit())
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        with self._lock:
            self._pipes.close()

    def last_words(self) -> str:
        """What it printed last, for the details of a report."""
        printed = ""
        if self._log is not None and self._log.is_file():
            with self._log.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(self._log_start, end - LOG_TAIL))
                printed = file.read().decode("utf-8", errors="replace")
        return "\n".join(text for text in (self._fault, printed.strip()) if text)

    def _read(self) -> None:
        """Messages to their places until the process ends; then its exit code as the last."""
        try:
            for line in self._pipes.lines():
                self._heard = time.monotonic()
                self._take(protocol.message_from_line(line))
        except ValidationError as error:
            self._fault = f"The engine said something that is no message: {error}"
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LEFT_SECONDS)
        if self._process.poll() is None:  # its pipe is closed, so nothing can be heard of it any more
            self._process.kill()
        self._said.put(Gone(self._process.wait()))
        self._greeted.set()

    def _take(self, message: protocol.Message) -> None:
        match message:
            case protocol.Hello():
                self.hello = message
                self._greeted.set()
            case protocol.Said():
                self._said.put(message)
            case protocol.Heartbeat():
                self.memory = message.memory


def environment() -> dict[str, str]:
    """Ours, without what would harm the engine, with the network switched off, and with UTF-8 for what it prints."""
    offline.go_offline()
    kept = {name: value for name, value in os.environ.items() if name.upper() not in _HARMFUL}
    return {**kept, "PYTHONUTF8": "1"}


def _log_path(home: Home) -> Path | None:
    """The log, with the old one set aside if it is large; None (no log) where the folder can't be written."""
    path = home.root / "logs" / "engine.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            os.replace(path, path.with_suffix(".log.1"))
        path.open("ab").close()
    except OSError:
        return None  # a read-only home still generates pictures into a folder elsewhere
    return path
