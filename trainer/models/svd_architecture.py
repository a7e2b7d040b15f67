"""What a Stable Video Diffusion model is built of: the numbers from which its networks follow.

The defaults are those of the published model (Blattmann et al. 2023, arXiv 2311.15127; Stability-AI/generative-models,
scripts/sampling/configs/svd.yaml). Other sizes are read from the keys and shapes of a single file, or from the configs
of a diffusers folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trainer.models.architecture import LATENT_SCALE, VAEShape
from trainer.models.file_shapes import Shapes, UnknownShape

UNET = "model.diffusion_model."
DECODER = "first_stage_model.decoder."
VISION = "conditioner.embedders.0.open_clip.model.visual."
ENCODER = "conditioner.embedders.3.encoder."
"""Of the whole autoencoder that encodes the picture to move; `first_stage_model` has an encoder too, which is only
used in training."""

SIGMA_RANGE = (0.002, 700.0)
"""Least and greatest noise level, as the published configurations for sampling have them."""

IMAGE_SIDE = 224
"""Pixels of the side of what the image encoder sees."""

_UNET_HEAD = 64
_VISION_HEAD = 80
"""Width of an attention head: in all UNets since SD 2.x, and in OpenCLIP's ViT-H/14."""


@dataclass(frozen=True)
class VideoUNetShape:
    """Levels from the finest to the coarsest; `attention` has one value for each of them."""

    block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280)
    attention: tuple[bool, ...] = (True, True, True, False)
    layers_per_block: int = 2
    context_width: int = 1024
    time_id_width: int = 256
    """Of the embedding of each of the three numbers: frame rate, motion and noise on the picture."""
    in_channels: int = 8
    out_channels: int = 4


@dataclass(frozen=True)
class VisionShape:
    """OpenCLIP's image encoder. `projection` is the width of what it says of a picture."""

    width: int = 1280
    layers: int = 32
    intermediate: int = 5120
    projection: int = 1024
    patch: int = 14


