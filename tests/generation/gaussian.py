"""A model whose answers are known exactly: pictures whose every number is drawn from N(MEAN, DEVIATION^2)."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from trainer.contract.common import SamplerName
from trainer.generation.denoising import denoiser
from trainer.generation.samplers import SAMPLERS
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


def edm_timestep(alpha_bar: float) -> float:
    """0.25 ln(sigma): what a network is asked at that was trained on all levels."""
    return 0.125 * math.log((1 - alpha_bar) / alpha_bar)


def schedule_through(levels: Sequence[float]) -> Schedule:
    """Steps from each of these alpha_bars to the next."""
    timesteps = tuple(edm_timestep(level) for level in levels[:-1])
    return Schedule(timesteps, tuple(levels[:-1]), tuple(levels[1:]), timestep_at=edm_timestep)


def level_at(timestep: float) -> float:
    """alpha_bar between two trained timesteps, by numpy's interpolation of log(sigma)."""
    trained = np.log([math.sqrt((1 - level) / level) for level in ALPHAS_CUMPROD])
    return 1 / (1 + math.exp(2 * np.interp(timestep, np.arange(1000), trained)))


def exact_network(schedule: Schedule) -> Callable[..., Tensor]:
    """Between steps it learns the level from the timestep, by numpy's interpolation or from 0.25 ln(sigma)."""
    is_edm = abs(schedule.timestep_at(0.5)) < 1e-12

    def network(noisy: Tensor, index: int, timestep: float | None = None) -> Tensor:
        if timestep is None:
            return exact_noise(noisy, schedule.alpha_bars[index])
        return exact_noise(noisy, 1 / (1 + math.exp(8 * timestep)) if is_edm else level_at(timestep))

    return network


def no_noise() -> Tensor:
    raise AssertionError("this sampler must not ask for noise")


def nothing(_index: int, _clean: Tensor) -> None:
    pass


def run(
    name: SamplerName,
    schedule: Schedule,
    latents: Tensor,
    *,
    network: Callable[..., Tensor] | None = None,
    fresh_noise: Callable[[], Tensor] = no_noise,
    eta: float = 0.0,
) -> Tensor:
    """What a sampler makes of these latents, by a network that predicts noise: the exact one unless told."""
    denoise = denoiser(network or exact_network(schedule), schedule, "epsilon")
    return SAMPLERS[name].function(denoise, latents, schedule, fresh_noise=fresh_noise, on_step=nothing, eta=eta)
