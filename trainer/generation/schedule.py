"""Which noise levels a sampler visits, from the spacing that was asked for and what the model knows.

Notation: alpha_bar is the product of (1 - beta) up to a timestep (Ho et al. 2020, arXiv 2006.11239, eq. 4). A noisy
picture is x = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) n; divided by sqrt(alpha_bar) it is x0 + sigma n, with
sigma = sqrt((1 - alpha_bar) / alpha_bar) (Karras et al. 2022, arXiv 2206.00364). All in double precision.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from trainer.contract.errors import UserError
from trainer.generation.spacing import (
    Spacing,
    ays_sigmas,
    beta_sigmas,
    beta_timesteps,
    exponential_sigmas,
    karras_sigmas,
    whole_timesteps,
)

Compatibility = Literal["gesso", "diffusers"]

SMALLEST_ALPHA_BAR = 2.0**-24
"""Stands in for the 0 at the end of a schedule with zero terminal SNR, whose sigma would be infinite."""

LCM_TIMESTEPS = 50
"""How many timesteps a latent consistency model was distilled at (Luo et al. 2023, arXiv 2310.04378, section 4.3)."""

_MOST_STEPS = 1000
"""Where the model itself sets no bound."""


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
    timestep_at: Callable[[float], float] = field(kw_only=True, compare=False)
    """What the network is asked at for any alpha_bar: samplers of more than one call ask within a step too."""

    @property
    def steps(self) -> int:
        return len(self.timesteps)


def ddim_schedule(
    alphas_cumprod: Sequence[float],
    spacing: Spacing,
    steps: int,
    compatibility: Compatibility = "gesso",
    family: str = "sd1",
) -> Schedule:
    """Whole timesteps; each step ends at the next *listed* timestep, and the last at timestep 0, still a little noisy.

    `compatibility="diffusers"` ends each step at t - total // steps instead, as that library does. The two differ
    for trailing spacing when `steps` doesn't divide the total, and for linspace.
    """
    _require_steps(steps, len(alphas_cumprod))
    if spacing not in ("leading", "trailing", "linspace"):
        timesteps, alpha_bars = _fractional(alphas_cumprod, spacing, steps, compatibility, family)
        return _schedule(alphas_cumprod, timesteps, alpha_bars, alphas_cumprod[0])
    whole = [round(timestep) for timestep in whole_timesteps(spacing, steps, len(alphas_cumprod))]
    alpha_bars = tuple(alphas_cumprod[timestep] for timestep in whole)
    schedule = _schedule(alphas_cumprod, tuple(map(float, whole)), alpha_bars, alphas_cumprod[0])
    if compatibility == "diffusers":
        stride = len(alphas_cumprod) // steps
        return replace(schedule, targets=tuple(alphas_cumprod[max(timestep - stride, 0)] for timestep in whole))
    return schedule


def ddpm_schedule(
    alphas_cumprod: Sequence[float],
    spacing: Spacing,
    steps: int,
    compatibility: Compatibility = "gesso",
    family: str = "sd1",
) -> Schedule:
    """As `ddim_schedule`, but the last step ends at the clean picture (Ho et al. 2020, arXiv 2006.11239, alg. 2).

    Each other ends at the next listed timestep: diffusers has it so too here.
    """
    schedule = ddim_schedule(alphas_cumprod, spacing, steps, compatibility, family)
    return replace(schedule, targets=(*schedule.alpha_bars[1:], 1.0))


def sigma_schedule(
    alphas_cumprod: Sequence[float],
    spacing: Spacing,
    steps: int,
    compatibility: Compatibility = "gesso",
    family: str = "sd1",
) -> Schedule:
    """For samplers in sigma: timesteps may lie between two trained ones, and the last step ends at the clean picture.

    Between timesteps log(sigma) is linear in the timestep. diffusers makes sigma itself linear there, and begins
    with noise of sigma instead of sqrt(sigma^2 + 1) unless the spacing is leading; `compatibility="diffusers"` too.
    """
    _require_steps(steps, len(alphas_cumprod))
    as_diffusers = compatibility == "diffusers"
    timesteps, alpha_bars = _fractional(alphas_cumprod, spacing, steps, compatibility, family)
    schedule = _schedule(alphas_cumprod, timesteps, alpha_bars, 1.0)
    if as_diffusers and spacing != "leading":
        return replace(schedule, start_scale=math.sqrt(1.0 - alpha_bars[0]))
    return schedule


def dpm_schedule(
    alphas_cumprod: Sequence[float],
    spacing: Spacing,
    steps: int,
    compatibility: Compatibility = "gesso",
    family: str = "sd1",
) -> Schedule:
    """As `sigma_schedule`, but what diffusers does differs: whole timesteps, and one more of them, less the last."""
    total = len(alphas_cumprod)
    if compatibility == "gesso":
        return sigma_schedule(alphas_cumprod, spacing, steps, family=family)
    _require_steps(steps, total)
    if spacing not in ("leading", "trailing", "linspace"):
        timesteps, alpha_bars = _fractional(alphas_cumprod, spacing, steps, compatibility, family)
        if spacing == "karras":  # for others it cuts fractions off, by which 999 may become 998: not followed here
            timesteps = tuple(float(round(timestep)) for timestep in timesteps)
    else:
        points = steps if spacing == "trailing" else min(steps + 1, total)
        whole = [round(timestep) for timestep in whole_timesteps(spacing, points, total)][:steps]
        timesteps, alpha_bars = tuple(map(float, whole)), tuple(alphas_cumprod[timestep] for timestep in whole)
    return _schedule(alphas_cumprod, timesteps, alpha_bars, 1.0)


def lcm_schedule(
    alphas_cumprod: Sequence[float],
    spacing: Spacing,
    steps: int,
    compatibility: Compatibility = "gesso",
    family: str = "sd1",
) -> Schedule:
    """For a consistency model, at most `LCM_TIMESTEPS` steps. Its own spacing, trailing, takes evenly from the
    timesteps that it was distilled at; with another one it is asked at those of `ddpm_schedule`."""
    if not 1 <= steps <= LCM_TIMESTEPS:
        raise UserError(
            f"{steps} steps were asked for, but a latent consistency model was made for {LCM_TIMESTEPS} at most.",
            "Set steps to a number from 1 to 50; 4 to 8 are usual.",
        )
    if spacing != "trailing":
        return ddpm_schedule(alphas_cumprod, spacing, steps, compatibility, family)
    known = min(LCM_TIMESTEPS, len(alphas_cumprod))
    stride = len(alphas_cumprod) // known
    whole = [(known - index * known // steps) * stride - 1 for index in range(steps)]
    alpha_bars = tuple(alphas_cumprod[timestep] for timestep in whole)
    return _schedule(alphas_cumprod, tuple(map(float, whole)), alpha_bars, 1.0)


def range_schedule(
    sigma_range: tuple[float, float], spacing: Spacing | Literal["auto"], steps: int, family: str
) -> Schedule:
    """For a model that knows all sigmas from the least to the greatest of `sigma_range` and is asked at 0.25 ln(sigma)
    (Karras et al. 2022, arXiv 2206.00364, table 1). `auto` is karras. Raises UserError for spacings in timesteps."""
    _require_steps(steps, _MOST_STEPS)
    if spacing in ("auto", "karras"):
        sigmas = karras_sigmas(steps, *sigma_range)
    elif spacing == "exponential":
        sigmas = exponential_sigmas(steps, *sigma_range)
    elif spacing == "ays":
        sigmas = ays_sigmas(family, steps)
    else:
        raise UserError(
            f"The spacing {spacing} counts timesteps, and this model has none.",
            "Set sampling.spacing to karras, exponential or ays; auto is karras.",
        )
    alpha_bars = tuple(map(alpha_bar_of, sigmas))
    timesteps = tuple(map(_edm_timestep, alpha_bars))
    return Schedule(timesteps, alpha_bars, (*alpha_bars[1:], 1.0), timestep_at=_edm_timestep)


def sigma_of(alpha_bar: float) -> float:
    """sqrt((1 - alpha_bar) / alpha_bar)."""
    alpha_bar = max(alpha_bar, SMALLEST_ALPHA_BAR)
    return math.sqrt((1.0 - alpha_bar) / alpha_bar)


def alpha_bar_of(sigma: float) -> float:
    """1 / (sigma^2 + 1), the inverse of `sigma_of`."""
    return 1.0 / (sigma * sigma + 1.0)


def timestep_of(sigma: float, log_sigmas: Sequence[float]) -> float:
    """The timestep at which a model knows `sigma`, linear in log(sigma) between trained ones, within their range.

    `log_sigmas` are those of all trained timesteps, rising.
    """
    wanted = math.log(sigma)
    below = min(max(bisect_right(log_sigmas, wanted) - 1, 0), len(log_sigmas) - 2)
    share = (wanted - log_sigmas[below]) / (log_sigmas[below + 1] - log_sigmas[below])
    return below + min(max(share, 0.0), 1.0)


def _schedule(
    alphas_cumprod: Sequence[float], timesteps: tuple[float, ...], alpha_bars: tuple[float, ...], last: float
) -> Schedule:
    """Each step ends where the next begins, and the last at the level `last`."""
    log_sigmas = _log_sigmas(alphas_cumprod)
    return Schedule(
        timesteps,
        alpha_bars,
        (*alpha_bars[1:], last),
        timestep_at=lambda alpha_bar: timestep_of(sigma_of(alpha_bar), log_sigmas),
    )


def _edm_timestep(alpha_bar: float) -> float:
    return 0.25 * math.log(sigma_of(alpha_bar))


def _log_sigmas(alphas_cumprod: Sequence[float]) -> list[float]:
    return [math.log(sigma_of(alpha_bar)) for alpha_bar in alphas_cumprod]


def _fractional(
    alphas_cumprod: Sequence[float], spacing: Spacing, steps: int, compatibility: Compatibility, family: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Timesteps, perhaps between two trained ones, and their alpha_bars."""
    total, as_diffusers = len(alphas_cumprod), compatibility == "diffusers"
    sigma_range = sigma_of(alphas_cumprod[0]), sigma_of(alphas_cumprod[-1])
    match spacing:
        case "karras":
            sigmas = karras_sigmas(steps, *sigma_range)
        case "exponential":
            sigmas = exponential_sigmas(steps, *sigma_range)
        case "ays":
            sigmas = ays_sigmas(family, steps)
        case "beta" if as_diffusers:
            sigmas = beta_sigmas(steps, *sigma_range)
        case "beta":
            timesteps = beta_timesteps(steps, total)
            return timesteps, _alpha_bars_at(alphas_cumprod, timesteps, linear_sigma=False)
        case _:
            timesteps = whole_timesteps(spacing, steps, total)
            return timesteps, _alpha_bars_at(alphas_cumprod, timesteps, linear_sigma=as_diffusers)
    log_sigmas = _log_sigmas(alphas_cumprod)
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
