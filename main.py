"""Gesso's one entry. No verb: the window. A verb: the same work headless. `--engine`: the engine process."""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from trainer.offline import go_offline


def main(argv: Sequence[str]) -> int:
    """Returns the exit code: 0 done, 1 failed, 2 bad usage, 130 cancelled."""
    go_offline()  # before anything imports a library that could ask the network
    _tune_torch()
    multiprocessing.freeze_support()
    if argv[:1] == ["--engine"]:
        return _engine(argv[1:])
    if _is_for_the_window(argv):
        return _window(argv)
    from trainer.cli.entry import main as do

    return do(argv)


def _tune_torch() -> None:
    """Settings that torch reads while it is imported, or at its first large tensor; a value of the user's is kept."""
    # Threads of torch that wait for each other look around for some microseconds, then give their core away. On two
    # quiet cores sleeping at once took 1.6 times as long for a picture; looking 20 times longer gained another tenth,
    # but took 2.6 times as long where another program wanted one of the cores.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # Linux hands out memory 4 KB at a time unless huge pages are asked for, and a decoder's layers take new memory
    # every time: decoding 512 px spent 1.6 s of processor time on that, now 0.5 (of 10 and of 9 in all).
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def _is_for_the_window(argv: Sequence[str]) -> bool:
    """Whether nothing is said but where the user's folder is, and files to open.

    A file is named with a folder before it or an ending, as desktops do, so that none is taken for a verb.
    """
    rest = [word for place, word in enumerate(argv) if not word.startswith("--home=") and not _is_home(argv, place)]
    return all(Path(word).name != word or "." in word for word in rest) and all(Path(word).exists() for word in rest)


def _is_home(argv: Sequence[str], place: int) -> bool:
    """Whether the word at this place is `--home`, or the folder after it."""
    return argv[place] == "--home" or (place > 0 and argv[place - 1] == "--home")


def _window(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="main.py")
    parser.add_argument("--home", type=Path)
    parser.add_argument("files", type=Path, nargs="*", help="files and folders to open")
    arguments = parser.parse_args(argv)
    try:
        from app.start import NO_DISPLAY, has_display, run
    except ImportError as error:  # a system library that Qt needs; without it the verbs work all the same
        print(
            f"The window can't open: {error}.\nOn Debian and Ubuntu, install libegl1, libxkbcommon0 and "
            "libxcb-cursor0; `main.py --help` lists what works without a window.",
            file=sys.stderr,
        )
        return 1
    if not has_display():
        print(NO_DISPLAY, file=sys.stderr)
        return 1
    from trainer.home import Home

    return run(Home.find(arguments.home), arguments.files)


def _engine(argv: Sequence[str]) -> int:
    from trainer.engine.serve import serve
    from trainer.home import Home

    parser = argparse.ArgumentParser(prog="main.py --engine")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--pipes", required=True, help="the pipes that trainer.engine.pipes made")
    arguments = parser.parse_args(argv)
    return serve(arguments.pipes, Home.find(arguments.home))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
