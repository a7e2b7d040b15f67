"""The command line run in this process, and what a refusal is: one sentence, a fix, nothing half-written."""

import contextlib
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.cli.entry import main
from trainer.files import PARTIAL_PREFIX
from trainer.home import Home

_PROGRESS = re.compile(
    r"(loading|saving|writing|checking pictures|encoding|tensors|pictures|step|copying|resuming)\b|Note: "
)
"""How lines begin on stderr that tell how far the work is, or what the user should know although it goes on."""

KEPT = ("cache/",)
"""What a refused command may leave below the home folder: the list of models, and what was encoded before it."""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> list[str]:
        """The lines on stderr that are neither progress nor notes."""
        return [line for line in self.err.splitlines() if line and not _PROGRESS.match(line)]

    @property
    def notes(self) -> list[str]:
        return [line.removeprefix("Note: ") for line in self.err.splitlines() if line.startswith("Note: ")]


def gesso(*arguments: str | Path, home: Home) -> Done:
    """Do what `main.py ARGUMENTS` does."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["--home", str(home.root), *map(str, arguments)])
    return Done(code, out.getvalue(), err.getvalue())


def require_refusal(done: Done, *words: str) -> None:
    """Exit code 1; on stderr a sentence with `words` in it and a sentence that says what to do; no traceback."""
    assert done.code == 1, done
    assert "Traceback" not in done.err
    assert "Something went wrong inside" not in done.err
    assert len(done.complaint) == 2, done.err
    title, fix = done.complaint
    assert title.endswith("."), title
    assert len(title) <= 600, title
    assert re.search(r"[.?]$", fix), fix
    for word in words:
        assert word in title, title


def refused(
    *arguments: str | Path,
    home: Home,
    words: tuple[str, ...],
    inputs: tuple[Path, ...] = (),
    kept: tuple[str, ...] = (),
) -> Done:
    """Do a command that must be refused, and compare the home folder and `inputs` before and after."""
    with nothing_changes(home, *inputs, kept=kept):
        done = gesso(*arguments, home=home)
    require_refusal(done, *words)
    return done


def generate(model: str | Path, *more: str | Path) -> tuple[str | Path, ...]:
    return ("generate", "--model", model, "--prompt", "a cat", "--steps", "1", "--size", "64x64", *more)


def train(model: str | Path, dataset: str | Path, *more: str | Path, output: str = "made") -> tuple[str | Path, ...]:
    """A training of one step at 64 pixels in full precision."""
    given = ("--model", model, "--dataset", dataset, "--method", "lora", "--steps", "1", "--output", output)
    small = ("data.resolution.width=64", "data.resolution.height=64", "data.bucket_step=16", "method.rank=2")
    return ("train", *given, *settings(*small, "hardware.precision=fp32"), *more)


def settings(*overrides: str) -> list[str]:
    return [word for override in overrides for word in ("--set", override)]


@contextlib.contextmanager
def nothing_changes(home: Home, *folders: Path, kept: tuple[str, ...] = ()) -> Iterator[None]:
    """The folders hold the same files and bytes afterwards, but for what may be `kept`; there is no litter."""
    before = {folder: contents(folder) for folder in folders}
    before_home = contents(home.root)
    yield
    for folder, was in before.items():
        assert contents(folder) == was
    now = {path: what for path, what in contents(home.root).items() if not path.startswith((*KEPT, *kept))}
    assert now == {path: what for path, what in before_home.items() if not path.startswith((*KEPT, *kept))}
    require_no_litter(home.root, *folders)


def contents(folder: Path) -> dict[str, str]:
    """Every file below with its hash, as relative path; folders count only by the files in them."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def require_no_litter(*folders: Path) -> None:
    litter = [file for folder in folders for file in folder.rglob(f"{PARTIAL_PREFIX}*")]
    assert litter == []
