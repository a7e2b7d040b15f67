"""The network of DeepDanbooru, version resnet_custom_v3, as TorchDeepDanbooru (MIT) numbers its weights.

A residual network of bottlenecks (He et al. 2016, arXiv 1512.03385) whose normalisations were folded into its
convolutions: 179 of them, `n_Conv_0` to `n_Conv_178`, counted in the order in which they are used. It came from
TensorFlow, which pads a stride of two at the right and at the bottom only.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

STAGES = ((4, 3), (8, 8), (16, 20), (16, 20), (32, 3), (64, 3))
"""(width in multiples of the stem's, number of blocks); each but the first halves the picture. The first block of each
has a convolution beside it, numbered before the block's own; in the stage that keeps the width, behind them."""
LAST = 178
STEM_WIDTH = 64
LABELS = 9176


class DeepBooruNetwork(nn.Module):
    """(B, H, W, 3) RGB from 0 to 1 to (B, labels) probabilities. H and W are 512 in use, and at least 128."""

    def __init__(self, labels: int = LABELS, width: int = STEM_WIDTH) -> None:
        super().__init__()
        self._next = 0
        self._add(3, width, 7, stride=2)
        channels = width
        for stage, (multiple, blocks) in enumerate(STAGES):
            out, stride = multiple * width, 2 if stage else 1
            if out != channels:
                self._add(channels, out, 1, stride=stride)
            self._add_block(channels, out, stride)
            if out == channels:
                self._add(channels, out, 1, stride=stride)
            for _ in range(blocks - 1):
                self._add_block(out, out, 1)
            channels = out
        self._add(channels, labels, 1, bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        x = functional.pad(pictures.permute(0, 3, 1, 2), (2, 3, 2, 3))
        x = functional.relu(self._convolution(0)(x))
        x = functional.max_pool2d(functional.pad(x, (0, 1, 0, 1), value=float("-inf")), 3, 2)
        number = 1
        for before, (multiple, blocks) in zip((1, *(multiple for multiple, _ in STAGES)), STAGES, strict=False):
            first, beside = (number + 1, number) if multiple != before else (number, number + 3)
            x = self._block(x, self._convolution(beside)(x), first)
            number += 4
            for _ in range(blocks - 1):
                x = self._block(x, x, number)
                number += 3
        return torch.sigmoid(self._convolution(LAST)(x).mean((2, 3)))

    def _block(self, x: Tensor, beside: Tensor, number: int) -> Tensor:
        """1x1, 3x3 and 1x1 from convolution `number` on, and what goes past them."""
        x = functional.relu(self._convolution(number)(x))
        middle = self._convolution(number + 1)
        x = functional.pad(x, (0, 1, 0, 1) if middle.stride[0] == 2 else (1, 1, 1, 1))
        x = functional.relu(middle(x))
        return functional.relu(self._convolution(number + 2)(x) + beside)

    def _add_block(self, channels: int, out: int, stride: int) -> None:
        self._add(channels, out // 4, 1)
        self._add(out // 4, out // 4, 3, stride=stride)
        self._add(out // 4, out, 1)

    def _add(self, channels: int, out: int, kernel: int, *, stride: int = 1, bias: bool = True) -> None:
        self.add_module(f"n_Conv_{self._next}", nn.Conv2d(channels, out, kernel, stride, bias=bias))
        self._next += 1

    def _convolution(self, number: int) -> nn.Conv2d:
        return cast(nn.Conv2d, getattr(self, f"n_Conv_{number}"))
