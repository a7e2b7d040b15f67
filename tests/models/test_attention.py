"""Our attention against diffusers' own on the same UNet, and that a prompt's keys are kept no longer than they hold."""

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import Tensor, nn

from tests import tiny
from trainer.models.attention import UnetAttention, give_attention, prompts_kept


@pytest.fixture
def unet() -> Any:
    return tiny.bundle("sd1").unet


def output(unet: nn.Module, context: Tensor) -> Tensor:
    noisy = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return unet(noisy, torch.tensor([500, 500]), context, return_dict=False)[0]


def prompt(unet: Any, seed: int) -> Tensor:
    return torch.randn(2, 77, unet.config.cross_attention_dim, generator=torch.Generator().manual_seed(seed))


def test_equals_diffusers_attention(unet: Any) -> None:
    context = prompt(unet, 2)
    ours = output(unet, context)
    unet.set_attn_processor(AttnProcessor2_0())
    assert torch.equal(output(unet, context), ours)
    give_attention(unet)
    assert all(isinstance(each, UnetAttention) for each in unet.attn_processors.values())


def test_keys_of_a_prompt_are_computed_once(unet: Any) -> None:
    calls: list[str] = []
    for name, module in unet.named_modules():
        if name.endswith("attn2.to_k"):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    first, second = prompt(unet, 2), prompt(unet, 3)
    alone = [output(unet, context) for context in (first, first, second, first)]
    layers = len(calls) // 4
    calls.clear()
    with prompts_kept(unet):
        kept = [output(unet, context) for context in (first, first, second, first)]
    assert len(calls) == 3 * layers
    assert all(torch.equal(one, other) for one, other in zip(alone, kept, strict=True))


def test_weights_changed_afterwards_are_read(unet: Any) -> None:
    context = prompt(unet, 2)
    with prompts_kept(unet):
        before = output(unet, context)
    for name, weight in unet.named_parameters():
        if "attn2.to_v" in name:
            weight.data.mul_(3)
    assert not torch.equal(output(unet, context), before)
