#!/usr/bin/env python3
"""Sets Gesso up beside its source, and runs it, its checks and its benchmarks.

    python3 packaging/dev.py start                  the window; without a display, the demo
    python3 packaging/dev.py test [pytest options]  lint, types, walls, and the test suite
    python3 packaging/dev.py bench                  speed, measured side by side with the tools of the field
    python3 packaging/dev.py screenshots [--out DIR]  pictures of every page of the window, with real content
    python3 packaging/dev.py pictures [--out DIR]   what a picture job can do, in pictures of the starter model

Only the standard library is used, on Linux, Windows and macOS. The packages go into .venv at the top of the
repository; running a command again installs only what changed.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  said in words, before anything below can fail with a traceback
    sys.exit(f"Gesso needs Python 3.11 or newer, but this is {sys.version.split()[0]}. Install a newer one first.")

import argparse
import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "gesso-installed.txt"
SIDE_BY_SIDE = ("-n", "logical", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")
"""How the whole suite runs: each process takes some 2.5 GB, and what a file's tests share is made once. In xdist's own
order the files of few tests, which are the slowest, would come last, and one process would wait for the other."""
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"


class SetupError(Exception):
    """Something outside Gesso refused. The message says what, and what to do about it."""


# ---- What to install


@dataclass(frozen=True)
class TorchBuild:
    """Which build of torch suits this machine, and why, in words."""

    kind: str
    why: str


def choose_torch(driver: str | None, platform: str) -> TorchBuild:
    """`driver` is what an NVIDIA driver answered, or None; `platform` is sys.platform's word."""
    if driver:
        return TorchBuild("cuda", f"an NVIDIA driver answers: {driver}")
    if platform == "darwin":
        return TorchBuild("cpu", "macOS has one build, which can also use the graphics of Apple chips")
    return TorchBuild("cpu", "no NVIDIA driver answers on this machine")


def nvidia_driver() -> str | None:
    """The first graphics card in the driver's own words, or None where no driver answers."""
    return _ask_nvidia_smi() or _ask_libcuda()


def _ask_nvidia_smi() -> str | None:
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    try:
        done = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()
    # "GPU 0: NAME (UUID: ...)": the name is enough.
    return lines[0].split(" (UUID")[0] if done.returncode == 0 and lines else None


