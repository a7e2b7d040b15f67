"""Jobs really done, on tiny models: in this process, and once in the engine's own."""

import json
import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from main import main
from tests import tiny
from trainer.cli import self_test
from trainer.contract import events
from trainer.contract.common import Hardware, Sampling, Size
from trainer.contract.convert import ConvertJob
from trainer.contract.generate import GenerateJob
from trainer.contract.grid import Axis, GridJob
from trainer.contract.jobfile import Job, job_to_toml
from trainer.contract.measure import MeasureJob
from trainer.contract.run import Run
from trainer.contract.train import Data, Lora, Output, Steps, TrainJob
from trainer.engine import runs
from trainer.engine.client import Engine
from trainer.engine.execute import Session, execute_reporting, resume_reporting
from trainer.home import Home
from trainer.library.folders import read_folder
from trainer.library.identify import identify_file
from trainer.models.architecture import FamilyName

CPU = Hardware(device="cpu", precision="fp32")
SMALL = Size(width=64, height=64)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny model.safetensors"
    tiny.single_file(path, dtype=torch.float16)
    return path


@pytest.fixture
def training(tmp_path: Path, model: Path) -> TrainJob:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, colour in enumerate(("#c33", "#36c", "#3c6")):
        Image.new("RGB", (64, 64), colour).save(pictures / f"{number}.png")
        (pictures / f"{number}.txt").write_text("a plain colour", encoding="utf-8")
    return TrainJob(
        model=str(model),
        data=Data(folder=str(pictures), resolution=SMALL, buckets=False),
        method=Lora(rank=2, alpha=2),
        steps=Steps(total=3),
        hardware=CPU,
        output=Output(name="colours", checkpoint_every=0),
    )


def picture_job(model: Path, output: Path) -> GenerateJob:
    return GenerateJob(
        model=str(model), prompt="a cat", size=SMALL, sampling=Sampling(steps=2), hardware=CPU, output=str(output)
    )


def done(job: Job, session: Session) -> tuple[list[events.Event], tuple[str, ...]]:
    told: list[events.Event] = []
    ending = execute_reporting(job, Run(told.append), session)
    assert isinstance(ending, events.Finished), ending
    return told, ending.paths


def loaded(told: list[events.Event]) -> bool:
    return any(isinstance(event, events.Status) and event.text.startswith("loading") for event in told)


def test_a_grid_goes_through_the_same_door(model: Path, tmp_path: Path) -> None:
    seen: list[events.Event] = []
    axis = Axis(field="sampling.guidance", values=("1", "7"))
    job = GridJob(base=picture_job(model, tmp_path / "out"), axes=(axis,))
    ending = execute_reporting(job, Run(seen.append), Session(Home(tmp_path / "home")))
    assert isinstance(ending, events.Finished)
    assert [Path(path).name for path in ending.paths] == ["00001-0.png", "00002-0.png", "00003-grid.png"]
    assert seen[0] == events.Started(job="grid", name="a cat")


def test_the_model_stays_warm_until_its_file_changes_or_a_training_begins(
    model: Path, training: TrainJob, home: Home, tmp_path: Path
) -> None:
    session = Session(home)
    job = picture_job(model, tmp_path / "out")
    first, (picture,) = done(job, session)
    assert loaded(first)
    with Image.open(picture) as opened:
        assert opened.size == (64, 64)
    assert not loaded(done(job, session)[0])
    os.utime(model, ns=(1, 1))
    assert loaded(done(job, session)[0])
    assert loaded(done(job.model_copy(update={"hardware": Hardware(device="cpu", precision="bf16")}), session)[0])
    done(training, session)
    assert loaded(done(job, session)[0])


def test_a_stopped_training_is_resumed_to_its_end_and_no_further(training: TrainJob, home: Home) -> None:
    session = Session(home)
    told: list[events.Event] = []
    run = Run(told.append, lambda: any(isinstance(event, events.Step) for event in told))
    stopped = execute_reporting(training, run, session)
    assert isinstance(stopped, events.Stopped)
    folder = Path(stopped.resume)
    assert runs.summary(folder).state == "stopped"
    told = []
    finished = resume_reporting(Run(told.append, folder=folder), session)
    assert isinstance(finished, events.Finished)
    assert [event.step for event in told if isinstance(event, events.Step)] == [2, 3]
    assert runs.summary(folder) == runs.Summary(folder, "finished", 3, 3)
    again = resume_reporting(Run(told.append, folder=folder), session)
    assert isinstance(again, events.Failed)
    assert "finished already" in again.title


