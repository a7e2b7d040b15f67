"""Training a model's own weights: float32 masters and their running average. Shared by `full` and `autoencoder`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class TrainedWeights:
    """The parameters of some networks made trainable, with an exponential moving average where `ema` is above 0.

    The average's memory grows with the steps, min(ema, (1 + n) / (10 + n)), so that the random start is soon forgotten.
    """

    def __init__(self, networks: Mapping[str, nn.Module], ema: float) -> None:
        self.networks = networks
        self.ema = ema
        self.steps = 0
        for network in networks.values():
            network.requires_grad_(True)
            for parameter in network.parameters():
                # a copy of its own: the loaded weights may be pages of the model's file
                parameter.data = parameter.detach().to(torch.float32, copy=True)
        self.average = [parameter.detach().clone() for parameter in self.parameters()] if ema else []

    def parameters(self) -> list[nn.Parameter]:
        return [parameter for network in self.networks.values() for parameter in network.parameters()]

    @torch.no_grad()
    def stepped(self) -> None:
        self.steps += 1
        if self.ema:
            keep = min(self.ema, (1 + self.steps) / (10 + self.steps))
            torch._foreach_lerp_(self.average, [p.data for p in self.parameters()], 1 - keep)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Swap the averaged weights in, and the trained ones back afterwards."""
        if not self.ema:
            yield
            return
        parameters = self.parameters()
        trained = [parameter.data for parameter in parameters]
        for parameter, average in zip(parameters, self.average, strict=True):
            parameter.data = average
        try:
            yield
        finally:
            for parameter, weights in zip(parameters, trained, strict=True):
                parameter.data = weights

    def state(self) -> dict[str, Tensor]:
        state = {name: parameter.detach().cpu() for name, parameter in self._named()}
        for (name, _), average in zip(self._named(), self.average, strict=False):
            state[f"ema.{name}"] = average.cpu()
        return {**state, "steps": torch.tensor(self.steps)}

    @torch.no_grad()
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.steps = int(state["steps"])
        for place, (name, parameter) in enumerate(self._named()):
            parameter.copy_(state[name])
            if self.ema:
                self.average[place].copy_(state[f"ema.{name}"])

    def _named(self) -> Sequence[tuple[str, nn.Parameter]]:
        return [
            (f"{network}.{name}", parameter)
            for network, module in self.networks.items()
            for name, parameter in module.named_parameters()
        ]

    def release(self) -> None:
        for network in self.networks.values():
            network.requires_grad_(False)
