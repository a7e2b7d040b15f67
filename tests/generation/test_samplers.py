"""The samplers, against the closed form on Gaussian data, the papers' equations, and diffusers' schedulers."""

import itertools
import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)
from torch import Tensor

from tests.generation.gaussian import (
    ALPHAS_CUMPROD,
    DEVIATION,
    MEAN,
    TheirSpacing,
    exact_network,
    exact_noise,
    flow,
    spread,
)
from trainer.contract.common import SamplerName
from trainer.generation.samplers import SAMPLERS, ddim, ddim_sigma, denoiser, dpmpp_2m, generators, noise_source
from trainer.generation.schedule import (
    Schedule,
    alpha_bar_of,
    ddim_schedule,
    karras_sigmas,
    sigma_of,
    sigma_schedule,
)

# diffusers hands tensors to numpy in a way that numpy 2 frowns upon
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
AS_DIFFUSERS: list[float] = DDIMScheduler(**BETAS).alphas_cumprod.double().tolist()
"""The same schedule as ours, as diffusers computes it in single precision."""


def no_noise() -> Tensor:
    raise AssertionError("this sampler must not ask for noise")


def nothing(_index: int, _clean: Tensor) -> None:
    pass


def run(
    name: SamplerName,
    schedule: Schedule,
    latents: Tensor,
    *,
    network: Callable[[Tensor, int], Tensor] | None = None,
    fresh_noise: Callable[[], Tensor] = no_noise,
    eta: float = 0.0,
) -> Tensor:
    denoise = denoiser(network or exact_network(schedule), schedule, "epsilon")
    return SAMPLERS[name].function(denoise, latents, schedule, fresh_noise=fresh_noise, on_step=nothing, eta=eta)


# --- DDIM on Gaussian data


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


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("spacing", "steps"), [("leading", 20), ("leading", 30), ("trailing", 30), ("linspace", 10)])
def test_ddim_mean_and_variance_follow_the_closed_form(eta: float, spacing: TheirSpacing, steps: int) -> None:
    """On Gaussian data every step is affine, x' = a x + b + sigma n, so mean and variance are exact by hand.

    The hand's way: joint Gaussian conditioning with eq. 7 of arXiv 2010.02502, not the sampler's eq. 12.
    """
    schedule = ddim_schedule(ALPHAS_CUMPROD, spacing, steps)
    levels = [*schedule.alpha_bars, ALPHAS_CUMPROD[0]]
    mean, variance = 0.25, 1.5
    expected_sigmas = []
    for now, target in itertools.pairwise(levels):
        beta_tilde = (1 - target) / (1 - now) * (1 - now / target)
        sigma = eta * math.sqrt(beta_tilde)
        keep = math.sqrt(max(1 - target - sigma**2, 0)) / math.sqrt(1 - now)
        # E[x0 | x] of the data N(MEAN, DEVIATION^2) seen through x = sqrt(now) x0 + sqrt(1 - now) n
        gain = math.sqrt(now) * DEVIATION**2 / (now * DEVIATION**2 + 1 - now)
        offset = MEAN - gain * math.sqrt(now) * MEAN
        slope = math.sqrt(target) * gain + keep * (1 - math.sqrt(now) * gain)
        shift = (math.sqrt(target) - keep * math.sqrt(now)) * offset
        mean, variance = slope * mean + shift, slope**2 * variance + sigma**2
        expected_sigmas.append(sigma)

    # a sampler that is affine in start and noise shows its mean and variance by unit responses
    draws: list[float] = []

    def respond(start: float, noise_at: int | None) -> float:
        count = -1

        def noise() -> Tensor:
            nonlocal count
            count += 1
            return torch.tensor([1.0 if count == noise_at else 0.0], dtype=torch.float64)

        made = run("ddim", schedule, torch.tensor([start], dtype=torch.float64), fresh_noise=noise, eta=eta)
        draws.append(count + 1)
        return float(made)

    middle = respond(0.25, None)
    own_variance = (respond(1.25, None) - middle) ** 2 * 1.5
    own_variance += sum((respond(0.25, index) - middle) ** 2 for index in range(int(draws[0])))
    assert middle == pytest.approx(mean, abs=1e-10)
    assert own_variance == pytest.approx(variance, abs=1e-10)
    assert draws[0] == sum(sigma > 0 for sigma in expected_sigmas)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("steps", [10, 30, 50])
