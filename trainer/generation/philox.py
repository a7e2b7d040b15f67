"""The normal noise of torch on an NVIDIA card, drawn on the processor: what A1111 calls the RNG `NV`.

The counter-based generator Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") and the
Box-Muller transform, laid out as curand lays them out for torch: element i of a tensor belongs to subsequence i, and
each tensor drawn moves every subsequence on by one. A card draws so as long as it has a thread for each element; the
latents of a picture are far below that.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Words = NDArray[np.uint32]

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10


class PhiloxGenerator:
    """Draws tensors one after the other. `seed` is below 2^64."""

    def __init__(self, seed: int) -> None:
        self._key = (seed & 0xFFFFFFFF, seed >> 32)
        self._drawn = 0

    def randn(self, shape: Sequence[int]) -> Tensor:
        """Standard normal of `shape` in fp32 on the CPU."""
        count = math.prod(shape)
        counter = np.zeros((4, count), np.uint32)
        counter[0] = self._drawn
        counter[2] = np.arange(count)
        self._drawn += 1
        words = philox(counter, self._key)
        return torch.from_numpy(_box_muller(words[0], words[1])).reshape(tuple(shape))


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """Philox4x32-10: four words out of the four of each counter [4, n], under a key of two words."""
    mask = np.uint64(0xFFFFFFFF)
    first, second, third, fourth = (row.astype(np.uint64) for row in counter)
    low_key, high_key = key
    for _ in range(_ROUNDS):
        one, other = first * np.uint64(_MULTIPLIERS[0]), third * np.uint64(_MULTIPLIERS[1])
        first, third = (
            (other >> np.uint64(32)) ^ second ^ np.uint64(low_key),
            ((one >> np.uint64(32)) ^ fourth ^ np.uint64(high_key)),
        )
        second, fourth = other & mask, one & mask
        low_key, high_key = (low_key + _KEY_STEPS[0]) & 0xFFFFFFFF, (high_key + _KEY_STEPS[1]) & 0xFFFFFFFF
    return np.stack([first, second, third, fourth]).astype(np.uint32)


def _box_muller(first: Words, second: Words) -> NDArray[np.float32]:
    """The first of the two normal numbers that two uniform words give, both words taken at the middle of their step."""
    uniform = (first.astype(np.float64) + 0.5) * 2.0**-32
    angle = (second.astype(np.float64) + 0.5) * (2.0 * math.pi * 2.0**-32)
    return (np.sqrt(-2.0 * np.log(uniform)) * np.sin(angle)).astype(np.float32)
