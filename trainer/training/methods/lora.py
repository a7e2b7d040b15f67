"""LoRA: beside each adapted weight W a product of two thin matrices is trained, W' = W + (alpha / rank) up down.

Hu et al. 2021, arXiv 2106.09685. The file is written in kohya naming (sd-scripts), which every tool reads.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.contract.train import Lora, TrainJob
from trainer.models.device import SAVED
from trainer.models.family import Bundle
from trainer.models.lora_file import LoraPair, write_lora
from trainer.training.batches import Batch
from trainer.training.losses import denoising_loss
from trainer.training.optimizers import ParameterGroup
from trainer.training.randomness import generator

MERGE_BELOW = 12
"""A linear layer or 1x1 convolution with fewer weights than this many times its LoRA's works with the sum of both.
Measured on a CPU: the one gradient of the sum then costs less than the many thin products that it replaces."""


class LoraLayer(nn.Module):
    """A linear or convolution layer with its low-rank addition. The wrapped layer stays as it is, and frozen."""

    def __init__(self, base: nn.Linear | nn.Conv2d, rank: int, alpha: float, draws: torch.Generator) -> None:
        super().__init__()
        self.base = base
        self.scale = alpha / rank
        weight = base.weight
        kernel = weight.shape[2:]
        down = torch.empty(rank, weight.shape[1], *kernel)
        nn.init.kaiming_uniform_(down, a=math.sqrt(5), generator=draws)
        self.down = nn.Parameter(down.to(weight.device))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank, *(1 for _ in kernel), device=weight.device))
        thin = down.numel() + self.up.numel()
        self._merges = math.prod(kernel) == 1 and weight.numel() < MERGE_BELOW * thin

    @property
    def weight(self) -> Tensor:
        """The frozen weight: some callers look at its type."""
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        return self.base.bias

    def forward(self, x: Tensor) -> Tensor:
        in_float32 = x.dtype == self.weight.dtype == torch.float32 and not torch.is_autocast_enabled(x.device.type)
        if self._merges and in_float32:
            return self._merged(x)
        if isinstance(self.base, nn.Linear):
            low = functional.linear(x, self.down.to(x.dtype))
            return self.base(x) + functional.linear(low, (self.up * self.scale).to(x.dtype))
        low = functional.conv2d(x, self.down.to(x.dtype), None, self.base.stride, self.base.padding)
        return self.base(x) + functional.conv2d(low, (self.up * self.scale).to(x.dtype))

    def _merged(self, x: Tensor) -> Tensor:
        """The same by the sum of the weights: one product with `x` instead of three.

        For float32 only: in fewer digits a small addition would be lost in the sum.
        """
        weight = torch.addmm(_matrix(self.weight), _matrix(self.up), _matrix(self.down), alpha=self.scale)
        if isinstance(self.base, nn.Linear):
            return functional.linear(x, weight, self.bias)
        return functional.conv2d(x, weight.view_as(self.weight), self.bias, self.base.stride, self.base.padding)


def _matrix(weight: Tensor) -> Tensor:
    """A weight with its kernel's sides, if it has any, laid into its columns."""
    return weight if weight.ndim == 2 else weight.flatten(1)


class LoraMethod:
    """LoRA attached to a bundle's UNet, and to its text encoders where asked for."""

    wants_pixels = False

    def __init__(self, bundle: Bundle, job: TrainJob) -> None:
        assert isinstance(job.method, Lora)
        self.bundle = bundle
        self.job = job
        self.settings = job.method
        self.trains_text = job.method.text_encoder
        targets = bundle.family.lora_targets(
            bundle, text_encoder=job.method.text_encoder, convolutions=job.method.convolutions
        )
        self.layers: dict[str, LoraLayer] = {}
        self._paths = {name: path for path, name in targets.items()}
        for number, (path, name) in enumerate(targets.items()):
            draws = generator(job.steps.seed, "lora init", number)
            parent, attribute = _parent(bundle, path)
            layer = LoraLayer(getattr(parent, attribute), job.method.rank, job.method.alpha, draws)
            setattr(parent, attribute, layer)
            self.layers[name] = layer

    def groups(self) -> Sequence[ParameterGroup]:
        unet = [p for name, layer in self.layers.items() if self._of_unet(name) for p in (layer.down, layer.up)]
        text = [p for name, layer in self.layers.items() if not self._of_unet(name) for p in (layer.down, layer.up)]
        groups = [ParameterGroup(unet)]
        if text:
            groups.append(ParameterGroup(text, self.settings.text_encoder_learning_rate))
        return groups

    def _of_unet(self, name: str) -> bool:
        return self._paths[name].startswith("unet.")

    def loss(self, batch: Batch) -> Tensor:
        return denoising_loss(self.bundle, batch, self.job.loss)

    def stepped(self) -> None:
        """Nothing to do: a LoRA keeps no average."""

    @contextmanager
    def averaged(self) -> Iterator[None]:
        yield

    def state(self) -> dict[str, Tensor]:
        return {
            f"{name}.{part}": parameter.detach().cpu()
            for name, layer in self.layers.items()
            for part, parameter in (("down", layer.down), ("up", layer.up))
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, layer in self.layers.items():
                layer.down.copy_(state[f"{name}.down"])
                layer.up.copy_(state[f"{name}.up"])

    def save(self, folder: Path, metadata: Mapping[str, str], batch: Callable[[int], Batch]) -> Path:
        path = folder / f"{self.job.output.name}.safetensors"
        dtype = SAVED[self.job.output.precision]
        pairs = {
            name: LoraPair(
                down=layer.down.detach().to("cpu", dtype),
                up=layer.up.detach().to("cpu", dtype),
                alpha=self.settings.alpha,
            )
            for name, layer in self.layers.items()
        }
        write_lora(path, pairs, metadata)
        return path

    def detach(self) -> None:
        for name, layer in self.layers.items():
            parent, attribute = _parent(self.bundle, self._paths[name])
            setattr(parent, attribute, layer.base)


def _parent(bundle: Bundle, path: str) -> tuple[nn.Module, str]:
    """`unet.mid_block.attentions.0.proj_in` to the module that holds it and the attribute's name."""
    part, _, inner = path.partition(".")
    root: nn.Module = getattr(bundle, part)
    parent, _, attribute = inner.rpartition(".")
    return root.get_submodule(parent), attribute
