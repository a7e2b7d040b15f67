"""The names of tensors in the original single-file layout, for the networks of SD 1.x, 2.x and XL.

Facts from CompVis/stable-diffusion (ldm/modules/diffusionmodules), Stability-AI/generative-models (sgm/modules) and
mlfoundations/open_clip on the one side, diffusers and transformers on the other. The names follow from the levels of
the architecture, so that a model of any size has them; each name of ours is matched to the original's, and never the
other way round: nothing is guessed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from trainer.models.architecture import UNET, VAE, Architecture, TextPlace, TextShape, VAEShape

EMA = "model_ema."

Form = Literal["same", "pointwise", "joined", "transposed"]
Block = Callable[[str, str], dict[str, str]]
"""(our module path, the original's) of a block to those of all that is inside."""


@dataclass(frozen=True)
class Entry:
    """One tensor of the file and what it is called here.

    `pointwise`: a linear layer that the file stores as a 1x1 convolution [out, in, 1, 1].
    `joined`: query, key and value in one tensor, stacked along the first dimension; `keys` are the three.
    `transposed`: a matrix that the file stores the other way round.
    """

    original: str
    keys: tuple[str, ...]
    form: Form = "same"

    def split(self, stored: Tensor) -> tuple[Tensor, ...]:
        """The file's tensor as ours, one for each of `keys`."""
        if self.form == "joined":
            # Copies: views of one storage could not be saved or moved one by one.
            return tuple(piece.clone() for piece in stored.chunk(3))
        if self.form == "pointwise" and stored.ndim == 4:
            return (stored.flatten(1),)
        return (stored.T.contiguous(),) if self.form == "transposed" else (stored,)

    def join(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Our tensors as the file's."""
        ours = [tensors[key].detach() for key in self.keys]
        if self.form == "joined":
            return torch.cat(ours)
        if self.form == "transposed":
            return ours[0].T
        return ours[0][:, :, None, None] if self.form == "pointwise" and ours[0].ndim == 2 else ours[0]


def ema_name(original: str) -> str:
    """Where the averaged copy of a UNet's tensor stands: the name without its dots, as CompVis' LitEma registers it."""
    return EMA + original.removeprefix("model.").replace(".", "")


def plain(key: str) -> str:
    """A text encoder's tensor without the `text_model.` that some versions of transformers put in front."""
    return key.removeprefix("text_model.")


# --- UNet ---------------------------------------------------------------------------------------------------------

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def unet_entries(architecture: Architecture, keys: Iterable[str]) -> list[Entry]:
    """For `keys`, the names of a diffusers UNet2DConditionModel of this architecture."""
    modules = unet_modules(architecture.unet.layers_per_block, [depth > 0 for depth in architecture.unet.depths])
    return [Entry(UNET + renamed(key, modules), (key,)) for key in keys]


def _resnet(ours: str, original: str) -> dict[str, str]:
    return {f"{ours}.{name}": f"{original}.{other}" for name, other in RESNET.items()}


def _transformer(ours: str, original: str) -> dict[str, str]:
    """Inside they are named alike, so their root is enough."""
    return {ours: original}


def unet_modules(
    layers: int, attention: Sequence[bool], resnet: Block = _resnet, transformer: Block = _transformer
) -> dict[str, str]:
    """diffusers' module paths to the original's, for a UNet with so many layers at each level, and attention at these.

    `resnet` and `transformer` say what is called what inside of such a block.
    """
    levels = len(attention)
    modules = {
        "conv_in": "input_blocks.0.0",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        **resnet("mid_block.resnets.0", "middle_block.0"),
        **transformer("mid_block.attentions.0", "middle_block.1"),
        **resnet("mid_block.resnets.1", "middle_block.2"),
    }
    number = 1
    for level in range(levels):
        for layer in range(layers):
            modules |= resnet(f"down_blocks.{level}.resnets.{layer}", f"input_blocks.{number}.0")
            modules |= transformer(f"down_blocks.{level}.attentions.{layer}", f"input_blocks.{number}.1")
            number += 1
        modules[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{number}.0.op"
        number += 1
    number = 0
    for level, attends in enumerate(reversed(attention)):
        for layer in range(layers + 1):
            modules |= resnet(f"up_blocks.{level}.resnets.{layer}", f"output_blocks.{number}.0")
            modules |= transformer(f"up_blocks.{level}.attentions.{layer}", f"output_blocks.{number}.1")
            number += 1
        # The upsampler stands in the level's last block, after the transformer where there is one.
        modules[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{number - 1}.{2 if attends else 1}.conv"
    return modules


# --- VAE ----------------------------------------------------------------------------------------------------------

_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OLD_VAE_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def vae_entries(architecture: Architecture, keys: Iterable[str]) -> list[Entry]:
    """For `keys`, the names of a diffusers AutoencoderKL of this architecture."""
    modules = {
        "quant_conv": "quant_conv",
        "post_quant_conv": "post_quant_conv",
        **encoder_modules(architecture.vae, "encoder."),
        **decoder_modules(architecture.vae, "decoder.", vae_resnet),
    }
    return [Entry(VAE + renamed(key, modules), (key,), vae_form(key)) for key in keys]


def vae_form(key: str) -> Form:
    attends = ".attentions." in key and ".group_norm." not in key
    return "pointwise" if attends and key.endswith(".weight") else "same"


def encoder_modules(vae: VAEShape, original: str) -> dict[str, str]:
    """diffusers' module paths of a VAE's encoder to those below `original`."""
    modules = _half("encoder.", original, vae_resnet)
    for level in range(len(vae.block_out_channels)):
        ours, theirs = f"encoder.down_blocks.{level}", f"{original}down.{level}"
        for layer in range(vae.layers_per_block):
            modules |= vae_resnet(f"{ours}.resnets.{layer}", f"{theirs}.block.{layer}")
        modules[f"{ours}.downsamplers.0.conv"] = f"{theirs}.downsample.conv"
    return modules


def decoder_modules(vae: VAEShape, original: str, resnet: Block) -> dict[str, str]:
    """The same of its decoder, whose levels the original counts from the finest, as it does the encoder's."""
    modules = _half("decoder.", original, resnet)
    levels = len(vae.block_out_channels)
    for level in range(levels):
        ours, theirs = f"decoder.up_blocks.{level}", f"{original}up.{levels - 1 - level}"
        for layer in range(vae.layers_per_block + 1):
            modules |= resnet(f"{ours}.resnets.{layer}", f"{theirs}.block.{layer}")
        modules[f"{ours}.upsamplers.0.conv"] = f"{theirs}.upsample.conv"
    return modules


def _half(ours: str, original: str, resnet: Block) -> dict[str, str]:
    """Both ends of it, and its middle."""
    modules = {ours + name: original + name for name in ("conv_in", "conv_out")}
    modules[f"{ours}conv_norm_out"] = f"{original}norm_out"
    for number in range(2):
        modules |= resnet(f"{ours}mid_block.resnets.{number}", f"{original}mid.block_{number + 1}")
    attention = f"{ours}mid_block.attentions.0", f"{original}mid.attn_1"
    return modules | {f"{attention[0]}.{name}": f"{attention[1]}.{other}" for name, other in _VAE_ATTENTION.items()}


def vae_resnet(ours: str, original: str) -> dict[str, str]:
    same = {f"{ours}.{name}": f"{original}.{name}" for name in ("norm1", "conv1", "norm2", "conv2")}
    return {**same, f"{ours}.conv_shortcut": f"{original}.nin_shortcut"}


def modern_vae_key(key: str) -> str:
    """A name in a diffusers file as diffusers has it since 0.15; older files name the attention's layers otherwise."""
    path, _, kind = key.rpartition(".")
    path, _, name = path.rpartition(".")
    if path.endswith(".mid_block.attentions.0") and name in _OLD_VAE_ATTENTION:
        return f"{path}.{_OLD_VAE_ATTENTION[name]}.{kind}"
    return key


# --- text encoders ------------------------------------------------------------------------------------------------

OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def text_entries(place: TextPlace, shape: TextShape, keys: Iterable[str]) -> list[Entry]:
    """For `keys`, the names of a transformers CLIPTextModel, with or without `text_model.` in front, or of one with
    projection."""
    if not place.is_open_clip:
        return [Entry(f"{place.prefix}text_model.{plain(key)}", (key,)) for key in keys]
    return _open_clip_entries(place, shape, {plain(key): key for key in keys})


def position_ids(place: TextPlace) -> str:
    """The tensor of whole numbers 0 to 76 that files in the naming of transformers hold beside the weights."""
    return f"{place.prefix}text_model.embeddings.position_ids"


def _open_clip_entries(place: TextPlace, shape: TextShape, keys: Mapping[str, str]) -> list[Entry]:
    modules = {"embeddings.token_embedding": "token_embedding", "final_layer_norm": "ln_final"}
    for number in range(shape.layers):
        layer = f"encoder.layers.{number}."
        modules |= {layer + name: f"transformer.resblocks.{number}.{other}" for name, other in OPEN_CLIP_LAYER.items()}
    entries = [Entry(place.prefix + "positional_embedding", (keys["embeddings.position_embedding.weight"],))]
    if "text_projection.weight" in keys:
        entries.append(Entry(place.prefix + "text_projection", (keys["text_projection.weight"],), "transposed"))
    for name, key in keys.items():
        path, _, kind = name.rpartition(".")
        if path.endswith(".self_attn.q_proj"):
            number = int(path.split(".")[2])
            joined = tuple(keys[f"encoder.layers.{number}.self_attn.{which}_proj.{kind}"] for which in "qkv")
            entries.append(Entry(f"{place.layer(number)}attn.in_proj_{kind}", joined, "joined"))
        elif path in modules:
            entries.append(Entry(f"{place.prefix}{modules[path]}.{kind}", (key,)))
    return entries


def part_entries(architecture: Architecture, part: str, keys: Iterable[str]) -> list[Entry]:
    """For `keys`, the names of the tensors of any of a model's networks, called as in a bundle."""
    if part == "unet":
        return unet_entries(architecture, keys)
    if part == "vae":
        return vae_entries(architecture, keys)
    place, shape = next(text for text in architecture.texts if text[0].part == part)
    return text_entries(place, shape, keys)


def renamed(key: str, modules: Mapping[str, str]) -> str:
    """`key` with the longest module path that `modules` knows replaced. KeyError if it knows none."""
    path = key
    while path:
        path = path.rpartition(".")[0]
        if path in modules:
            return modules[path] + key[len(path) :]
    raise KeyError(key)
