"""A full-size SD 1.5 file with random weights, made without holding the model in memory."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from trainer.models import sd_keys
from trainer.models.architecture import Architecture
from trainer.models.networks import without_weights
from trainer.models.tensors import write_tensors


def write_sd15(path: Path, *, dtype: torch.dtype = torch.float16) -> None:
    """Write 1,131 tensors, 2.1 GB in fp16, of a scale at which the networks' numbers stay in bounds."""
    parts = without_weights(Architecture.named("sd15"))
    fetches: dict[str, Callable[[], Tensor]] = {
        sd_keys.POSITION_IDS: lambda: torch.arange(77).unsqueeze(0),
    }
    for network, entries in (
        (parts.unet, sd_keys.unet_entries),
        (parts.vae, sd_keys.vae_entries),
        (parts.text_encoder, sd_keys.text_entries),
    ):
        state = network.state_dict()
        for entry in entries(parts.architecture, state):
            fetches[entry.original] = _drawn(entry.original, tuple(entry.join(state).shape), dtype)
    write_tensors(path, fetches, dtype=dtype, metadata={})


def _drawn(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Callable[[], Tensor]:
    if len(shape) == 1:  # biases, and the weights of norms
        value = 1.0 if name.endswith(".weight") else 0.0
        return lambda: torch.full(shape, value, dtype=dtype)
    spread = 1 / math.sqrt(math.prod(shape[1:]))
    return lambda: torch.empty(shape, dtype=dtype).uniform_(-spread, spread)