@dataclass(frozen=True)
class VideoArchitecture:
    """The three networks, the (width, height) in pixels and the number of frames that the UNet was trained at."""

    unet: VideoUNetShape = field(default_factory=VideoUNetShape)
    vae: VAEShape = field(default_factory=lambda: VAEShape((128, 256, 512, 512), 2))
    vision: VisionShape = field(default_factory=VisionShape)
    default_size: tuple[int, int] = (1024, 576)
    frames: int = 14

    @classmethod
    def of_single_file(cls, shapes: Shapes, default_size: tuple[int, int], frames: int) -> "VideoArchitecture":
        """Worked out from the keys and shapes of a file in the original layout.

        Raises UnknownShape that names the part which is missing or built otherwise.
        """
        try:
            return cls(_unet_of(shapes), _vae_of(shapes), _vision_of(shapes), default_size, frames)
        except IndexError as error:  # a shape has fewer sides than the same tensor has in any model
            raise _otherwise("network") from error

    def unet_config(self) -> dict[str, Any]:
        """For diffusers' UNetSpatioTemporalConditionModel."""
        unet = self.unet
        kinds = ["CrossAttn" if attends else "" for attends in unet.attention]
        return {
            "sample_size": tuple(side // self.vae.pixels_per_latent for side in reversed(self.default_size)),
            "in_channels": unet.in_channels,
            "out_channels": unet.out_channels,
            "down_block_types": tuple(f"{kind}DownBlockSpatioTemporal" for kind in kinds),
            "up_block_types": tuple(f"{kind}UpBlockSpatioTemporal" for kind in reversed(kinds)),
            "block_out_channels": unet.block_out_channels,
            "addition_time_embed_dim": unet.time_id_width,
            "projection_class_embeddings_input_dim": 3 * unet.time_id_width,
            "layers_per_block": unet.layers_per_block,
            "cross_attention_dim": unet.context_width,
            "transformer_layers_per_block": 1,
            "num_attention_heads": tuple(width // _UNET_HEAD for width in unet.block_out_channels),
            "num_frames": self.frames,
        }

    def vae_config(self) -> dict[str, Any]:
        """For diffusers' AutoencoderKLTemporalDecoder."""
        return {
            "in_channels": 3,
            "out_channels": 3,
            "down_block_types": ("DownEncoderBlock2D",) * len(self.vae.block_out_channels),
            "block_out_channels": self.vae.block_out_channels,
            "layers_per_block": self.vae.layers_per_block,
            "latent_channels": self.vae.latent_channels,
            "sample_size": self.default_size[0],
            "scaling_factor": LATENT_SCALE,
            "force_upcast": True,
        }

    def vision_config(self) -> dict[str, Any]:
        """For transformers' CLIPVisionModelWithProjection."""
        vision = self.vision
        return {
            "hidden_size": vision.width,
            "intermediate_size": vision.intermediate,
            "projection_dim": vision.projection,
            "num_hidden_layers": vision.layers,
            "num_attention_heads": vision.width // _VISION_HEAD,
            "num_channels": 3,
            "image_size": IMAGE_SIDE,
            "patch_size": vision.patch,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-5,
        }

    @classmethod
    def of_configs(
        cls, unet: Mapping[str, Any], vae: Mapping[str, Any], vision: Mapping[str, Any]
    ) -> "VideoArchitecture":
        """From the configs of a diffusers folder. Raises KeyError, TypeError or ValueError for odd values."""
        shape = VideoUNetShape(
            block_out_channels=_numbers(unet["block_out_channels"]),
            attention=tuple(str(kind).startswith("CrossAttn") for kind in unet["down_block_types"]),
            layers_per_block=int(unet["layers_per_block"]),
            context_width=int(unet["cross_attention_dim"]),
            time_id_width=int(unet["addition_time_embed_dim"]),
            in_channels=int(unet["in_channels"]),
            out_channels=int(unet["out_channels"]),
        )
        vae_shape = VAEShape(
            _numbers(vae["block_out_channels"]), int(vae["layers_per_block"]), int(vae["latent_channels"])
        )
        vision_shape = VisionShape(
            int(vision["hidden_size"]),
            int(vision["num_hidden_layers"]),
            int(vision["intermediate_size"]),
            int(vision["projection_dim"]),
            int(vision["patch_size"]),
        )
        size = cls().default_size  # the published configs say a single number, which is that of another model
        if isinstance(unet["sample_size"], list):
            height, width = (int(side) * vae_shape.pixels_per_latent for side in unet["sample_size"])
            size = (width, height)
        return cls(shape, vae_shape, vision_shape, size, int(unet["num_frames"]))


def _numbers(values: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _unet_of(shapes: Shapes) -> VideoUNetShape:
    first = _shape(shapes, UNET + "input_blocks.0.0.weight", "the UNet")
    last = _shape(shapes, UNET + "out.2.weight", "the UNet")
    label = _shape(shapes, UNET + "label_emb.0.0.weight", "the UNet's embedding of motion")
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
    context = _shape(shapes, UNET + "middle_block.1.transformer_blocks.0.attn2.to_k.weight", "the UNet's middle")
    deep = any(name.startswith(UNET) and ".transformer_blocks.1." in name for name in shapes)
    if deep or label[1] % 3 or not _is_even(levels):
        raise _otherwise("UNet")
    return VideoUNetShape(
        block_out_channels=tuple(channels[0] for channels in levels),
        attention=tuple(attention),
        layers_per_block=len(levels[0]),
        context_width=context[1],
        time_id_width=label[1] // 3,
        in_channels=first[1],
        out_channels=last[0],
    )


def _vae_of(shapes: Shapes) -> VAEShape:
    latents = _shape(shapes, DECODER + "conv_in.weight", "the VAE")
    _shape(shapes, ENCODER + "encoder.conv_in.weight", "the VAE that encodes the picture to move")
    levels: list[list[int]] = []
    while (key := f"{ENCODER}encoder.down.{len(levels)}.block.0.conv1.weight") in shapes:
        levels.append([])
        while (key := f"{ENCODER}encoder.down.{len(levels) - 1}.block.{len(levels[-1])}.conv1.weight") in shapes:
            levels[-1].append(shapes[key][0])
    if not _is_even(levels):
        raise _otherwise("VAE")
    return VAEShape(tuple(level[0] for level in levels), len(levels[0]), latents[1])


def _vision_of(shapes: Shapes) -> VisionShape:
    patches = _shape(shapes, VISION + "conv1.weight", "the image encoder")
    inner = _shape(shapes, VISION + "transformer.resblocks.0.mlp.c_fc.weight", "the image encoder")
    projection = _shape(shapes, VISION + "proj", "the image encoder")
    layers = 0
    while f"{VISION}transformer.resblocks.{layers}.mlp.c_fc.weight" in shapes:
        layers += 1
    return VisionShape(patches[0], layers, inner[0], projection[1], patches[2])


def _is_even(levels: list[list[int]]) -> bool:
    """Whether there are levels, each with as many layers as the others, and all layers of a level equally wide."""
    return len({len(level) for level in levels}) == 1 and all(len(set(level)) == 1 for level in levels)


def _shape(shapes: Shapes, key: str, part: str) -> tuple[int, ...]:
    if key not in shapes:
        raise UnknownShape(
            f"lacks {part}",
            "Choose a whole Stable Video Diffusion model: its .safetensors checkpoint or its diffusers folder.",
            f"There is no tensor {key}.",
        )
    return shapes[key]


def _otherwise(part: str) -> UnknownShape:
    return UnknownShape(
        f"holds a {part} that is built in a way that Gesso does not know",
        "Choose a Stable Video Diffusion checkpoint in its original layout.",
    )
