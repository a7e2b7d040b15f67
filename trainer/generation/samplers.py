"""The table of samplers: how noise becomes a picture, one plain function each; and what they share.

A sampler is given a denoiser, the noise to begin with, and a schedule (trainer/generation/schedule.py). Latents are
[B, C, h, w] in fp32, in the scale of training: x = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) n. The functions stand in
samplers_ddim.py (timestep by timestep), samplers_euler.py (in sigma) and samplers_dpm.py (in half-logSNR).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from trainer.contract.common import SamplerName, Sampling
from trainer.contract.errors import UserError
from trainer.generation.denoising import SamplerFunction
from trainer.generation.samplers_ddim import ddim, ddpm, lcm, pndm
from trainer.generation.samplers_dpm import dpmpp_2m, dpmpp_2m_sde, dpmpp_3m_sde, dpmpp_sde, unipc
from trainer.generation.samplers_euler import dpm_2, euler, euler_ancestral, heun
from trainer.generation.schedule import (
    Compatibility,
    Schedule,
    ddim_schedule,
    ddpm_schedule,
    dpm_schedule,
    lcm_schedule,
    range_schedule,
    sigma_schedule,
)
from trainer.generation.spacing import Spacing
from trainer.models.family import Bundle


class ScheduleFunction(Protocol):
    def __call__(
        self,
        alphas_cumprod: Sequence[float],
        spacing: Spacing,
        steps: int,
        compatibility: Compatibility = "gesso",
        family: str = "sd1",
    ) -> Schedule: ...


@dataclass(frozen=True)
class Sampler:
    """An entry of `SAMPLERS`."""

    label: str
    """As A1111 writes it in a picture."""
    function: SamplerFunction
    schedule: ScheduleFunction
    default_spacing: Spacing
    order: int
    """How fast the error falls, as 1 / steps to this power, on Gaussian data: of the picture itself where no noise is
    fresh, else of mean and deviation. 0 for none."""
    calls: int = 1
    """Of the network in each step, but for the first and the last."""


SAMPLERS: Mapping[SamplerName, Sampler] = {
    "ddim": Sampler("DDIM", ddim, ddim_schedule, "leading", order=1),
    "ddpm": Sampler("DDPM", ddpm, ddpm_schedule, "leading", order=1),
    "pndm": Sampler("PLMS", pndm, ddim_schedule, "leading", order=2),
    "euler": Sampler("Euler", euler, sigma_schedule, "linspace", order=1),
    "euler_a": Sampler("Euler a", euler_ancestral, sigma_schedule, "linspace", order=1),
    "heun": Sampler("Heun", heun, sigma_schedule, "linspace", order=2, calls=2),
    "dpm_2": Sampler("DPM2", dpm_2, sigma_schedule, "karras", order=2, calls=2),
    "dpmpp_2m": Sampler("DPM++ 2M", dpmpp_2m, dpm_schedule, "karras", order=2),
    "dpmpp_2m_sde": Sampler("DPM++ 2M SDE", dpmpp_2m_sde, dpm_schedule, "exponential", order=2),
    "dpmpp_sde": Sampler("DPM++ SDE", dpmpp_sde, sigma_schedule, "karras", order=2, calls=2),
    "dpmpp_3m_sde": Sampler("DPM++ 3M SDE", dpmpp_3m_sde, sigma_schedule, "exponential", order=2),
    "unipc": Sampler("UniPC", unipc, dpm_schedule, "linspace", order=2),
    "lcm": Sampler("LCM", lcm, lcm_schedule, "trailing", order=0),
}


def schedule_of(bundle: Bundle, sampling: Sampling) -> Schedule:
    """The steps that a model takes by these settings; spacing `auto` is the sampler's own habit, and karras for a model
    with a range of sigmas. Raises UserError for a number of steps, a spacing or a sampler that the model can't take."""
    sampler = SAMPLERS[sampling.sampler]
    if bundle.sigma_range is not None:
        if sampling.sampler == "lcm":
            raise UserError("The sampler LCM counts timesteps, and this model has none.", "Choose the sampler Euler.")
        return range_schedule(bundle.sigma_range, sampling.spacing, sampling.steps, bundle.family.name)
    spacing = sampler.default_spacing if sampling.spacing == "auto" else sampling.spacing
    levels = bundle.alphas_cumprod.tolist()
    return sampler.schedule(levels, spacing, sampling.steps, sampling.compatibility, bundle.family.name)
