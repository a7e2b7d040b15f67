"""Samplers in sigma: Euler and its relatives of two calls in each step. See samplers.py for how they are called.

They work on x / sqrt(alpha_bar), whose slope over sigma is the predicted noise (Karras et al. 2022, arXiv 2206.00364).
"""

import math

from torch import Tensor

from trainer.generation.denoising import Denoiser, FreshNoise, OnStep
from trainer.generation.schedule import Schedule, alpha_bar_of, sigma_of


def euler(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,  # noqa: ARG001 - all samplers are called alike
    on_step: OnStep,
    eta: float,  # noqa: ARG001
) -> Tensor:
    """Euler's method in sigma (Karras et al. 2022, arXiv 2206.00364, algorithm 1 without its second-order part).

    Of first order; the same as DDIM with eta 0.
    """
    scaled = latents / math.sqrt(schedule.alpha_bars[0])
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        # the slope (scaled - clean) / sigma is the predicted noise itself
        clean, slope = denoise(scaled * math.sqrt(now), index)
        on_step(index, clean)
        scaled = scaled + (sigma_of(target) - sigma_of(now)) * slope
    return scaled * math.sqrt(schedule.targets[-1])


def euler_ancestral(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,
    on_step: OnStep,
    eta: float,
) -> Tensor:
    """Euler steps to below the next sigma, then fresh noise up to it (the ancestral sampling of k-diffusion).

    Of first order, in distribution. eta 0 is Euler.
    """
    scaled = latents / math.sqrt(schedule.alpha_bars[0])
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, slope = denoise(scaled * math.sqrt(now), index)
        on_step(index, clean)
        sigma = sigma_of(now)
        sigma_down, sigma_up = ancestral_sigmas(sigma, sigma_of(target), eta)
        scaled = scaled + (sigma_down - sigma) * slope
        if sigma_up > 0.0:
            scaled = scaled + sigma_up * fresh_noise()
    return scaled * math.sqrt(schedule.targets[-1])


def ancestral_sigmas(sigma: float, next_sigma: float, eta: float) -> tuple[float, float]:
    """(sigma to step down to, sigma of the noise that leads up to the next): their squares add to the next one's."""
    sigma_up = min(next_sigma, eta * next_sigma * math.sqrt(max(1.0 - (next_sigma / sigma) ** 2, 0.0)))
    return math.sqrt(next_sigma**2 - sigma_up**2), sigma_up


def heun(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,  # noqa: ARG001 - all samplers are called alike
    on_step: OnStep,
    eta: float,  # noqa: ARG001
) -> Tensor:
    """Heun's method in sigma (Karras et al. 2022, arXiv 2206.00364, algorithm 1): the mean of the slopes at both ends.

    Of second order; two calls in each step but one that ends at the clean picture, which is Euler's.
    """
    scaled = latents / math.sqrt(schedule.alpha_bars[0])
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, slope = denoise(scaled * math.sqrt(now), index)
        on_step(index, clean)
        step = sigma_of(target) - sigma_of(now)
        if target < 1.0:
            _, later = denoise((scaled + step * slope) * math.sqrt(target), index, target)
            slope = (slope + later) / 2.0
        scaled = scaled + step * slope
    return scaled * math.sqrt(schedule.targets[-1])


def dpm_2(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,  # noqa: ARG001 - all samplers are called alike
    on_step: OnStep,
    eta: float,  # noqa: ARG001
) -> Tensor:
    """DPM2 of k-diffusion: the slope at the middle of the step in log(sigma), after DPM-Solver-2 (Lu et al. 2022,
    arXiv 2206.00927, algorithm 1).

    Of second order; two calls in each step but one that ends at the clean picture, which is Euler's.
    """
    scaled = latents / math.sqrt(schedule.alpha_bars[0])
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, slope = denoise(scaled * math.sqrt(now), index)
        on_step(index, clean)
        sigma, next_sigma = sigma_of(now), sigma_of(target)
        if target < 1.0:
            sigma_middle = math.sqrt(sigma * next_sigma)
            middle = alpha_bar_of(sigma_middle)
            _, slope = denoise((scaled + (sigma_middle - sigma) * slope) * math.sqrt(middle), index, middle)
        scaled = scaled + (next_sigma - sigma) * slope
    return scaled * math.sqrt(schedule.targets[-1])
