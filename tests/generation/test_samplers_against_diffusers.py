"""Each sampler against diffusers' scheduler of that name, with the same network and the same noise."""

import math
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)
from torch import Tensor

from tests.generation.gaussian import TheirSpacing, exact_noise, run
from trainer.contract.common import SamplerName
from trainer.generation.samplers import SAMPLERS
from trainer.generation.samplers_ddim import ddim_sigma
from trainer.generation.schedule import Schedule, ddim_schedule, sigma_schedule
from trainer.generation.spacing import Spacing

# diffusers hands tensors to numpy in a way that numpy 2 frowns upon
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]

BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
AS_DIFFUSERS: list[float] = DDIMScheduler(**BETAS).alphas_cumprod.double().tolist()
"""The same schedule as ours, as diffusers computes it in single precision."""


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
        one = Schedule((float(timestep),), (level,), (target,), timestep_at=schedule.timestep_at)
        made = run("ddim", one, noisy, fresh_noise=lambda: torch.zeros(16, dtype=torch.float64), eta=1.0)
        # eq. 7 of arXiv 2006.11239
        clean = (noisy - math.sqrt(1 - level) * exact_noise(noisy, level)) / math.sqrt(level)
        beta = 1 - level / target
        mean = math.sqrt(target) * beta / (1 - level) * clean
        mean = mean + math.sqrt(1 - beta) * (1 - target) / (1 - level) * noisy
        torch.testing.assert_close(made, mean, atol=1e-9, rtol=1e-9)
        variance = float(theirs._get_variance(timestep))
        assert ddim_sigma(level, target, 1.0) ** 2 == pytest.approx(variance, rel=1e-3)


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
    expected: Tensor = unit * theirs.init_noise_sigma
    for index, timestep in enumerate(theirs.timesteps):
        network = exact_noise(theirs.scale_model_input(expected, timestep), schedule.alpha_bars[index])
        expected = theirs.step(network, timestep, expected, return_dict=False)[0]

    drawn = iter(noises)
    made = run(name, schedule, unit * schedule.start_scale, fresh_noise=lambda: next(drawn), eta=1.0)
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


def fake_network(noisy: Tensor, timestep: float) -> Tensor:
    """Neither linear in the latents nor the same at two timesteps."""
    return torch.tanh(0.7 * noisy + math.sin(timestep / 90.0)) + 0.2 * noisy.roll(1, -1)


OPTIONS: dict[Spacing, dict[str, Any]] = {
    "leading": {"timestep_spacing": "leading"},
    "trailing": {"timestep_spacing": "trailing"},
    "linspace": {"timestep_spacing": "linspace"},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
}


def compare(
    name: SamplerName,
    theirs: Any,
    spacing: Spacing,
    steps: int,
    noise_module: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    eta: float = 0.0,
) -> None:
    """Both from the same noise with the same draws, asking the same network at the timesteps of theirs."""
    theirs.set_timesteps(steps)
    source = torch.Generator().manual_seed(0)
    unit = torch.randn(2, 4, 3, 5, generator=source)
    noises = torch.randn(steps, 2, 4, 3, 5, generator=source)
    drawn = iter(noises)
    if noise_module:
        monkeypatch.setattr(f"diffusers.schedulers.{noise_module}.randn_tensor", lambda *_args, **_more: next(drawn))

    expected: Tensor = unit * theirs.init_noise_sigma
    for timestep in theirs.timesteps:
        network = fake_network(theirs.scale_model_input(expected, timestep), float(timestep))
        expected = theirs.step(network, timestep, expected, return_dict=False)[0]

    schedule = SAMPLERS[name].schedule(AS_DIFFUSERS, spacing, steps, "diffusers")
    ours = iter(noises)

    def network_at(noisy: Tensor, index: int, timestep: float | None = None) -> Tensor:
        return fake_network(noisy, schedule.timesteps[index] if timestep is None else timestep)

    made = run(
        name,
        schedule,
        unit * schedule.start_scale,
        network=network_at,
        fresh_noise=lambda: next(ours),
        eta=eta,
    )
    assert float(expected.std()) > 0.1
    torch.testing.assert_close(made, expected, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("steps", [10, 30])
def test_ddpm_is_diffusers(spacing: Spacing, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = DDPMScheduler(**BETAS, clip_sample=False, **OPTIONS[spacing])
    compare("ddpm", theirs, spacing, steps, "scheduling_ddpm", monkeypatch)


@pytest.mark.parametrize("steps", [2, 7, 20, 50])
def test_pndm_is_diffusers_as_stable_diffusion_has_it(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = PNDMScheduler(**BETAS, skip_prk_steps=True, set_alpha_to_one=False)
    compare("pndm", theirs, "leading", steps, "", monkeypatch)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace", "karras", "exponential"])
@pytest.mark.parametrize("steps", [7, 20])
def test_heun_is_diffusers(spacing: Spacing, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compare("heun", HeunDiscreteScheduler(**BETAS, **OPTIONS[spacing]), spacing, steps, "", monkeypatch)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace", "exponential"])
@pytest.mark.parametrize("steps", [7, 20])
def test_dpm_2_is_diffusers(spacing: Spacing, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with karras: theirs rounds the timesteps there, without the sigmas."""
    compare("dpm_2", KDPM2DiscreteScheduler(**BETAS, **OPTIONS[spacing]), spacing, steps, "", monkeypatch)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace", "karras"])
@pytest.mark.parametrize("steps", [7, 20])
def test_dpmpp_2m_sde_is_diffusers(spacing: Spacing, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = DPMSolverMultistepScheduler(**BETAS, algorithm_type="sde-dpmsolver++", **OPTIONS[spacing])
    compare("dpmpp_2m_sde", theirs, spacing, steps, "scheduling_dpmsolver_multistep", monkeypatch, eta=1.0)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace", "karras"])
@pytest.mark.parametrize("steps", [1, 2, 7, 20])
def test_unipc_is_diffusers(spacing: Spacing, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compare("unipc", UniPCMultistepScheduler(**BETAS, **OPTIONS[spacing]), spacing, steps, "", monkeypatch)


@pytest.mark.parametrize("steps", [1, 4, 7, 50])
def test_lcm_is_diffusers(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = LCMScheduler(**{**BETAS, "steps_offset": 0})
    compare("lcm", theirs, "trailing", steps, "scheduling_lcm", monkeypatch)
    schedule = SAMPLERS["lcm"].schedule(AS_DIFFUSERS, "trailing", steps)
    assert list(schedule.timesteps) == theirs.timesteps.tolist()
