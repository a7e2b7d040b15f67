"""Spacings: at which noise levels the steps of a sampler lie, as plain double-precision numbers, falling.

Those in timesteps are of Lin et al. 2023, arXiv 2305.08891, table 2, rounded as diffusers rounds them; those in sigma
say sigma = sqrt((1 - alpha_bar) / alpha_bar) (Karras et al. 2022, arXiv 2206.00364).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from trainer.contract.errors import UserError

Spacing = Literal["leading", "trailing", "linspace", "karras", "exponential", "beta", "ays"]

KARRAS_RHO = 7.0
BETA_SHAPE = 0.6
"""Both parameters of the beta distribution: what Lee et al. 2024, arXiv 2407.12173, recommend for Stable Diffusion."""

AYS_SIGMAS: Mapping[str, tuple[float, ...]] = {
    "sd1": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sd2": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sdxl": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
    "svd": (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002),
}
"""Of ten steps, begin and end, by the name of the family (Sabour et al. 2024, "Align Your Steps", arXiv 2404.14507,
appendix B.2). None was published for SD 2.x, which was trained on the noise levels of SD 1.x and takes its list."""


def whole_timesteps(spacing: Spacing, steps: int, total: int) -> tuple[float, ...]:
    """Of `total` trained timesteps: multiples from below plus 1 (leading), multiples from above (trailing), or even
    from end to end, with fractions (linspace)."""
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


def beta_timesteps(steps: int, total: int) -> tuple[float, ...]:
    """Dense at both ends: quantiles of a beta distribution over the timesteps (arXiv 2407.12173; ComfyUI takes the
    same ones, and rounds them)."""
    return tuple((total - 1) * beta_quantile(1.0 - index / steps) for index in range(steps))


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = KARRAS_RHO) -> tuple[float, ...]:
    """Sigmas from `sigma_max` down to `sigma_min` (Karras et al. 2022, arXiv 2206.00364, eq. 5, without the 0)."""
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return tuple((high + index / max(steps - 1, 1) * (low - high)) ** rho for index in range(steps))


def exponential_sigmas(steps: int, sigma_min: float, sigma_max: float) -> tuple[float, ...]:
    """Sigmas from `sigma_max` down to `sigma_min`, each the same fraction of the one before."""
    return tuple(sigma_max * (sigma_min / sigma_max) ** (index / max(steps - 1, 1)) for index in range(steps))


def beta_sigmas(steps: int, sigma_min: float, sigma_max: float) -> tuple[float, ...]:
    """Quantiles of the beta distribution over sigma itself, which is what diffusers (and A1111) call beta."""
    shares = [beta_quantile(1.0 - index / max(steps - 1, 1)) for index in range(steps)]
    return tuple(sigma_min + share * (sigma_max - sigma_min) for share in shares)


def ays_sigmas(family: str, steps: int) -> tuple[float, ...]:
    """Where `steps` steps begin: the published list for ten, for other numbers between them, linear in log(sigma).

    Its last entry is where the last step would end; as in ComfyUI and diffusers that one ends at the clean picture.
    Raises UserError for a family that has no list.
    """
    published = AYS_SIGMAS.get(family)
    if published is None:
        raise UserError(
            "No Align Your Steps schedule was published for this kind of model.",
            "Set sampling.spacing to karras, or to auto.",
        )
    return tuple(_log_interpolated(published, index * (len(published) - 1) / steps) for index in range(steps))


def _log_interpolated(values: Sequence[float], place: float) -> float:
    below = min(int(place), len(values) - 2)
    return values[below] * (values[below + 1] / values[below]) ** (place - below)


def beta_quantile(probability: float) -> float:
    """The inverse of the beta distribution function with both parameters `BETA_SHAPE`, for probabilities 0 to 1."""
    if probability > 0.5:  # it is symmetric
        return 1.0 - beta_quantile(1.0 - probability)
    low, high = 0.0, 0.5
    while (middle := (low + high) / 2) not in (low, high):
        if _beta_distribution(middle) < probability:
            low = middle
        else:
            high = middle
    return high if probability > 0.0 else 0.0


def _beta_distribution(share: float) -> float:
    """The regularised incomplete beta function for `share` up to 1/2, by its power series (DLMF, 8.17.7)."""
    term, total, count = 1.0, 0.0, 0
    while term > 1e-18:
        total += term / (BETA_SHAPE + count)
        count += 1
        term *= (count - BETA_SHAPE) / count * share
    whole = math.gamma(BETA_SHAPE) ** 2 / math.gamma(2 * BETA_SHAPE)
    return share**BETA_SHAPE * total / whole
