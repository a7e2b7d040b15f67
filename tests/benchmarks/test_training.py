"""Training steps a second: our `train` against the loop of diffusers' LoRA example, as shipped and with a cache.

Both sides adapt exactly the same modules of the same model, at the same rank, batch, size and in fp32. This is done
twice: with the modules that the example adapts (ours restricted to them), and with all that a LoRA of ours adapts
(PEFT given their names).
"""

import itertools
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.benchmarks.diffusers_example import ATTENTION, BATCH, HARDWARE, LEARNING_RATE, RANK, Example
from tests.benchmarks.record import Record, Timing, interleaved
from trainer.contract.events import Event, Status
from trainer.contract.optimize import AdamW
from trainer.contract.run import Run
from trainer.contract.train import Data, Lora, Output, Steps, TrainJob
from trainer.home import RESOURCES, Home
from trainer.models.family import Bundle
from trainer.models.lora_targets import unet_targets
from trainer.models.opening import open_model
from trainer.models.sd import StableDiffusion
from trainer.training.batches import Batch
from trainer.training.methods.lora import LoraMethod
from trainer.training.randomness import stratified_timesteps
from trainer.training.train import train

pytestmark = pytest.mark.benchmark

DATASET = RESOURCES / "sample-dataset"
STEPS, SKIPPED = 14, 2
"""Steps of a round, of which the first ones are not counted."""

Choice = Callable[[Bundle], dict[str, str]]


def of_the_example(bundle: Bundle) -> dict[str, str]:
    return {path: name for path, name in all_of_ours(bundle).items() if path.endswith(ATTENTION)}


def all_of_ours(bundle: Bundle) -> dict[str, str]:
    return unet_targets(bundle.unet, convolutions=False)


@pytest.mark.parametrize("choice", [of_the_example, all_of_ours])
def test_training(
    model: Path, choice: Choice, home: Home, tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StableDiffusion, "lora_targets", lambda family, bundle, **options: choice(bundle))
    modules = [path.removeprefix("unet.") for path in choice(open_model(str(model), home, hardware=HARDWARE))]
    uncached = Example(str(model), DATASET, home, cached=False, modules=modules)
    cached = Example(str(model), DATASET, home, cached=True, modules=modules)
    assert_same_step(model, home, Example(str(model), DATASET, home, cached=True, modules=modules))

    measured = interleaved(
        {
            "ours": lambda: our_step(job(model), tmp_path / "run", home),
            "uncached": lambda: their_step(uncached),
            "cached": lambda: their_step(cached),
        }
    )
    case = f"training steps, {len(modules)} modules ({choice.__name__.replace('_', ' ')})"
    record.speedup(f"{case}, against the example as shipped", measured["ours"], measured["uncached"], "at least 2")
    record.speedup(f"{case}, against it with a cache", measured["ours"], measured["cached"], "at least 1.1")


def job(model: Path) -> TrainJob:
    return TrainJob(
        model=str(model),
        data=Data(folder=str(DATASET), buckets=False),
        method=Lora(rank=RANK, alpha=RANK),
        optimizer=AdamW(learning_rate=LEARNING_RATE),
        steps=Steps(total=STEPS, batch_size=BATCH, max_grad_norm=1.0),
        hardware=HARDWARE,
        output=Output(checkpoint_every=0),
    )


def our_step(job: TrainJob, folder: Path, home: Home) -> Timing:
    """The loop asks at the start of each step whether it should stop: those moments are the measure."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    asked: list[tuple[float, float]] = []
    in_loop: list[tuple[float, float]] = []

    def moment() -> bool:
        asked.append((time.perf_counter(), time.process_time()))
        return False

    def listen(event: Event) -> None:
        if isinstance(event, Status) and event.text == "saving":
            in_loop.extend(asked[-job.steps.total :])

    train(job, Run(listen, moment, folder), home)
    return median_step(in_loop)


def their_step(example: Example) -> Timing:
    moments: list[tuple[float, float]] = []
    for _ in range(STEPS):
        moments.append((time.perf_counter(), time.process_time()))
        example.step()
    return median_step(moments)


def median_step(moments: Sequence[tuple[float, float]]) -> Timing:
    """From the moments at which steps began."""
    assert len(moments) == STEPS
    counted = moments[SKIPPED:]
    steps = [(after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(counted)]
    return Timing(statistics.median(wall for wall, _ in steps), statistics.median(cpu for _, cpu in steps))


def assert_same_step(model: Path, home: Home, example: Example) -> None:
    """From the same weights, the same batch gives the same loss, and the same gradient of each LoRA weight."""
    bundle = open_model(str(model), home, hardware=HARDWARE)
    torch.manual_seed(1)
    item = [example.loader.dataset[index] for index in range(BATCH)]
    batch = Batch(
        number=0,
        seed=3,
        names=("",) * BATCH,
        weights=torch.full((BATCH,), 1 / BATCH),
        moments=torch.stack([one["moments"] for one in item]),
        conditioning={"context": torch.stack([one["context"] for one in item])},
    )
    shape = batch.moments.shape[2:]
    posterior = batch.normal("posterior", bundle.latent_channels, *shape)
    noise = batch.normal("noise", bundle.latent_channels, *shape)
    latents = bundle.family.latents(bundle, batch.moments, posterior)
    timesteps = stratified_timesteps(BATCH, 0, 999, batch.seed, batch.number)
    targets = bundle.family.lora_targets(bundle, text_encoder=False, convolutions=False)
    method = LoraMethod(bundle, job(model))
    pairs = _pairs(method, targets, example)

    ours = method.loss(batch)
    theirs = example.loss(latents, noise, timesteps, batch.conditioning["context"])
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    ours.backward()
    theirs.backward()
    for name, (one, other) in pairs.items():
        assert one.grad is not None, name
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-6)
    method.detach()


def _pairs(method: LoraMethod, targets: Mapping[str, str], example: Example) -> Mapping[str, tuple[Any, Any]]:
    """Our parameters beside theirs, of each module `down` and `up`, all brought to the same random values."""
    unet: Any = example.accelerator.unwrap_model(example.unet)
    pairs: dict[str, tuple[Any, Any]] = {}
    for path, name in targets.items():
        module: Any = unet.get_submodule(path.removeprefix("unet."))
        layer = method.layers[name]
        pairs[f"{path}.down"] = layer.down, module.lora_A["default"].weight
        pairs[f"{path}.up"] = layer.up, module.lora_B["default"].weight
    assert sum(len(pair) for pair in pairs.values()) == 2 * len(example.parameters)
    with torch.no_grad():
        for one, other in pairs.values():
            one.normal_(std=0.05)
            other.copy_(one)
    return pairs
