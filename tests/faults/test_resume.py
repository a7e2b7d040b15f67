"""Going on with a run whose folder, checkpoints, job or pictures are not what they were (items 65, 74, 76)."""

import shutil
from pathlib import Path

import pytest

from tests.faults.command import contents, gesso, nothing_changes, refused, require_refusal, train
from tests.faults.pictures import draw, one
from trainer.contract.errors import UserError
from trainer.engine.runs import held
from trainer.home import Home
from trainer.training import train as train_module


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A folder with three pictures, and a run of two steps that failed at its end, with a checkpoint of each."""
    folder = tmp_path_factory.mktemp("kept")
    pictures = draw(folder / "pictures", 3)

    def fail(*arguments: object, **options: object) -> None:
        raise UserError("The library is locked.", "Unlock it.")

    home = Home(folder / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "install", fail)
        two_steps = ("--set", "steps.total=2", "--set", "output.checkpoint_every=1")
        require_refusal(gesso(*train(model, pictures, *two_steps), home=home), "The library is locked.")
    (run,) = home.runs.iterdir()
    run.rename(folder / "run")
    shutil.rmtree(home.root)
    return folder


@pytest.fixture
def run(kept: Path, home: Home) -> Path:
    """A copy of the run, in this test's own home."""
    return Path(shutil.copytree(kept / "run", home.runs / "a run"))


def newest(run: Path) -> Path:
    return max((run / "checkpoints").iterdir())


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)


def test_a_failed_run_goes_on(run: Path, home: Home) -> None:
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == ["step-00000001", "step-00000002"]
    assert gesso("resume", run, home=home).code == 0
    assert (home.models / "loras" / "made.safetensors").is_file()
    refused("resume", run, home=home, words=("is finished already",))


@pytest.mark.parametrize("damage", ["bit", "short", "gone", "manifest"])
def test_a_damaged_checkpoint_is_passed_over_and_said(damage: str, run: Path, home: Home) -> None:
    weights = newest(run) / "weights.safetensors"
    match damage:
        case "bit":
            flip_a_bit(weights)
        case "short":
            weights.write_bytes(weights.read_bytes()[:-1])
        case "gone":
            weights.unlink()
        case _:
            (newest(run) / "manifest.json").write_text("{}")
    done = gesso("resume", run, home=home)
    assert done.code == 0, done.err
    assert "The checkpoint step-00000002 is damaged and was passed over. An older one is used." in done.notes
    assert "resuming after step 1" in done.err


def test_with_no_sound_checkpoint_the_training_begins_anew_and_says_so(run: Path, home: Home) -> None:
    for path in (run / "checkpoints").iterdir():
        flip_a_bit(path / "optimizer.safetensors")
    done = gesso("resume", run, home=home)
    assert done.code == 0, done.err
    assert sum("There is no sound one, so the training begins anew." in note for note in done.notes) == 2
    assert "resuming after" not in done.err


def test_what_a_kill_left_is_swept_away(run: Path, home: Home) -> None:
    litter = run / "checkpoints" / ".gesso-partial-abc"
    litter.mkdir()
    (litter / "weights.safetensors").write_bytes(b"half")
    (run / "events.jsonl").write_bytes((run / "events.jsonl").read_bytes() + b'{"kind": "st')
    assert gesso("resume", run, home=home).code == 0
    assert not litter.exists()


def test_what_is_no_run_is_refused(run: Path, subject: Path, tmp_path: Path, home: Home) -> None:
    refused("resume", tmp_path / "none", home=home, words=("There is no run folder", "none"))
    refused("resume", subject, home=home, words=("subject is not a run folder: it has no job.toml",), inputs=(subject,))
    refused("resume", run / "job.toml", home=home, words=("There is no run folder",))
    (run / "job.toml").write_text('kind = "generate"\n')
    refused("resume", run, home=home, words=("a run is no training",))
    (run / "job.toml").write_bytes(b"\xff\xfe\0")
    refused("resume", run, home=home, words=("job.toml", "UTF-8"))
    (run / "job.toml").write_text('kind = "train"\n')
    refused("resume", run, home=home, words=("job.toml", "the field data is missing"))


def test_pictures_that_are_not_those_of_the_run_are_named(kept: Path, run: Path, home: Home) -> None:
    pictures, apart = kept / "pictures", kept / "apart"
    before = contents(run / "checkpoints")
    shutil.copytree(pictures, apart)
    try:
        (pictures / "1.txt").write_text("something else")
        require_refusal(gesso("resume", run, home=home), "1.png was changed")
        one(7).save(pictures / "0.png")
        require_refusal(gesso("resume", run, home=home), "0.png was changed")
        (pictures / "0.png").unlink()
        require_refusal(gesso("resume", run, home=home), "0.png is gone")
        shutil.copy(apart / "0.png", pictures)
        one(8).save(pictures / "00.png")
        require_refusal(gesso("resume", run, home=home), "00.png was added")
    finally:
        shutil.rmtree(pictures)
        apart.rename(pictures)
    assert contents(run / "checkpoints") == before
    assert gesso("resume", run, home=home).code == 0


def test_a_job_that_was_changed_names_the_field(run: Path, home: Home) -> None:
    job = run / "job.toml"
    job.write_text(job.read_text("utf-8").replace("rank = 2", "rank = 3"), encoding="utf-8")
    before = contents(run / "checkpoints")
    require_refusal(gesso("resume", run, home=home), "method.rank was 2, now 3")
    assert contents(run / "checkpoints") == before


def test_a_run_that_is_being_worked_on_is_left_alone(run: Path, home: Home) -> None:
    with held(run), nothing_changes(home):
        require_refusal(gesso("resume", run, home=home), "is being worked on already")
