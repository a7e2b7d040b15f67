"""A few of the faults through `python main.py` in a process of its own: what a person sees in a terminal."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.command import Done, contents, require_no_litter, require_refusal, settings, train
from tests.faults.pictures import draw
from trainer.home import Home

MAIN = Path(__file__).parents[2] / "main.py"
PATIENCE = 120.0

posix = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def command(*arguments: str | Path, home: Home) -> list[str]:
    return [sys.executable, str(MAIN), "--home", str(home.root), *map(str, arguments)]


def process(*arguments: str | Path, home: Home) -> Done:
    done = subprocess.run(
        command(*arguments, home=home), capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "Zuhause ü 🎨")


def test_a_broken_download_is_refused(tmp_path: Path, model: Path, home: Home) -> None:
    path = tmp_path / "a model.safetensors"
    path.write_bytes(model.read_bytes()[:-5])
    before = contents(tmp_path)
    done = process("models", "install", path, home=home)
    require_refusal(done, "a model.safetensors is incomplete: got")
    assert done.out == ""
    done = process("generate", "--model", path, "--prompt", "a cat", home=home)
    require_refusal(done, "a model.safetensors is incomplete: got")
    assert contents(tmp_path) == before


def test_a_bad_job_is_refused_and_with_json_told_as_an_event(tmp_path: Path, home: Home) -> None:
    path = tmp_path / "job.toml"
    path.write_text('kind = "generate"\nsampling.steps = 0\n')
    done = process("run", path, "--json", home=home)
    require_refusal(done, "sampling.steps is 0")
    event = json.loads(done.out)
    assert (event["kind"], event["title"]) == ("failed", done.complaint[0])
    assert not home.root.exists()


def test_a_terminal_that_knows_only_ascii_ends_nothing(tmp_path: Path, home: Home) -> None:
    draw(tmp_path / "pictures", 1)
    (tmp_path / "pictures" / "Kätzchen 🐈.png").write_bytes(b"")
    done = subprocess.run(
        command("dataset", "check", tmp_path / "pictures", home=home),
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"1 of 2 pictures" in done.stdout


@posix
def test_ctrl_c_leaves_a_checkpoint_and_the_way_on(subject: Path, model: Path, home: Home) -> None:
    many = (*train(model, subject, *settings("steps.total=100000", "output.checkpoint_every=0")), "--json")
    with subprocess.Popen(
        command(*many, home=home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    ) as training:
        assert training.stdout is not None
        assert training.stderr is not None
        kinds: list[str] = []
        for line in training.stdout:
            event = json.loads(line)
            kinds.append(event["kind"])
            if event["kind"] == "step" and kinds.count("step") == 1:
                training.send_signal(signal.SIGINT)
        said = training.stderr.read()
        assert training.wait(PATIENCE) == 130
    assert "Traceback" not in said
    assert "saved" in kinds
    assert kinds[-1] == "stopped"
    (run,) = home.runs.iterdir()
    assert f"Go on with: resume {run}" in said
    (checkpoint,) = (run / "checkpoints").iterdir()
    assert (checkpoint / "manifest.json").is_file()
    assert not (home.models / "loras").exists()
    require_no_litter(home.root)
