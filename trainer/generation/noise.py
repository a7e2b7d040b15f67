"""Where noise comes from: for each picture a generator of its own, so that no other picture changes it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from trainer.contract.common import NoiseName
from trainer.generation.denoising import FreshNoise
from trainer.generation.philox import PhiloxGenerator


class NoiseGenerator(Protocol):
    """The noise of one picture, drawn one tensor after the other."""

    def randn(self, shape: Sequence[int]) -> Tensor:
        """Standard normal, in fp32 on the CPU."""
        ...


class TorchGenerator:
    """torch's own generator on the CPU."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def randn(self, shape: Sequence[int]) -> Tensor:
        return torch.randn(tuple(shape), generator=self._generator, dtype=torch.float32)


GENERATORS: Mapping[NoiseName, Callable[[int], NoiseGenerator]] = {"cpu": TorchGenerator, "nv": PhiloxGenerator}


def generators(seeds: Sequence[int], noise: NoiseName = "cpu") -> list[NoiseGenerator]:
    """One generator on the CPU for each picture, so that neither batch size nor device changes its noise."""
    return [GENERATORS[noise](seed) for seed in seeds]


def noise_source(
    sources: Sequence[NoiseGenerator], shape: Sequence[int], device: torch.device | str = "cpu"
) -> FreshNoise:
    """Noise of `shape` (of one picture: C, h, w) for each generator in turn: [B, C, h, w] in fp32 on `device`."""
    there = torch.device(device)

    def fresh() -> Tensor:
        drawn = torch.stack([source.randn(shape) for source in sources])
        if there.type == "cuda":  # from pinned memory it gets there without waiting for what the card still does
            return drawn.pin_memory().to(there, non_blocking=True)
        return drawn.to(there)

    return fresh
