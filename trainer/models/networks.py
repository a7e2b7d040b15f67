"""The networks of SD 1.x, 2.x and XL, built from an architecture: on `meta` for weights to be assigned, or random."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainer.contract.errors import UserError
from trainer.models.architecture import Architecture, TextPlace, TextShape
from trainer.models.attention import give_attention


@dataclass(frozen=True)
class Parts:
    """What a model file holds: an architecture, its networks by the names they have in a bundle, and what else stood
    in the file."""

    architecture: Architecture
    networks: Mapping[str, nn.Module]
    metadata: Mapping[str, str] = field(default_factory=dict)
    unused: dict[str, Tensor] = field(default_factory=dict)


LABELS: Mapping[str, str] = {
    "unet": "UNet",
    "vae": "VAE",
    "text_encoder": "text encoder",
    "text_encoder_2": "second text encoder",
}
"""What the networks are called in sentences."""


def unet(architecture: Architecture) -> nn.Module:
    """diffusers' UNet2DConditionModel with our attention, on the device that is torch's default."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    made = UNet2DConditionModel(**architecture.unet_config())
    give_attention(made)
    return made


def vae(architecture: Architecture) -> nn.Module:
    """diffusers' AutoencoderKL, on the device that is torch's default."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return AutoencoderKL(**architecture.vae_config())


def text_encoder(architecture: Architecture, place: TextPlace, shape: TextShape) -> nn.Module:
    """transformers' CLIPTextModel, or the one with projection, on the device that is torch's default."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(**architecture.text_config(shape))
    return CLIPTextModelWithProjection(config) if place.projects else CLIPTextModel(config)


def _built(architecture: Architecture) -> dict[str, nn.Module]:
    texts = {place.part: text_encoder(architecture, place, shape) for place, shape in architecture.texts}
    return {"unet": unet(architecture), "vae": vae(architecture), **texts}


def without_weights(architecture: Architecture, where: str = "The model") -> Parts:
    """The networks on `meta`: at once, and without memory.

    Raises UserError that names the file (`where`) when its sizes make no network, such as 3 channels in 8 groups.
    """
    from diffusers.models.modeling_utils import no_init_weights

    try:
        with torch.device("meta"), no_init_weights():
            return Parts(architecture, _built(architecture))
    except (ValueError, TypeError, ArithmeticError) as error:
        raise UserError(
            f"{where} is built in a way that Gesso does not know.",
            "Choose a standard Stable Diffusion 1.x, 2.x or XL model.",
            str(error),
        ) from error


NARROW_LOG_VARIANCE = -8.0
"""Of an untrained VAE's latents: a standard deviation of exp(-4), about 0.02."""


WORDS_APART: Mapping[str, float] = {
    "token_embedding": 5.0,
    "position_embedding": 0.3,
    "self_attn": 2.5,
    "final_layer_norm": 3.0,
}
"""Factors on CLIP's own initial weights. With those, one word changes by a tenth what the UNet sees of a prompt; with
these by more than half, and each word can still be read off by a linear map (with attention 5 times as strong no
longer: such an encoder is a hash). So a UNet learns from an untrained encoder as from any fixed code. Trained beside a
UNet from nothing, the encoder comes to tell only of what fills most of the picture."""


def blank(architecture: Architecture, device: torch.device, dtype: torch.dtype) -> Parts:
    """Random weights from torch's global generator, always drawn on the CPU so that a seed means one model.

    The last convolution of every residual branch of the UNet, and of the UNet itself, starts at zero, as in the
    original (CompVis/stable-diffusion, ldm/modules/diffusionmodules/openaimodel.py: zero_module). The VAE's posterior
    starts narrow: with the usual weights its noise would be three times its signal, and colours are learned late.
    Text encoders start with `WORDS_APART`.
    """
    built = _built(architecture)
    with torch.no_grad():
        for name, parameter in built["unet"].named_parameters():
            if _starts_at_zero(name):
                parameter.zero_()
        moments: Any = built["vae"].get_submodule("quant_conv")
        moments.weight[moments.out_channels // 2 :] = 0
        moments.bias[moments.out_channels // 2 :] = NARROW_LOG_VARIANCE
        for place, _ in architecture.texts:
            for name, parameter in built[place.part].named_parameters():
                if name.endswith("weight"):
                    parameter *= next((factor for part, factor in WORDS_APART.items() if part in name), 1.0)
    # diffusers' own `to` warns about parts that should stay in fp32, of which these networks have none.
    to: Any = nn.Module.to
    return Parts(architecture, {part: to(network, device, dtype) for part, network in built.items()})


def _starts_at_zero(name: str) -> bool:
    path = name.rpartition(".")[0]
    return path.endswith(".conv2") or path.endswith(".proj_out") or path == "conv_out"


def assign(network: nn.Module, state: Mapping[str, Tensor], what: str, where: str) -> None:
    """Give a network on `meta` its weights, without copying them.

    Raises UserError that names the part (`what`) and the file (`where`) when tensors are missing or have other shapes.
    """
    wanted: dict[str, Tensor] = network.state_dict()
    missing = [name for name in wanted if name not in state]
    if len(missing) == len(wanted):
        raise UserError(f"{where} has no {what}.", "Choose a whole model (a checkpoint).")
    if missing:
        raise UserError(
            f"The {what} of {where} is incomplete: {len(missing)} of {len(wanted)} tensors are missing.",
            "Get the model again.",
            f"The first is {missing[0]}.",
        )
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            raise UserError(
                f"The {what} of {where} is damaged: {name} is stored as whole numbers.",
                "Get the model again, or choose another one.",
            )
        if tensor.shape != wanted[name].shape:
            raise UserError(
                f"The {what} of {where} does not fit together: {name} is {_by(tensor)} instead of {_by(wanted[name])}.",
                "Get the model again, or choose another one.",
            )
    modules = dict(network.named_modules())
    for name, tensor in state.items():  # with load_state_dict it would be a fifth of what opening takes
        path, _, last = name.rpartition(".")
        setattr(modules[path], last, nn.Parameter(tensor, requires_grad=False))
    _place_buffers(network, next(iter(state.values())).device)


def _by(tensor: Tensor) -> str:
    return " x ".join(str(side) for side in tensor.shape)


def _place_buffers(network: nn.Module, device: torch.device) -> None:
    """Files don't hold a text encoder's position numbers; they are 0, 1, 2 and so on."""
    for name, buffer in list(network.named_buffers()):
        path, _, last = name.rpartition(".")
        assert last == "position_ids", f"nothing fills the buffer {name}"
        positions = torch.arange(buffer.shape[-1], device=device).expand(buffer.shape)
        network.get_submodule(path).register_buffer(last, positions, persistent=False)