def test_a_dry_run_goes_through_the_same_door_and_keeps_no_run(
    training: TrainJob, home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "measure.toml"
    file.write_text(job_to_toml(MeasureJob(train=training, steps=1)), encoding="utf-8")
    assert main(["run", str(file), "--json", "--home", str(home.root)]) == 0, capfd.readouterr().err
    told = [events.from_json(line) for line in capfd.readouterr().out.splitlines()]
    assert told[0] == events.Started(job="measure", name="colours")
    assert isinstance(told[-2], events.Measured)
    assert told[-1] == events.Finished(seconds=told[-1].seconds if isinstance(told[-1], events.Finished) else 0)
    assert not home.runs.exists()
    assert main(["run", str(file), "--set", "train.method.rank=0", "--home", str(home.root)]) == 1
    assert "train.method.rank is 0" in capfd.readouterr().err
    assert main(["run", str(file), "--home", str(home.root)]) == 0
    assert "s a step (1 measured)" in capfd.readouterr().err


def test_a_finished_training_goes_on_when_its_job_asks_for_more_steps(training: TrainJob, home: Home) -> None:
    session = Session(home)
    told: list[events.Event] = []
    kept = training.model_copy(update={"output": Output(name="colours", checkpoint_every=2)})
    assert isinstance(execute_reporting(kept, Run(told.append), session), events.Finished)
    folder = next(Path(event.run_folder) for event in told if isinstance(event, events.Started))
    job = runs.job_of(folder)
    longer = job.model_copy(update={"steps": job.steps.model_copy(update={"total": job.steps.total + 1})})
    (folder / runs.JOB_FILE).write_text(job_to_toml(longer), encoding="utf-8")
    told = []
    assert isinstance(resume_reporting(Run(told.append, folder=folder), session), events.Finished)
    assert [event.step for event in told if isinstance(event, events.Step)] == [longer.steps.total]


def test_a_model_is_converted_to_a_folder_and_back_and_makes_the_same_picture(
    model: Path, home: Home, tmp_path: Path
) -> None:
    session = Session(home)
    _, (folder,) = done(ConvertJob(model=str(model), layout="diffusers"), session)
    assert Path(folder) == tmp_path / "tiny model-fp16"
    assert set(read_folder(Path(folder)).identity.precision) == {"F16"}
    _, (back,) = done(ConvertJob(model=folder, output=str(tmp_path / "back.safetensors")), session)
    assert identify_file(Path(back)).layout == identify_file(model).layout
    pixels: list[bytes] = []
    for source in (model, Path(folder), Path(back)):
        _, (picture,) = done(picture_job(source, tmp_path / "out"), session)
        with Image.open(picture) as opened:
            pixels.append(opened.tobytes())
    assert pixels[0] == pixels[1] == pixels[2]


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl", "sdxl_refiner"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_there_and_back_by_jobs_gives_the_same_file(
    home: Home, tmp_path: Path, family: FamilyName, dtype: torch.dtype
) -> None:
    path = tmp_path / "one.safetensors"
    tiny.single_file(path, family, dtype=dtype, metadata={"modelspec.title": "My own"})
    session = Session(home)
    _, (folder,) = done(ConvertJob(model=str(path), layout="diffusers"), session)
    _, (back,) = done(ConvertJob(model=folder, output=str(tmp_path / "back.safetensors")), session)
    assert Path(back).read_bytes() == path.read_bytes()


def test_converting_changes_the_precision_and_never_overwrites(model: Path, home: Home) -> None:
    session = Session(home)
    job = ConvertJob(model=str(model), precision="bf16")
    _, (path,) = done(job, session)
    assert max(identify_file(Path(path)).precision, key=identify_file(Path(path)).precision.__getitem__) == "BF16"
    before = Path(path).read_bytes()
    ending = execute_reporting(job, Run(lambda event: None), session)
    assert isinstance(ending, events.Failed)
    assert ending.cause == "user"
    assert "exists already" in ending.title
    assert Path(path).read_bytes() == before


def test_the_whole_loop_from_the_command_line(
    model: Path, training: TrainJob, home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    def gesso(*arguments: str) -> list[str]:
        """The lines on stdout of a verb that must succeed."""
        assert main([*arguments, "--home", str(home.root)]) == 0, capfd.readouterr().err
        return capfd.readouterr().out.splitlines()

    gesso("models", "install", str(model), "--name", "base")
    assert main(["models", "install", str(model), "--name", "base", "--home", str(home.root)]) == 1
    assert "--keep-both" in capfd.readouterr().err
    gesso("models", "install", str(model), "--name", "base", "--keep-both")
    names = [json.loads(line)["name"] for line in gesso("models", "list", "--json")]
    assert {"base", "base 2"} <= set(names)
    assert "every byte is as it was installed" in gesso("models", "verify", "base")[0]
    assert any("Stable Diffusion 1" in line for line in gesso("models", "show", "base"))

    small = ["--set", "data.resolution={width=64, height=64}", "--set", "method.rank=2", "--set", "data.buckets=false"]
    flags = ["--method", "lora", "--steps", "1", "--output", "colours"]
    made = gesso("train", "--model", "base", "--dataset", training.data.folder, *flags, *small)
    assert all(Path(path).is_file() for path in made)

    plain = ["generate", "--model", "base", "--prompt", "a cat", "--size", "64x64", "--steps", "1"]
    (with_lora,) = gesso(*plain, "--lora", "colours:0.5")
    told = [events.from_json(line) for line in gesso(*plain, "--json")]
    assert isinstance(told[-1], events.Finished)
    assert Path(with_lora).parent == Path(told[-1].paths[0]).parent


def test_the_self_test_passes_on_a_model_that_works(
    model: Path, home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(self_test, "MODEL", str(model))
    assert main(["self-test", "--json", "--home", str(home.root)]) == 0, capfd.readouterr()
    report = json.loads(capfd.readouterr().out)
    assert report["ok"]
    assert {check["name"] for check in report["checks"]} == set(self_test.CHECKS)


def test_the_engine_process_makes_a_picture(model: Path, home: Home, tmp_path: Path) -> None:
    with Engine(home) as engine:
        told = list(engine.perform(picture_job(model, tmp_path / "out")))
        hello = engine.ready(0)
    assert hello is not None
    assert hello.torch == torch.__version__
    assert isinstance(told[-1], events.Finished), told[-1]
    assert Path(told[-1].paths[0]).is_file()
    assert any(isinstance(event, events.Preview) for event in told)
