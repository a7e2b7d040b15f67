"""An engine whose jobs are staged: the real process, protocol and client, with acts in place of the work.

The prompt of a GenerateJob names the act; a TrainJob makes a checkpoint and waits.

    python staged.py --pipes=R,W --home DIR
"""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.jobfile import Job
from trainer.contract.run import Run
from trainer.contract.train import TrainJob
from trainer.engine import execute, protocol, serve
from trainer.home import Home

STEPS = 5


def steps(run: Run) -> None:
    for step in range(1, STEPS + 1):
        run.check()
        run.emit(events.Step(step=step, total=STEPS))


def prints(run: Run) -> None:
    """What libraries do: print in the middle of everything, from Python and from C, with and without newlines."""
    for step in range(1, STEPS + 1):
        print('{"kind": "event"} noise without end', end="", flush=True)
        os.write(1, b"\xff\x00 noise from C\n")
        os.write(2, b"a warning\r")
        run.emit(events.Step(step=step, total=STEPS))


def waits(run: Run) -> None:
    run.status("waiting")
    while True:
        run.check()


def is_deaf(run: Run) -> None:
    """Work that never asks whether it should stop."""
    run.status("waiting")
    while True:
        pass


def is_killed(run: Run) -> None:
    run.status("about to die")
    os.kill(os.getpid(), signal.SIGKILL)


def crashes(run: Run) -> None:
    run.status("about to crash")
    ctypes.string_at(0)


def freezes(run: Run) -> None:
    """Every thread stands still until somebody sends SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)
    run.status("awake again")


def runs_out_of_memory(run: Run) -> None:
    raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8.00 GiB")


def has_a_bug(run: Run) -> None:
    raise KeyError("unexpected")


def refuses(run: Run) -> None:
    raise UserError("That will not do.", "Do this instead.")


def babbles(run: Run) -> None:
    """Breaks the protocol: something that is no message on the engine's own pipe."""
    os.write(int(sys.argv[-1].removeprefix("--pipes=").split(",")[1]), b"{}\n")
    waits(run)


ACTS: dict[str, Callable[[Run], None]] = {
    "steps": steps,
    "prints": prints,
    "waits": waits,
    "is deaf": is_deaf,
    "crashes": crashes,
    "killed": is_killed,
    "freezes": freezes,
    "out of memory": runs_out_of_memory,
    "bug": has_a_bug,
    "refuses": refuses,
    "babbles": babbles,
}


def staged_execute(job: Job, run: Run, session: execute.Session) -> tuple[Path, ...]:
    """In place of trainer.engine.execute.execute."""
    if isinstance(job, TrainJob):
        assert run.folder is not None
        (run.folder / "checkpoints" / "step-00000001").mkdir(parents=True)
        waits(run)
    assert isinstance(job, GenerateJob)
    ACTS[job.prompt](run)
    return (Path("made.png"),)


def staged_hello() -> protocol.Hello:
    return protocol.Hello(pid=os.getpid(), torch="0", device="cpu", device_name="stage", precision="fp32", memory=1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pipes", required=True)
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    execute.execute = staged_execute
    serve.prepare = staged_hello
    protocol.HEARTBEAT_SECONDS = 0.05
    serve.LEAVE_SECONDS = 0.5
    sys.exit(serve.serve(arguments.pipes, Home.find(arguments.home)))


if __name__ == "__main__":
    main()
