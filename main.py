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
    # Threads of torch that wait for each other give their core away meanwhile. Left to spin, they slowed tiny
    # models 15 times on two cores of which another program wanted one. Read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    multiprocessing.freeze_support()
    if argv[:1] == ["--engine"]:
        return _engine(argv[1:])
    from trainer.cli.entry import main as do

    if not argv:
        print("The window is not built yet; `main.py --help` lists what works without it.", file=sys.stderr)
        return 2
    return do(argv)


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
