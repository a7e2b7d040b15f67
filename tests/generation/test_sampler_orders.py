"""How fast each sampler's error falls, on Gaussian data with the exact score, against the flow solved by hand."""

import math

import numpy as np
import pytest
import torch

from tests.generation.gaussian import ALPHAS_CUMPROD, MEAN, flow, run, schedule_through, spread
from trainer.contract.common import USUAL_ETA, SamplerName
from trainer.generation.samplers import SAMPLERS
from trainer.generation.schedule import Schedule, alpha_bar_of, ddim_schedule
from trainer.generation.spacing import Spacing, karras_sigmas

COUNTS = (40, 80, 160, 320)
SLOPES: dict[SamplerName, float] = {
    "ddim": 0.99,
    "pndm": 2.02,
    "euler": 0.99,
    "euler_a": 0.99,
    "heun": 2.01,
    "dpm_2": 2.01,
    "dpmpp_2m": 2.02,
    "dpmpp_2m_sde": 2.02,
    "dpmpp_sde": 1.99,
    "dpmpp_3m_sde": 1.90,
    "unipc": 3.42,
}
"""Measured without fresh noise over these numbers of steps, in the spacing of Karras from sigma 14.6 to 0.03."""

SLOPES_WITH_NOISE: dict[SamplerName, float] = {
    "ddim": 0.97,
    "ddpm": 0.97,
    "euler_a": 0.97,
    "dpmpp_2m_sde": 2.02,
    "dpmpp_sde": 2.14,
    "dpmpp_3m_sde": 1.98,
}
"""Measured with eta 1, of mean and deviation."""


def karras(steps: int) -> Schedule:
    return schedule_through([alpha_bar_of(sigma) for sigma in karras_sigmas(steps + 1, 0.03, 14.6)])


def error(name: SamplerName, steps: int) -> float:
    """The largest distance from the exact flow, of points that begin within 3 of the middle."""
    schedule = karras(steps)
    start = torch.linspace(-3, 3, 61, dtype=torch.float64)
    made = run(name, schedule, start)
    return float((made - flow(start, schedule.alpha_bars[0], schedule.targets[-1])).abs().max())


def mean_and_deviation(name: SamplerName, schedule: Schedule) -> tuple[float, float]:
    """Of what is made with eta 1. On Gaussian data all steps are affine, so that both follow from unit responses: to
    the start, and to each draw of noise."""
    level = schedule.alpha_bars[0]
    draws = schedule.steps * SAMPLERS[name].calls
    start = torch.full((draws + 2,), math.sqrt(level) * MEAN, dtype=torch.float64)
    start[1] += spread(level)
    units = iter(torch.eye(draws + 2, dtype=torch.float64)[2:])
    made = run(name, schedule, start, fresh_noise=lambda: next(units), eta=1.0)
    deviation = float((made[1:] - made[0]).square().sum().sqrt())
    return float(made[0]), deviation


def error_with_noise(name: SamplerName, steps: int) -> float:
    """The larger error of mean and deviation."""
    schedule = karras(steps)
    end = schedule.targets[-1]
    mean, deviation = mean_and_deviation(name, schedule)
    return max(abs(deviation - spread(end)), abs(mean - math.sqrt(end) * MEAN))


def slope(errors: list[float]) -> float:
    return -float(np.polyfit(np.log(COUNTS), np.log(errors), 1)[0])


def test_each_sampler_has_its_slopes() -> None:
    assert SLOPES.keys() == SAMPLERS.keys() - {"ddpm", "lcm"}
    assert SLOPES_WITH_NOISE.keys() == USUAL_ETA.keys() | {"ddpm"}


@pytest.mark.parametrize("name", list(SLOPES))
def test_error_falls_by_the_order(name: SamplerName) -> None:
    measured = slope([error(name, steps) for steps in COUNTS])
    assert measured == pytest.approx(SLOPES[name], abs=0.02)
    assert measured >= SAMPLERS[name].order - 0.15


@pytest.mark.parametrize("name", list(SLOPES_WITH_NOISE))
def test_error_of_the_distribution_falls_by_the_order(name: SamplerName) -> None:
    measured = slope([error_with_noise(name, steps) for steps in COUNTS])
    assert measured == pytest.approx(SLOPES_WITH_NOISE[name], abs=0.02)
    assert measured >= SAMPLERS[name].order - 0.15


def ddim_error(steps: int) -> float:
    """The largest distance from the exact flow, of points that begin within 3 of the middle."""
    schedule = ddim_schedule(ALPHAS_CUMPROD, "leading", steps)
    start = torch.linspace(-3, 3, 61, dtype=torch.float64)
    made = run("ddim", schedule, start)
    return float((made - flow(start, schedule.alpha_bars[0], ALPHAS_CUMPROD[0])).abs().max())


def test_ddim_error_falls_as_one_over_the_steps() -> None:
    known = {10: 0.298, 20: 0.163, 50: 0.0707, 100: 0.0367, 200: 0.0189, 500: 0.0079, 1000: 0.0042}
    errors = {steps: ddim_error(steps) for steps in known}
    for steps, error in known.items():
        assert errors[steps] == pytest.approx(error, rel=0.02), steps
    fitted = [steps for steps in known if 50 <= steps <= 500]
    slope = np.polyfit(np.log(fitted), np.log([errors[steps] for steps in fitted]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.1)


@pytest.mark.parametrize(("spacing", "deviation"), [("leading", 0.458), ("linspace", 0.453), ("karras", 0.545)])
def test_dpmpp_3m_sde_does_not_run_away_where_the_last_step_is_long(spacing: Spacing, deviation: float) -> None:
    """Extrapolating there too, as k-diffusion does, the spread is 1.56, 2.08 and 0.54 where 0.5 is right: noise."""
    schedule = SAMPLERS["dpmpp_3m_sde"].schedule(ALPHAS_CUMPROD, spacing, 14)
    assert mean_and_deviation("dpmpp_3m_sde", schedule)[1] == pytest.approx(deviation, abs=0.01)
