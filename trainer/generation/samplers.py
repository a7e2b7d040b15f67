"""Samplers: how noise becomes a picture, one plain function each, and the table that names them.

A sampler is given a denoiser, the noise to begin with, and a schedule (trainer/generation/schedule.py). Latents are
[B, C, h, w] in fp32, in the scale of training: x = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) n.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from trainer.contract.common import NoiseName, SamplerName
from trainer.generation.philox import PhiloxGenerator
from trainer.generation.schedule import (
    Compatibility,
    Schedule,
    Spacing,
    ddim_schedule,
    dpm_schedule,
    sigma_of,
    sigma_schedule,
)

Denoiser = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""(noisy latents, index of the step) to (predicted clean latents, predicted noise)."""

FreshNoise = Callable[[], Tensor]
"""Standard normal noise in the shape of the latents, new at each call."""

OnStep = Callable[[int, Tensor], None]
"""Called in each step with its index and the predicted clean latents. May raise, to stop."""


class SamplerFunction(Protocol):
    def __call__(
        self,
        denoise: Denoiser,
        latents: Tensor,
        schedule: Schedule,
        *,
        fresh_noise: FreshNoise,
        on_step: OnStep,
        eta: float,
    ) -> Tensor: ...


def denoiser(
    predict: Callable[[Tensor, int], Tensor], schedule: Schedule, prediction: Literal["epsilon", "v_prediction"]
) -> Denoiser:
    """A denoiser from a network that predicts noise, or v (Salimans and Ho 2022, arXiv 2202.00512, appendix D)."""
    signals = [math.sqrt(alpha_bar) for alpha_bar in schedule.alpha_bars]
    noises = [math.sqrt(1.0 - alpha_bar) for alpha_bar in schedule.alpha_bars]

    def from_epsilon(noisy: Tensor, index: int) -> tuple[Tensor, Tensor]:
        noise = predict(noisy, index)
        return (noisy - noises[index] * noise) / signals[index], noise

    def from_v(noisy: Tensor, index: int) -> tuple[Tensor, Tensor]:
        velocity = predict(noisy, index)
        signal, noise = signals[index], noises[index]
        return signal * noisy - noise * velocity, signal * velocity + noise * noisy

    return from_epsilon if prediction == "epsilon" else from_v


def ddim(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,
    on_step: OnStep,
    eta: float,
) -> Tensor:
    """DDIM (Song et al. 2020, arXiv 2010.02502): each step is eq. 12, its sigma is eq. 16. eta 0 to 1; 1 is DDPM."""
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


def euler(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,  # noqa: ARG001 - all samplers are called alike
    on_step: OnStep,
    eta: float,  # noqa: ARG001
) -> Tensor:
    """Euler's method in sigma (Karras et al. 2022, arXiv 2206.00364, algorithm 1 without its second-order part)."""
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
    eta: float,  # noqa: ARG001 - all samplers are called alike
) -> Tensor:
    """Euler steps to below the next sigma, then fresh noise up to it (the ancestral sampling of k-diffusion)."""
    scaled = latents / math.sqrt(schedule.alpha_bars[0])
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, slope = denoise(scaled * math.sqrt(now), index)
        on_step(index, clean)
        sigma, next_sigma = sigma_of(now), sigma_of(target)
        sigma_up = next_sigma * math.sqrt(max(1.0 - (next_sigma / sigma) ** 2, 0.0))
        sigma_down = math.sqrt(next_sigma**2 - sigma_up**2)
        scaled = scaled + (sigma_down - sigma) * slope
        if sigma_up > 0.0:
            scaled = scaled + sigma_up * fresh_noise()
    return scaled * math.sqrt(schedule.targets[-1])


def dpmpp_2m(
    denoise: Denoiser,
    latents: Tensor,
    schedule: Schedule,
    *,
    fresh_noise: FreshNoise,  # noqa: ARG001 - all samplers are called alike
    on_step: OnStep,
    eta: float,  # noqa: ARG001
) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, algorithm 2).

    The first step is of first order, having no history, and so is one that ends at the clean picture, where the
    half-logSNR lambda is infinite.
    """
    history: tuple[Tensor, float] | None = None
    for index, (now, target) in enumerate(zip(schedule.alpha_bars, schedule.targets, strict=True)):
        clean, _ = denoise(latents, index)
        on_step(index, clean)
        data = clean
        step = _half_log_snr(target) - _half_log_snr(now)
        if history is not None and target < 1.0:
            earlier, earlier_step = history
            ratio = earlier_step / step
            data = (1.0 + 0.5 / ratio) * clean - 0.5 / ratio * earlier
        # sigma_t / sigma_s and alpha_t (1 - exp(-h)) of the paper
        shrink = math.sqrt((1.0 - target) / (1.0 - now))
        latents = shrink * latents + (math.sqrt(target) - math.sqrt(now) * shrink) * data
        history = clean, step
    return latents


def _half_log_snr(alpha_bar: float) -> float:
    """lambda of the DPM-Solver papers: log(sqrt(alpha_bar) / sqrt(1 - alpha_bar))."""
    return math.inf if alpha_bar == 1.0 else -math.log(sigma_of(alpha_bar))


@dataclass(frozen=True)
class Sampler:
    """An entry of `SAMPLERS`."""

    label: str
    function: SamplerFunction
    schedule: Callable[[Sequence[float], Spacing, int, Compatibility], Schedule]
    default_spacing: Spacing
    takes_eta: bool = False
    """Whether `eta` has any effect."""


SAMPLERS: Mapping[SamplerName, Sampler] = {
    "ddim": Sampler("DDIM", ddim, ddim_schedule, "leading", takes_eta=True),
    "euler": Sampler("Euler", euler, sigma_schedule, "linspace"),
    "euler_a": Sampler("Euler a", euler_ancestral, sigma_schedule, "linspace"),
    "dpmpp_2m": Sampler("DPM++ 2M", dpmpp_2m, dpm_schedule, "karras"),
}


class NoiseGenerator(Protocol):
    """The noise of one picture, drawn one tensor after the other."""

    def randn(self, shape: Sequence[int]) -> Tensor:
        """Standard normal, in fp32 on the CPU."""
        ...


class TorchGenerator:
    """torch's own generator on the CPU."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def randn(self, shape: Sequence[int]) -> Tensor:
        return torch.randn(tuple(shape), generator=self._generator, dtype=torch.float32)


GENERATORS: Mapping[NoiseName, Callable[[int], NoiseGenerator]] = {"cpu": TorchGenerator, "nv": PhiloxGenerator}


def generators(seeds: Sequence[int], noise: NoiseName = "cpu") -> list[NoiseGenerator]:
    """One generator on the CPU for each picture, so that neither batch size nor device changes its noise."""
    return [GENERATORS[noise](seed) for seed in seeds]


def noise_source(
    sources: Sequence[NoiseGenerator], shape: Sequence[int], device: torch.device | str = "cpu"
) -> FreshNoise:
    """Noise of `shape` (of one picture: C, h, w) for each generator in turn: [B, C, h, w] in fp32 on `device`."""

    def fresh() -> Tensor:
        return torch.stack([source.randn(shape) for source in sources]).to(device)

    return fresh
