"""What an SD 1.x or 2.x model is built of: the numbers from which its networks follow.

They are read from the keys and shapes of a single file, from the configs of a diffusers folder, or from a JSON file in
resources/architectures; and they give the configs of diffusers and transformers, as the published models have them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from trainer.contract.errors import UserError
from trainer.home import RESOURCES
from trainer.library.vocabulary import VOCABULARY_SIZE
from trainer.models.family import Prediction
from trainer.models.tokenizer import TOKENS

FamilyName = Literal["sd1", "sd2"]
Shapes = Mapping[str, tuple[int, ...]]

ARCHITECTURES = RESOURCES / "architectures"
UNET = "model.diffusion_model."
VAE = "first_stage_model."
CLIP = "cond_stage_model.transformer."
OPEN_CLIP = "cond_stage_model.model."

LATENT_SCALE = 0.18215
"""Rombach et al. 2022, arXiv 2112.10752, appendix G: latents of the SD 1.x and 2.x autoencoder times this have
about unit variance."""

TIMESTEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012
"""Of the noise schedule that all of them were trained on, linear in the square roots of beta."""


class UnknownShape(Exception):
    """The shapes in a file are not those of a model that Gesso knows: what is wrong, before the file's name is put in
    front, and a way out."""

    def __init__(self, what: str, fix: str, detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.detail = detail


CHANNELS_PER_NORM_GROUP = 4
"""The least: with one channel to a group, normalising would wipe out the very level of each colour. No file tells the
number of groups; the published models all have 32, which reduced ones are too narrow for."""


def norm_groups(block_out_channels: tuple[int, ...]) -> int:
    """How many groups the group norms of a network have: 32 wherever its narrowest level allows."""
    return min(32, block_out_channels[0] // CHANNELS_PER_NORM_GROUP)


@dataclass(frozen=True)
class UNetShape:
    """Levels from the finest to the coarsest; `attention` and `heads` have one value for each of them."""

    block_out_channels: tuple[int, ...]
    attention: tuple[bool, ...]
    layers_per_block: int
    heads: tuple[int, ...]
    context_width: int
    in_channels: int = 4
    out_channels: int = 4
    linear_projections: bool = False
    upcast_attention: bool = False


@dataclass(frozen=True)
class VAEShape:
    """Levels from the finest to the coarsest; each but the last halves the picture's sides."""

    block_out_channels: tuple[int, ...]
    layers_per_block: int
    latent_channels: int = 4

    @property
    def pixels_per_latent(self) -> int:
        return 2 ** (len(self.block_out_channels) - 1)


@dataclass(frozen=True)
class TextShape:
    """`layers` are those that are used: 23 of the 24 that OpenCLIP's file holds, in SD 2.x."""

    width: int
    layers: int
    heads: int
    intermediate: int
    activation: Literal["quick_gelu", "gelu"]
    projection: int
    vocabulary: int = VOCABULARY_SIZE
    tokens: int = TOKENS


