"""The names of tensors in the original single-file layout of Stable Video Diffusion, for our networks.

Facts from Stability-AI/generative-models (sgm/modules/diffusionmodules/video_model.py, sgm/modules/video_attention.py,
sgm/modules/autoencoding/temporal_ae.py) and mlfoundations/open_clip on the one side, diffusers and transformers on the
other. As in sd_keys, each name of ours is matched to the original's by the levels of the architecture, so that a model
of any size has them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.models.architecture import VAEShape
from trainer.models.sd_keys import Entry, renamed
from trainer.models.svd_architecture import DECODER, ENCODER, UNET, VISION, VideoArchitecture


@dataclass(frozen=True)
class Transposed(Entry):
    """A linear layer that the file stores as the matrix [in, out] that its input is multiplied with."""

    def split(self, stored: Tensor) -> tuple[Tensor, ...]:
        return (stored.T.contiguous(),)

    def join(self, tensors: Mapping[str, Tensor]) -> Tensor:
        return tensors[self.keys[0]].detach().T


# --- UNet ---------------------------------------------------------------------------------------------------------

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_PARTS_OF_TRANSFORMER = {
    "temporal_transformer_blocks": "time_stack",
    "time_pos_embed.linear_1": "time_pos_embed.0",
    "time_pos_embed.linear_2": "time_pos_embed.2",
}


def unet_entries(architecture: VideoArchitecture, keys: Iterable[str]) -> list[Entry]:
    """For `keys`, the names of a diffusers UNetSpatioTemporalConditionModel of this architecture."""
    modules = _unet_modules(architecture)
    return [Entry(UNET + renamed(key, modules), (key,)) for key in keys]


def _unet_modules(architecture: VideoArchitecture) -> dict[str, str]:
    """diffusers' module paths to the original's. Inside a transformer most names are alike, so its root is enough."""
    levels, layers = len(architecture.unet.block_out_channels), architecture.unet.layers_per_block
    modules = {
        "conv_in": "input_blocks.0.0",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        **_resnet("mid_block.resnets.0", "middle_block.0"),
        **_transformer("mid_block.attentions.0", "middle_block.1"),
        **_resnet("mid_block.resnets.1", "middle_block.2"),
    }
    number = 1
    for level in range(levels):
        for layer in range(layers):
            modules |= _resnet(f"down_blocks.{level}.resnets.{layer}", f"input_blocks.{number}.0")
            modules |= _transformer(f"down_blocks.{level}.attentions.{layer}", f"input_blocks.{number}.1")
            number += 1
        modules[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{number}.0.op"
        number += 1
    number = 0
    for level, attends in enumerate(reversed(architecture.unet.attention)):
        for layer in range(layers + 1):
            modules |= _resnet(f"up_blocks.{level}.resnets.{layer}", f"output_blocks.{number}.0")
            modules |= _transformer(f"up_blocks.{level}.attentions.{layer}", f"output_blocks.{number}.1")
            number += 1
        # The upsampler stands in the level's last block, after the transformer where there is one.
        modules[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{number - 1}.{2 if attends else 1}.conv"
    return modules


def _resnet(ours: str, original: str) -> dict[str, str]:
    """A block in space, one over time, and the weight that mixes the two."""
    space = {f"{ours}.spatial_res_block.{name}": f"{original}.{other}" for name, other in _RESNET.items()}
    time = {f"{ours}.temporal_res_block.{name}": f"{original}.time_stack.{other}" for name, other in _RESNET.items()}
    return {**space, **time, f"{ours}.time_mixer": f"{original}.time_mixer"}


def _transformer(ours: str, original: str) -> dict[str, str]:
    inside = {f"{ours}.{name}": f"{original}.{other}" for name, other in _PARTS_OF_TRANSFORMER.items()}
    return {ours: original, **inside}


# --- VAE ----------------------------------------------------------------------------------------------------------

_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_VAE_RESNET = {"norm1": "norm1", "conv1": "conv1", "norm2": "norm2", "conv2": "conv2", "conv_shortcut": "nin_shortcut"}


def vae_entries(architecture: VideoArchitecture, keys: Iterable[str]) -> list[Entry]:
    """For `keys`, the names of a diffusers AutoencoderKLTemporalDecoder of this architecture.

    Its encoder is that of the autoencoder for the picture, its decoder that of `first_stage_model`.
    """
    modules = {**_encoder_modules(architecture.vae), **_decoder_modules(architecture.vae)}
    return [_vae_entry(key, modules) for key in keys]


def _vae_entry(key: str, modules: Mapping[str, str]) -> Entry:
    attends = ".attentions." in key and ".group_norm." not in key
    return Entry(renamed(key, modules), (key,), "pointwise" if attends and key.endswith(".weight") else "same")


def _encoder_modules(vae: VAEShape) -> dict[str, str]:
    levels, layers = len(vae.block_out_channels), vae.layers_per_block
    original = ENCODER + "encoder."
    modules = {"quant_conv": ENCODER + "quant_conv", **_middle("encoder.", original)}
    for resnet in range(2):
        modules |= _plain_resnet(f"encoder.mid_block.resnets.{resnet}", f"{original}mid.block_{resnet + 1}")
    for level in range(levels):
        for layer in range(layers):
            ours = f"encoder.down_blocks.{level}.resnets.{layer}"
            modules |= _plain_resnet(ours, f"{original}down.{level}.block.{layer}")
        modules[f"encoder.down_blocks.{level}.downsamplers.0.conv"] = f"{original}down.{level}.downsample.conv"
    return modules


def _decoder_modules(vae: VAEShape) -> dict[str, str]:
    levels, layers = len(vae.block_out_channels), vae.layers_per_block
    modules = {"decoder.time_conv_out": DECODER + "conv_out.time_mix_conv", **_middle("decoder.", DECODER)}
    for resnet in range(2):
        modules |= _video_resnet(f"decoder.mid_block.resnets.{resnet}", f"{DECODER}mid.block_{resnet + 1}")
    for level in range(levels):
        # The original counts the decoder's levels from the finest, as it does the encoder's.
        original = f"{DECODER}up.{levels - 1 - level}"
        for layer in range(layers + 1):
            modules |= _video_resnet(f"decoder.up_blocks.{level}.resnets.{layer}", f"{original}.block.{layer}")
        modules[f"decoder.up_blocks.{level}.upsamplers.0.conv"] = f"{original}.upsample.conv"
    return modules


def _middle(ours: str, original: str) -> dict[str, str]:
    """Both ends of one half, and its attention."""
    attention = {
        f"{ours}mid_block.attentions.0.{name}": f"{original}mid.attn_1.{other}"
        for name, other in _VAE_ATTENTION.items()
    }
    ends = {ours + name: original + name for name in ("conv_in", "conv_out")}
    return {**attention, **ends, f"{ours}conv_norm_out": f"{original}norm_out"}


def _plain_resnet(ours: str, original: str) -> dict[str, str]:
    return {f"{ours}.{name}": f"{original}.{other}" for name, other in _VAE_RESNET.items()}


def _video_resnet(ours: str, original: str) -> dict[str, str]:
    space = _plain_resnet(f"{ours}.spatial_res_block", original)
    time = {f"{ours}.temporal_res_block.{name}": f"{original}.time_stack.{other}" for name, other in _RESNET.items()}
    return {**space, **time, f"{ours}.time_mixer": original}  # the mixing weight stands in the block itself


# --- image encoder ------------------------------------------------------------------------------------------------

_VISION_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
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
    entries: list[Entry] = [Transposed(VISION + "proj", (named[_VISION_PROJECTION],))]
    entries += [Entry(VISION + original, (named[name],)) for name, original in _VISION_TENSORS.items()]
    for number in range(architecture.vision.layers):
        ours, original = f"encoder.layers.{number}.", f"{VISION}transformer.resblocks.{number}."
        for kind in ("weight", "bias"):
            joined = tuple(named[f"{ours}self_attn.{which}_proj.{kind}"] for which in "qkv")
            entries.append(Entry(f"{original}attn.in_proj_{kind}", joined, "joined"))
            entries += [
                Entry(f"{original}{other}.{kind}", (named[f"{ours}{name}.{kind}"],))
                for name, other in _VISION_LAYER.items()
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
