"""Which Stable Diffusion a UNet belongs to, from the names and shapes of its tensors alone.

Facts: the architectures' own configurations (CompVis/latent-diffusion, Stability-AI/stablediffusion,
Stability-AI/generative-models, huggingface/diffusers), as `P input_blocks...` in the original naming
and `down_blocks...` in that of diffusers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trainer.library.identity import Certainty, Kind, ModelFamily

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

PREFIX = "model.diffusion_model."
EMA_PREFIX = "model_ema.diffusion_model"

CONTEXT_FAMILIES = {
    768: ModelFamily.SD1,
    1024: ModelFamily.SD2,
    2048: ModelFamily.SDXL,
    1280: ModelFamily.SDXL_REFINER,
}
"""Width of the text embedding that cross-attention reads, by family. SVD has 1024 too, and time layers beside it."""


@dataclass(frozen=True, slots=True)
class UNet:
    """The decisive sizes of a UNet. `context`, `linear` and `vector` are None where it has no such layer."""

    in_channels: int
    channels: int
    context: int | None
    """Width of the text (or image) embedding that cross-attention reads."""
    linear: bool | None
    """Whether the layers into a transformer block are linear (2.x and later) or 1x1 convolutions (1.x)."""
    vector: int | None
    """Width of the extra conditioning vector: sizes and pooled text in SDXL, frame rate and motion in SVD."""
    temporal: bool
    depths: tuple[int, ...]
    """Transformer blocks in each attention layer on the way down."""


@dataclass(frozen=True, slots=True)
class Judgement:
    family: ModelFamily
    certainty: Certainty
    reasons: tuple[str, ...]
    variant: str = "standard"
    kind: Kind = Kind.UNET
    reduced: bool = False


def original_unet(shapes: Shapes, prefix: str) -> UNet | None:
    """The UNet whose tensors start with `prefix` in the original naming; None if there is none."""
    if prefix == EMA_PREFIX:
        # The averaged copy is named without its dots.
        return _original_unet(lambda name: shapes.get(prefix + name.replace(".", "")))
    return _original_unet(lambda name: shapes.get(prefix + name))


def _original_unet(shape: Callable[[str], Shape | None]) -> UNet | None:
    first = shape("input_blocks.0.0.weight")
    if first is None or len(first) != 4:
        return None
    blocks = [f"input_blocks.{index}.1." for index in range(1, 12)] + ["middle_block.1."]
    label = shape("label_emb.0.0.weight")
    return UNet(
        in_channels=first[1],
        channels=first[0],
        context=_second(_first(shape, blocks, "transformer_blocks.0.attn2.to_k.weight")),
        linear=_is_linear(_first(shape, blocks, "proj_in.weight")),
        vector=_second(label),
        temporal=any(shape(block + "time_stack.0.attn1.to_q.weight") is not None for block in blocks),
        depths=_depths(shape, blocks[:-1]),
    )


def diffusers_unet(shapes: Shapes) -> UNet | None:
    """The UNet in the naming of diffusers; None if there is none."""
    first = shapes.get("conv_in.weight")
    if first is None or len(first) != 4 or not any(name.startswith("down_blocks.") for name in shapes):
        return None
    blocks = [f"down_blocks.{level}.attentions.{index}." for level in range(4) for index in range(3)]
    return UNet(
        in_channels=first[1],
        channels=first[0],
        context=_second(_first(shapes.get, blocks, "transformer_blocks.0.attn2.to_k.weight")),
        linear=_is_linear(_first(shapes.get, blocks, "proj_in.weight")),
        vector=_second(shapes.get("add_embedding.linear_1.weight")),
        temporal=any(block + "temporal_transformer_blocks.0.attn1.to_q.weight" in shapes for block in blocks),
        depths=_depths(shapes.get, blocks),
    )


def judge_unet(unet: UNet) -> Judgement:
    """The family and variant of `unet`, with reasons that name the sizes that decided."""
    if unet.context is None or unet.linear is None:
        return Judgement(ModelFamily.UNKNOWN, "unsure", ("its UNet has no cross-attention that reads a text",))
    if unet.temporal:
        return _judge_video(unet)
    if unet.in_channels == 7 and unet.channels == 256:
        reason = "its UNet takes 7 channels and is 256 wide, which only the 4x upscaler of Stable Diffusion 2 does"
        return Judgement(ModelFamily.SD2, "certain", (reason,), "x4_upscaler", Kind.UPSCALER)
    if not unet.linear and unet.vector is None:
        return _judge_plain(unet, ModelFamily.SD1, 768)
    if not unet.linear:
        return _unknown(unet)
    if unet.vector is None:
        return _judge_plain(unet, ModelFamily.SD2, 1024)
    return _judge_with_vector(unet)


def _judge_plain(unet: UNet, family: ModelFamily, context: int) -> Judgement:
    """1.x and 2.x: no extra conditioning vector."""
    layer = "1x1 convolutions" if family == ModelFamily.SD1 else "linear layers"
    differing: list[str] = []
    if unet.context != context:
        differing.append(f"context width {unet.context} instead of {context}")
    if unet.channels != 320:
        differing.append(f"{unet.channels} channels instead of 320")
    variant, certainty, about = _variant_by_channels(unet, depth=family == ModelFamily.SD2)
    if differing:
        reason = f"{family.label} key layout, reduced: {', '.join(differing)}"
        return Judgement(family, "likely", (reason, *about), variant, reduced=True)
    reason = f"its cross-attention reads text {context} wide and its transformers begin with {layer}: {family.label}"
    return Judgement(family, certainty, (reason, *about), variant)


def _judge_with_vector(unet: UNet) -> Judgement:
    """2.x unCLIP, XL and its refiner: linear, with an extra conditioning vector."""
    sizes = f"its cross-attention reads text {unet.context} wide, with a vector of {unet.vector} beside it"
    if (unet.context, unet.vector) == (2048, 2816):
        variant, certainty, about = _variant_by_channels(unet, depth=False)
        slim = _SLIM_XL.get(unet.depths)
        if variant == "standard" and slim is not None:
            variant, about = slim, (f"fewer transformer blocks than XL has ({_listed(unet.depths)})",)
        return Judgement(ModelFamily.SDXL, certainty, (f"{sizes}: Stable Diffusion XL", *about), variant)
    if (unet.context, unet.vector, unet.channels) == (1280, 2560, 384):
        return Judgement(ModelFamily.SDXL_REFINER, "certain", (f"{sizes}: the XL refiner, not XL itself",))
    if unet.context == 1024 and unet.vector in (1536, 2048):
        return Judgement(ModelFamily.SD2, "certain", (f"{sizes}: Stable Diffusion 2.x unCLIP",), "unclip")
    return _judge_reduced_xl(unet, sizes)


_TOLD = 256
"""Numbers that XL and its refiner make of each of the sizes (and of the score) that they are told."""


def _judge_reduced_xl(unet: UNet, sizes: str) -> Judgement:
    """XL is told 6 numbers beside the pooled text, which is one of the two parts of what cross-attention reads; the
    refiner 5, and its cross-attention reads nothing else."""
    assert unet.context is not None
    assert unet.vector is not None
    if unet.vector == unet.context + 5 * _TOLD:
        reason = f"{sizes}: the XL refiner's key layout, reduced"
        return Judgement(ModelFamily.SDXL_REFINER, "likely", (reason,), reduced=True)
    if 0 < unet.vector - 6 * _TOLD < unet.context:
        variant, _, about = _variant_by_channels(unet, depth=False)
        reason = f"{sizes}: Stable Diffusion XL key layout, reduced"
        return Judgement(ModelFamily.SDXL, "likely", (reason, *about), variant, reduced=True)
    return _unknown(unet)


def _judge_video(unet: UNet) -> Judgement:
    sizes = f"its UNet has layers over time, takes {unet.in_channels} channels and a vector of {unet.vector}"
    if unet.in_channels == 8 and unet.vector == 768:
        return Judgement(ModelFamily.SVD, "certain", (f"{sizes}: Stable Video Diffusion",))
    if unet.in_channels == 8 and unet.vector in (256, 1280):
        return Judgement(ModelFamily.SVD, "certain", (f"{sizes}: SV3D, a relative of it that turns objects",), "sv3d")
    if unet.in_channels == 8 and unet.vector is not None and unet.vector % 3 == 0:
        return Judgement(
            ModelFamily.SVD, "likely", (f"{sizes}: Stable Video Diffusion key layout, reduced",), reduced=True
        )
    return Judgement(ModelFamily.UNKNOWN, "unsure", (f"{sizes}, as no Stable Video Diffusion does",))


_SLIM_XL: dict[tuple[int, ...], str] = {
    (2, 2, 4, 4): "ssd_1b",
    (1, 1, 2, 2): "vega",
    (2, 5): "koala",
    (2, 6): "koala",
}


def _variant_by_channels(unet: UNet, depth: bool) -> tuple[str, Certainty, tuple[str, ...]]:
    if unet.in_channels == 4:
        return "standard", "certain", ()
    if unet.in_channels == 9:
        return "inpainting", "certain", ("its UNet takes 9 channels (picture, mask, masked picture): inpainting",)
    if unet.in_channels == 8:
        return "pix2pix", "certain", ("its UNet takes 8 channels (picture, source picture): instruct-pix2pix",)
    if unet.in_channels == 5 and depth:
        return "depth", "certain", ("its UNet takes 5 channels (picture, depth): depth to image",)
    return "standard", "unsure", (f"its UNet takes {unet.in_channels} channels, which no known variant does",)


def _unknown(unet: UNet) -> Judgement:
    kind = "linear layers" if unet.linear else "convolutions"
    reason = (
        f"context width {unet.context}, extra vector {unet.vector or 'none'}, {unet.channels} channels, transformers "
        f"with {kind}: no family known here has these together"
    )
    return Judgement(ModelFamily.UNKNOWN, "unsure", (reason,))


def _first(shape: Callable[[str], Shape | None], blocks: list[str], name: str) -> Shape | None:
    return next((found for block in blocks if (found := shape(block + name)) is not None), None)


def _second(shape: Shape | None) -> int | None:
    return shape[1] if shape is not None and len(shape) > 1 else None


def _is_linear(shape: Shape | None) -> bool | None:
    return None if shape is None else len(shape) == 2


def _depths(shape: Callable[[str], Shape | None], blocks: list[str]) -> tuple[int, ...]:
    def depth(block: str) -> int:
        count = 0
        while count < 32 and shape(f"{block}transformer_blocks.{count}.norm1.weight") is not None:
            count += 1
        return count

    return tuple(count for block in blocks if (count := depth(block)))


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(str(number) for number in numbers)
