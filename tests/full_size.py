"""Full-size models with random weights in the original single-file layout, made without holding them in memory.

Their tensors are those of tests/library/layouts.py, which were written down from the published architectures.
"""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from tests.library import layouts
from trainer.models import svd_file, svd_networks
from trainer.models.svd_architecture import DECODER, ENCODER, VideoArchitecture
from trainer.models.tensors import write_tensors

MARKS = ("v_pred", "ztsnr")

LAYOUTS: dict[str, Callable[[], layouts.Shapes]] = {
    "sd15": layouts.sd1,
    "sd15-inpainting": lambda: layouts.sd1(9),
    "sd21-v": layouts.sd2,
    "sd21-inpainting": lambda: layouts.sd2(9),
    "sdxl": layouts.sdxl,
    "sdxl-v": lambda: {**layouts.sdxl(), **dict.fromkeys(MARKS, (0,))},
    "sdxl-inpainting": lambda: layouts.sdxl(9),
    "sdxl-refiner": layouts.sdxl_refiner,
}

_TELLS_V = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
"""By the spread of this one it is told what SD 2.x predicts."""


def write_full(path: Path, name: str, *, dtype: torch.dtype = torch.float16) -> None:
    """Write one of `LAYOUTS`, 2 bytes a number in fp16 and bf16 (SD 1.5 2.1 GB, XL 6.9 GB), of a scale at which the
    networks' numbers stay in bounds."""
    fetches = {tensor: _drawn(tensor, shape, dtype) for tensor, shape in LAYOUTS[name]().items()}
    if name == "sd21-v":
        fetches[_TELLS_V] = lambda: torch.linspace(-0.3, 0.3, 320).to(dtype)
    write_tensors(path, fetches, dtype=dtype, metadata={})


def write_svd(path: Path) -> None:
    """Write Stable Video Diffusion of 14 frames in the original layout: 2,440 tensors, 4.7 GB in fp16.

    They are those of the published file but for what it holds of CLIP's other half.
    """
    parts = svd_networks.without_weights(VideoArchitecture())
    shapes = {name: tuple(fetch().shape) for name, fetch in svd_file.original_tensors(parts).items()}
    first, second = "first_stage_model.encoder.", ENCODER + "decoder."
    shapes |= {
        first + name.removeprefix(ENCODER + "encoder."): shape
        for name, shape in shapes.items()
        if name.startswith(ENCODER + "encoder.")
    }
    over_time = (".time_stack.", ".mix_factor", ".time_mix_conv.")
    shapes |= {
        second + name.removeprefix(DECODER): shape
        for name, shape in shapes.items()
        if name.startswith(DECODER) and not any(mark in name for mark in over_time)
    }
    shapes |= {ENCODER + "post_quant_conv.weight": (4, 4, 1, 1), ENCODER + "post_quant_conv.bias": (4,)}
    assert len(shapes) == 2440
    fetches = {name: _drawn(name, shape, torch.float16) for name, shape in shapes.items()}
    write_tensors(path, fetches, dtype=torch.float16, metadata={})


def _drawn(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Callable[[], Tensor]:
    if name.endswith("position_ids"):
        return lambda: torch.arange(77).unsqueeze(0)
    if len(shape) < 2:  # biases, the weights of norms, and single numbers
        value = 1.0 if name.endswith(".weight") else 0.0
        return lambda: torch.full(shape, value, dtype=dtype)
    spread = 1 / math.sqrt(math.prod(shape[1:]))
    return lambda: torch.empty(shape, dtype=dtype).uniform_(-spread, spread)
