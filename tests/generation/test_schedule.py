"""The noise schedules, against diffusers' own arithmetic and known constants."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler

from tests.generation.gaussian import ALPHAS_CUMPROD, TheirSpacing
from trainer.contract.common import SamplerName
from trainer.contract.errors import UserError
from trainer.generation.samplers import SAMPLERS
from trainer.generation.schedule import (
    Spacing,
    alpha_bar_of,
    ddim_schedule,
    dpm_schedule,
    karras_sigmas,
    sigma_of,
    sigma_schedule,
    timestep_of,
)

# diffusers hands tensors to numpy in a way that numpy 2 frowns upon
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
SPACINGS = ("leading", "trailing", "linspace")


def test_constants_of_stable_diffusion() -> None:
    assert sigma_of(ALPHAS_CUMPROD[0]) == pytest.approx(0.0291675, abs=1e-6)
    assert sigma_of(ALPHAS_CUMPROD[-1]) == pytest.approx(14.614641, abs=2e-6)
    assert alpha_bar_of(sigma_of(0.3)) == pytest.approx(0.3, abs=1e-15)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_ddim_visits_the_timesteps_of_diffusers_for_any_number_of_steps(spacing: TheirSpacing) -> None:
    theirs = DDIMScheduler(**BETAS, timestep_spacing=spacing, set_alpha_to_one=False)
    for steps in [*range(2, 60), 77, 100, 123, 250, 333, 499, 500, 501, 750, 999]:
        theirs.set_timesteps(steps)
        # with some numbers of steps their trailing list has one more entry, at timestep -1: a rounding fault
        expected = theirs.timesteps.tolist()[:steps]
        assert list(ddim_schedule(ALPHAS_CUMPROD, spacing, steps).timesteps) == expected, steps


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", [2, 7, 20, 30])
def test_diffusers_compatibility_of_the_sigma_schedules(spacing: TheirSpacing, steps: int) -> None:
    for ours, theirs in (
        (sigma_schedule, EulerDiscreteScheduler(**BETAS, timestep_spacing=spacing)),
        (dpm_schedule, DPMSolverMultistepScheduler(**BETAS, timestep_spacing=spacing)),
    ):
        theirs.set_timesteps(steps)
        schedule = ours(theirs.alphas_cumprod.double().tolist(), spacing, steps, "diffusers")
        assert schedule.timesteps == pytest.approx(theirs.timesteps.tolist(), abs=1e-4)
        sigmas = [sigma_of(level) for level in (*schedule.alpha_bars, schedule.targets[-1])]
        assert sigmas == pytest.approx(theirs.sigmas.tolist(), rel=2e-5)


def test_leading_never_asks_for_a_timestep_that_does_not_exist() -> None:
    assert ddim_schedule(ALPHAS_CUMPROD, "leading", 1000).timesteps == tuple(map(float, reversed(range(1000))))
    assert ddim_schedule(ALPHAS_CUMPROD, "leading", 20).timesteps[0] == 951


@pytest.mark.parametrize("spacing", [*SPACINGS, "karras"])
@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("steps", [1, 2, 13, 1000])
def test_steps_are_joined_and_go_towards_the_picture(name: SamplerName, spacing: Spacing, steps: int) -> None:
    schedule = SAMPLERS[name].schedule(ALPHAS_CUMPROD, spacing, steps, "gesso")
    assert len(schedule.timesteps) == len(schedule.alpha_bars) == len(schedule.targets) == steps
    assert schedule.targets[:-1] == schedule.alpha_bars[1:]
    assert list(schedule.alpha_bars) == sorted(set(schedule.alpha_bars))
    assert all(0 <= timestep <= 999 for timestep in schedule.timesteps)
    assert schedule.start_scale == 1.0


def test_karras_sigmas_are_those_of_the_paper() -> None:
    sigmas = karras_sigmas(5, 0.03, 14.6)
    assert [sigmas[0], sigmas[-1]] == pytest.approx([14.6, 0.03])
    assert sigmas[2] == pytest.approx(((14.6 ** (1 / 7) + 0.03 ** (1 / 7)) / 2) ** 7)


def test_timestep_of_a_sigma_is_linear_in_its_logarithm() -> None:
    log_sigmas = [math.log(sigma_of(level)) for level in ALPHAS_CUMPROD]
    for timestep in (0, 1, 500, 998, 999):
        assert timestep_of(sigma_of(ALPHAS_CUMPROD[timestep]), log_sigmas) == pytest.approx(timestep, abs=1e-9)
    between = math.sqrt(sigma_of(ALPHAS_CUMPROD[10]) * sigma_of(ALPHAS_CUMPROD[11]))
    assert timestep_of(between, log_sigmas) == pytest.approx(10.5, abs=1e-9)
    assert timestep_of(1e-5, log_sigmas) == 0
    assert timestep_of(1e5, log_sigmas) == 999
    linspace = sigma_schedule(ALPHAS_CUMPROD, "linspace", 7)
    again = [timestep_of(sigma_of(level), log_sigmas) for level in linspace.alpha_bars]
    assert again == pytest.approx(list(linspace.timesteps), abs=1e-8)
    assert list(linspace.timesteps) == pytest.approx(np.linspace(999, 0, 7).tolist())


def test_zero_terminal_snr_has_a_finite_sigma() -> None:
    levels = torch.linspace(0.99, 0.0, 10, dtype=torch.float64).tolist()
    for sampler in SAMPLERS.values():
        schedule = sampler.schedule(levels, "trailing", 5, "gesso")
        assert all(map(math.isfinite, schedule.alpha_bars))
    assert math.isfinite(sigma_of(0.0))


@pytest.mark.parametrize("steps", [0, 1001])
def test_too_many_steps_are_refused_in_words(steps: int) -> None:
    with pytest.raises(UserError, match="knows 1000 noise levels"):
        ddim_schedule(ALPHAS_CUMPROD, "leading", steps)
