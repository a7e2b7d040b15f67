"""Job files and settings that are wrong: the path of the field, what was given, what is allowed."""

from pathlib import Path

import pytest

from tests.faults.command import generate, refused, settings, train
from trainer.home import Home

TRAIN = 'kind = "train"\n[data]\nfolder = "x"\n'

FILES: dict[str, tuple[bytes, tuple[str, ...], str]] = {
    "empty": (b"", ("kind is None",), "generate, grid, video, train, caption, convert"),
    "no TOML": (b"kind = \n", ("not valid TOML", "line 1"), "Mend that place"),
    "a key twice": (b'kind = "train"\nkind = "train"\n', ("not valid TOML",), "Mend that place"),
    "not text": (b"\xff\xfe\x00\x81", ("not a text file in UTF-8",), "Save it as UTF-8"),
    "UTF-16": ('kind = "generate"\n'.encode("utf-16"), ("not a text file in UTF-8",), "Save it as UTF-8"),
    "NUL": (b'kind = "generate"\0\n', ("not valid TOML",), "Mend that place"),
    "no such kind": (b'kind = "dream"\n', ("kind is 'dream'",), "generate, grid, video, train, caption, convert"),
    "a list as kind": (b'kind = ["train"]\n', ("kind is ['train']",), "generate, grid, video, train, caption, convert"),
    "from the future": (b'format = 99\nkind = "generate"\n', ("newer Gesso (format 99",), "newer version"),
    "format of no kind": (b'format = "x"\nkind = "generate"\n', ("format is 'x'",), "Set format to a number"),
    "a missing field": (b'kind = "train"\n', ("the field data is missing",), "Add it."),
    "an unknown field": (b'kind = "generate"\nprompd = "a"\n', ("no field prompd",), "spelling"),
    "too small": (b'kind = "generate"\nsampling.steps = 0\n', ("sampling.steps is 0",), "greater than or equal to 1"),
    "too large": (b'kind = "generate"\ncount = 100000\n', ("count is 100000",), "less than or equal to 1000"),
    "a wrong type": (b'kind = "generate"\nseed = "one"\n', ("seed is 'one'",), "valid integer"),
    "no choice": (b'kind = "generate"\nsampling.sampler = "magic"\n', ("sampling.sampler is 'magic'",), "'ddim'"),
    "not a number": (b'kind = "generate"\nsampling.guidance = nan\n', ("sampling.guidance is nan",), "allowed"),
    "infinite": (b'kind = "generate"\nsampling.guidance = inf\n', ("sampling.guidance is inf",), "allowed"),
    "an odd size": (
        b'kind = "generate"\n[size]\nwidth = 65\nheight = 64\n',
        ("size.width is 65",),
        "multiple of 8",
    ),
    "half a size": (b'kind = "generate"\n[size]\nwidth = 64\n', ("the field size.height is missing",), "Add it."),
    "a list's member": (
        b'kind = "generate"\nloras = [{name = "a"}, {name = "b", weight = 9}]\n',
        ("loras.1.weight is 9",),
        "less than or equal to 4",
    ),
    "an unknown method": (TRAIN.encode() + b'[method]\nkind = "guess"\n', ("method",), "'lora'"),
    "a method's field": (TRAIN.encode() + b'[method]\nkind = "lora"\nrank = 0\n', ("method.rank is 0",), "greater"),
    "an optimizer's field": (
        TRAIN.encode() + b'[optimizer]\nkind = "adamw"\nlearning_rate = -1\n',
        ("optimizer.learning_rate is -1",),
        "greater",
    ),
    "timesteps in the wrong order": (
        TRAIN.encode() + b"[loss]\nmin_timestep = 9\nmax_timestep = 3\n",
        ("min_timestep",),
        "must not be above",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_job_file_is_refused_with_the_field(name: str, tmp_path: Path, home: Home) -> None:
    text, words, fix = FILES[name]
    path = tmp_path / "jobs ü" / "a job.toml"
    path.parent.mkdir()
    path.write_bytes(text)
    done = refused("run", path, home=home, words=(str(path), *words), inputs=(path.parent,))
    assert fix in done.err.splitlines()[-1]
    assert not home.root.exists()


def test_what_is_no_job_file_is_refused(tmp_path: Path, home: Home) -> None:
    refused("run", tmp_path / "none.toml", home=home, words=("no job file", "none.toml"))
    refused("run", tmp_path, home=home, words=(str(tmp_path),))


@pytest.mark.parametrize(
    "name", ["a/b", "../escaped", "..", "a\\b", "C:x", "con", "LPT1", "x\0y", "dot.", " ", "what?", "\u202eevil"]
)
def test_an_output_name_that_is_no_file_name_is_refused_before_the_training(
    name: str, model: Path, subject: Path, home: Home
) -> None:
    refused(*train(model, subject, output=name), home=home, words=("output.name is",), inputs=(subject,))
    assert not home.root.exists()


def test_settings_on_the_command_line_are_checked_like_a_file(model: Path, subject: Path, home: Home) -> None:
    for override, words in (
        ("steps.batch_size=0", "steps.batch_size is 0"),
        ("method.rank=9999", "method.rank is 9999"),
        ("data.resolution.width=100", "data.resolution.width is 100"),
        ("loss.colour=1", "no field loss.colour"),
    ):
        refused(*train(model, subject, *settings(override)), home=home, words=(words,), inputs=(subject,))
    refused(*generate(model)[:-1], "63x64", home=home, words=("size.width is 63",))
    refused(*generate(model)[:-1], "8192x64", home=home, words=("size.width is 8192",))
    refused(*generate(model, "--lora", "x:9"), home=home, words=("loras.0.weight is 9",))
    refused(*generate(model, "--seed", "-1"), home=home, words=("seed is -1",))
    refused(*generate(model, "--guidance", "nan"), home=home, words=("sampling.guidance is nan",))


@pytest.mark.parametrize("name", ["../escaped", "con", "a:b", ".hidden"])
def test_a_library_name_that_is_no_file_name_is_refused(name: str, model: Path, home: Home) -> None:
    refused("models", "install", model, "--name", name, home=home, words=("The name", "can't be used"))
    assert not home.root.exists()
