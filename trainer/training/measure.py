"""A training measured before it is begun: some of its real steps, timed, with everything as it will be.

Nothing is kept but the figures: encoded pictures go into a temporary folder, and no run folder is made.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from trainer.contract import events
from trainer.contract.measure import MeasureJob
from trainer.contract.run import Run
from trainer.home import Home
from trainer.models import device as devices
from trainer.training.examples import Examples
from trainer.training.feed import Feed
from trainer.training.loop import Loop
from trainer.training.samples import draw
from trainer.training.setup import Setup, opened, set_up, training_mode
from trainer.training.store import TensorStore

WARM_UP = 1
"""Steps that are not counted: the first ones choose their kernels and get their memory."""
ENOUGH_SECONDS = 20.0
"""Once steps have been timed for so long, no further ones are."""
SAMPLER_STEPS = 3
"""So many steps of a preview's sampler are taken; the others take as long."""


def measure(job: MeasureJob, run: Run, home: Home) -> events.Measured:
    """Take some steps of the training and say what they took. Raises UserError, Cancelled, or what is a bug."""
    wanted = job.train.model_copy(update={"steps": job.train.steps.model_copy(update={"total": WARM_UP + job.steps})})
    began = time.monotonic()
    bundle = opened(wanted, run, home)
    if bundle.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(bundle.device)
    devices.finish(bundle.device)
    loaded = time.monotonic()
    with set_up(wanted, bundle, run) as setup, tempfile.TemporaryDirectory(prefix="gesso-measure-") as folder:
        checked = time.monotonic()
        with TensorStore(Path(folder)) as store:
            feed = Feed(wanted, bundle, setup.method, setup.examples, store)
            encoding = time.monotonic()
            encoded = feed.prepare_batches(range(wanted.steps.total * wanted.steps.accumulation), run)
            devices.finish(bundle.device)
            for_encoding = (time.monotonic() - encoding) / max(encoded, 1)
            optimizer = setup.optimizer()
            setup.prepare_networks()
            sample_seconds = _time_a_sample(setup, optimizer, run)
            steps = _Steps(setup, feed, optimizer, run)
            measured = events.Measured(
                load_seconds=loaded - began,
                picture_seconds=(checked - loaded) / _pictures(setup.examples) + for_encoding,
                step_seconds=steps.seconds,
                steps=steps.timed,
                sample_seconds=sample_seconds,
                memory=devices.peak_memory(bundle.device),
                memory_total=devices.total_memory(bundle.device),
                checkpoint=_size_of(setup.method.state()) + _size_of(optimizer.state_dict()),
                device=bundle.device.type,
                device_name=devices.device_name(bundle.device),
            )
    run.emit(measured)
    return measured


class _Enough(Exception):
    """Steps were timed for long enough."""


class _Steps:
    """The loop's steps, taken and timed when this is made."""

    def __init__(self, setup: Setup, feed: Feed, optimizer: Optimizer, run: Run) -> None:
        self.seconds = 0.0
        self.timed = 0
        self._device = setup.bundle.device
        self._began = 0.0
        run.status("measuring steps")
        loop = Loop(setup.job, setup.method, feed, optimizer, setup.accelerator, run, self._at_step)
        with training_mode(optimizer), suppress(_Enough):
            loop.train(0)

    def _at_step(self, step: int) -> None:
        devices.finish(self._device)
        now = time.monotonic()
        if step == WARM_UP:
            self._began = now
        elif step > WARM_UP:
            self.timed = step - WARM_UP
            self.seconds = (now - self._began) / self.timed
            if now - self._began > ENOUGH_SECONDS:
                raise _Enough


def _time_a_sample(setup: Setup, optimizer: Optimizer, run: Run) -> float | None:
    """Seconds for one preview: some steps of its sampler are timed, and the rest of them reckoned with."""
    samples, bundle = setup.job.samples, setup.bundle
    if not samples.every or not samples.prompts:
        return None
    run.status("measuring a preview")
    few = samples.sampling.model_copy(update={"steps": min(samples.sampling.steps, SAMPLER_STEPS)})
    moments: list[float] = []

    def on_step(_index: int, _clean: Tensor) -> None:
        run.check()
        devices.finish(bundle.device)
        moments.append(time.monotonic())

    with setup.drawing(optimizer):
        began = time.monotonic()
        draw(setup.job, bundle, run, samples.prompts[0], few, on_step)
        devices.finish(bundle.device)
        seconds = time.monotonic() - began
    each = (moments[-1] - moments[0]) / (len(moments) - 1) if len(moments) > 1 else 0.0
    return seconds + each * (samples.sampling.steps - few.steps)


def _pictures(examples: Examples) -> int:
    return len(dict.fromkeys((*examples.subject, *examples.prior)))


def _size_of(tree: Any) -> int:
    """Bytes of all tensors in a tree of dicts and lists."""
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(tree))


def _tensors(tree: Any) -> Iterator[Tensor]:
    match tree:
        case Tensor():
            yield tree
        case Mapping():
            for one in tree.values():
                yield from _tensors(one)
        case list() | tuple():
            for one in tree:
                yield from _tensors(one)
        case _:
            pass