def test_ddim_is_diffusers_in_compatibility_mode(spacing: TheirSpacing, steps: int, eta: float) -> None:
    theirs = DDIMScheduler(**BETAS, timestep_spacing=spacing, set_alpha_to_one=False, clip_sample=False)
    theirs.set_timesteps(steps)
    start = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noises = torch.randn(steps, 2, 4, 3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    expected = start
    for index, timestep in enumerate(theirs.timesteps):
        network = exact_noise(expected, AS_DIFFUSERS[int(timestep)])
        noise = noises[index] if eta else None
        expected = theirs.step(network, int(timestep), expected, eta=eta, variance_noise=noise, return_dict=False)[0]

    drawn = iter(noises)
    schedule = ddim_schedule(AS_DIFFUSERS, spacing, steps, "diffusers")
    made = run("ddim", schedule, start, fresh_noise=lambda: next(drawn), eta=eta)
    torch.testing.assert_close(made, expected, atol=2e-6, rtol=2e-6)


def test_ddim_with_eta_1_is_the_posterior_of_ddpm() -> None:
    schedule = ddim_schedule(AS_DIFFUSERS, "leading", 1000)
    theirs = DDPMScheduler(**{**BETAS, "steps_offset": 0}, clip_sample=False, variance_type="fixed_small")
    theirs.set_timesteps(1000)
    noisy = torch.randn(16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for index in (0, 1, 400, 900, 998):
        timestep = int(schedule.timesteps[index])
        level, target = schedule.alpha_bars[index], schedule.targets[index]
        one = Schedule((float(timestep),), (level,), (target,))
        made = run("ddim", one, noisy, fresh_noise=lambda: torch.zeros(16, dtype=torch.float64), eta=1.0)
        # eq. 7 of arXiv 2006.11239
        clean = (noisy - math.sqrt(1 - level) * exact_noise(noisy, level)) / math.sqrt(level)
        beta = 1 - level / target
        mean = math.sqrt(target) * beta / (1 - level) * clean
        mean = mean + math.sqrt(1 - beta) * (1 - target) / (1 - level) * noisy
        torch.testing.assert_close(made, mean, atol=1e-9, rtol=1e-9)
        variance = float(theirs._get_variance(timestep))
        assert ddim_sigma(level, target, 1.0) ** 2 == pytest.approx(variance, rel=1e-3)


def test_ddim_without_noise_is_euler_in_sigma() -> None:
    schedule = ddim_schedule(ALPHAS_CUMPROD, "leading", 20)
    start = torch.linspace(-3, 3, 13, dtype=torch.float64)
    torch.testing.assert_close(run("ddim", schedule, start), run("euler", schedule, start), atol=1e-12, rtol=0)
    single = run("ddim", schedule, start.float()), run("euler", schedule, start.float())
    torch.testing.assert_close(*single, atol=1e-6, rtol=1e-6)


# --- the others against diffusers


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("name", ["euler", "euler_a"])
@pytest.mark.parametrize("steps", [7, 30])
def test_euler_and_euler_a_are_diffusers(
    name: SamplerName, spacing: TheirSpacing, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = {"euler": EulerDiscreteScheduler, "euler_a": EulerAncestralDiscreteScheduler}[name]
    theirs = scheduler(**BETAS, timestep_spacing=spacing)
    theirs.set_timesteps(steps)
    unit = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    noises = torch.randn(steps, 2, 4, 3, 5, generator=torch.Generator().manual_seed(1))
    module = "diffusers.schedulers.scheduling_euler_ancestral_discrete.randn_tensor"
    their_noises = iter(noises)
    monkeypatch.setattr(module, lambda *_args, **_more: next(their_noises))

    schedule = sigma_schedule(AS_DIFFUSERS, spacing, steps, "diffusers")
    expected = unit * theirs.init_noise_sigma
    for index, timestep in enumerate(theirs.timesteps):
        network = exact_noise(theirs.scale_model_input(expected, timestep), schedule.alpha_bars[index])
        expected = theirs.step(network, timestep, expected, return_dict=False)[0]

    drawn = iter(noises)
    made = run(name, schedule, unit * schedule.start_scale, fresh_noise=lambda: next(drawn))
    torch.testing.assert_close(made, expected, atol=3e-5, rtol=3e-5)


@pytest.mark.parametrize("steps", [5, 20])
@pytest.mark.parametrize("spacing", ["karras", "linspace", "leading", "trailing"])
def test_dpmpp_2m_is_diffusers(spacing: TheirSpacing, steps: int) -> None:
    options: dict[str, Any] = {"use_karras_sigmas": True} if spacing == "karras" else {"timestep_spacing": spacing}
    theirs = DPMSolverMultistepScheduler(**BETAS, **options)
    theirs.set_timesteps(steps)
    schedule = SAMPLERS["dpmpp_2m"].schedule(AS_DIFFUSERS, spacing, steps, "diffusers")
    start = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    expected = start
    for index, timestep in enumerate(theirs.timesteps):
        network = exact_noise(expected, schedule.alpha_bars[index])
        expected = theirs.step(network, timestep, expected, return_dict=False)[0]
    torch.testing.assert_close(run("dpmpp_2m", schedule, start), expected, atol=3e-5, rtol=3e-5)


def dpm_error(steps: int) -> float:
    sigmas = karras_sigmas(steps + 1, sigma_of(ALPHAS_CUMPROD[0]), sigma_of(ALPHAS_CUMPROD[-1]))
    levels = tuple(map(alpha_bar_of, sigmas))
    schedule = Schedule(tuple(map(float, range(steps))), levels[:-1], levels[1:])
    start = torch.linspace(-3, 3, 61, dtype=torch.float64)
    made = run("dpmpp_2m", schedule, start)
    return float((made - flow(start, levels[0], levels[-1])).abs().max())


def test_dpmpp_2m_is_of_second_order() -> None:
    counts = [40, 80, 160, 320]
    slope = np.polyfit(np.log(counts), np.log([dpm_error(steps) for steps in counts]), 1)[0]
    assert slope <= -1.8


@pytest.mark.parametrize("name", ["ddim", "euler", "euler_a", "dpmpp_2m"])
def test_samplers_make_the_distribution_of_the_data(name: SamplerName) -> None:
    sampler = SAMPLERS[name]
    schedule = sampler.schedule(ALPHAS_CUMPROD, sampler.default_spacing, 100, "gesso")
    source = torch.Generator().manual_seed(5)

    def noise() -> Tensor:
        return torch.randn(20_000, generator=source, dtype=torch.float64)

    made = run(name, schedule, noise(), fresh_noise=noise)
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.03)
    assert float(made.std()) == pytest.approx(DEVIATION, abs=0.03)


@pytest.mark.parametrize("name", ["ddim", "euler", "euler_a", "dpmpp_2m"])
def test_v_and_epsilon_give_the_same_picture(name: SamplerName) -> None:
    sampler = SAMPLERS[name]
    schedule = sampler.schedule(ALPHAS_CUMPROD, sampler.default_spacing, 12, "gesso")
    start = torch.linspace(-2, 2, 9, dtype=torch.float64)

    def velocity(noisy: Tensor, index: int) -> Tensor:
        level = schedule.alpha_bars[index]
        noise = exact_noise(noisy, level)
        clean = (noisy - math.sqrt(1 - level) * noise) / math.sqrt(level)
        return math.sqrt(level) * noise - math.sqrt(1 - level) * clean

    def made(network: Callable[[Tensor, int], Tensor], prediction: Literal["epsilon", "v_prediction"]) -> Tensor:
        return sampler.function(
            denoiser(network, schedule, prediction),
            start,
            schedule,
            fresh_noise=lambda: torch.full_like(start, 0.3),
            on_step=nothing,
            eta=0.7,
        )

    torch.testing.assert_close(
        made(velocity, "v_prediction"), made(exact_network(schedule), "epsilon"), atol=1e-9, rtol=0
    )


@pytest.mark.parametrize("name", ["ddim", "euler", "euler_a", "dpmpp_2m"])
def test_each_step_reports_the_predicted_clean_latents(name: SamplerName) -> None:
    sampler = SAMPLERS[name]
    schedule = sampler.schedule(ALPHAS_CUMPROD, sampler.default_spacing, 6, "gesso")
    seen: list[tuple[int, float]] = []
    start = torch.tensor([1.0], dtype=torch.float64)
    sampler.function(
        denoiser(exact_network(schedule), schedule, "epsilon"),
        start,
        schedule,
        fresh_noise=lambda: torch.zeros_like(start),
        on_step=lambda index, clean: seen.append((index, float(clean))),
        eta=0.0,
    )
    assert [index for index, _ in seen] == list(range(6))
    level = schedule.alpha_bars[0]
    # the posterior mean of a Gaussian
    gain = math.sqrt(level) * DEVIATION**2 / spread(level) ** 2
    assert seen[0][1] == pytest.approx(MEAN + gain * (1.0 - math.sqrt(level) * MEAN), abs=1e-9)


def test_noise_of_a_picture_is_its_own() -> None:
    together = noise_source(generators([7, 8, 9]), (4, 2, 2))
    alone = noise_source(generators([8]), (4, 2, 2))
    for _ in range(3):
        torch.testing.assert_close(together()[1:2], alone(), atol=0, rtol=0)


def test_ddim_with_nothing_left_to_remove_adds_no_noise() -> None:
    level = ALPHAS_CUMPROD[0]
    schedule = Schedule((0.0,), (level,), (level,))
    latents = torch.tensor([0.5], dtype=torch.float64)
    denoise = denoiser(exact_network(schedule), schedule, "epsilon")
    made = ddim(denoise, latents, schedule, fresh_noise=no_noise, on_step=nothing, eta=1.0)
    torch.testing.assert_close(made, latents, atol=1e-12, rtol=0)


def test_one_step_of_dpmpp_2m_to_the_clean_picture_is_the_prediction() -> None:
    schedule = Schedule((999.0,), (ALPHAS_CUMPROD[-1],), (1.0,))
    latents = torch.tensor([0.5], dtype=torch.float64)
    denoise = denoiser(exact_network(schedule), schedule, "epsilon")
    made = dpmpp_2m(denoise, latents, schedule, fresh_noise=no_noise, on_step=nothing, eta=0.0)
    torch.testing.assert_close(made, denoise(latents, 0)[0], atol=1e-12, rtol=0)
