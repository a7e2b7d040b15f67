"""The tables of optimizers and learning-rate schedules, read by the loop and by tests."""

import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from trainer.contract import optimize
from trainer.contract.errors import UserError


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate; `learning_rate` None takes the optimizer's own."""

    parameters: Sequence[nn.Parameter]
    learning_rate: float | None = None


Groups = list[dict[str, Any]]


def build_optimizer(settings: optimize.AnyOptimizer, groups: Sequence[ParameterGroup]) -> Optimizer:
    """The optimizer that `settings` name. Raises UserError when it can't run here."""
    tree: Groups = [
        {"params": list(group.parameters), "lr": group.learning_rate or settings.learning_rate} for group in groups
    ]
    return BUILDERS[settings.kind](tree, settings)


def _adamw(groups: Groups, settings: Any) -> Optimizer:
    betas = (settings.beta1, settings.beta2)
    return torch.optim.AdamW(groups, betas=betas, weight_decay=settings.weight_decay, fused=True)


def _adamw_8bit(groups: Groups, settings: Any) -> Optimizer:
    if not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(
            "The 8-bit AdamW needs an NVIDIA graphics card and the package bitsandbytes.",
            "Choose adamw, or adafactor to save memory.",
        )
    from bitsandbytes.optim import AdamW8bit  # pyright: ignore[reportMissingImports]

    return AdamW8bit(groups, betas=(settings.beta1, settings.beta2), weight_decay=settings.weight_decay)


def _adafactor(groups: Groups, settings: Any) -> Optimizer:
    from pytorch_optimizer import AdaFactor

    # At a fixed rate. Scaled by each parameter's own size instead, as in torch's, a LoRA would hardly leave its zeros.
    return AdaFactor(
        groups, betas=(None, 0.999), weight_decay=settings.weight_decay, scale_parameter=False, relative_step=False
    )


def _prodigy(groups: Groups, settings: Any) -> Optimizer:
    if len({group["lr"] for group in groups}) > 1:
        raise UserError(
            "Prodigy finds one step size for everything, so the text encoder can't have a learning rate of its own.",
            "Leave method.text_encoder_learning_rate out, or choose another optimizer.",
        )
    from pytorch_optimizer import Prodigy

    return Prodigy(groups, weight_decay=settings.weight_decay, d_coef=settings.growth, safeguard_warmup=True)


def _lion(groups: Groups, settings: Any) -> Optimizer:
    from pytorch_optimizer import Lion

    return Lion(groups, betas=(settings.beta1, settings.beta2), weight_decay=settings.weight_decay)


def _schedule_free(groups: Groups, settings: Any) -> Optimizer:
    from pytorch_optimizer import ScheduleFreeAdamW

    return ScheduleFreeAdamW(groups, betas=(settings.beta1, settings.beta2), weight_decay=settings.weight_decay)


BUILDERS: Mapping[str, Callable[[Groups, Any], Optimizer]] = {
    "adamw": _adamw,
    "adamw_8bit": _adamw_8bit,
    "adafactor": _adafactor,
    "prodigy": _prodigy,
    "lion": _lion,
    "schedule_free": _schedule_free,
}


def learning_rate_factor(schedule: optimize.Schedule, step: int, total: int) -> float:
    """The factor on the learning rate at `step` (from 0) of `total`: a pure function, so nothing of it is saved."""
    if step < schedule.warmup:
        return (step + 1) / (schedule.warmup + 1)
    length = max(total - schedule.warmup, 1)
    done = min((step - schedule.warmup) / length, 1.0)
    return schedule.floor + (1 - schedule.floor) * SHAPES[schedule.kind](done, schedule.cycles)


SHAPES: Mapping[str, Callable[[float, int], float]] = {
    "constant": lambda done, cycles: 1.0,
    "linear": lambda done, cycles: 1.0 - done,
    "cosine": lambda done, cycles: 0.5 * (1 + math.cos(math.pi * done)),
    "cosine_restarts": lambda done, cycles: (
        0.5 * (1 + math.cos(math.pi * ((done * cycles) % 1.0))) if done < 1 else 0.0
    ),
}
"""The share of the learning rate left after `done` (0 to 1) of the run, without warm-up and floor."""
