"""Which noise levels a sampler visits, as plain double-precision numbers.

Notation: alpha_bar is the product of (1 - beta) up to a timestep (Ho et al. 2020, arXiv 2006.11239, eq. 4). A noisy
picture is x = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) n; divided by sqrt(alpha_bar) it is x0 + sigma n, with
sigma = sqrt((1 - alpha_bar) / alpha_bar) (Karras et al. 2022, arXiv 2206.00364). The spacings are those of Lin et al.
2023, arXiv 2305.08891, table 2, rounded as diffusers rounds them.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from trainer.contract.errors import UserError

Spacing = Literal["leading", "trailing", "linspace", "karras"]
Compatibility = Literal["gesso", "diffusers"]

KARRAS_RHO = 7.0
_SMALLEST_ALPHA_BAR = 2.0**-24
"""Stands in for the 0 at the end of a schedule with zero terminal SNR, whose sigma would be infinite."""


@dataclass(frozen=True)
class Schedule:
    """The steps of a sampler, from noise to picture. All tuples have one entry for each step."""

    timesteps: tuple[float, ...]
    """What the network is asked at: 0 to the number of trained timesteps - 1, perhaps between two of them."""
    alpha_bars: tuple[float, ...]
    """The noise level at which each step begins."""
    targets: tuple[float, ...]
    """The noise level at which each step ends; 1 is the clean picture."""
    start_scale: float = 1.0
    """Standard deviation of the noise that the first step begins with."""

    @property
    def steps(self) -> int:
        return len(self.timesteps)


def ddim_schedule(
    alphas_cumprod: Sequence[float], spacing: Spacing, steps: int, compatibility: Compatibility = "gesso"
) -> Schedule:
    """Whole timesteps; each step ends at the next *listed* timestep, and the last at timestep 0, still a little noisy.

    `compatibility="diffusers"` ends each step at t - total // steps instead, as that library does. The two differ
    for trailing spacing when `steps` doesn't divide the total, and for linspace.
    """
    _require_steps(steps, len(alphas_cumprod))
    if spacing == "karras":
        timesteps, alpha_bars = _karras_levels(alphas_cumprod, steps)
    else:
        whole = [round(timestep) for timestep in _spaced(spacing, steps, len(alphas_cumprod))]
        timesteps, alpha_bars = tuple(map(float, whole)), tuple(alphas_cumprod[timestep] for timestep in whole)
    targets = (*alpha_bars[1:], alphas_cumprod[0])
    if compatibility == "diffusers" and spacing != "karras":
        stride = len(alphas_cumprod) // steps
        targets = tuple(alphas_cumprod[max(round(timestep) - stride, 0)] for timestep in timesteps)
    return Schedule(timesteps, alpha_bars, targets)


def sigma_schedule(
    alphas_cumprod: Sequence[float], spacing: Spacing, steps: int, compatibility: Compatibility = "gesso"
) -> Schedule:
    """For samplers in sigma: timesteps may lie between two trained ones, and the last step ends at the clean picture.

    Between timesteps log(sigma) is linear in the timestep. diffusers makes sigma itself linear there, and begins
    with noise of sigma instead of sqrt(sigma^2 + 1) unless the spacing is leading; `compatibility="diffusers"` too.
    """
    _require_steps(steps, len(alphas_cumprod))
    as_diffusers = compatibility == "diffusers"
    if spacing == "karras":
        timesteps, alpha_bars = _karras_levels(alphas_cumprod, steps)
    else:
        timesteps = _spaced(spacing, steps, len(alphas_cumprod))
        alpha_bars = _alpha_bars_at(alphas_cumprod, timesteps, linear_sigma=as_diffusers)
    schedule = Schedule(timesteps, alpha_bars, (*alpha_bars[1:], 1.0))
    if as_diffusers and spacing != "leading":
        return replace(schedule, start_scale=math.sqrt(1.0 - alpha_bars[0]))
    return schedule


def dpm_schedule(
    alphas_cumprod: Sequence[float], spacing: Spacing, steps: int, compatibility: Compatibility = "gesso"
) -> Schedule:
    """As `sigma_schedule`, but what diffusers does differs: whole timesteps, and one more of them, less the last."""
    total = len(alphas_cumprod)
    if compatibility == "gesso":
        return sigma_schedule(alphas_cumprod, spacing, steps)
    _require_steps(steps, total)
    if spacing == "karras":
        fractional, alpha_bars = _karras_levels(alphas_cumprod, steps)
        timesteps = tuple(float(round(timestep)) for timestep in fractional)
    else:
        points = steps if spacing == "trailing" else min(steps + 1, total)
        whole = [round(timestep) for timestep in _spaced(spacing, points, total)][:steps]
        timesteps, alpha_bars = tuple(map(float, whole)), tuple(alphas_cumprod[timestep] for timestep in whole)
    return Schedule(timesteps, alpha_bars, (*alpha_bars[1:], 1.0))


def sigma_of(alpha_bar: float) -> float:
    """sqrt((1 - alpha_bar) / alpha_bar)."""
    alpha_bar = max(alpha_bar, _SMALLEST_ALPHA_BAR)
    return math.sqrt((1.0 - alpha_bar) / alpha_bar)


def alpha_bar_of(sigma: float) -> float:
    """1 / (sigma^2 + 1), the inverse of `sigma_of`."""
    return 1.0 / (sigma * sigma + 1.0)


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = KARRAS_RHO) -> tuple[float, ...]:
    """Sigmas from `sigma_max` down to `sigma_min` (Karras et al. 2022, arXiv 2206.00364, eq. 5, without the 0)."""
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return tuple((high + index / max(steps - 1, 1) * (low - high)) ** rho for index in range(steps))


def timestep_of(sigma: float, log_sigmas: Sequence[float]) -> float:
    """The timestep at which a model knows `sigma`, linear in log(sigma) between trained ones, within their range.

    `log_sigmas` are those of all trained timesteps, rising.
    """
    wanted = math.log(sigma)
    below = min(max(bisect_right(log_sigmas, wanted) - 1, 0), len(log_sigmas) - 2)
    share = (wanted - log_sigmas[below]) / (log_sigmas[below + 1] - log_sigmas[below])
    return below + min(max(share, 0.0), 1.0)


def _spaced(spacing: Spacing, steps: int, total: int) -> tuple[float, ...]:
    """Falling timesteps: multiples from below plus 1, multiples from above, or even from end to end, with fractions."""
    if spacing == "leading":
        stride = total // steps
        # the offset is 1 as in Stable Diffusion, except where it would ask for a timestep that doesn't exist
        offset = 1 if (steps - 1) * stride + 1 < total else 0
        return tuple(float(index * stride + offset) for index in reversed(range(steps)))
    if spacing == "trailing":
        # not simply total / steps: numpy, and so diffusers, takes the stride from the first two of its numbers,
        # and that last digit decides how halves are rounded
        stride = total - (total - total / steps)
        return tuple(float(round(total - index * stride) - 1) for index in range(steps))
    if steps == 1:
        return (float(total - 1),)
    even = [index * ((total - 1) / (steps - 1)) for index in range(steps)]
    return (float(total - 1), *reversed(even[:-1]))


def _karras_levels(alphas_cumprod: Sequence[float], steps: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    sigmas = karras_sigmas(steps, sigma_of(alphas_cumprod[0]), sigma_of(alphas_cumprod[-1]))
    log_sigmas = [math.log(sigma_of(alpha_bar)) for alpha_bar in alphas_cumprod]
    return tuple(timestep_of(sigma, log_sigmas) for sigma in sigmas), tuple(alpha_bar_of(sigma) for sigma in sigmas)


def _alpha_bars_at(
    alphas_cumprod: Sequence[float], timesteps: Sequence[float], *, linear_sigma: bool
) -> tuple[float, ...]:
    levels: list[float] = []
    for timestep in timesteps:
        below = min(int(timestep), len(alphas_cumprod) - 2)
        share = timestep - below
        low, high = sigma_of(alphas_cumprod[below]), sigma_of(alphas_cumprod[below + 1])
        sigma = low + share * (high - low) if linear_sigma else low * (high / low) ** share
        levels.append(alpha_bar_of(sigma))
    return tuple(levels)


def _require_steps(steps: int, total: int) -> None:
    if not 1 <= steps <= total:
        raise UserError(
            f"{steps} steps were asked for, but this model knows {total} noise levels.",
            f"Set steps to a number from 1 to {total}; 20 to 30 are usual.",
        )
