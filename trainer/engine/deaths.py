"""How an engine process ended, from its exit code: what it means in plain words, and what to do."""

import signal
import sys

from trainer.contract import events
from trainer.contract.jobfile import Job
from trainer.engine.failures import MEMORY_TITLE, memory_proposals

_WINDOWS_CRASHES = {
    0xC0000005: "it touched memory that is not its own",
    0xC000001D: "the processor does not know an instruction it used",
    0xC0000094: "it divided by zero",
    0xC00000FD: "its stack overflowed",
    0xC0000135: "a library file (DLL) is missing",
    0xC0000374: "its memory was found corrupted",
    0xC0000409: "it stopped itself after an internal fault",
}
_WINDOWS_MEMORY = frozenset({0xC0000017, 0xC000012D})
"""STATUS_NO_MEMORY and STATUS_COMMITMENT_LIMIT."""

_SIGNALS = {
    "SIGSEGV": "it touched memory that is not its own",
    "SIGBUS": "a file that it was reading changed or its disk failed",
    "SIGILL": "the processor does not know an instruction it used",
    "SIGABRT": "it stopped itself after an internal fault",
    "SIGFPE": "it divided by zero",
    "SIGTERM": "another program or the system asked it to end",
}

_SHELL_OFFSET = 128
"""Shells and containers report a death by signal n as exit code 128 + n."""


def failed(code: int, job: Job | None, detail: str) -> events.Failed:
    """The event for an engine that ended by itself with exit code `code` (negative: by that signal)."""
    if _memory_ran_out(code):
        return events.Failed(
            title=f"{MEMORY_TITLE}, and the system ended the engine (exit code {code}).",
            fix=memory_proposals(job),
            detail=detail,
            cause="out_of_memory",
        )
    return events.Failed(
        title=f"The engine ended unexpectedly: {_reason(code)} (exit code {code}).",
        fix="Start the job again; a training can be resumed from its last checkpoint. "
        "If it happens again, update the graphics driver and report it with the details below.",
        detail=detail,
        cause="crash",
    )


def _memory_ran_out(code: int) -> bool:
    """Linux ends the largest process with SIGKILL when memory is used up; nobody else here sends that signal."""
    return code in (-9, _SHELL_OFFSET + 9) or (code & 0xFFFFFFFF) in _WINDOWS_MEMORY


def _reason(code: int) -> str:
    if sys.platform == "win32":
        return _WINDOWS_CRASHES.get(code & 0xFFFFFFFF, "no reason was given")
    number = -code if code < 0 else code - _SHELL_OFFSET
    try:
        name = signal.Signals(number).name
    except ValueError:
        return "its messages say why" if code else "it left in the middle of its work"
    return _SIGNALS.get(name, f"it received the signal {name}")
