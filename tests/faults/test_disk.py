"""The disk refuses (reference items 69 to 74, 79): full, read-only, failing; and names of every kind."""

import contextlib
import errno
import os
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.command import Done, contents, generate, gesso, nothing_changes, refused, require_refusal, train
from tests.faults.pictures import draw
from trainer.home import Home

posix = pytest.mark.skipif(os.name == "nt", reason="limits on the size of files are POSIX")


@contextlib.contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """The system lets no file grow beyond `size` bytes, whoever writes it: Python, torch or Rust."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


Refuse = Callable[..., object]


def refusing(monkeypatch: pytest.MonkeyPatch, name: str, number: int, below: Path) -> None:
    """Let `os.<name>` fail with `number` for paths below a folder; handles (of open files) always fail."""
    original: Refuse = getattr(os, name)

    def refuse(path: object, *arguments: object, **options: object) -> object:
        writes = name != "open" or bool(arguments and isinstance(arguments[0], int) and arguments[0] & os.O_CREAT)
        inside = isinstance(path, int) or str(path).startswith(str(below))
        if writes and inside:
            raise OSError(number, os.strerror(number), None if isinstance(path, int) else str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(os, name, refuse)


DISK = {errno.ENOSPC: "The disk is full", errno.EROFS: "The disk is read-only", errno.EACCES: "Writing there is not"}


@posix
@pytest.mark.parametrize("size", [0, 1000, 2_000_000])
def test_a_model_that_finds_no_room_leaves_the_library_as_it_was(
    size: int, model: Path, lora: Path, home: Home
) -> None:
    assert gesso("models", "install", lora, "--name", "mine", home=home).code == 0
    with nothing_changes(home), no_file_over(size):
        require_refusal(gesso("models", "install", model, home=home), "tiny.safetensors was not written")
    with nothing_changes(home), no_file_over(min(size, 1000)):
        done = gesso("models", "install", lora, "--name", "mine", "--replace", home=home)
        require_refusal(done, "mine.safetensors was not written")
        to = home.root / "folder"
        require_refusal(gesso("models", "convert", model, "--to", "diffusers", "--out", to, home=home), f"{to} was not")
        to = home.root / "single.safetensors"
        done = gesso("models", "convert", model, "--to", "single_file", "--out", to, home=home)
        require_refusal(done, f"{to} was not written")


@posix
@pytest.mark.parametrize("size", [0, 500])
def test_a_picture_that_finds_no_room_leaves_no_half(size: int, model: Path, home: Home) -> None:
    assert gesso(*generate(model), home=home).code == 0
    with nothing_changes(home), no_file_over(size):
        require_refusal(gesso(*generate(model), home=home), "was not written")


@posix
def test_a_training_that_finds_no_room_says_so_and_goes_on_later(model: Path, subject: Path, home: Home) -> None:
    """Each place that a training writes, from the first to the last, by how large a file may become."""
    failed: set[str] = set()
    for size in (0, 300, 2_000, 20_000, 60_000, 150_000):
        with no_file_over(size):
            done = gesso(*train(model, subject, "--set", "output.checkpoint_every=1", output=f"at {size}"), home=home)
        if done.code == 0:
            continue
        require_refusal(done, "was not written")
        failed.add(done.complaint[0].split(": ")[0])
        require_no_halves(home)
    assert failed == {"The file is too large for that disk"}


def require_no_halves(home: Home) -> None:
    """Every file in the library and in the runs' outputs and checkpoints is whole."""
    listed = gesso("models", "list", home=home).out
    assert "incomplete" not in listed
    for path in home.runs.glob("*/checkpoints/*"):
        assert (path / "manifest.json").is_file()
    for path in home.runs.glob("*/output/*"):
        assert gesso("models", "show", path, home=home).code == 0


