"""What a verb says: results on stdout, the rest on stderr; with --json, JSON lines on stdout and nothing else there."""

import contextlib
import io
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from trainer.contract.errors import UserError
from trainer.files import human_size

if TYPE_CHECKING:
    from trainer.contract import events

SPARSE_SECONDS = 10.0
"""Where stderr is no terminal, progress is written at most this often."""


class Output:
    """Where the verbs put what they have to say. A context manager: leaving it gives stdout back."""

    def __init__(self, *, as_json: bool, debug: bool) -> None:
        self.as_json = as_json
        self.debug = debug
        self._results: TextIO = sys.stdout
        self._saved: int | None = None
        self._terminal = sys.stderr.isatty()
        self._line_open = False
        self._last = float("-inf")
        self._pictures: list[str] = []

    def __enter__(self) -> "Output":
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a file name that the terminal can't show must not end the work
                stream.reconfigure(errors="backslashreplace")
        if self.as_json:
            # Whatever libraries print, from Python or C, goes to stderr; only this object holds the real stdout.
            sys.stdout.flush()
            self._saved = os.dup(1)
            # bytes of a file name that are no text become `\udce9`, which is how JSON writes them
            self._results = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace", newline="\n")
            os.dup2(2, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_line()
        if self._saved is not None:
            sys.stdout.flush()
            with contextlib.suppress(BrokenPipeError):  # whoever read the results has gone
                self._results.close()
            os.dup2(self._saved, 1)
            os.close(self._saved)
            self._saved = None

    def answer(self, value: object, lines: Iterable[str]) -> None:
        """A result: `value` as one JSON line, or `lines` for people."""
        self._end_line()
        for line in [json.dumps(value, ensure_ascii=False)] if self.as_json else map(_plain, lines):
            self._results.write(line + "\n")
        self._results.flush()

    def note(self, text: str) -> None:
        """A line for people, on stderr."""
        self._end_line()
        print(_plain(text), file=sys.stderr, flush=True)

    def refuse(self, error: UserError) -> None:
        """Title and fix, on stderr; with --json also as the failed event that it would be within a job."""
        self.failure(error.title, error.fix, error.detail)
        if self.as_json:
            value = {"kind": "failed", "title": error.title, "fix": error.fix, "detail": error.detail, "cause": "user"}
            self._results.write(json.dumps(value, ensure_ascii=False) + "\n")
            self._results.flush()

    def failure(self, title: str, fix: str, detail: str) -> None:
        for line in (title, fix, *(detail.rstrip().split("\n") if self.debug else ())):
            if line:
                self.note(line)

    def event(self, event: "events.Event") -> None:
        """Tell of an event of a job: the line itself with --json, else what of it people want to know."""
        from trainer.contract import events

        if self.as_json:
            self._results.write(events.to_json(event) + "\n")
            self._results.flush()
        match event:
            case events.Started() | events.Preview():
                pass
            case events.Status():
                self.progress(event.text, force=True)
            case events.Progress():
                self.progress(f"{event.what} {event.done}/{event.total}", force=event.done == event.total)
            case events.Step():
                self.progress(_step(event), force=False)
            case events.Warning():
                self.note(f"Note: {event.title} {event.fix}".rstrip())
            case events.Saved():
                if event.what in ("picture", "video"):
                    self._pictures.append(event.path)
            case events.Captioned():
                self._say_caption(event)
            case events.Measured():
                self.note(_measured(event))
            case events.Sample():
                self.note(f"sample picture: {event.path}")
            case events.Finished():
                self._say_paths(event.paths)
                self._pictures.clear()
            case events.Failed():
                self.failure(event.title, event.fix, event.detail)
            case events.Stopped():
                self._say_paths(self._pictures)
                self.note(f"Stopped.{f' Go on with: resume {event.resume}' if event.resume else ''}")

    def progress(self, text: str, *, force: bool) -> None:
        """How far it is: one line that is written over on a terminal, else a line now and then, or if `force`d."""
        if self.as_json:
            return
        text = _plain(text)
        now = time.monotonic()
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\r" + text[:width].ljust(width))
            self._line_open = True
        elif force or now - self._last >= SPARSE_SECONDS:
            self._last = now
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def _say_caption(self, event: "events.Captioned") -> None:
        if not self.as_json:
            said = event.text if event.outcome == "written" else f"({_UNWRITTEN[event.outcome]})"
            self._end_line()
            self._results.write(_plain(f"{event.picture}: {said}") + "\n")
            self._results.flush()

    def _say_paths(self, paths: Iterable[str]) -> None:
        self._end_line()
        if not self.as_json:
            for path in paths:
                self._results.write(_plain(path) + "\n")
            self._results.flush()

    def _end_line(self) -> None:
        if self._line_open:
            sys.stderr.write("\n")
            self._line_open = False


_UNWRITTEN = {"same": "as it was", "nothing": "nothing to say"}
_OBEYED = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _plain(line: str) -> str:
    """One line without what a terminal would obey: names of files and texts out of them may hold such characters."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), line)


def _step(event: "events.Step") -> str:
    parts = [f"step {event.step}/{event.total}"]
    if event.loss is not None:
        parts.append(f"loss {event.loss:.4f}")
    if event.pictures_per_second is not None:
        parts.append(f"{event.pictures_per_second:.2f} pictures/s")
    if event.seconds_left is not None:
        parts.append(f"{_duration(event.seconds_left)} left")
    return "  ".join(parts)


def _measured(event: "events.Measured") -> str:
    parts = [f"{event.load_seconds:.1f} s to load", f"{event.picture_seconds:.3g} s a picture to prepare it"]
    parts.append(f"{event.step_seconds:.3g} s a step ({event.steps} measured)")
    if event.sample_seconds is not None:
        parts.append(f"{event.sample_seconds:.3g} s a preview")
    parts.append(f"{human_size(event.memory)} of {human_size(event.memory_total)} on {event.device_name}")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    """`75` as `1:15`, `4000` as `1:06:40`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
