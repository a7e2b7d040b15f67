"""Random numbers as pure functions of where they are used, so that no random state has to be saved to resume exactly.

Every draw names its purpose and its place (seed, step, index); the same name gives the same numbers on every machine,
whatever was drawn before. This is why a run killed anywhere and resumed ends with the same bits.
"""

import hashlib
import random
from collections.abc import Sequence

import torch
from torch import Tensor


def place_seed(seed: int, purpose: str, *place: int) -> int:
    """A 63-bit seed for one place of use: BLAKE2b over the numbers, so that neighbours have nothing in common."""
    text = ":".join([str(seed), purpose, *map(str, place)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(seed: int, purpose: str, *place: int) -> torch.Generator:
    """A CPU generator for one place of use."""
    return torch.Generator().manual_seed(place_seed(seed, purpose, *place))


def python_random(seed: int, purpose: str, *place: int) -> random.Random:
    """The same for text and order: shuffles, dropout, choices."""
    return random.Random(place_seed(seed, purpose, *place))


def normal(shape: Sequence[int], seed: int, purpose: str, *place: int) -> Tensor:
    """Standard normal numbers, float32 on the CPU."""
    return torch.randn(tuple(shape), generator=generator(seed, purpose, *place))


def stratified_timesteps(count: int, low: int, high: int, seed: int, *place: int) -> Tensor:
    """[count] int64 timesteps in [low, high]: uniform, one in each of `count` equal strata, in random order.

    Each timestep is as likely as with independent draws, but a batch covers the whole range, which steadies the loss.
    """
    draws = generator(seed, "timesteps", *place)
    strata = (torch.arange(count) + torch.rand(count, generator=draws)) / count
    timesteps = low + (strata * (high - low + 1)).long().clamp(max=high - low)
    return timesteps[torch.randperm(count, generator=draws)]
