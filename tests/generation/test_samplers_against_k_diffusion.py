"""The samplers in sigma against numbers that k-diffusion gave for the same fake network and the same noise.

k_diffusion.json was written by record_k_diffusion.py, which says how, from the version that it names.
"""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.generation.gaussian import schedule_through
from tests.generation.record_k_diffusion import NAMES, fake_noise
from trainer.contract.common import USUAL_ETA, SamplerName
from trainer.generation.denoising import denoiser
from trainer.generation.samplers import SAMPLERS
from trainer.generation.schedule import alpha_bar_of

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "k_diffusion.json").read_text("utf-8"))


def numbers(value: Any) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name in NAMES])
def test_trajectory_is_that_of_k_diffusion(name: SamplerName) -> None:
    sigmas = RECORDED["sigmas"]
    assert len(sigmas) == 7
    assert all(sigma > following for sigma, following in pairwise(sigmas))
    schedule = schedule_through([alpha_bar_of(sigma) for sigma in sigmas])
    draws = iter(numbers(RECORDED["draws"]))
    seen: list[Tensor] = []

    def network(noisy: Tensor, index: int, timestep: float | None = None) -> Tensor:
        return fake_noise(noisy, 0.25 * math.log(sigmas[index]) if timestep is None else timestep)

    made = SAMPLERS[name].function(
        denoiser(network, schedule, "epsilon"),
        numbers(RECORDED["start"]),
        schedule,
        fresh_noise=lambda: next(draws),
        on_step=lambda _, clean: seen.append(clean),
        eta=USUAL_ETA.get(name, 0.0),
    )
    expected = RECORDED["trajectories"][name]
    torch.testing.assert_close(torch.stack(seen), numbers(expected["denoised"]), atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(made, numbers(expected["result"]), atol=1e-9, rtol=1e-9)
