"""Records what k-diffusion's samplers make of a fake network: the numbers in k_diffusion.json.

    pip install --no-deps --target DIR k-diffusion==0.1.1.post1 torchsde trampoline scipy boltons torchdiffeq
    PYTHONPATH=.:DIR python tests/generation/record_k_diffusion.py > tests/generation/k_diffusion.json

Only k_diffusion.sampling is loaded; the rest of that package asks for more than is needed.
"""

import importlib
import importlib.metadata
import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

SIGMAS = [14.6, 6.0, 2.6, 1.1, 0.45, 0.12, 0.0]
NAMES = {
    "euler": "sample_euler",
    "euler_a": "sample_euler_ancestral",
    "heun": "sample_heun",
    "dpm_2": "sample_dpm_2",
    "dpmpp_2m": "sample_dpmpp_2m",
    "dpmpp_2m_sde": "sample_dpmpp_2m_sde",
    "dpmpp_sde": "sample_dpmpp_sde",
    "dpmpp_3m_sde": "sample_dpmpp_3m_sde",
}


def fake_noise(noisy: Tensor, timestep: float) -> Tensor:
    """A network that predicts noise, from latents in the scale of training; asked at 0.25 ln(sigma)."""
    return torch.tanh(0.7 * noisy + math.sin(5.0 * timestep)) + 0.2 * noisy.roll(1, -1)


def loaded() -> Any:
    folder = Path(str(importlib.metadata.distribution("k-diffusion").locate_file("k_diffusion")))
    package = ModuleType("k_diffusion")
    package.__path__ = [str(folder)]
    sys.modules["k_diffusion"] = package
    utils = ModuleType("k_diffusion.utils")
    vars(utils)["append_dims"] = lambda value, dims: value.reshape(*value.shape, *[1] * (dims - value.ndim))
    sys.modules["k_diffusion.utils"] = utils
    return importlib.import_module("k_diffusion.sampling")


def brownian(draws: Tensor) -> Any:
    """A noise sampler over a Brownian path in sigma, which each new draw carries on to a lower sigma."""
    path = {SIGMAS[0]: torch.zeros_like(draws[0])}
    left = iter(draws)

    def at(sigma: float) -> Tensor:
        known = next((one for one in path if math.isclose(one, sigma, rel_tol=1e-9)), None)
        if known is None:
            lowest = min(path)
            path[sigma] = path[lowest] + math.sqrt(lowest - sigma) * next(left)
            known = sigma
        return path[known]

    def noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        start, end = float(sigma), float(sigma_next)
        return (at(end) - at(start)) / math.sqrt(start - end)

    return noise


def model(scaled: Tensor, sigma: Tensor) -> Tensor:
    level = float(sigma[0])
    return scaled - level * fake_noise(scaled / math.sqrt(level**2 + 1.0), 0.25 * math.log(level))


def main() -> None:
    sampling = loaded()
    source = torch.Generator().manual_seed(0)
    start = torch.randn(1, 3, generator=source, dtype=torch.float64)
    draws = torch.randn(12, 1, 3, generator=source, dtype=torch.float64)
    recorded: dict[str, Any] = {
        "origin": f"k-diffusion {importlib.metadata.version('k-diffusion')}, by record_k_diffusion.py beside this file",
        "sigmas": SIGMAS,
        "start": start.tolist(),
        "draws": draws.tolist(),
        "trajectories": {},
    }
    for name, function in NAMES.items():
        seen: list[Any] = []
        options: dict[str, Any] = {}
        if name == "euler_a":
            left = iter(draws)
            options["noise_sampler"] = lambda *_sigmas, left=left: next(left)
        elif name.endswith("sde"):
            options["noise_sampler"] = brownian(draws)
        result = getattr(sampling, function)(
            model,
            start * math.sqrt(SIGMAS[0] ** 2 + 1.0),
            torch.tensor(SIGMAS, dtype=torch.float64),
            callback=lambda step, seen=seen: seen.append(step["denoised"].tolist()),
            disable=True,
            **options,
        )
        recorded["trajectories"][name] = {"denoised": seen, "result": result.tolist()}
    json.dump(recorded, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
