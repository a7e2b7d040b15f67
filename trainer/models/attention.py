"""Attention in the UNets of every family: what diffusers computes, without what it does for other networks."""

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class UnetAttention:
    """Stands in for diffusers' AttnProcessor2_0, one in each attention, and gives the same numbers bit for bit.

    Keys and values of a prompt are the same in every step: within `prompts_kept` they are computed once.
    """

    def __init__(self) -> None:
        self.keeps = False
        self.kept: tuple[Tensor, Tensor, Tensor] | None = None
        """A prompt's context [B, tokens, width], its keys, and its values."""

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, attention_mask: None = None
    ) -> Tensor:
        """[B, places, channels] to the same; `encoder_hidden_states` is the context, None for attention to itself.

        The names are those by which diffusers calls. Nothing is masked in these models.
        """
        keys, values = self._keys_and_values(attn, hidden_states, encoder_hidden_states)
        answer = scaled_dot_product_attention(_by_heads(attn, attn.to_q(hidden_states)), keys, values)
        projection, dropout = attn.to_out
        return dropout(projection(answer.transpose(1, 2).flatten(2)))

    def _keys_and_values(self, attn: Any, hidden: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.kept is not None and self.kept[0] is context:
            return self.kept[1:]
        read = hidden if context is None else context
        keys, values = _by_heads(attn, attn.to_k(read)), _by_heads(attn, attn.to_v(read))
        if self.keeps and context is not None:
            self.kept = context, keys, values
        return keys, values


def _by_heads(attn: Any, projected: Tensor) -> Tensor:
    """[B, n, heads * width] to [B, heads, n, width]."""
    return projected.unflatten(2, (attn.heads, -1)).transpose(1, 2)


def give_attention(unet: nn.Module) -> None:
    """Put `UnetAttention` into every attention of a UNet of diffusers."""
    diffusers_unet: Any = unet
    diffusers_unet.set_attn_processor({name: UnetAttention() for name in diffusers_unet.attn_processors})


@contextlib.contextmanager
def prompts_kept(unet: nn.Module) -> Iterator[None]:
    """Within the block, whoever calls the UNet with one and the same context tensor again has its keys and values from
    before. Weights must not change meanwhile."""
    processors = [getattr(module, "processor", None) for module in unet.modules()]
    attentions = [each for each in processors if isinstance(each, UnetAttention)]
    try:
        for each in attentions:
            each.keeps = True
        yield
    finally:
        for each in attentions:
            each.keeps, each.kept = False, None
