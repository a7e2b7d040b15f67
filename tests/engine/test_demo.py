"""The demo's order of work and what it leaves, with pictures at hand in place of made ones."""

from pathlib import Path

import pytest
from PIL import Image

from trainer.contract import events
from trainer.contract.errors import Cancelled
from trainer.contract.generate import GenerateJob
from trainer.contract.jobfile import Job, job_to_toml
from trainer.contract.run import Run
from trainer.contract.train import Data, Prior, Samples, TrainJob
from trainer.engine import demo, execute
from trainer.home import Home

PROMPTS = ("the subject", "its class", "something else")


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Job]:
    """Stages the work and gives the list of jobs done: class pictures come out until a LoRA is laid over the model."""
    job = TrainJob(data=Data(folder="there", prior=Prior(folder="here")), samples=Samples(prompts=PROMPTS, seed=3))
    path = tmp_path / "demo.toml"
    path.write_text(job_to_toml(job), encoding="utf-8")
    monkeypatch.setattr(demo, "JOB_FILE", path)
    done: list[Job] = []

    def work(job: Job, run: Run, session: execute.Session) -> tuple[Path, ...]:
        done.append(job)
        if isinstance(job, GenerateJob):
            shown = demo.SAMPLE_DATASET if job.loras and job.prompt == PROMPTS[0] else demo.SAMPLE_CLASS
            return tuple(sorted(shown.glob("*.png"))[: job.count])
        assert run.folder is not None
        made = run.folder / "my-lora.safetensors"
        made.write_bytes(b"weights")
        return (made,)

    monkeypatch.setattr(execute, "execute", work)
    return done


def test_it_leaves_the_pictures_the_sheet_the_lora_and_a_measure(jobs: list[Job], home: Home, tmp_path: Path) -> None:
    out = tmp_path / "demo out"
    told: list[events.Event] = []
    made = demo.demo(out, 7, Run(told.append), execute.Session(home))
    assert isinstance(made, demo.Comparison)
    assert made.paths == tuple(out / name for name in ("before.png", "after.png", "sheet.png", "my-lora.safetensors"))
    assert (out / "my-lora.safetensors").read_bytes() == b"weights"
    assert (out / "after.png").read_bytes() == sorted(demo.SAMPLE_DATASET.glob("*.png"))[0].read_bytes()
    assert made.after[0] > 0.7 > 0.4 > made.before[0]
    assert made.after[1:] == made.before[1:]
    assert [job.kind for job in jobs] == ["generate"] * 3 + ["train"] + ["generate"] * 3
    training = jobs[3]
    assert isinstance(training, TrainJob)
    assert training.steps.total == 7
    assert training.data.folder == str(demo.SAMPLE_DATASET)
    assert training.data.prior is not None
    assert training.data.prior.folder == str(demo.SAMPLE_CLASS)
    assert [type(event) for event in told].count(events.Finished) == len(jobs)
    # again into the same folder: nothing is in the way
    assert isinstance(demo.demo(out, 7, Run(told.append), execute.Session(home)), demo.Comparison)


def test_it_ends_with_the_job_that_did(jobs: list[Job], home: Home, tmp_path: Path) -> None:
    def stop(event: events.Event) -> None:
        if isinstance(event, events.Started) and event.job == "train":
            raise Cancelled

    assert isinstance(demo.demo(tmp_path / "out", None, Run(stop), execute.Session(home)), events.Stopped)
    assert not (tmp_path / "out" / "sheet.png").exists()


def test_the_sheet_shows_before_left_of_after_and_a_row_for_each_prompt() -> None:
    before = [[Image.new("RGB", (64, 64), "#c00")] * 2, [Image.new("RGB", (64, 32), "#0c0")] * 2]
    after = [[Image.new("RGB", (640, 640), "#00c")] * 2, [Image.new("RGB", (32, 64), "#cc0")] * 2]
    drawn = demo.sheet(("a", "b"), before, after, [0, 1])
    column, row = drawn.width // 4, drawn.height // 4
    assert drawn.getpixel((column // 2, row * 2 - 20)) == (0xCC, 0, 0)
    assert drawn.getpixel((drawn.width - column // 2, row * 2 - 20)) == (0, 0, 0xCC)
    assert drawn.getpixel((column // 2, row * 3 - 10)) == (0, 0xCC, 0)