@dataclass(frozen=True)
class Architecture:
    """The three networks, what the UNet predicts, and the (width, height) in pixels that it was trained at.

    `zero_terminal_snr`: whether it was trained on a noise schedule rescaled to end in pure noise.
    """

    family: FamilyName
    unet: UNetShape
    vae: VAEShape
    text: TextShape
    prediction: Prediction
    default_size: tuple[int, int]
    zero_terminal_snr: bool = False

    @classmethod
    def named(cls, name: str) -> "Architecture":
        """The one in resources/architectures/NAME.json. Raises UserError when there is none."""
        known = sorted(path.stem for path in ARCHITECTURES.glob("*.json"))
        if name not in known:
            raise UserError(f"There is no blank model named {name!r}.", f"Choose one of: {', '.join(known)}.")
        tree = json.loads((ARCHITECTURES / f"{name}.json").read_text(encoding="utf-8"))
        return cls(
            family=tree["family"],
            unet=UNetShape(**_frozen(tree["unet"])),
            vae=VAEShape(**_frozen(tree["vae"])),
            text=TextShape(**_frozen(tree["text"])),
            prediction=tree["prediction"],
            default_size=(tree["default_size"][0], tree["default_size"][1]),
        )

    @classmethod
    def of_single_file(
        cls, shapes: Shapes, family: FamilyName, prediction: Prediction, default_size: tuple[int, int]
    ) -> "Architecture":
        """Worked out from the keys and shapes of a file in the original layout.

        Raises UnknownShape that names the part (UNet, VAE, text encoder) that is missing or built otherwise.
        """
        try:
            unet, vae, text = _unet_of(shapes, family), _vae_of(shapes), _text_of(shapes, family)
        except IndexError as error:  # a shape has fewer sides than the same tensor has in any model
            raise _otherwise("model") from error
        if family == "sd2":
            # Attention of v-prediction models overflows in half precision; their published configs say so.
            unet = replace(unet, upcast_attention=prediction == "v_prediction")
        return cls(family, unet, vae, text, prediction, default_size)

    def unet_config(self) -> dict[str, Any]:
        """For diffusers' UNet2DConditionModel."""
        unet = self.unet
        down = tuple("CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in unet.attention)
        up = tuple("CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in reversed(unet.attention))
        one_count = len(set(unet.heads)) == 1
        return {
            "sample_size": self.default_size[0] // self.vae.pixels_per_latent,
            "in_channels": unet.in_channels,
            "out_channels": unet.out_channels,
            "center_input_sample": False,
            "flip_sin_to_cos": True,
            "freq_shift": 0,
            "down_block_types": down,
            "up_block_types": up,
            "block_out_channels": unet.block_out_channels,
            "layers_per_block": unet.layers_per_block,
            "downsample_padding": 1,
            "mid_block_scale_factor": 1,
            "act_fn": "silu",
            "norm_num_groups": norm_groups(unet.block_out_channels),
            "norm_eps": 1e-5,
            "cross_attention_dim": unet.context_width,
            # diffusers' name is a slip of theirs: these are numbers of heads, not their width.
            "attention_head_dim": unet.heads[0] if one_count else unet.heads,
            "use_linear_projection": unet.linear_projections,
            "upcast_attention": unet.upcast_attention,
        }

    def vae_config(self) -> dict[str, Any]:
        """For diffusers' AutoencoderKL."""
        levels = len(self.vae.block_out_channels)
        return {
            "in_channels": 3,
            "out_channels": 3,
            "down_block_types": ("DownEncoderBlock2D",) * levels,
            "up_block_types": ("UpDecoderBlock2D",) * levels,
            "block_out_channels": self.vae.block_out_channels,
            "layers_per_block": self.vae.layers_per_block,
            "act_fn": "silu",
            "latent_channels": self.vae.latent_channels,
            "norm_num_groups": norm_groups(self.vae.block_out_channels),
            "sample_size": self.default_size[0],
            "scaling_factor": LATENT_SCALE,
        }

    def text_config(self) -> dict[str, Any]:
        """For transformers' CLIPTextModel. The special ids 0, 1, 2 are those of the published configs."""
        text = self.text
        return {
            "vocab_size": text.vocabulary,
            "hidden_size": text.width,
            "intermediate_size": text.intermediate,
            "projection_dim": text.projection,
            "num_hidden_layers": text.layers,
            "num_attention_heads": text.heads,
            "max_position_embeddings": text.tokens,
            "hidden_act": text.activation,
            "layer_norm_eps": 1e-5,
            "attention_dropout": 0.0,
            "initializer_range": 0.02,
            "initializer_factor": 1.0,
            "pad_token_id": 1,
            "bos_token_id": 0,
            "eos_token_id": 2,
        }


def _unet_of(shapes: Shapes, family: FamilyName) -> UNetShape:
    first = _shape(shapes, UNET + "input_blocks.0.0.weight", "the UNet")
    last = _shape(shapes, UNET + "out.2.weight", "the UNet")
    levels: list[list[int]] = [[]]
    attention = [False]
    index = 1
    while True:
        block = f"{UNET}input_blocks.{index}."
        if block + "0.op.weight" in shapes:
            levels.append([])
            attention.append(False)
        elif block + "0.in_layers.2.weight" in shapes:
            levels[-1].append(shapes[block + "0.in_layers.2.weight"][0])
            attention[-1] = attention[-1] or block + "1.proj_in.weight" in shapes
        else:
            break
        index += 1
    context = next((shape for key, shape in shapes.items() if _is_context(key)), None)
    projection = next((shape for key, shape in shapes.items() if _is_projection(key)), ())
    if context is None or not _is_even(levels):
        raise _otherwise("UNet")
    widths = tuple(channels[0] for channels in levels)
    return UNetShape(
        block_out_channels=widths,
        attention=tuple(attention),
        layers_per_block=len(levels[0]),
        heads=tuple(8 if family == "sd1" else width // 64 for width in widths),
        context_width=context[1],
        in_channels=first[1],
        out_channels=last[0],
        linear_projections=len(projection) == 2,
    )


def _is_even(levels: list[list[int]]) -> bool:
    """Whether there are levels, each with as many layers as the others, and all layers of a level equally wide."""
    return len({len(level) for level in levels}) == 1 and all(len(set(level)) == 1 for level in levels)


def _is_context(key: str) -> bool:
    return key.startswith(UNET) and key.endswith(".attn2.to_k.weight")


def _is_projection(key: str) -> bool:
    return key.startswith(UNET) and key.endswith(".proj_in.weight")


def _vae_of(shapes: Shapes) -> VAEShape:
    latents = _shape(shapes, VAE + "decoder.conv_in.weight", "the VAE")
    _shape(shapes, VAE + "encoder.conv_in.weight", "the VAE's encoder")
    levels: list[list[int]] = []
    while (key := f"{VAE}encoder.down.{len(levels)}.block.0.conv1.weight") in shapes:
        levels.append([])
        while (key := f"{VAE}encoder.down.{len(levels) - 1}.block.{len(levels[-1])}.conv1.weight") in shapes:
            levels[-1].append(shapes[key][0])
    if not _is_even(levels):
        raise _otherwise("VAE")
    return VAEShape(tuple(level[0] for level in levels), len(levels[0]), latents[1])


def _text_of(shapes: Shapes, family: FamilyName) -> TextShape:
    if family == "sd2":
        return _open_clip_of(shapes)
    prefix = CLIP + "text_model." if CLIP + "text_model.final_layer_norm.weight" in shapes else CLIP
    embedding = _shape(shapes, prefix + "embeddings.token_embedding.weight", "the text encoder")
    positions = _shape(shapes, prefix + "embeddings.position_embedding.weight", "the text encoder")
    inner = _shape(shapes, prefix + "encoder.layers.0.mlp.fc1.weight", "the text encoder")
    layers = _count(shapes, prefix + "encoder.layers.{}.mlp.fc1.weight")
    width = embedding[1]
    return TextShape(width, layers, width // 64, inner[0], "quick_gelu", width, embedding[0], positions[0])


def _open_clip_of(shapes: Shapes) -> TextShape:
    embedding = _shape(shapes, OPEN_CLIP + "token_embedding.weight", "the text encoder")
    positions = _shape(shapes, OPEN_CLIP + "positional_embedding", "the text encoder")
    inner = _shape(shapes, OPEN_CLIP + "transformer.resblocks.0.mlp.c_fc.weight", "the text encoder")
    layers = used_layers(_count(shapes, OPEN_CLIP + "transformer.resblocks.{}.mlp.c_fc.weight"))
    width = embedding[1]
    return TextShape(width, layers, width // 64, inner[0], "gelu", width // 2, embedding[0], positions[0])


def used_layers(stored: int) -> int:
    """Of an OpenCLIP text encoder's layers SD 2.x leaves out the last; files made by some tools lack it already."""
    return stored if stored == 23 else stored - 1


def _count(shapes: Shapes, pattern: str) -> int:
    count = 0
    while pattern.format(count) in shapes:
        count += 1
    return count


def _shape(shapes: Shapes, key: str, part: str) -> tuple[int, ...]:
    if key not in shapes:
        raise UnknownShape(
            f"lacks {part}",
            "Choose a whole model (a checkpoint); files with the UNet alone can't be used by themselves.",
            f"There is no tensor {key}.",
        )
    return shapes[key]


def _otherwise(part: str) -> UnknownShape:
    return UnknownShape(
        f"holds a {part} that is built in a way that Gesso does not know",
        "Choose a Stable Diffusion 1.x or 2.x checkpoint in its original layout.",
    )


def _frozen(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(cast("list[Any]", value)) if isinstance(value, list) else value for name, value in tree.items()}
