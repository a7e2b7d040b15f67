"""The networks of Stable Video Diffusion, built from an architecture: on `meta`, or with random weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainer.contract.errors import UserError
from trainer.models.architecture import norm_groups
from trainer.models.attention import give_attention
from trainer.models.svd_architecture import VideoArchitecture


@dataclass(frozen=True)
class VideoParts:
    """What a model holds: an architecture, its three networks, and what else stood in the file."""

    architecture: VideoArchitecture
    unet: nn.Module
    vae: nn.Module
    image_encoder: nn.Module
    metadata: Mapping[str, str] = field(default_factory=dict)
    unused: dict[str, Tensor] = field(default_factory=dict)
    """Tensors of the original file that no network uses, by their names there; empty for a model that had no such
    file."""


def unet(architecture: VideoArchitecture) -> nn.Module:
    """diffusers' UNetSpatioTemporalConditionModel with our attention, on the device that is torch's default."""
    from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel

    made = UNetSpatioTemporalConditionModel(**architecture.unet_config())
    give_attention(made)
    return _grouped(made, norm_groups(architecture.unet.block_out_channels))


def vae(architecture: VideoArchitecture) -> nn.Module:
    """diffusers' AutoencoderKLTemporalDecoder, on the device that is torch's default."""
    from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import AutoencoderKLTemporalDecoder
    from diffusers.models.unets.unet_3d_blocks import MidBlockTemporalDecoder

    made = AutoencoderKLTemporalDecoder(**architecture.vae_config())
    widest = architecture.vae.block_out_channels[-1]
    # The original has two blocks in the middle at any depth; diffusers has as many as each level has, which are two
    # in the published model.
    made.decoder.mid_block = MidBlockTemporalDecoder(widest, widest, attention_head_dim=widest, num_layers=2)
    return _grouped(made, norm_groups(architecture.vae.block_out_channels))


def image_encoder(architecture: VideoArchitecture) -> nn.Module:
    """transformers' CLIPVisionModelWithProjection, on the device that is torch's default."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection(CLIPVisionConfig(**architecture.vision_config()))


def without_weights(architecture: VideoArchitecture, where: str = "The model") -> VideoParts:
    """The three networks on `meta`: at once, and without memory.

    Raises UserError that names the file (`where`) when its sizes make no network, such as 24 channels in 32 groups.
    """
    from diffusers.models.modeling_utils import no_init_weights

    try:
        with torch.device("meta"), no_init_weights():
            return VideoParts(architecture, unet(architecture), vae(architecture), image_encoder(architecture))
    except (ValueError, TypeError, ArithmeticError) as error:
        raise UserError(
            f"{where} is built in a way that Gesso does not know.",
            "Choose a standard Stable Video Diffusion model.",
            str(error),
        ) from error


def blank(architecture: VideoArchitecture, device: torch.device, dtype: torch.dtype) -> VideoParts:
    """Random weights from torch's global generator, always drawn on the CPU so that a seed means one model.

    What each block over time adds starts at zero, as does the UNet's last convolution
    (Stability-AI/generative-models, zero_module); and the decoder begins as one for single pictures.
    """
    built = [unet(architecture), vae(architecture), image_encoder(architecture)]
    with torch.no_grad():
        for network in built[:2]:
            for name, parameter in network.named_parameters():
                if _starts_at_zero(name):
                    parameter.zero_()
        last: Any = built[1].get_submodule("decoder.time_conv_out")
        torch.nn.init.dirac_(last.weight)
        last.bias.zero_()
    placed: list[Any] = [nn.Module.to(network, device, dtype) for network in built]
    return VideoParts(architecture, *placed)


def _starts_at_zero(name: str) -> bool:
    path = name.rpartition(".")[0]
    return path.endswith(("res_block.conv2", ".proj_out")) or path == "conv_out"


def _grouped(network: nn.Module, groups: int) -> nn.Module:
    """The network with its group norms in so many groups. diffusers always has 32, which reduced models are too narrow
    for; no config and no file tells the number, it follows from the narrowest level (see `norm_groups`)."""
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            module.num_groups = groups
    return network
