"""Samplers that step from timestep to timestep: DDIM, DDPM, PNDM and LCM. See samplers.py for how they are called."""

import math

from torch import Tensor

from trainer.generation.denoising import Denoiser, FreshNoise, OnStep
from trainer.generation.schedule import SMALLEST_ALPHA_BAR, Schedule, sigma_of

LCM_SIGMA_DATA = 0.5
LCM_TIMESTEP_SCALING = 10.0


def ddim(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,
    on_step: OnStep,
    eta: float,
) -> Tensor:
    """DDIM (Song et al. 2020, arXiv 2010.02502): each step is eq. 12, its sigma is eq. 16. eta 0 to 1; 1 is DDPM.

    Of first order.
    """
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, noise = denoise(latents, index)
        on_step(index, clean)
        sigma = ddim_sigma(now, target, eta)
        latents = math.sqrt(target) * clean + math.sqrt(max(1.0 - target - sigma * sigma, 0.0)) * noise
        if sigma > 0.0:
            latents = latents + sigma * fresh_noise()
    return latents


def ddim_sigma(now: float, target: float, eta: float) -> float:
    """Standard deviation of the fresh noise in a step from alpha_bar `now` to `target` (arXiv 2010.02502, eq. 16)."""
    if target <= now:
        return 0.0
    return eta * math.sqrt((1.0 - target) / (1.0 - now)) * math.sqrt(1.0 - now / target)


def ddpm(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,
    on_step: OnStep,
    eta: float,  # noqa: ARG001 - all samplers are called alike
) -> Tensor:
    """DDPM (Ho et al. 2020, arXiv 2006.11239): steps drawn from the posterior of eq. 6, with its variance of eq. 7.

    That is DDIM with eta 1, however many timesteps a step leaves out. Of first order, in distribution.
    """
    return ddim(denoise, latents, schedule, fresh_noise=fresh_noise, on_step=on_step, eta=1.0)


def pndm(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,  # noqa: ARG001 - all samplers are called alike
    on_step: OnStep,
    eta: float,  # noqa: ARG001
) -> Tensor:
    """PNDM by linear multistep alone, as Stable Diffusion's PLMS (Liu et al. 2022, arXiv 2202.09778, eq. 11 and 12).

    The noise of the last four steps, weighted as in Adams-Bashforth, is taken through DDIM's step. Having no history,
    the first step asks the network a second time, where it ends. Of second order.
    """
    history: list[Tensor] = []
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, noise = denoise(latents, index)
        on_step(index, clean)
        history = [*history[-3:], noise]
        if index == 0 and schedule.steps > 1:
            _, again = denoise(_transferred(latents, noise, now, target), index, target)
            noise = (noise + again) / 2.0
        elif len(history) == 2:
            noise = (3.0 * history[-1] - history[-2]) / 2.0
        elif len(history) == 3:
            noise = (23.0 * history[-1] - 16.0 * history[-2] + 5.0 * history[-3]) / 12.0
        elif len(history) == 4:
            noise = (55.0 * history[-1] - 59.0 * history[-2] + 37.0 * history[-3] - 9.0 * history[-4]) / 24.0
        latents = _transferred(latents, noise, now, target)
    return latents


def _transferred(latents: Tensor, noise: Tensor, now: float, target: float) -> Tensor:
    """DDIM's step along that noise (arXiv 2202.09778, eq. 9)."""
    now = max(now, SMALLEST_ALPHA_BAR)
    scaled = latents / math.sqrt(now) + (sigma_of(target) - sigma_of(now)) * noise
    return math.sqrt(target) * scaled


def lcm(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,
    on_step: OnStep,
    eta: float,  # noqa: ARG001 - all samplers are called alike
) -> Tensor:
    """Multistep consistency sampling, for models distilled to it (Luo et al. 2023, arXiv 2310.04378, algorithm 3).

    Each step goes to the clean picture at once, by the boundary scalings of section 4.1 as published with the model,
    then back to the next level with all noise fresh. Of no order: it rests on the model being consistent.
    """
    for index, target in enumerate(schedule.targets):
        clean, _ = denoise(latents, index)
        scaled = LCM_TIMESTEP_SCALING * schedule.timesteps[index]
        spread = scaled**2 + LCM_SIGMA_DATA**2
        clean = LCM_SIGMA_DATA**2 / spread * latents + scaled / math.sqrt(spread) * clean
        on_step(index, clean)
        latents = clean
        if target < 1.0:
            latents = math.sqrt(target) * clean + math.sqrt(1.0 - target) * fresh_noise()
    return latents
