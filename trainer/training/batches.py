"""A batch: everything that one forward pass needs, made from examples as a function of the batch's number."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainer.training.randomness import normal


@dataclass(frozen=True)
class Batch:
    """One forward pass. Either `moments` (encoded pictures) or `pixels` is filled, as the method needs."""

    number: int
    """Counts forward passes from the start of the run: step * accumulation + place in the step."""
    seed: int
    names: tuple[str, ...]
    """The pictures, for messages."""
    weights: Tensor
    """[B]: they sum to 1 over the subject's pictures, and to the prior's weight over the class pictures."""
    moments: Tensor = field(default_factory=lambda: torch.empty(0))
    """[B, 2C, h, w] float32: mean and log-variance of the unscaled latents."""
    pixels: Tensor = field(default_factory=lambda: torch.empty(0))
    """[B, 3, H, W] float32 in [-1, 1]."""
    mask: Tensor = field(default_factory=lambda: torch.empty(0))
    """[B, 1, h, w] float32 in [0, 1]: how much each latent's error counts. Empty where no picture has a mask."""
    conditioning: Mapping[str, Tensor] = field(default_factory=dict)

    def normal(self, purpose: str, *shape: int) -> Tensor:
        """[B, *shape] standard normal numbers, each example's its own function of seed, batch number and place."""
        draws = [normal(shape, self.seed, purpose, self.number, place) for place in range(len(self.names))]
        return torch.stack(draws)
