"""What a model file is, from its header's keys and shapes alone, with the reason in words and a certainty.

`identify` never trusts a file's name. Where shapes can't tell (2.x with v-prediction from 2.x without), it asks in turn
the `.yaml` beside the file, keys put there for the purpose, the metadata, and one tensor of the UNet.
"""

import math
import re
import statistics
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.library.captioner_files import deepbooru
from trainer.library.header import Header, read_header, read_tensor_bytes
from trainer.library.identify_lora import is_lora, judge_lora
from trainer.library.identify_parts import embedding, nothing_known, text_encoder, upscaler, vae
from trainer.library.identify_unet import (
    CONTEXT_FAMILIES,
    EMA_PREFIX,
    PREFIX,
    Judgement,
    Shapes,
    diffusers_unet,
    judge_unet,
    original_unet,
)
from trainer.library.identity import Certainty, Found, Identity, Kind, ModelFamily, Part, Prediction

__all__ = ["Certainty", "Identity", "Kind", "ModelFamily", "Part", "Prediction", "identify", "identify_file"]

Read = Callable[[str], bytes]
"""Gives the raw bytes of one tensor by name."""


def identify_file(path: Path) -> Identity:
    """Check the header of `path` and identify it. Raises UserError as `read_header` does."""
    header = read_header(path)
    return identify(header, lambda name: read_tensor_bytes(path, header, name), sidecar_text(path))


def sidecar(path: Path) -> Path:
    """Where the configuration of the single file `path` would lie: `model.yaml` beside `model.safetensors`."""
    return path.with_suffix(".yaml")


