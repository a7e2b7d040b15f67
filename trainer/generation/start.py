"""Where sampling begins: at noise, or at a picture with so much noise that a share of the steps is left to take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from trainer.generation.denoising import Denoiser, FreshNoise
from trainer.generation.schedule import Schedule

_PARALLEL = 1e-4
"""Sines below this belong to directions between which there is no arc to go along."""


@dataclass(frozen=True)
class Start:
    """A picture to begin from (SDEdit, Meng et al. 2021, arXiv 2108.01073)."""

    latents: Tensor
    """[1 or B, C, h, w], scaled, in fp32 on the bundle's device."""
    strength: float
    """Share of the steps that is taken; 1 begins with noise alone."""
    mask: Tensor | None = None
    """[1, 1, h, w], 1 where to paint anew and 0 where to keep."""
    fill: Literal["original", "noise", "nothing"] = "original"
    """What the masked part is taken to be before noise is added."""
    keeps: bool = True
    """Whether what is not masked is laid back in each step. A model that inpaints sees it and needs no such help."""

    def kept(self, latents: Tensor) -> Tensor:
        """These latents, but what is not masked as it was."""
        return latents if self.mask is None or not self.keeps else torch.where(self.mask > 0, latents, self.latents)


@dataclass(frozen=True)
class Turn:
    """Other seeds, one for each picture, and how far the noise is turned towards theirs: 0 to 1."""

    seeds: Sequence[int]
    strength: float


def steps_taken(steps: int, strength: float) -> int:
    """How many of a schedule's steps are taken: int(steps * strength), as in diffusers, but at least one."""
    # 0.29 * 100 is a little less than 29
    return max(int(steps * strength + 1e-9), 1)


def tail(schedule: Schedule, steps: int) -> Schedule:
    """The last so many steps of a schedule."""
    first = schedule.steps - steps
    return replace(
        schedule,
        timesteps=schedule.timesteps[first:],
        alpha_bars=schedule.alpha_bars[first:],
        targets=schedule.targets[first:],
    )


def first_latents(start: Start | None, fresh_noise: FreshNoise, schedule: Schedule) -> Tensor:
    """What the first step of the schedule (its tail, where there is a start) is given: [B, C, h, w]."""
    noise = fresh_noise()
    if start is None:
        return noise * schedule.start_scale
    clean = start.latents
    if start.mask is not None and start.fill != "original":
        inside = fresh_noise() if start.fill == "noise" else torch.zeros_like(clean)
        clean = torch.where(start.mask > 0, inside, clean)
    level = schedule.alpha_bars[0]
    noisy = math.sqrt(level) * clean + math.sqrt(1.0 - level) * noise
    if start.strength < 1.0:
        return noisy
    pure = noise * schedule.start_scale
    return torch.where(start.mask > 0, pure, noisy) if start.keeps and start.mask is not None else pure


def keeping(denoise: Denoiser, start: Start, schedule: Schedule) -> Denoiser:
    """A denoiser that knows what is not masked: there the clean picture is the source, and the noise what is left.

    So each step of any sampler ends, outside the mask, at the source with the noise that belongs there. With a
    deterministic sampler this is the same noise in every step, as in Blended Latent Diffusion (Avrahami et al. 2022,
    arXiv 2206.02779, algorithm 1) and in diffusers.
    """
    mask, source = start.mask, start.latents
    if mask is None:
        return denoise
    inside = mask > 0

    def kept(noisy: Tensor, index: int, alpha_bar: float | None = None, /) -> tuple[Tensor, Tensor]:
        clean, noise = denoise(noisy, index, alpha_bar)
        level = schedule.alpha_bars[index] if alpha_bar is None else alpha_bar
        left = (noisy - math.sqrt(level) * source) / math.sqrt(1.0 - level)
        return torch.where(inside, clean, source), torch.where(inside, noise, left)

    return kept


def turned(fresh_noise: FreshNoise, other: FreshNoise, strength: float) -> FreshNoise:
    """The same source of noise, its first noise turned towards that of the other by `strength`, 0 to 1."""
    first = True

    def fresh() -> Tensor:
        nonlocal first
        noise = fresh_noise()
        if not first:
            return noise
        first = False
        return between(noise, other(), strength)

    return fresh


def between(noise: Tensor, other: Tensor, share: float) -> Tensor:
    """From one noise [B, C, h, w] towards another along a great circle (Shoemake 1985), so that it stays as strong.

    Each column of h numbers goes its own way, as in stable-diffusion-webui (modules/rng.py, slerp), whose variations
    come out the same therefore.
    """
    cosine = torch.nn.functional.cosine_similarity(noise, other, dim=2).clamp(-1.0, 1.0)
    angle = torch.acos(cosine)
    sine = torch.sin(angle)
    is_arc = sine > _PARALLEL
    divisor = torch.where(is_arc, sine, 1.0)
    own = torch.where(is_arc, torch.sin((1.0 - share) * angle) / divisor, 1.0 - share)
    others = torch.where(is_arc, torch.sin(share * angle) / divisor, share)
    return own[:, :, None] * noise + others[:, :, None] * other
