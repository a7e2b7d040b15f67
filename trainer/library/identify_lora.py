"""Which base model a LoRA was made for. Shapes decide; what its metadata claims is asked only where they can't.

Namings: kohya (`lora_unet_...lora_down.weight`), PEFT (`unet....lora_A.weight`), older diffusers
(`..._lora.down.weight`); algorithms: LoRA, DoRA, LoHa (`hada_`), LoKr (`lokr_`), whole differences (`.diff`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from trainer.library.identify_unet import CONTEXT_FAMILIES, Shapes
from trainer.library.identity import Certainty, ModelFamily, Part

SUFFIXES = (
    ".lora_down.weight",
    ".lora_up.weight",
    ".lora_A.weight",
    ".lora_B.weight",
    "_lora.down.weight",
    "_lora.up.weight",
    ".lora_linear_layer.down.weight",
    ".lora_linear_layer.up.weight",
    ".lora.down.weight",
    ".lora.up.weight",
    ".hada_w1_a",
    ".hada_w1_b",
    ".lokr_w1",
    ".lokr_w1_a",
    ".lokr_w2",
    ".lokr_w2_a",
)
"""A tensor whose name ends so belongs to a LoRA or one of its relatives."""

_DOWN = (".lora_down.weight", ".lora_A.weight", "lora.down.weight", ".lora_linear_layer.down.weight", ".hada_w1_b")
_CROSS_ATTENTION = re.compile(r"attn2[._](?:processor[._])?to_[kv]")
_DEEP_BLOCK = re.compile(r"transformer_blocks[._]([2-9]|\d\d)[._]")
_OTHERS = {
    ModelFamily.FLUX: re.compile(r"double_blocks[._]\d|single_transformer_blocks[._]\d"),
    ModelFamily.SD3: re.compile(r"joint_blocks[._]\d|^transformer\.transformer_blocks\.\d+\.attn\.add_[kqv]_proj"),
}


@dataclass(frozen=True, slots=True)
class LoraJudgement:
    family: ModelFamily
    certainty: Certainty
    reasons: tuple[str, ...]
    algorithm: str
    layout: str
    parts: tuple[Part, ...]
    context: int | None


def is_lora(shapes: Shapes) -> bool:
    return any(name.endswith(SUFFIXES) for name in shapes) or any(
        name.startswith(("lora_unet_", "lora_te")) for name in shapes
    )


def judge_lora(shapes: Shapes, metadata: Mapping[str, str]) -> LoraJudgement:
    """What `shapes`, a LoRA by `is_lora`, was made for."""
    algorithm, layout = _algorithm(shapes), _layout(shapes)
    parts = _parts(shapes)
    example = next(name for name in shapes if name.endswith(SUFFIXES) or name.startswith("lora_"))
    named = f"its weights are named as those of a LoRA are ({example})"
    context = _context(shapes)
    family, certainty, reason = _family(shapes, context, parts)
    claimed = family_in_metadata(metadata)
    reasons = [named, reason]
    if family == ModelFamily.UNKNOWN and claimed is not None:
        family, certainty = claimed, "likely"
        reasons.append(f"its metadata names {claimed.label}")
    elif claimed not in (None, family):
        reasons.append(f"its metadata names {claimed.label}, but the shapes decide")
    return LoraJudgement(family, certainty, tuple(reasons), algorithm, layout, parts, context)


def family_in_metadata(metadata: Mapping[str, str]) -> ModelFamily | None:
    """The family that a trainer wrote into the file: `ss_base_model_version`, `modelspec.architecture`, `ss_v2`."""
    version = metadata.get("ss_base_model_version", "")
    architecture = metadata.get("modelspec.architecture", "").partition("/")[0]
    for start, family in (
        ("sdxl_", ModelFamily.SDXL),
        ("sd_v1", ModelFamily.SD1),
        ("sd_v2", ModelFamily.SD2),
        ("sd3", ModelFamily.SD3),
        ("flux", ModelFamily.FLUX),
    ):
        if version.lower().startswith(start):
            return family
    for start, family in (
        ("stable-diffusion-xl-v1-refiner", ModelFamily.SDXL_REFINER),
        ("stable-diffusion-xl", ModelFamily.SDXL),
        ("stable-diffusion-v1", ModelFamily.SD1),
        ("stable-diffusion-v2", ModelFamily.SD2),
        ("stable-diffusion-v3", ModelFamily.SD3),
        ("stable-diffusion-3", ModelFamily.SD3),
        ("stable-video-diffusion", ModelFamily.SVD),
        ("flux", ModelFamily.FLUX),
    ):
        if architecture.lower().startswith(start):
            return family
    return ModelFamily.SD2 if metadata.get("ss_v2") == "True" else None


def _family(shapes: Shapes, context: int | None, parts: tuple[Part, ...]) -> tuple[ModelFamily, Certainty, str]:
    for family, pattern in _OTHERS.items():
        if any(pattern.search(name) for name in shapes):
            return family, "likely", f"its modules are those of {family.label}"
    if any("temporal_transformer_blocks" in name or "time_stack" in name for name in shapes):
        return ModelFamily.SVD, "certain", "it changes layers over time: Stable Video Diffusion"
    if context is not None:
        family = CONTEXT_FAMILIES.get(context)
        if family is None:
            return (
                ModelFamily.UNKNOWN,
                "unsure",
                f"its cross-attention reads text {context} wide, as no standard model does: it is for a reduced or "
                f"other model whose context width is {context}",
            )
        return family, "certain", f"its cross-attention reads text {context} wide: {family.label}"
    if any(name.startswith(("lora_te2_", "text_encoder_2.")) for name in shapes):
        return ModelFamily.SDXL, "likely", "it changes a second text encoder, which only XL has"
    if any(_DEEP_BLOCK.search(name) and not name.startswith("transformer.") for name in shapes):
        return ModelFamily.SDXL, "likely", "it changes a third transformer block in one place, which only XL has"
    return _family_without_cross_attention(shapes, parts)


def _family_without_cross_attention(shapes: Shapes, parts: tuple[Part, ...]) -> tuple[ModelFamily, Certainty, str]:
    width = _text_width(shapes)
    if width in (768, 1024):
        family = CONTEXT_FAMILIES[width]
        return family, "likely", f"it changes a text encoder {width} wide: {family.label}"
    dimensions = {len(shape) for name, shape in shapes.items() if "proj_in" in name and name.endswith(_DOWN)}
    if dimensions == {4}:
        return ModelFamily.SD1, "likely", "its proj_in layers are convolutions, as only Stable Diffusion 1.x has them"
    what = " and ".join(part.replace("_", " ") for part in parts) or "layers"
    return ModelFamily.UNKNOWN, "unsure", f"it changes {what} in places that several families share"


def _algorithm(shapes: Shapes) -> str:
    if any(name.endswith((".hada_w1_a", ".hada_w1_b")) for name in shapes):
        return "loha"
    if any(".lokr_w" in name for name in shapes):
        return "lokr"
    if any(name.endswith((".dora_scale", ".lora_magnitude_vector")) for name in shapes):
        return "dora"
    return "lora" if any(name.endswith(SUFFIXES) for name in shapes) else "full"


def _layout(shapes: Shapes) -> str:
    if any(name.startswith(("lora_unet_", "lora_te")) for name in shapes):
        return "kohya"
    if any(name.endswith((".lora_A.weight", ".lora_B.weight")) for name in shapes):
        return "peft"
    return "diffusers" if any(name.startswith(("unet.", "text_encoder")) for name in shapes) else ""


def _parts(shapes: Shapes) -> tuple[Part, ...]:
    parts: list[Part] = []
    if any(name.startswith(("lora_unet_", "unet.", "down_blocks.", "mid_block.", "up_blocks.")) for name in shapes):
        parts.append("unet")
    if any(name.startswith(("lora_te", "text_encoder")) for name in shapes):
        parts.append("text_encoder")
    if any(name.startswith("bundle_emb.") for name in shapes):
        parts.append("embedding")
    return tuple(parts)


def _context(shapes: Shapes) -> int | None:
    """The width that the LoRA's cross-attention keys and values read; None if it has none, or several."""
    widths = {
        width for name in shapes if _CROSS_ATTENTION.search(name) and (width := _input_width(shapes, name)) is not None
    }
    return widths.pop() if len(widths) == 1 else None


def _text_width(shapes: Shapes) -> int | None:
    widths = {
        width
        for name in shapes
        if name.startswith(("lora_te", "text_encoder."))
        and re.search(r"self_attn[._][qkv]_proj", name)
        and (width := _input_width(shapes, name)) is not None
    }
    return widths.pop() if len(widths) == 1 else None


def _input_width(shapes: Shapes, name: str) -> int | None:
    """How wide the input of the adapted layer is, if tensor `name` tells (two sizes or more, on the way in)."""
    shape = shapes[name]
    if len(shape) < 2:
        return None
    if name.endswith((*_DOWN, ".diff")):
        return shape[1]
    base, found, ending = name.rpartition(".lokr_w2")
    if found and ending in ("", "_b"):  # a Kronecker product: its width is the product of both factors' widths
        other = shapes.get(f"{base}.lokr_w1") or shapes.get(f"{base}.lokr_w1_b")
        return shape[1] * other[1] if other is not None and len(other) > 1 else None
    return None
