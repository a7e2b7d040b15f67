"""THE training loop. It knows no family and no method by name; the six steps of fine-tuning can be read here in order.

prompt through the text encoder, picture through the VAE      feed.batch      (feed.py, and the family)
noise at a timestep, the UNet's prediction, the loss          method.loss     (losses.py, and the family)
the optimizer                                                 step            (optimizers.py)
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim import Optimizer

from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.run import Run
from trainer.contract.train import TrainJob
from trainer.models.device import peak_memory
from trainer.training.feed import Feed
from trainer.training.methods.method import Method
from trainer.training.optimizers import learning_rate_factor
from trainer.training.randomness import place_seed

PATIENCE = 10
"""After so many steps in a row whose gradients are no numbers the run gives up."""

EVENTS_PER_SECOND = 10


@dataclass
class Loop:
    """A run's moving parts. `at_step(step)` is called after each optimizer step, for previews and checkpoints."""

    job: TrainJob
    method: Method
    feed: Feed
    optimizer: Optimizer
    accelerator: Accelerator
    run: Run
    at_step: Callable[[int], None]
    base_rates: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]

    def train(self, first_step: int) -> None:
        """Take the steps from `first_step` (0 for a new run) to the end.

        Raises Cancelled between forward passes if asked to stop. What the step in progress had gathered is left out;
        resuming takes that step from its beginning.
        """
        steps = self.job.steps
        report = _Report(self.job, self.run, first_step, self.accelerator.device)
        bad_steps = 0
        for step in range(first_step, steps.total):
            self._set_learning_rates(step)
            loss = torch.zeros((), device=self.accelerator.device)
            names: list[str] = []
            numbers = range(step * steps.accumulation, (step + 1) * steps.accumulation)
            pictures = sum(self.feed.order.batch_length(number) for number in numbers)
            for number in numbers:
                self.run.check()
                batch = self.feed.batch(number)
                names += batch.names
                # nothing should draw from the global state, but dropout inside a network may
                torch.manual_seed(place_seed(steps.seed, "global", number))
                with self.accelerator.autocast():
                    # by pictures, not by passes: the last batch of an epoch may be smaller than the others
                    part = self.method.loss(batch) * (self.feed.order.batch_length(number) / pictures)
                self.accelerator.backward(part)
                loss += part.detach()
            if self._step_if_finite():
                self.method.stepped()
                bad_steps = 0
            else:
                bad_steps += 1
                self._say_not_finite(step, names, bad_steps)
            report.step(step + 1, loss, self.optimizer.param_groups[0]["lr"], len(names))
            self.at_step(step + 1)

    def _set_learning_rates(self, step: int) -> None:
        factor = learning_rate_factor(self.job.schedule, step, self.job.steps.total)
        for group, base in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = base * factor

    def _step_if_finite(self) -> bool:
        """Cut long gradients and move the weights, unless a gradient is no number: then nothing is touched."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        limit = self.job.steps.max_grad_norm or float("inf")
        norm = self.accelerator.clip_grad_norm_(parameters, limit)
        finite = norm is None or bool(torch.isfinite(norm))
        if finite or self.accelerator.scaler is not None:
            self.optimizer.step()  # an fp16 gradient scaler skips the step by itself, and lowers its scale
        self.optimizer.zero_grad(set_to_none=True)
        return finite

    def _say_not_finite(self, step: int, names: list[str], in_a_row: int) -> None:
        if self.accelerator.scaler is not None and in_a_row < PATIENCE:
            return
        pictures = ", ".join(dict.fromkeys(names))
        if in_a_row >= PATIENCE:
            raise UserError(
                f"The training has gone astray: {PATIENCE} steps in a row gave gradients that are no numbers.",
                "Start a new run with a lower learning rate, or with hardware.precision bf16 or fp32.",
                detail=f"Last at step {step + 1}, pictures {pictures}",
            )
        self.run.warn(
            f"Step {step + 1} was left out: its gradients are no numbers (pictures {pictures}).",
            "If this goes on, lower the learning rate.",
        )


class _Report:
    """Step events, at most ten a second, with the loss averaged over the steps since the last one."""

    def __init__(self, job: TrainJob, run: Run, first_step: int, device: torch.device) -> None:
        self.device = device
        self.total = job.steps.total
        self.run = run
        self.first_step = first_step
        self.last_said = float("-inf")
        self.losses: list[Tensor] = []
        self.recent: deque[tuple[float, int, int]] = deque([(time.monotonic(), first_step, 0)], maxlen=50)
        self.pictures = 0

    def step(self, step: int, loss: Tensor, learning_rate: float, pictures: int) -> None:
        self.losses.append(loss)
        self.pictures += pictures
        now = time.monotonic()
        if now - self.last_said < 1 / EVENTS_PER_SECOND and step < self.total:
            return
        self.recent.append((now, step, self.pictures))
        begun, first, before = self.recent[0]
        seconds = max(now - begun, 1e-9)
        self.run.emit(
            events.Step(
                step=step,
                total=self.total,
                loss=float(torch.stack(self.losses).mean()),
                learning_rate=learning_rate,
                pictures_per_second=(self.pictures - before) / seconds,
                seconds_left=(self.total - step) * seconds / max(step - first, 1),
                memory=peak_memory(self.device),
            )
        )
        self.losses.clear()
        self.last_said = now
