"""The names of tensors in the original single-file layout of Stable Video Diffusion, for our networks.

Facts from Stability-AI/generative-models (sgm/modules/diffusionmodules/video_model.py, sgm/modules/video_attention.py,
sgm/modules/autoencoding/temporal_ae.py) and mlfoundations/open_clip on the one side, diffusers and transformers on the
other. As in sd_keys, each name of ours is matched to the original's by the levels of the architecture, so that a model
of any size has them.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from trainer.models.sd_keys import (
    OPEN_CLIP_LAYER,
    RESNET,
    Entry,
    decoder_modules,
    encoder_modules,
    renamed,
    unet_modules,
    vae_form,
    vae_resnet,
)
from trainer.models.svd_architecture import DECODER, ENCODER, UNET, VISION, VideoArchitecture

# --- UNet ---------------------------------------------------------------------------------------------------------

_PARTS_OF_TRANSFORMER = {
    "temporal_transformer_blocks": "time_stack",
    "time_pos_embed.linear_1": "time_pos_embed.0",
    "time_pos_embed.linear_2": "time_pos_embed.2",
}


def unet_entries(architecture: VideoArchitecture, keys: Iterable[str]) -> list[Entry]:
    """For `keys`, the names of a diffusers UNetSpatioTemporalConditionModel of this architecture."""
    unet = architecture.unet
    modules = unet_modules(unet.layers_per_block, unet.attention, _resnet, _transformer)
    return [Entry(UNET + renamed(key, modules), (key,)) for key in keys]


def _resnet(ours: str, original: str) -> dict[str, str]:
    """A block in space, one over time, and the weight that mixes the two."""
    space = {f"{ours}.spatial_res_block.{name}": f"{original}.{other}" for name, other in RESNET.items()}
    time = {f"{ours}.temporal_res_block.{name}": f"{original}.time_stack.{other}" for name, other in RESNET.items()}
    return {**space, **time, f"{ours}.time_mixer": f"{original}.time_mixer"}


def _transformer(ours: str, original: str) -> dict[str, str]:
    inside = {f"{ours}.{name}": f"{original}.{other}" for name, other in _PARTS_OF_TRANSFORMER.items()}
    return {ours: original, **inside}


# --- VAE ----------------------------------------------------------------------------------------------------------


def vae_entries(architecture: VideoArchitecture, keys: Iterable[str]) -> list[Entry]:
    """For `keys`, the names of a diffusers AutoencoderKLTemporalDecoder of this architecture.

    Its encoder is that of the autoencoder for the picture, its decoder that of `first_stage_model`.
    """
    modules = {
        "quant_conv": ENCODER + "quant_conv",
        **encoder_modules(architecture.vae, ENCODER + "encoder."),
        "decoder.time_conv_out": DECODER + "conv_out.time_mix_conv",
        **decoder_modules(architecture.vae, DECODER, _video_resnet),
    }
    return [Entry(renamed(key, modules), (key,), vae_form(key)) for key in keys]


def _video_resnet(ours: str, original: str) -> dict[str, str]:
    space = vae_resnet(f"{ours}.spatial_res_block", original)
    time = {f"{ours}.temporal_res_block.{name}": f"{original}.time_stack.{other}" for name, other in RESNET.items()}
    return {**space, **time, f"{ours}.time_mixer": original}  # the mixing weight stands in the block itself


# --- image encoder ------------------------------------------------------------------------------------------------

_VISION_TENSORS = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "pre_layrnorm.weight": "ln_pre.weight",
    "pre_layrnorm.bias": "ln_pre.bias",
    "post_layernorm.weight": "ln_post.weight",
    "post_layernorm.bias": "ln_post.bias",
}
_VISION_PROJECTION = "visual_projection.weight"


def vision_entries(architecture: VideoArchitecture, keys: Iterable[str]) -> list[Entry]:
    """For `keys`, the names of a transformers CLIPVisionModelWithProjection, with or without `vision_model.`."""
    named = {plain(key): key for key in keys}
    entries = [Entry(VISION + "proj", (named[_VISION_PROJECTION],), "transposed")]
    entries += [Entry(VISION + original, (named[name],)) for name, original in _VISION_TENSORS.items()]
    for number in range(architecture.vision.layers):
        ours, original = f"encoder.layers.{number}.", f"{VISION}transformer.resblocks.{number}."
        for kind in ("weight", "bias"):
            joined = tuple(named[f"{ours}self_attn.{which}_proj.{kind}"] for which in "qkv")
            entries.append(Entry(f"{original}attn.in_proj_{kind}", joined, "joined"))
            entries += [
                Entry(f"{original}{other}.{kind}", (named[f"{ours}{name}.{kind}"],))
                for name, other in OPEN_CLIP_LAYER.items()
            ]
    return entries


def plain(key: str) -> str:
    """An image encoder's tensor without the `vision_model.` that some versions of transformers put in front."""
    return key.removeprefix("vision_model.")


# --- what no network uses -----------------------------------------------------------------------------------------

_FIRST_ENCODER = "first_stage_model.encoder."
_SECOND_DECODER = ENCODER + "decoder."
_OVER_TIME = (".time_stack.", ".mix_factor", ".time_mix_conv.")


def stand_ins(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the original file holds beside the networks in use, for a model that came without: from `tensors`, those
    of the file by name. Other programs expect the keys.

    `first_stage_model` has no quant_conv: it is folded into the last convolution of its encoder, which is the same
    function. The autoencoder for the picture gets the decoder's layers in space.
    """
    exact = {
        name: tensors[ENCODER + name].detach().cpu().double()  # Apple's graphics have no double precision
        for name in ("quant_conv.weight", "quant_conv.bias", "encoder.conv_out.weight", "encoder.conv_out.bias")
    }
    matrix = exact["quant_conv.weight"].flatten(1)
    made: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith(ENCODER + "encoder."):
            made[_FIRST_ENCODER + name.removeprefix(ENCODER + "encoder.")] = tensor
        elif name.startswith(DECODER) and not any(mark in name for mark in _OVER_TIME):
            made[_SECOND_DECODER + name.removeprefix(DECODER)] = tensor
    dtype = tensors[ENCODER + "encoder.conv_out.weight"].dtype
    folded = torch.einsum("oc,chwk->ohwk", matrix, exact["encoder.conv_out.weight"])
    shifted = matrix @ exact["encoder.conv_out.bias"] + exact["quant_conv.bias"]
    made[_FIRST_ENCODER + "conv_out.weight"] = folded.to(dtype)
    made[_FIRST_ENCODER + "conv_out.bias"] = shifted.to(dtype)
    channels = tensors[DECODER + "conv_in.weight"].shape[1]
    made[ENCODER + "post_quant_conv.weight"] = torch.eye(channels, dtype=dtype)[:, :, None, None]
    made[ENCODER + "post_quant_conv.bias"] = torch.zeros(channels, dtype=dtype)
    return made
