"""The DPM-Solver++ family and UniPC: exact in the linear part, by h, the step in half-logSNR lambda.

See samplers.py for how they are called. A step that ends at the clean picture, where lambda is infinite, is the
prediction itself in all of them. The stochastic ones take their noise from `fresh_noise`, a fixed number of draws in
each step: not from the Brownian tree of k-diffusion, whose noise depends on the sigmas alone and not on their number.
The increments have the same distribution.
"""

import math

from torch import Tensor

from trainer.generation.denoising import Denoiser, FreshNoise, OnStep, half_log_snr
from trainer.generation.samplers_euler import ancestral_sigmas
from trainer.generation.schedule import Schedule, alpha_bar_of, sigma_of

LONGEST_EXTRAPOLATION = 2.0
"""The longest step, in lengths of the one before it, over which DPM++ 3M SDE extrapolates."""


def dpmpp_2m(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,  # noqa: ARG001 - all samplers are called alike
    on_step: OnStep,
    eta: float,  # noqa: ARG001
) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, algorithm 2). Of second order.

    The first step is of first order, having no history, and so is one that ends at the clean picture.
    """
    history: tuple[Tensor, float] | None = None
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, _ = denoise(latents, index)
        on_step(index, clean)
        data = clean
        step = half_log_snr(target) - half_log_snr(now)
        if history is not None and target < 1.0:
            earlier, earlier_step = history
            ratio = earlier_step / step
            data = (1.0 + 0.5 / ratio) * clean - 0.5 / ratio * earlier
        # sigma_t / sigma_s and alpha_t (1 - exp(-h)) of the paper
        shrink = math.sqrt((1.0 - target) / (1.0 - now))
        latents = shrink * latents + (math.sqrt(target) - math.sqrt(now) * shrink) * data
        history = clean, step
    return latents


def dpmpp_2m_sde(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,
    on_step: OnStep,
    eta: float,
) -> Tensor:
    """SDE-DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, eq. 18 and appendix A.2), the midpoint kind.

    eta 1 is the paper's; 0 is DPM++ 2M. Of second order, with noise too (in distribution, on Gaussian data).
    """
    history: tuple[Tensor, float] | None = None
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, _ = denoise(latents, index)
        on_step(index, clean)
        if target == 1.0:
            return clean
        step = half_log_snr(target) - half_log_snr(now)
        data = clean
        if history is not None:
            earlier, earlier_step = history
            data = clean + 0.5 * step / earlier_step * (clean - earlier)
        latents = _sde_step(latents, -math.expm1(-(1.0 + eta) * step) * data, now, target, step, eta, fresh_noise)
        history = clean, step
    return latents


def dpmpp_3m_sde(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,
    on_step: OnStep,
    eta: float,
) -> Tensor:
    """DPM++ 3M SDE of k-diffusion: as 2M SDE, with the two steps before in a parabola.

    Of third order once it has its history; the first steps leave it at second order in all. A step much longer than the
    one before it, as the last of the spacings in even timesteps, is of first order: the parabola runs away there.
    """
    history: list[tuple[Tensor, float]] = []
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, _ = denoise(latents, index)
        on_step(index, clean)
        if target == 1.0:
            return clean
        step = half_log_snr(target) - half_log_snr(now)
        whole = (1.0 + eta) * step
        # weights of the data, of its slope and of its bend over lambda in an exponential integrator
        phi_1 = -math.expm1(-whole)
        phi_2 = 1.0 - phi_1 / whole
        phi_3 = phi_2 / whole - 0.5
        data = phi_1 * clean
        if history and step <= LONGEST_EXTRAPOLATION * history[-1][1]:
            (earlier, earlier_step), *before = reversed(history)
            ratio = earlier_step / step
            slope = (clean - earlier) / ratio
            if before:
                earliest, earliest_step = before[0]
                ratio_before = earliest_step / step
                bend = (slope - (earlier - earliest) / ratio_before) / (ratio + ratio_before)
                slope = slope + ratio * bend
                data = data - phi_3 * bend
            data = data + phi_2 * slope
        latents = _sde_step(latents, data, now, target, step, eta, fresh_noise)
        history = [*history[-1:], (clean, step)]
    return latents


def _sde_step(
    latents: Tensor, data: Tensor, now: float, target: float, step: float, eta: float, fresh_noise: FreshNoise
) -> Tensor:
    """What is left of the latents, and data and fresh noise in its place; `data` holds its weight but for alpha_t."""
    left = math.sqrt((1.0 - target) / (1.0 - now)) * math.exp(-eta * step)
    latents = left * latents + math.sqrt(target) * data
    if eta > 0.0:
        latents = latents + math.sqrt((1.0 - target) * -math.expm1(-2.0 * eta * step)) * fresh_noise()
    return latents


def dpmpp_sde(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,
    on_step: OnStep,
    eta: float,
) -> Tensor:
    """DPM++ SDE of k-diffusion: ancestral steps, the data taken at the middle of each in lambda (DPM-Solver++(2S), Lu
    et al. 2022, arXiv 2211.01095, algorithm 1, with r = 1/2).

    Two calls and two draws in each step. The noise of the whole step goes on from that of its first half, as
    Brownian motion in sigma does. Of second order, with noise too (in distribution, on Gaussian data).
    """
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, _ = denoise(latents, index)
        on_step(index, clean)
        if target == 1.0:
            return clean
        sigma, next_sigma = sigma_of(now), sigma_of(target)
        sigma_middle = math.sqrt(sigma * next_sigma)
        middle = alpha_bar_of(sigma_middle)
        noise = first = None
        if eta > 0.0:
            first, second = fresh_noise(), fresh_noise()
            share = (sigma - sigma_middle) / (sigma - next_sigma)
            noise = math.sqrt(share) * first + math.sqrt(1.0 - share) * second
        halfway = _ancestral_step(latents, clean, first, (now, middle), eta)
        clean, _ = denoise(halfway, index, middle)
        latents = _ancestral_step(latents, clean, noise, (now, target), eta)
    return latents


def _ancestral_step(
    latents: Tensor, clean: Tensor, noise: Tensor | None, levels: tuple[float, float], eta: float
) -> Tensor:
    """From the first level to the second, towards `clean`."""
    now, target = levels
    sigma = sigma_of(now)
    sigma_down, sigma_up = ancestral_sigmas(sigma, sigma_of(target), eta)
    # latents / sqrt(1 - now) is x / sigma, also where sigma is infinite
    scaled = sigma_down / math.sqrt(1.0 - now) * latents + (1.0 - sigma_down / sigma) * clean
    if noise is not None:
        scaled = scaled + sigma_up * noise
    return math.sqrt(target) * scaled


def unipc(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,  # noqa: ARG001 - all samplers are called alike
    on_step: OnStep,
    eta: float,  # noqa: ARG001
) -> Tensor:
    """UniPC-2 (Zhao et al. 2023, arXiv 2302.04867, algorithms 5 to 8) on the data prediction, with B(h) = e^h - 1.

    Each call to the network corrects the step before it and predicts the next: DPM++ 2M is its predictor. The corrector
    makes it of third order; the last step, of first order as in diffusers, leaves it at second in all.
    """
    history: list[tuple[Tensor, float]] = []
    corrected = latents
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, _ = denoise(latents, index)
        on_step(index, clean)
        here = half_log_snr(now)
        if history:
            corrected = _unipc_step(corrected, history, schedule.alpha_bars[index - 1], now, clean)
        history = [*history[-1:], (clean, here)]
        order = history[-1:] if index == schedule.steps - 1 else history
        latents = _unipc_step(corrected, order, now, target, None)
    return latents


def _unipc_step(
    latents: Tensor, history: list[tuple[Tensor, float]], now: float, target: float, found: Tensor | None
) -> Tensor:
    """From level `now` to `target`; corrected by the data `found` there, where it is given.

    `history` is the data of one or two levels with their lambda, that of `now` last: as many as the order.
    """
    clean, here = history[-1]
    shrink = math.sqrt((1.0 - target) / (1.0 - now))
    if target == 1.0:
        return clean
    step = half_log_snr(target) - here
    data = clean
    if len(history) == 1:
        if found is not None:
            data = clean + 0.5 * (found - clean)
    else:
        earlier, there = history[0]
        ratio = (there - here) / step
        slope = (earlier - clean) / ratio
        if found is None:
            data = clean + 0.5 * slope
        else:
            first, last = _corrector_weights(step, ratio)
            data = clean + first * slope + last * (found - clean)
    return shrink * latents - math.sqrt(target) * math.expm1(-step) * data


def _corrector_weights(step: float, ratio: float) -> tuple[float, float]:
    """rho of UniC-2: of the slope to the level at `ratio` steps from here, and of the one to where the step ends."""
    first = (math.expm1(-step) / -step - 1.0) / math.expm1(-step)
    second = 2.0 * ((math.expm1(-step) / -step - 1.0) / -step - 0.5) / math.expm1(-step)
    weight = (first - second) / (1.0 - ratio)
    return weight, first - weight
