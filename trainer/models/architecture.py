"""What an SD 1.x, 2.x or XL model is built of: the numbers from which its networks follow.

They are read from the shapes of a single file (trainer.models.file_shapes), from the configs of a diffusers folder, or
from a JSON file in resources/architectures; and they give the configs of diffusers and transformers, as the published
models have them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from trainer.contract.errors import UserError
from trainer.home import RESOURCES
from trainer.library.vocabulary import VOCABULARY_SIZE
from trainer.models.family import Prediction
from trainer.models.tokenizer import TOKENS

FamilyName = Literal["sd1", "sd2", "sdxl", "sdxl_refiner"]

ARCHITECTURES = RESOURCES / "architectures"
UNET = "model.diffusion_model."
VAE = "first_stage_model."

LATENT_SCALE = 0.18215
"""Rombach et al. 2022, arXiv 2112.10752, appendix G: latents of the SD 1.x and 2.x autoencoder times this have
about unit variance."""
XL_LATENT_SCALE = 0.13025
"""The same of XL's autoencoder (Stability-AI/generative-models, configs/inference/sd_xl_base.yaml)."""

SIZE_WIDTH = 256
"""Numbers that XL makes of each of the sizes it is told (Podell et al. 2023, arXiv 2307.01952, section 2.2)."""

TIMESTEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012
"""Of the noise schedule that all of them were trained on, linear in the square roots of beta."""


CHANNELS_PER_NORM_GROUP = 4
"""The least: with one channel to a group, normalising would wipe out the very level of each colour. No file tells the
number of groups; the published models all have 32, which reduced ones are too narrow for."""


def norm_groups(block_out_channels: tuple[int, ...]) -> int:
    """How many groups the group norms of a network have: 32 wherever its narrowest level allows."""
    return min(32, block_out_channels[0] // CHANNELS_PER_NORM_GROUP)


@dataclass(frozen=True)
class UNetShape:
    """Levels from the finest to the coarsest; `depths` and `heads` have one value for each of them.

    `depths`: transformer blocks in each attention layer of the level, 0 where it has no attention. `vector_width`: of
    the vector that is added to the timestep's, in XL the pooled text and the sizes; 0 where there is none.
    """

    block_out_channels: tuple[int, ...]
    depths: tuple[int, ...]
    layers_per_block: int
    heads: tuple[int, ...]
    context_width: int
    middle_depth: int = 1
    vector_width: int = 0
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
class TextPlace:
    """Where a family keeps a text encoder: the attribute of a bundle (and folder of diffusers), and the prefix of its
    tensors in a single file, which are named as OpenCLIP names them or as transformers does.

    `projects`: its last layer, final norm and projection make one vector of the whole prompt.
    """

    part: Literal["text_encoder", "text_encoder_2"]
    prefix: str
    is_open_clip: bool = False
    projects: bool = False

    def layer(self, number: int) -> str:
        """Prefix of the tensors of one of OpenCLIP's layers."""
        return f"{self.prefix}transformer.resblocks.{number}."


TEXT_PLACES: Mapping[FamilyName, tuple[TextPlace, ...]] = {
    "sd1": (TextPlace("text_encoder", "cond_stage_model.transformer."),),
    "sd2": (TextPlace("text_encoder", "cond_stage_model.model.", is_open_clip=True),),
    "sdxl": (
        TextPlace("text_encoder", "conditioner.embedders.0.transformer."),
        TextPlace("text_encoder_2", "conditioner.embedders.1.model.", is_open_clip=True, projects=True),
    ),
    "sdxl_refiner": (TextPlace("text_encoder_2", "conditioner.embedders.0.model.", is_open_clip=True, projects=True),),
}
"""Of every family, in the order in which what they make of a prompt is laid side by side."""

IS_XL = ("sdxl", "sdxl_refiner")


@dataclass(frozen=True)
class Architecture:
    """The networks, what the UNet predicts, and the (width, height) in pixels that it was trained at.

    `text` has a shape for each of the family's `TEXT_PLACES`. `zero_terminal_snr`: whether it was trained on a noise
    schedule rescaled to end in pure noise.
    """

    family: FamilyName
    unet: UNetShape
    vae: VAEShape
    text: tuple[TextShape, ...]
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
            text=tuple(TextShape(**_frozen(text)) for text in tree["text"]),
            prediction=tree["prediction"],
            default_size=(tree["default_size"][0], tree["default_size"][1]),
        )

    @property
    def texts(self) -> tuple[tuple[TextPlace, TextShape], ...]:
        """Each text encoder with its place."""
        return tuple(zip(TEXT_PLACES[self.family], self.text, strict=True))

    @property
    def is_xl(self) -> bool:
        return self.family in IS_XL

    @property
    def latent_scale(self) -> float:
        return XL_LATENT_SCALE if self.is_xl else LATENT_SCALE

    def unet_config(self) -> dict[str, Any]:
        """For diffusers' UNet2DConditionModel."""
        unet = self.unet
        down = tuple("CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in unet.depths)
        up = tuple("CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(unet.depths))
        one_count = len(set(unet.heads)) == 1
        told: dict[str, Any] = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": SIZE_WIDTH,
            "projection_class_embeddings_input_dim": unet.vector_width,
        }
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
            "transformer_layers_per_block": _layers_per_block(unet),
            **(told if unet.vector_width else {}),
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
            "scaling_factor": self.latent_scale,
        }

    def text_config(self, text: TextShape) -> dict[str, Any]:
        """For transformers' CLIPTextModel. The special ids 0, 1, 2 are those of the published configs."""
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


def _layers_per_block(unet: UNetShape) -> int | tuple[int, ...]:
    """As diffusers has it: one number where all are alike, else one for each level, of which the coarsest also tells
    of the middle block."""
    every = {depth for depth in (*unet.depths, unet.middle_depth) if depth}
    if len(every) == 1:
        return every.pop()
    return (*(depth or 1 for depth in unet.depths[:-1]), unet.middle_depth)


def _frozen(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(cast("list[Any]", value)) if isinstance(value, list) else value for name, value in tree.items()}
