"""What stands ready before the first step, for a training as for its dry run: the model, the pictures, the method."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch.optim import Optimizer

from trainer.contract.errors import UserError
from trainer.contract.run import Run
from trainer.contract.train import TrainJob
from trainer.home import Home
from trainer.models.device import mixed_precision
from trainer.models.family import Bundle
from trainer.models.opening import nan_tensors, open_model
from trainer.training.examples import Examples, gather
from trainer.training.methods.method import Method
from trainer.training.methods.table import METHODS
from trainer.training.optimizers import build_optimizer
from trainer.training.randomness import place_seed


def opened(job: TrainJob, run: Run, home: Home) -> Bundle:
    """The job's model. Raises UserError when it can't be loaded, or holds something that is not a number."""
    torch.manual_seed(place_seed(job.steps.seed, "blank model"))
    bundle = open_model(job.model, home, hardware=job.hardware, run=run)
    _require_numbers(bundle)
    return bundle


@dataclass(frozen=True)
class Setup:
    """A training that may begin."""

    job: TrainJob
    bundle: Bundle
    examples: Examples
    accelerator: Accelerator
    method: Method

    def optimizer(self) -> Optimizer:
        """Made anew, with the state of a beginning."""
        return self.accelerator.prepare(build_optimizer(self.job.optimizer, self.method.groups()))

    def prepare_networks(self) -> None:
        if self.job.steps.gradient_checkpointing:
            # both networks checkpoint only in training mode; neither has any dropout then
            self.bundle.unet.train()
            self.bundle.unet.enable_gradient_checkpointing()

    @contextmanager
    def drawing(self, optimizer: Optimizer) -> Iterator[None]:
        """Within it the bundle draws previews: with the weights to be used, in the training's precision."""
        with _evaluation_mode(optimizer), self.method.averaged(), self.accelerator.autocast():
            yield


@contextmanager
def set_up(job: TrainJob, bundle: Bundle, run: Run) -> Iterator[Setup]:
    """Gather the pictures and attach the method, for as long as the block lasts. Raises UserError."""
    examples = gather(job, bundle, run)
    accelerator = _accelerator(bundle)
    method = METHODS[job.method.kind](bundle, job)
    try:
        yield Setup(job, bundle, examples, accelerator, method)
    finally:
        method.detach()


@contextmanager
def training_mode(optimizer: Optimizer) -> Iterator[None]:
    """Schedule-free optimizers keep two sets of weights: one to train at, one to use."""
    _switch(optimizer, "train")
    try:
        yield
    finally:
        _switch(optimizer, "eval")


@contextmanager
def _evaluation_mode(optimizer: Optimizer) -> Iterator[None]:
    """The weights to use for a while. There and back is not exact, so those to train at are kept and put back."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    kept = [parameter.detach().clone() for parameter in parameters] if _switch_of(optimizer, "eval") else []
    _switch(optimizer, "eval")
    try:
        yield
    finally:
        _switch(optimizer, "train")
        for parameter, weights in zip(parameters, kept, strict=False):
            parameter.data.copy_(weights)


def _switch(optimizer: Optimizer, mode: str) -> None:
    switch = _switch_of(optimizer, mode)
    if switch is not None:
        switch()


def _switch_of(optimizer: Optimizer, mode: str) -> Callable[[], None] | None:
    return getattr(getattr(optimizer, "optimizer", optimizer), mode, None)


def _require_numbers(bundle: Bundle) -> None:
    damaged = nan_tensors(bundle)
    if damaged:
        raise UserError(
            f"{bundle.source.name or 'The model'} can't be trained on: {len(damaged)} of its tensors hold values that "
            "are not numbers.",
            "Get the model again or choose another one; if hardware.precision is fp16, set it to bf16 or fp32.",
            f"The first is {damaged[0]}.",
        )


def _accelerator(bundle: Bundle) -> Accelerator:
    """Device and mixed precision. The state that accelerate shares between instances is of an earlier job: dropped."""
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=bundle.device.type == "cpu", mixed_precision=mixed_precision(bundle.dtype))
