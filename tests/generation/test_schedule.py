"""The noise schedules, against diffusers' own arithmetic and known constants."""

import dataclasses
import itertools
import math
from typing import Any, Literal

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler

from tests.generation.fake import fake_model
from tests.generation.gaussian import ALPHAS_CUMPROD, TheirSpacing
from trainer.contract.common import SamplerName, Sampling
from trainer.contract.errors import UserError
from trainer.generation.samplers import SAMPLERS, schedule_of
from trainer.generation.schedule import (
    LCM_TIMESTEPS,
    alpha_bar_of,
    ddim_schedule,
    dpm_schedule,
    range_schedule,
    sigma_of,
    sigma_schedule,
    timestep_of,
)
from trainer.generation.spacing import (
    AYS_SIGMAS,
    Spacing,
    ays_sigmas,
    beta_quantile,
    beta_timesteps,
    karras_sigmas,
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


@pytest.mark.parametrize("spacing", [*SPACINGS, "karras", "exponential", "beta", "ays"])
@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("steps", [1, 2, 13, 1000])
def test_steps_are_joined_and_go_towards_the_picture(name: SamplerName, spacing: Spacing, steps: int) -> None:
    steps = min(steps, LCM_TIMESTEPS) if name == "lcm" else steps
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
        assert all(map(math.isfinite, map(sigma_of, schedule.alpha_bars)))
    assert math.isfinite(sigma_of(0.0))


@pytest.mark.parametrize("steps", [0, 1001])
def test_too_many_steps_are_refused_in_words(steps: int) -> None:
    with pytest.raises(UserError, match="knows 1000 noise levels"):
        ddim_schedule(ALPHAS_CUMPROD, "leading", steps)


def test_lcm_takes_fifty_steps_at_most() -> None:
    with pytest.raises(UserError, match="made for 50 at most"):
        SAMPLERS["lcm"].schedule(ALPHAS_CUMPROD, "trailing", 51)


def test_between_steps_the_timestep_is_that_of_the_level() -> None:
    for schedule in (ddim_schedule(ALPHAS_CUMPROD, "leading", 9), sigma_schedule(ALPHAS_CUMPROD, "beta", 9)):
        again = [schedule.timestep_at(level) for level in schedule.alpha_bars]
        assert again == pytest.approx(list(schedule.timesteps), abs=1e-8)


# --- spacings


def test_quantiles_of_the_beta_distribution_are_those_of_scipy() -> None:
    """scipy 1.17.1: scipy.stats.beta.ppf(p, 0.6, 0.6)."""
    known = {
        0.0: 0.0,
        1e-9: 1.85588246249141e-15,
        0.001: 1.855873851745199e-05,
        0.01: 0.0008612388215429059,
        0.1: 0.03958440558878085,
        0.25: 0.17568037865269498,
        0.4: 0.3627009907532143,
        0.6: 0.6372990092467856,
        0.77: 0.8461624142323502,
        0.9: 0.9604155944112192,
        1.0: 1.0,
    }
    for probability, quantile in known.items():
        assert beta_quantile(probability) == pytest.approx(quantile, rel=1e-12), probability


def test_beta_is_dense_at_both_ends_and_takes_the_timesteps_of_comfyui() -> None:
    """ComfyUI rounds (total - 1) times the quantile of 1 - i / steps."""
    timesteps = beta_timesteps(8, 1000)
    assert [math.floor(timestep + 0.501) for timestep in timesteps] == BETA_OF_8
    gaps = [high - low for high, low in itertools.pairwise(timesteps)]
    assert gaps[0] < gaps[3] > gaps[-1]


BETA_OF_8 = [999, 942, 823, 670, 500, 329, 176, 57]
"""numpy.rint(999 * scipy.stats.beta.ppf(1 - numpy.linspace(0, 1, 8, endpoint=False), 0.6, 0.6)), scipy 1.17.1."""


@pytest.mark.parametrize("family", list(AYS_SIGMAS))
def test_align_your_steps_is_the_published_list_at_ten_steps(family: str) -> None:
    published = AYS_SIGMAS[family]
    assert len(published) == 11
    assert ays_sigmas(family, 10) == pytest.approx(published[:-1])
    twice = ays_sigmas(family, 20)
    assert twice[::2] == pytest.approx(published[:-1])
    assert twice[1] == pytest.approx(math.sqrt(published[0] * published[1]))
    places = np.linspace(0, 1, 8)
    interpolated = np.exp(np.interp(places, np.linspace(0, 1, 11), np.log(published)))
    assert ays_sigmas(family, 7) == pytest.approx(interpolated[:-1].tolist())


def test_align_your_steps_asks_for_the_timesteps_that_diffusers_publishes() -> None:
    """AysSchedules of diffusers 0.42.1."""
    for family, theirs in (
        ("sd1", [999, 850, 736, 645, 545, 455, 343, 233, 124, 24]),
        ("sdxl", [999, 845, 730, 587, 443, 310, 193, 116, 53, 13]),
    ):
        schedule = sigma_schedule(ALPHAS_CUMPROD, "ays", 10, family=family)
        assert list(schedule.timesteps) == pytest.approx(theirs, abs=1.0)


def test_a_family_without_align_your_steps_is_told_so() -> None:
    with pytest.raises(UserError, match="No Align Your Steps") as caught:
        sigma_schedule(ALPHAS_CUMPROD, "ays", 10, family="other")
    assert "karras" in caught.value.fix


# --- a range of sigmas


@pytest.mark.parametrize("spacing", ["auto", "karras", "exponential", "ays"])
@pytest.mark.parametrize("steps", [1, 2, 25, 1000])
def test_a_range_of_sigmas_is_stepped_through_to_the_clean_picture(
    spacing: Literal["auto", "karras", "exponential", "ays"], steps: int
) -> None:
    schedule = range_schedule((0.002, 700.0), spacing, steps, "svd")
    sigmas = [sigma_of(level) for level in schedule.alpha_bars]
    assert sigmas[0] == pytest.approx(700.0, rel=1e-6)
    assert sigmas == sorted(set(sigmas), reverse=True)
    assert schedule.targets == (*schedule.alpha_bars[1:], 1.0)
    assert schedule.timesteps == pytest.approx([0.25 * math.log(sigma) for sigma in sigmas])
    if spacing in ("auto", "karras", "exponential") and steps > 1:
        assert sigmas[-1] == pytest.approx(0.002, rel=1e-6)
    if spacing == "exponential" and steps > 2:
        assert sigmas[0] / sigmas[1] == pytest.approx(sigmas[1] / sigmas[2])


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace", "beta"])
def test_spacings_in_timesteps_are_refused_for_a_range_of_sigmas(spacing: Spacing) -> None:
    with pytest.raises(UserError, match=f"{spacing} counts timesteps") as caught:
        range_schedule((0.002, 700.0), spacing, 25, "svd")
    assert "karras, exponential or ays" in caught.value.fix


def test_the_schedule_of_a_model_follows_its_kind_and_the_settings() -> None:
    bundle, family = fake_model()
    for sampling in (Sampling(sampler="heun"), Sampling(sampler="dpmpp_2m", spacing="ays", steps=10)):
        sampler = SAMPLERS[sampling.sampler]
        spacing = sampler.default_spacing if sampling.spacing == "auto" else sampling.spacing
        assert schedule_of(bundle, sampling) == sampler.schedule(ALPHAS_CUMPROD, spacing, sampling.steps)
    family.name = "svd"
    in_range = dataclasses.replace(bundle, sigma_range=(0.002, 700.0))
    assert schedule_of(in_range, Sampling()) == range_schedule((0.002, 700.0), "karras", 25, "svd")
    with pytest.raises(UserError, match="LCM counts timesteps"):
        schedule_of(in_range, Sampling(sampler="lcm", steps=4))
