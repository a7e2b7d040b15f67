"""The engine process: reads requests from one pipe, does one job at a time, says what happens on the other pipe.

The main thread does the jobs (torch and signals want it there). One thread reads requests, so that a cancel is
heard in the middle of a job; another sends a heartbeat. When the request pipe closes, whoever started the engine is
gone: the job in progress is asked to stop (a training writes a checkpoint then) and the process ends.
"""

import faulthandler
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import psutil
from pydantic import ValidationError

from trainer.contract import events
from trainer.contract.common import Hardware
from trainer.contract.run import Run
from trainer.engine import execute, protocol
from trainer.engine.pipes import Pipes
from trainer.home import Home

if TYPE_CHECKING:
    pass

LEAVE_SECONDS = 120.0
"""After the pipe has closed, a job that does not stop by itself is given so long before the process ends under it."""


class Engine:
    """The state that the three threads share."""

    def __init__(self, pipes: Pipes, session: execute.Session) -> None:
        self._pipes = pipes
        self._session = session
        self._work: queue.SimpleQueue[protocol.RunJob | protocol.ResumeRun | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unwanted: set[int] = set()
        """Numbers of jobs that were cancelled, running or still waiting."""
        self._device = ""
        self.leaving = threading.Event()
        self._over = threading.Event()

    def work(self, prepare: Callable[[], protocol.Hello]) -> None:
        """Load what is needed, say hello, and do jobs until asked to leave."""
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        hello = prepare()
        self._send(hello)
        self._device = hello.device
        while (request := self._work.get()) is not None:
            self._do(request)
            self._unwanted.discard(request.id)
        self._over.set()

    def leave(self) -> None:
        """Ask the job in progress to stop, and end after it."""
        if not self.leaving.is_set():
            self.leaving.set()
            self._work.put(None)

    def _do(self, request: protocol.RunJob | protocol.ResumeRun) -> None:
        def emit(event: events.Event) -> None:
            self._send(protocol.Said(id=request.id, event=event))

        def cancelled() -> bool:
            return self.leaving.is_set() or request.id in self._unwanted

        if cancelled():
            emit(events.Stopped())
            return
        run = Run(emit, cancelled, Path(request.folder) if request.folder else None)
        match request:
            case protocol.RunJob():
                execute.execute_reporting(request.job, run, self._session)
            case protocol.ResumeRun():
                execute.resume_reporting(run, self._session)

    def _read(self) -> None:
        """Requests to their places, until the pipe closes."""
        for line in self._pipes.lines():
            try:
                request = protocol.request_from_line(line)
            except ValidationError as error:
                print(f"a request was not understood: {error}", file=sys.stderr, flush=True)
                break
            match request:
                case protocol.RunJob() | protocol.ResumeRun():
                    self._work.put(request)
                case protocol.Cancel():
                    self._unwanted.add(request.id)
                case protocol.Quit():
                    break
        self.leave()
        watchdog = threading.Timer(LEAVE_SECONDS, os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()

    def _beat(self) -> None:
        while not self._over.wait(protocol.HEARTBEAT_SECONDS):
            self._send(protocol.Heartbeat(memory=held_memory(self._device) if self._device else 0))

    def _send(self, message: protocol.Message) -> None:
        with self._lock:
            try:
                self._pipes.write(protocol.to_line(message))
            except OSError:
                self.leave()  # nobody listens any more; the job is asked to stop and may still save its work


def serve(pipe_names: str, home: Home) -> int:
    """The engine process's main. `pipe_names` is what `pipes.start` put on the command line. Returns the exit code."""
    faulthandler.enable()
    engine = Engine(Pipes.inherited(pipe_names), execute.Session(home))

    def asked_to_end(_number: int, _frame: FrameType | None) -> None:
        engine.leave()

    signal.signal(signal.SIGTERM, asked_to_end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is for the one who started the engine
    engine.work(prepare)
    return 0


def held_memory(device: str) -> int:
    """What Heartbeat.memory says of a device. A processor's is known without torch."""
    if device == "cpu":
        return psutil.Process().memory_info().rss
    import torch

    from trainer.models import device as devices

    return devices.held_memory(torch.device(device))


def prepare() -> protocol.Hello:
    """Import what every job needs, which takes seconds, and look at the hardware."""
    import torch

    import trainer.generation.text_to_image  # noqa: F401 - imported to be warm
    from trainer.models.device import choose, device_name, total_memory

    device, dtype = choose(Hardware())
    return protocol.Hello(
        pid=os.getpid(),
        torch=torch.__version__,
        device=device.type,
        device_name=device_name(device),
        precision={torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[dtype],
        memory=total_memory(device),
    )