def _ask_libcuda() -> str | None:
    """The driver's library itself, for machines (containers, mostly) that have it without its tools."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return None
    count = ctypes.c_int(0)
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return None
    return f"{count.value} CUDA device" + ("s" if count.value > 1 else "")


def read_pins(pyproject: Path) -> tuple[str, list[str]]:
    """The pin of torch, and those of everything else."""
    project = tomllib.loads(pyproject.read_text("utf-8"))
    groups = project["dependency-groups"]
    return groups["torch"][0], [*project["project"]["dependencies"], *groups["dev"]]


def torch_requirement(pin: str, build: TorchBuild, platform: str, cpu_build_listed: bool) -> str:
    """What pip is asked for.

    The plain `torch==X` is the CUDA build on Linux and the CPU build elsewhere; CPU builds for Linux are
    numbered `X+cpu`, and count as newer than the plain ones where both are listed.
    """
    cpu = f"{pin}+cpu"
    if build.kind == "cuda":
        return f"{pin},!={cpu.split('==')[1]}"
    return cpu if platform == "linux" and cpu_build_listed else pin


def stamp_text(torch_pin: str, pins: Sequence[str], constraints: str, kind: str, python: str) -> str:
    """One line that changes when the environment no longer is what would be installed now."""
    told = "\n".join([torch_pin, *pins, constraints, kind, python])
    return f"{kind} {hashlib.sha256(told.encode()).hexdigest()}\n"


# ---- Installing it


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def set_up() -> Path:
    """Make or mend .venv, and return its Python."""
    torch_pin, pins = read_pins(ROOT / "pyproject.toml")
    build = choose_torch(nvidia_driver(), sys.platform)
    make_venv()
    python = sys.version.split()[0]
    stamp = stamp_text(torch_pin, pins, CONSTRAINTS.read_text("utf-8"), build.kind, python)
    installed = STAMP.read_text("utf-8") if STAMP.exists() else ""
    if installed == stamp:
        say(f"The packages are in place; torch: {build.kind.upper()} build ({build.why}).")
        return venv_python()
    say(f"torch: the {build.kind.upper()} build, because {build.why}.")
    STAMP.unlink(missing_ok=True)
    if installed and installed.split()[0] != build.kind:
        pip("uninstall", "--yes", "torch", doing="removing the other build of torch")
    install(torch_pin, pins, build)
    STAMP.write_text(stamp, "utf-8")
    return venv_python()


def make_venv() -> None:
    """Make .venv, unless a whole one of the same Python is there."""
    if (VENV / "pyvenv.cfg").exists() and _runs(venv_python()):
        return
    say(f"{'Mending' if VENV.exists() else 'Making'} {VENV}")
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False)
    if done.returncode != 0:
        raise SetupError(
            f"Python could not make the environment in {VENV}.\n"
            "On Debian and Ubuntu, install its venv module first (apt install python3-venv); "
            "elsewhere, see whether the folder can be written to."
        )


def _runs(python: Path) -> bool:
    """Whether the environment's Python starts, has pip, and is of the version that asks."""
    asks = f"import sys, pip; sys.exit(sys.version_info[:3] != {tuple(sys.version_info[:3])})"
    try:
        return subprocess.run([python, "-c", asks], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(torch_pin: str, pins: Sequence[str], build: TorchBuild) -> None:
    listed = build.kind == "cpu" and sys.platform == "linux" and pip_finds(f"{torch_pin}+cpu")
    torch = torch_requirement(torch_pin, build, sys.platform, listed)
    if build.kind == "cpu" and sys.platform == "linux" and not listed:
        say(
            "pip's sources list no CPU build, so the CUDA build comes instead: it works without a card, but is a\n"
            "download of some gigabytes. To avoid it, name torch's own index of CPU builds in PIP_EXTRA_INDEX_URL,\n"
            "remove .venv, and start again."
        )
    say("Installing the packages; the first time this takes some minutes.")
    pip("install", "--constraint", str(CONSTRAINTS), torch, *pins, doing="installing the packages")
    if build.kind == "cuda" and not _torch_has_cuda():
        say(
            "The torch that pip found is a CPU build, so the graphics card stays unused. To use it, name torch's own\n"
            "index of CUDA builds in PIP_EXTRA_INDEX_URL, remove .venv, and start again."
        )


def pip_finds(requirement: str) -> bool:
    """Whether pip's sources have this very file for this machine. Installs nothing."""
    asks = [venv_python(), "-m", "pip", "install", "--dry-run", "--no-deps", "--quiet", requirement]
    return subprocess.run(asks, capture_output=True, check=False).returncode == 0


def pip(*arguments: str, doing: str) -> None:
    command = [venv_python(), "-m", "pip", arguments[0], "--disable-pip-version-check", "--quiet", *arguments[1:]]
    if subprocess.run(command, check=False).returncode != 0:
        raise SetupError(
            f"pip failed while {doing}; its own words stand above.\n"
            "Mostly this is the network, a full disk, or a Python too new for the packages. "
            "Mend that and run the same command again: what was done is kept."
        )


def _torch_has_cuda() -> bool:
    """Read it from the package's version file: importing torch would take seconds."""
    for version in VENV.glob("**/site-packages/torch/version.py"):
        return re.search(r"^cuda\b[^=]*= *'", version.read_text("utf-8"), re.MULTILINE) is not None
    return False


# ---- The commands


def start() -> int:
    python = set_up()
    if has_display() and (ROOT / "app").is_dir():
        return run(python, "main.py")
    out = ROOT / "demo"
    status = run(python, "main.py", "demo", "--out", str(out))
    if status == 0:
        say(f"The pictures before and after training, and the LoRA, are in {out}")
    return status


def has_display() -> bool:
    if os.name == "nt" or sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def test(pytest_options: Sequence[str]) -> int:
    """Every static check, then the suite; pytest's summary is the last thing printed when the checks pass."""
    python = set_up()
    checks = {
        "ruff check": ("-m", "ruff", "check", "--quiet", "."),
        "ruff format": ("-m", "ruff", "format", "--check", "--quiet", "."),
        "basedpyright": ("-m", "basedpyright"),
        "lint-imports": ("-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-logo"),
    }
    failed = [name for name, arguments in checks.items() if not _passes(python, name, arguments)]
    if failed:
        say(f"Not in order: {', '.join(failed)}. What they found stands above; the tests were not run.")
        return 1
    return run(python, "-m", "pytest", *(pytest_options or SIDE_BY_SIDE))


def _passes(python: Path, name: str, arguments: Sequence[str]) -> bool:
    say(f"-- {name}")
    return run(python, *arguments) == 0


def bench() -> int:
    """The benchmarks print their ratios themselves, so their output is let through; they may take long."""
    python = set_up()
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))  # the tests would take one
    return run(python, "-m", "pytest", "tests/benchmarks", "-m", "benchmark", "-s", "-q", "--timeout=0")


def screenshots(out: Path) -> int:
    """No display is needed; it takes some minutes, most of them for what the pages are to show."""
    os.environ["PYTHONPATH"] = str(ROOT)  # a script sees its own folder only
    return run(set_up(), "packaging/screenshots.py", "--out", str(out.absolute()))


def pictures(out: Path) -> int:
    """Ends with 1 if one of the promises that are checked beside the pictures does not hold; it takes some minutes."""
    os.environ["PYTHONPATH"] = str(ROOT)  # a script sees its own folder only
    return run(set_up(), "packaging/generation_report.py", "--out", str(out.absolute()))


def run(python: Path, *arguments: str) -> int:
    return subprocess.run([python, *arguments], cwd=ROOT, check=False).returncode


def say(text: str) -> None:
    print(text, flush=True)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py", description="Set Gesso up beside its source, and run it.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("start", help="open the window; without a display, run the demo")
    commands.add_parser("test", help="run lint, types, walls and the tests; further options go to pytest")
    commands.add_parser("bench", help="measure speed side by side with the tools of the field")
    pages = commands.add_parser("screenshots", help="write pictures of every page of the window into a folder")
    pages.add_argument("--out", type=Path, default=ROOT / "build" / "screenshots", help="the folder")
    jobs = commands.add_parser("pictures", help="write what a picture job can do into a folder, and check it")
    jobs.add_argument("--out", type=Path, default=ROOT / "build" / "pictures", help="the folder")
    given, rest = parser.parse_known_args(arguments)
    if rest and given.command != "test":
        parser.error(f"{given.command} takes no options: {' '.join(rest)}")
    try:
        match given.command:
            case "start":
                return start()
            case "test":
                return test(rest)
            case "screenshots":
                return screenshots(given.out)
            case "pictures":
                return pictures(given.out)
            case _:
                return bench()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