@pytest.mark.parametrize("number", DISK)
@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_disk_that_fails_at_the_last_moment(
    name: str, number: int, model: Path, lora: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fsync and rename are where a full or failing disk may tell of it only then; the old file stands."""
    assert gesso("models", "install", lora, "--name", "mine", home=home).code == 0
    assert gesso(*generate(model), home=home).code == 0
    refusing(monkeypatch, name, number, home.root)
    words = (DISK[number],)
    refused("models", "install", lora, "--name", "mine", "--replace", home=home, words=words)
    refused("models", "install", model, home=home, words=words)
    refused(*generate(model), home=home, words=words)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_home_that_can_not_be_written_to(
    number: int, model: Path, lora: Path, subject: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.root.mkdir()
    refusing(monkeypatch, "mkdir", number, home.root)
    refusing(monkeypatch, "open", number, home.root)
    words = (DISK[number], str(home.root))
    refused("models", "install", lora, home=home, words=words)
    refused("models", "install", lora, "--link", home=home, words=words)
    refused(*generate(model), home=home, words=words)
    refused(*train(model, subject), home=home, words=words)
    listed = gesso("models", "list", home=home)
    assert listed.code == 0
    assert not any(home.root.iterdir())


def test_a_file_where_a_folder_is_needed(model: Path, subject: Path, tmp_path: Path, home: Home) -> None:
    home.root.write_text("not a folder")
    for arguments in (("models", "install", model), train(model, subject), generate(model)):
        require_refusal(gesso(*arguments, home=home), str(home.root))
    file = tmp_path / "file"
    file.write_text("not a folder")
    done = gesso(*generate(model, "--out", file / "inside"), home=Home(tmp_path / "other"))
    require_refusal(done, str(file))
    assert home.root.read_text() == "not a folder"


NAMES = ["日本語 한국어 🎨👩‍🎨", unicodedata.normalize("NFD", "é ö"), "-# %20 & ' ; $HOME ` (x)"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_every_kind_are_fine_everywhere(name: str, model: Path, lora: Path, tmp_path: Path) -> None:
    """In the paths of the home folder, of models, pictures and results, and in names in the library."""
    home = Home(tmp_path / name / "home")
    mine = tmp_path / name / f"{name}.safetensors"
    mine.parent.mkdir()
    mine.write_bytes(model.read_bytes())
    pictures = draw(tmp_path / name / f"3_{name}", 1)
    style = mine.with_name(f"{name} style.safetensors")
    style.write_bytes(lora.read_bytes())
    fine(gesso("models", "install", "--", mine, home=home))
    fine(gesso("models", "install", "--", style, home=home))
    done = gesso(*generate(model, "--lora", f"{name} style:0.5", f"--out={tmp_path / name / 'out'}"), home=home)
    assert Path(fine(done)).parent == tmp_path / name / "out"
    arguments = ("--method", "lora", "--steps", "1", f"--output={name}", f"--model={name}", f"--dataset={pictures}")
    small = ("--set", "data.resolution={width = 64, height = 64}", "--set", "method.rank=1")
    made = Path(fine(gesso("train", *arguments, *small, home=home)))
    assert made.is_relative_to(home.models / "loras")
    fine(gesso("models", "verify", made, home=home))


def fine(done: Done) -> str:
    """The last line of a command that went well."""
    assert done.code == 0, done.err
    return done.out.splitlines()[-1]


@pytest.mark.slow
@posix
def test_a_disk_that_is_really_full(model: Path, lora: Path, subject: Path, tmp_path: Path) -> None:
    """Two megabytes of memory mounted as a disk, which takes root's rights."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("only root may mount")
    try:
        home = Home(disk / "home")
        home.root.mkdir()
        before = contents(disk)
        refused("models", "install", model, home=home, words=("There is no room for tiny.safetensors",))
        refused(*generate(model), home=home, words=("There is no room for the pictures",))
        (disk / "filler").write_bytes(bytes(1_900_000))
        require_refusal(gesso(*train(model, subject), home=home), "was not written")
        (disk / "filler").unlink()
        left = contents(disk)
        assert {
            path: what for path, what in left.items() if not path.startswith(("home/runs/", "home/cache/"))
        } == before
    finally:
        subprocess.run(["umount", str(disk)], check=True)
