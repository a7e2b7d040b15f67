"""The dry run of a training, on a tiny model: what it says, and that nothing is left of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.test_train import Recorded, make_job
from trainer.contract import events
from trainer.contract.common import Sampling
from trainer.contract.errors import Cancelled
from trainer.contract.measure import MeasureJob
from trainer.contract.optimize import ScheduleFree
from trainer.contract.train import Full, Lora, Samples
from trainer.home import Home
from trainer.training import measure as measuring
from trainer.training.checkpoint import newest_valid
from trainer.training.measure import measure
from trainer.training.methods.lora import LoraMethod
from trainer.training.train import train


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"method": Full(), "steps": {"accumulation": 2, "gradient_checkpointing": True}},
        {"optimizer": ScheduleFree(), "data": {"cache": False}},
    ],
    ids=["lora", "full in two passes", "schedule-free uncached"],
)
def test_figures_of_a_few_steps_and_nothing_else(
    model: Path, pictures: Path, tmp_path: Path, home: Home, fields: dict[str, Any]
) -> None:
    recorded = Recorded(tmp_path / "run")
    job = MeasureJob(train=make_job(model, pictures, total=1000, **fields), steps=3)
    found = measure(job, recorded.run, home)
    assert recorded.of(events.Measured) == [found]
    assert found.steps == 3
    assert min(found.load_seconds, found.picture_seconds, found.step_seconds) > 0
    assert found.sample_seconds is None
    assert 0 < found.memory < found.memory_total
    assert not files_below(tmp_path / "run")
    assert not (home.cache / "encoded").exists()
    assert not home.runs.exists()
    assert not home.models.exists()


def test_a_checkpoint_is_as_large_as_measured(model: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    job = make_job(model, pictures, total=2, method=Lora(rank=2))
    job = job.model_copy(update={"output": job.output.model_copy(update={"checkpoint_every": 2})})
    found = measure(MeasureJob(train=job, steps=1), Recorded(tmp_path / "measured").run, home)
    train(job, Recorded(tmp_path / "run").run, home)
    folder = tmp_path / "run" / "checkpoints"
    assert newest_valid(folder)[0] is not None
    written = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    assert found.checkpoint == pytest.approx(written, rel=0.5)  # names and places of tensors take room beside them
    assert found.checkpoint <= written


def test_a_preview_is_reckoned_from_some_of_its_steps(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    original = measuring.draw

    def draws(job: Any, bundle: Any, run: Any, prompt: str, sampling: Sampling, on_step: Any) -> Any:
        taken.append(sampling.steps)
        return original(job, bundle, run, prompt, sampling, on_step)

    monkeypatch.setattr(measuring, "draw", draws)
    samples = Samples(prompts=("a square", "a cat"), every=2, sampling=Sampling(steps=900))
    recorded = Recorded(tmp_path / "run")
    found = measure(MeasureJob(train=make_job(model, pictures, samples=samples), steps=1), recorded.run, home)
    assert taken == [measuring.SAMPLER_STEPS]
    assert found.sample_seconds is not None
    assert not recorded.of(events.Sample)


def test_slow_steps_are_not_all_taken(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "ENOUGH_SECONDS", 0.0)
    found = measure(MeasureJob(train=make_job(model, pictures), steps=50), Recorded(tmp_path / "run").run, home)
    assert found.steps == 1


def test_cancelling_ends_it_with_nothing_said(model: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    recorded = Recorded(tmp_path / "run", lambda event: isinstance(event, events.Step))
    detached: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        original = LoraMethod.detach
        patch.setattr(LoraMethod, "detach", lambda self: detached.append(True) or original(self))
        with pytest.raises(Cancelled):
            measure(MeasureJob(train=make_job(model, pictures, total=9), steps=50), recorded.run, home)
    assert detached
    assert not recorded.of(events.Measured)
