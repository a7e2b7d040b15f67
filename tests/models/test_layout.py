"""Convolutions laid out channels last: which ones, and that a model stays what it was."""

import pytest
import torch
from torch import nn

from tests import tiny
from trainer.models.layout import lay_out_convolutions


def is_laid_out(layer: nn.Conv2d) -> bool:
    return layer.weight.is_contiguous(memory_format=torch.channels_last)


def wide_convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """Those that have a layout: of one pixel, both are the same."""
    return [each for each in network.modules() if isinstance(each, nn.Conv2d) and each.kernel_size > (1, 1)]


@pytest.mark.parametrize(("dtype", "expected"), [(torch.bfloat16, True), (torch.float32, False)])
def test_gains_on_a_cpu_in_bf16_alone(dtype: torch.dtype, expected: bool) -> None:
    unet = tiny.bundle("sd1", dtype=dtype).unet
    before = {name: value.clone() for name, value in unet.state_dict().items()}
    with torch.inference_mode():
        lay_out_convolutions(unet)
    assert {is_laid_out(each) for each in wide_convolutions(unet)} == {expected}
    assert all(torch.equal(value, before[name]) for name, value in unet.state_dict().items())
    assert not any(each.is_inference() for each in unet.parameters()), "it could not be trained any more"


def test_what_is_trained_is_left_alone() -> None:
    unet = tiny.bundle("sd1", dtype=torch.bfloat16).unet.requires_grad_(True)
    lay_out_convolutions(unet)
    assert not any(is_laid_out(each) for each in wide_convolutions(unet))
