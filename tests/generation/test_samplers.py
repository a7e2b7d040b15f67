"""What all samplers have in common, and DDIM's closed form on Gaussian data."""

import itertools
import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.generation.fake import fake_model
from tests.generation.gaussian import (
    ALPHAS_CUMPROD,
    DEVIATION,
    MEAN,
    TheirSpacing,
    exact_network,
    exact_noise,
    flow,
    level_at,
    no_noise,
    nothing,
    run,
    schedule_through,
    spread,
)
from trainer.contract.common import USUAL_ETA, SamplerName, Sampling
from trainer.generation.denoising import denoiser
from trainer.generation.noise import generators, noise_source
from trainer.generation.pipeline import sample
from trainer.generation.samplers import SAMPLERS
from trainer.generation.samplers_ddim import ddim
from trainer.generation.samplers_dpm import dpmpp_2m
from trainer.generation.schedule import ddim_schedule, range_schedule, sigma_of
from trainer.generation.spacing import Spacing


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


def test_ddim_without_noise_is_euler_in_sigma() -> None:
    schedule = ddim_schedule(ALPHAS_CUMPROD, "leading", 20)
    start = torch.linspace(-3, 3, 13, dtype=torch.float64)
    torch.testing.assert_close(run("ddim", schedule, start), run("euler", schedule, start), atol=1e-12, rtol=0)
    single = run("ddim", schedule, start.float()), run("euler", schedule, start.float())
    torch.testing.assert_close(*single, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "lcm"])