def sidecar_text(path: Path) -> str:
    """The start of the configuration beside `path`, or "" if there is none that can be read."""
    try:
        with sidecar(path).open("rb") as file:
            return file.read(100_000).decode("utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def identify(header: Header, read: Read | None, config: str = "") -> Identity:
    """What the file with this `header` is.

    `read` gives one tensor's bytes, for the one question that keys and shapes leave open (None: it stays open);
    `config` is the text of the `.yaml` beside the file.
    """
    shapes = {name: tensor.shape for name, tensor in header.tensors.items()}
    found = _find(shapes, header.metadata, _Hints(header, read, config))
    return Identity(
        kind=found.kind,
        family=found.family,
        variant=found.variant,
        layout=found.layout,
        prediction=found.prediction,
        zero_terminal_snr=found.zero_terminal_snr,
        certainty=found.certainty,
        reasons=found.reasons,
        parts=found.parts,
        context_width=found.context_width,
        in_channels=found.in_channels,
        precision=dict(Counter(tensor.dtype for tensor in header.tensors.values())),
        parameters=sum(math.prod(shape) for shape in shapes.values()),
    )


@dataclass(frozen=True, slots=True)
class _Hints:
    """Where prediction can be read from besides the shapes."""

    header: Header
    read: Read | None
    config: str


def _find(shapes: Shapes, metadata: Mapping[str, str], hints: _Hints) -> Found:
    if not shapes:
        return Found(Kind.UNKNOWN, ModelFamily.UNKNOWN, "certain", ("it holds no weights",))
    return (
        _lora(shapes, metadata)
        or _controlnet(shapes)
        or _whole_model(shapes, hints)
        or _other_whole_model(shapes)
        or _bare_unet(shapes, hints)
        or vae(shapes)
        or text_encoder(shapes)
        or upscaler(shapes)
        or deepbooru(shapes)
        or embedding(shapes)
        or nothing_known(shapes)
    )


# --- LoRA and ControlNet ------------------------------------------------------------------------------------------


def _lora(shapes: Shapes, metadata: Mapping[str, str]) -> Found | None:
    if PREFIX + "input_blocks.0.0.weight" in shapes or not is_lora(shapes):
        return None
    lora = judge_lora(shapes, metadata)
    prediction, about = _prediction_in_metadata(metadata)
    return Found(
        Kind.LORA,
        lora.family,
        lora.certainty,
        lora.reasons + about,
        variant=lora.algorithm,
        layout=lora.layout,
        parts=lora.parts,
        context_width=lora.context,
        prediction=prediction,
    )


def _controlnet(shapes: Shapes) -> Found | None:
    if "control_model.input_hint_block.0.weight" in shapes or "control_model.time_embed.0.weight" in shapes:
        sign, unet, layout = "control_model.", original_unet(shapes, "control_model."), "original"
    elif "input_hint_block.0.weight" in shapes and "zero_convs.0.0.weight" in shapes:
        sign, unet, layout = "input_hint_block and zero_convs", original_unet(shapes, ""), "original"
    elif "controlnet_cond_embedding.conv_in.weight" in shapes or "controlnet_mid_block.bias" in shapes:
        sign, unet, layout = "controlnet_", diffusers_unet(shapes), "diffusers"
    else:
        return None
    width = unet.context if unet else None
    family = CONTEXT_FAMILIES.get(width or 0, ModelFamily.UNKNOWN)
    reasons = (f"it has weights named {sign}: a ControlNet", *((f"it reads text {width} wide",) if width else ()))
    return Found(Kind.CONTROLNET, family, "certain", reasons, layout=layout, context_width=width)


# --- whole models and UNets ---------------------------------------------------------------------------------------


def _whole_model(shapes: Shapes, hints: _Hints) -> Found | None:
    """A single file in the original layout: `model.diffusion_model.` with what belongs to it."""
    parts = _parts(shapes)
    unet = original_unet(shapes, PREFIX)
    only_average = unet is None and "ema" in parts
    if only_average:
        unet = original_unet(shapes, EMA_PREFIX)
    if unet is None:
        return None
    judged = judge_unet(unet)
    reasons = list(judged.reasons)
    if only_average:
        reasons.append("it holds only the averaged (EMA) copy of the UNet")
    complete = "vae" in parts and ("text_encoder" in parts or "image_encoder" in parts)
    kind = judged.kind
    if kind == Kind.UNET and ("vae" in parts or "text_encoder" in parts or "image_encoder" in parts):
        kind = Kind.CHECKPOINT
    if kind == Kind.CHECKPOINT and not complete:
        reasons.append("it has no VAE" if "vae" not in parts else "it has no text encoder")
    if kind == Kind.UNET:
        reasons.append("it has a UNet only, no VAE and no text encoder")
    variant, edm = _edm_variant(shapes, judged)
    prediction, zero_snr, about = _prediction(judged, hints, variant, PREFIX + "output_blocks.11.1.")
    return Found(
        kind,
        judged.family,
        judged.certainty,
        (*reasons, *edm, *about),
        variant=variant,
        layout="original",
        parts=parts,
        context_width=unet.context,
        in_channels=unet.in_channels,
        prediction=prediction,
        zero_terminal_snr=zero_snr,
    )


def _bare_unet(shapes: Shapes, hints: _Hints) -> Found | None:
    unet, layout, last = original_unet(shapes, ""), "original", "output_blocks.11.1."
    if unet is None:
        unet, layout, last = diffusers_unet(shapes), "diffusers", "up_blocks.3.attentions.2."
    if unet is None:
        return None
    judged = judge_unet(unet)
    prediction, zero_snr, about = _prediction(judged, hints, judged.variant, last)
    return Found(
        judged.kind,
        judged.family,
        judged.certainty,
        (*judged.reasons, "it has a UNet only, no VAE and no text encoder", *about),
        variant=judged.variant,
        layout=layout,
        parts=("unet",),
        context_width=unet.context,
        in_channels=unet.in_channels,
        prediction=prediction,
        zero_terminal_snr=zero_snr,
    )


_OTHER_FAMILIES = {
    "joint_blocks.0.": ModelFamily.SD3,
    "double_blocks.0.": ModelFamily.FLUX,
    "single_transformer_blocks.0.": ModelFamily.FLUX,
}


def _other_whole_model(shapes: Shapes) -> Found | None:
    for start, family in _OTHER_FAMILIES.items():
        if any(name.startswith((PREFIX + start, start)) for name in shapes):
            reason = f"it has weights named {start}*: {family.label}"
            return Found(Kind.CHECKPOINT, family, "certain", (reason,), parts=_parts(shapes))
    return None


def _parts(shapes: Shapes) -> tuple[Part, ...]:
    """The parts of a single file in the original layout."""
    tops = {name.partition(".")[0] for name in shapes}
    encoders = {tuple(name.split(".", 4)[1:4]) for name in shapes if name.startswith(("conditioner.", "embedder."))}
    parts: list[Part] = []
    if PREFIX + "input_blocks.0.0.weight" in shapes:
        parts.append("unet")
    if "first_stage_model" in tops:
        parts.append("vae")
    if "cond_stage_model" in tops or any(path[-1] in ("transformer", "model") for path in encoders if len(path) == 3):
        parts.append("text_encoder")
    if any("open_clip" in path or "visual" in path for path in encoders):
        parts.append("image_encoder")
    if "model_ema" in tops:
        parts.append("ema")
    return tuple(parts)


def _edm_variant(shapes: Shapes, judged: Judgement) -> tuple[str, tuple[str, ...]]:
    """XL models with a noise schedule of their own, told by small tensors put there for the purpose."""
    if judged.family == ModelFamily.SDXL and "edm_vpred.sigma_max" in shapes:
        return "cosxl", ("it has edm_vpred.sigma_max: v-prediction on a continuous noise schedule (CosXL)",)
    if judged.family == ModelFamily.SDXL and "edm_mean" in shapes:
        return "playground", ("it has edm_mean: Playground 2.5, with a noise schedule of its own",)
    return judged.variant, ()


# --- prediction ---------------------------------------------------------------------------------------------------

Told = tuple[Prediction, tuple[str, ...]]


def _prediction(
    judged: Judgement, hints: _Hints, variant: str, last_attention: str
) -> tuple[Prediction, bool, tuple[str, ...]]:
    """What the UNet predicts, whether the schedule ends in pure noise, and how that is known."""
    tensors = hints.header.tensors
    zero_snr = "ztsnr" in tensors
    if judged.family == ModelFamily.SVD or variant == "cosxl":
        return "v_prediction", False, ()
    if variant == "playground" or judged.family not in _USUAL_PREDICTION:
        return "unknown", False, ()
    if re.search(r"""^\s*["']?parameterization["']?\s*:\s*["']?v["']?\s*(#.*)?$""", hints.config, re.MULTILINE):
        return "v_prediction", zero_snr, ("the .yaml beside it asks for v-prediction",)
    if "v_pred" in tensors:
        also = " and ztsnr" if zero_snr else ""
        return "v_prediction", zero_snr, (f"it has the key v_pred{also}: v-prediction",)
    told, about = _prediction_in_metadata(hints.header.metadata)
    if told != "unknown":
        return told, zero_snr, about
    if judged.family == ModelFamily.SD2:
        told, about = _probe(hints, f"{last_attention}transformer_blocks.0.norm1.bias", judged.reduced)
        return told, zero_snr, about
    return _USUAL_PREDICTION[judged.family], zero_snr, ()


_USUAL_PREDICTION: dict[ModelFamily, Prediction] = {
    ModelFamily.SD1: "epsilon",
    ModelFamily.SD2: "unknown",
    ModelFamily.SDXL: "epsilon",
    ModelFamily.SDXL_REFINER: "epsilon",
}


def _prediction_in_metadata(metadata: Mapping[str, str]) -> Told:
    for key in ("modelspec.prediction_type", "modelspec.predict_key"):
        value = metadata.get(key, "").lower()
        if value in ("v", "v_prediction", "v-prediction"):
            return "v_prediction", (f"its metadata says {key} = {value}",)
        if value in ("epsilon", "eps"):
            return "epsilon", (f"its metadata says {key} = {value}",)
    version = metadata.get("ss_base_model_version", "").lower()
    architecture = metadata.get("modelspec.architecture", "").lower().partition("/")[0]
    if version in ("sd_v1_v", "sd_v2_v") or architecture == "stable-diffusion-v2-768-v":
        return "v_prediction", (f"its metadata names {version or architecture}: v-prediction",)
    if version == "sd_v2" or architecture == "stable-diffusion-v2-512":
        return "epsilon", (f"its metadata names {version or architecture}: predicts the noise",)
    return "unknown", ()


V_PREDICTION_SPREAD = 0.09
"""The biases of the last attention's first norm spread wider than this in the 2.x models trained for v-prediction
(found by ComfyUI: comfy/supported_models.py)."""


def _probe(hints: _Hints, name: str, reduced: bool) -> Told:
    """Tell 2.x with v-prediction from 2.x without by the spread of one small tensor."""
    tensor = hints.header.tensors.get(name)
    if reduced or hints.read is None or tensor is None or tensor.end - tensor.begin > 65_536:
        return "unknown", ("nothing in it tells whether it predicts noise or v",)
    values = _floats(hints.read(name), tensor.dtype)
    if len(values) < 2 or not all(math.isfinite(value) for value in values):
        return "unknown", ("nothing in it tells whether it predicts noise or v",)
    spread = statistics.pstdev(values)
    if spread > V_PREDICTION_SPREAD:
        return "v_prediction", (f"{name} spreads by {spread:.3f}, over 0.09: v-prediction",)
    return "epsilon", (f"{name} spreads by {spread:.3f}, not over 0.09: predicts the noise",)


def _floats(data: bytes, dtype: str) -> list[float]:
    """Little-endian numbers; an empty list for a format that isn't one of floating point."""
    if dtype == "BF16":  # the upper half of a 32-bit number
        data = b"".join(b"\0\0" + data[at : at + 2] for at in range(0, len(data), 2))
    code, size = {"F16": ("e", 2), "BF16": ("f", 4), "F32": ("f", 4), "F64": ("d", 8)}.get(dtype, ("", 0))
    return list(struct.unpack(f"<{len(data) // size}{code}", data)) if size else []
