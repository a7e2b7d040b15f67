"""The command line's main: arguments in, exit code out."""

import contextlib
import os
import signal
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from trainer.cli.arguments import parse
from trainer.cli.output import Output
from trainer.contract.errors import Cancelled, UserError
from trainer.home import Home

DONE, FAILED, CANCELLED = 0, 1, 130
"""Exit codes. Bad usage is 2, and argparse leaves with it by itself."""

Wish = Callable[[], bool]
"""Whether the user has asked to stop."""


def main(argv: Sequence[str]) -> int:
    """Do what `argv` (without the program's name) says. Returns the exit code; bad usage raises SystemExit(2)."""
    arguments = parse(argv)
    if not arguments.debug:
        _quiet_libraries()
    with Output(as_json=arguments.json, debug=arguments.debug) as output:
        try:
            with gentle_interrupt() as wish:
                return _dispatch(arguments, output, wish)
        except UserError as error:
            output.refuse(error)
            return FAILED
        except (Cancelled, KeyboardInterrupt):
            output.note("Stopped.")
            return CANCELLED
        except BrokenPipeError:  # whoever read the results has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return FAILED
        except Exception as error:  # noqa: BLE001 - the boundary: what is a bug is said in one line, not as a traceback
            detail = "".join(traceback.format_exception(error))
            output.failure(
                f"Something went wrong inside Gesso: {type(error).__name__}: {error}",
                "This is a fault of the program; please report it with what --debug shows.",
                detail,
            )
            return FAILED


def _dispatch(arguments: Namespace, output: Output, wish: Wish) -> int:
    """Each verb's module is imported only for that verb: those of jobs load torch."""
    home = Home.find(arguments.home)
    match arguments.verb:
        case "models" if not _is_job(arguments):
            from trainer.cli import models

            return models.act(arguments, home, output, wish)
        case "dataset":
            from trainer.cli import dataset

            return dataset.act(arguments, home, output, wish)
        case "self-test":
            from trainer.cli import self_test

            return self_test.run(arguments, home, output)
        case _:
            from trainer.cli import jobs

            return jobs.act(arguments, home, output, wish)


def _is_job(arguments: Namespace) -> bool:
    """Of the verb `models`: whether the engine has to do it. Some captioners are made into another format."""
    if arguments.action == "install":
        from trainer.library.captioner_files import needs_import

        return needs_import(arguments.source.expanduser())
    return arguments.action == "convert"


@contextlib.contextmanager
def gentle_interrupt() -> Iterator[Wish]:
    """The first SIGINT or SIGTERM becomes a wish that the work asks for; a second one raises KeyboardInterrupt; a third
    one ends the process where it is."""
    count = 0

    def wished(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 1:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            raise KeyboardInterrupt
        os.write(2, b"\nStopping as soon as the work is safe; press Ctrl+C again to stop at once.\n")

    before = {number: signal.signal(number, wished) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: count > 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _quiet_libraries() -> None:
    """Notices that libraries write for programmers are for --debug only. Set before any of them is imported."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