def test_samplers_make_the_distribution_of_the_data(name: SamplerName) -> None:
    sampler = SAMPLERS[name]
    schedule = sampler.schedule(ALPHAS_CUMPROD, sampler.default_spacing, 100, "gesso")
    source = torch.Generator().manual_seed(5)

    def noise() -> Tensor:
        return torch.randn(20_000, generator=source, dtype=torch.float64)

    made = run(name, schedule, noise(), fresh_noise=noise, eta=USUAL_ETA.get(name, 0.0))
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.03)
    assert float(made.std()) == pytest.approx(DEVIATION, abs=0.03)


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_v_and_epsilon_give_the_same_picture(name: SamplerName) -> None:
    sampler = SAMPLERS[name]
    schedule = sampler.schedule(ALPHAS_CUMPROD, sampler.default_spacing, 12, "gesso")
    start = torch.linspace(-2, 2, 9, dtype=torch.float64)

    exact = exact_network(schedule)

    def velocity(noisy: Tensor, index: int, timestep: float | None = None) -> Tensor:
        noise = exact(noisy, index, timestep)
        level = schedule.alpha_bars[index] if timestep is None else level_at(timestep)
        clean = (noisy - math.sqrt(1 - level) * noise) / math.sqrt(level)
        return math.sqrt(level) * noise - math.sqrt(1 - level) * clean

    def made(network: Callable[..., Tensor], prediction: Literal["epsilon", "v_prediction"]) -> Tensor:
        return sampler.function(
            denoiser(network, schedule, prediction),
            start,
            schedule,
            fresh_noise=lambda: torch.full_like(start, 0.3),
            on_step=nothing,
            eta=0.7,
        )

    torch.testing.assert_close(made(velocity, "v_prediction"), made(exact, "epsilon"), atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", list(SAMPLERS))
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
    assert seen[0][1] == pytest.approx(MEAN + gain * (1.0 - math.sqrt(level) * MEAN), abs=1e-7)


def test_noise_of_a_picture_is_its_own() -> None:
    together = noise_source(generators([7, 8, 9]), (4, 2, 2))
    alone = noise_source(generators([8]), (4, 2, 2))
    for _ in range(3):
        torch.testing.assert_close(together()[1:2], alone(), atol=0, rtol=0)


def test_ddim_with_nothing_left_to_remove_adds_no_noise() -> None:
    level = ALPHAS_CUMPROD[0]
    schedule = schedule_through([level, level])
    latents = torch.tensor([0.5], dtype=torch.float64)
    denoise = denoiser(exact_network(schedule), schedule, "epsilon")
    made = ddim(denoise, latents, schedule, fresh_noise=no_noise, on_step=nothing, eta=1.0)
    torch.testing.assert_close(made, latents, atol=1e-12, rtol=0)


def test_one_step_of_dpmpp_2m_to_the_clean_picture_is_the_prediction() -> None:
    schedule = schedule_through([ALPHAS_CUMPROD[-1], 1.0])
    latents = torch.tensor([0.5], dtype=torch.float64)
    denoise = denoiser(exact_network(schedule), schedule, "epsilon")
    made = dpmpp_2m(denoise, latents, schedule, fresh_noise=no_noise, on_step=nothing, eta=0.0)
    torch.testing.assert_close(made, denoise(latents, 0)[0], atol=1e-12, rtol=0)


def test_lcm_makes_the_data_in_any_number_of_steps_if_the_model_is_consistent() -> None:
    """Of Gaussian data the consistency function is known: the flow to its end."""
    for steps in (1, 4, 8):
        schedule = SAMPLERS["lcm"].schedule(ALPHAS_CUMPROD, "trailing", steps)

        def consistent(noisy: Tensor, index: int) -> Tensor:
            level = schedule.alpha_bars[index]  # noqa: B023 - called in this turn of the loop
            return (noisy - math.sqrt(level) * flow(noisy, level, 1.0)) / math.sqrt(1 - level)

        draws = iter(torch.randn(steps, 100_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
        level = schedule.alpha_bars[0]
        start = math.sqrt(level) * MEAN + spread(level) * next(draws)
        made = run("lcm", schedule, start, network=consistent, fresh_noise=lambda: next(draws))  # noqa: B023
        assert float(made.mean()) == pytest.approx(MEAN, abs=0.01)
        assert float(made.std()) == pytest.approx(DEVIATION, abs=0.01)
        assert next(draws, None) is None


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace", "karras", "exponential", "beta", "ays"])
def test_the_last_step_of_each_ends_where_it_should(name: SamplerName, spacing: Spacing) -> None:
    """At the clean picture, which is then the network's last word; or at timestep 0, for DDIM and PNDM."""
    sampler = SAMPLERS[name]
    schedule = sampler.schedule(ALPHAS_CUMPROD, spacing, 9)
    last: list[Tensor] = []
    start = torch.linspace(-2, 2, 9, dtype=torch.float64)
    made = sampler.function(
        denoiser(exact_network(schedule), schedule, "epsilon"),
        start,
        schedule,
        fresh_noise=lambda: torch.full_like(start, 0.3),
        on_step=lambda _, clean: last.append(clean),
        eta=1.0,
    )
    if name in ("ddim", "pndm"):
        assert schedule.targets[-1] == ALPHAS_CUMPROD[0]
        torch.testing.assert_close(made, last[-1], atol=0.2, rtol=0)
    else:
        assert schedule.targets[-1] == 1.0
        torch.testing.assert_close(made, last[-1], atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "lcm"])
@pytest.mark.parametrize("spacing", ["trailing", "karras", "beta"])
def test_zero_terminal_snr_is_sampled(name: SamplerName, spacing: Spacing) -> None:
    """The first step sees nothing but noise; v tells it the mean of the data all the same."""
    roots = [math.sqrt(level) for level in ALPHAS_CUMPROD]
    first, last = roots[0], roots[-1]
    levels = [((root - last) * first / (first - last)) ** 2 for root in roots]  # arXiv 2305.08891, algorithm 1
    schedule = SAMPLERS[name].schedule(levels, spacing, 60)
    known = [math.log(sigma_of(level)) for level in levels]

    def velocity(noisy: Tensor, index: int, timestep: float | None = None) -> Tensor:
        level = schedule.alpha_bars[index]
        if timestep is not None:
            log_sigma = float(np.interp(timestep, np.arange(1000), known))
            level = 1 / (1 + math.exp(2 * log_sigma))
        noise = exact_noise(noisy, level)
        clean = MEAN + math.sqrt(level) * DEVIATION**2 / spread(level) ** 2 * (noisy - math.sqrt(level) * MEAN)
        return math.sqrt(level) * noise - math.sqrt(1 - level) * clean

    source = torch.Generator().manual_seed(5)

    def noise() -> Tensor:
        return torch.randn(20_000, generator=source)

    made = SAMPLERS[name].function(
        denoiser(velocity, schedule, "v_prediction"),
        noise(),
        schedule,
        fresh_noise=noise,
        on_step=nothing,
        eta=USUAL_ETA.get(name, 0.0),
    )
    assert made.isfinite().all()
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.05)
    assert float(made.std()) == pytest.approx(DEVIATION, abs=0.12)


def test_a_range_of_sigmas_is_the_preconditioning_of_edm() -> None:
    """v in the scale of training is VScalingWithEDMcNoise of Stable Video Diffusion: with sigma data 1,
    c_skip = 1 / (s^2 + 1), c_out = -s / sqrt(s^2 + 1), c_in = 1 / sqrt(s^2 + 1), c_noise = ln(s) / 4, and Euler's
    steps on x0 + s n from noise of sigma 700 (Karras et al. 2022, arXiv 2206.00364, eq. 7 and algorithm 1)."""
    steps = 25
    ramp = np.linspace(0, 1, steps)
    sigmas = [*((700 ** (1 / 7) + ramp * (0.002 ** (1 / 7) - 700 ** (1 / 7))) ** 7), 0.0]

    def network(noisy: Tensor, time: float) -> Tensor:
        return torch.sin(3 * noisy + time)

    start = torch.randn(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = start * math.sqrt(700**2 + 1)
    for sigma, following in itertools.pairwise(sigmas):
        c_skip, c_out, c_in = 1 / (sigma**2 + 1), -sigma / math.sqrt(sigma**2 + 1), 1 / math.sqrt(sigma**2 + 1)
        clean = c_skip * expected + c_out * network(c_in * expected, 0.25 * math.log(sigma))
        expected = expected + (following - sigma) * (expected - clean) / sigma

    schedule = range_schedule((0.002, 700.0), "auto", steps, "svd")
    assert schedule.timesteps == pytest.approx([0.25 * math.log(sigma) for sigma in sigmas[:-1]], abs=1e-9)
    made = SAMPLERS["euler"].function(
        denoiser(lambda noisy, index: network(noisy, schedule.timesteps[index]), schedule, "v_prediction"),
        start,
        schedule,
        fresh_noise=no_noise,
        on_step=nothing,
        eta=0.0,
    )
    torch.testing.assert_close(made, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_the_network_is_called_as_often_as_the_table_says(name: SamplerName) -> None:
    bundle, family = fake_model()
    sample(
        bundle,
        prompts=["a"],
        negatives=[""],
        size=(32, 24),
        sampling=Sampling(sampler=name, steps=7, guidance=1.0),
        seeds=[0],
    )
    calls = SAMPLERS[name].calls
    assert len(family.batches) == (7 + 1 if name == "pndm" else 7 * calls - (calls - 1))
    assert all(0 <= float(time) <= 999 for times in family.timesteps for time in times)


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_eta_acts_where_it_is_said_to(name: SamplerName) -> None:
    schedule = SAMPLERS[name].schedule(ALPHAS_CUMPROD, SAMPLERS[name].default_spacing, 5)
    start = torch.linspace(-2, 2, 9, dtype=torch.float64)
    made = [run(name, schedule, start, fresh_noise=lambda: torch.full_like(start, 0.5), eta=eta) for eta in (0.0, 1.0)]
    assert made[0].equal(made[1]) == (name not in USUAL_ETA)
    assert Sampling(sampler=name).eta_or_usual == USUAL_ETA.get(name, 0.0)
    assert Sampling(sampler=name, eta=0.3).eta_or_usual == (0.3 if name in USUAL_ETA else 0.0)
