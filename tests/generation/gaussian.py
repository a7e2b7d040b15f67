"""A model whose answers are known exactly: pictures whose every number is drawn from N(MEAN, DEVIATION^2)."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from trainer.generation.schedule import Schedule

TheirSpacing = Literal["linspace", "leading", "trailing"]
"""What diffusers knows."""

MEAN, DEVIATION = 0.7, 0.5

BETAS = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
ALPHAS_CUMPROD: list[float] = torch.cumprod(1.0 - BETAS, dim=0).tolist()
"""The scaled linear schedule of Stable Diffusion."""


def exact_noise(noisy: Tensor, alpha_bar: float) -> Tensor:
    """The best prediction of the noise: -sqrt(1 - alpha_bar) times the score of N(sqrt(alpha_bar) m, spread^2)."""
    return math.sqrt(1 - alpha_bar) * (noisy - math.sqrt(alpha_bar) * MEAN) / spread(alpha_bar) ** 2


def spread(alpha_bar: float) -> float:
    """The standard deviation of noisy data."""
    return math.sqrt(alpha_bar * DEVIATION**2 + 1 - alpha_bar)


def flow(noisy: Tensor, start: float, end: float) -> Tensor:
    """The probability flow ODE, solved by hand: (x - sqrt(alpha_bar) m) / spread stays the same along it."""
    return (noisy - math.sqrt(start) * MEAN) / spread(start) * spread(end) + math.sqrt(end) * MEAN


def exact_network(schedule: Schedule) -> Callable[[Tensor, int], Tensor]:
    return lambda noisy, index: exact_noise(noisy, schedule.alpha_bars[index])
