"""Identification of what is less than a whole model: VAE, text encoder, upscaler, embedding. Each gives None for no."""

from trainer.library.identify_unet import Shapes
from trainer.library.identity import Certainty, Found, Kind, ModelFamily


def vae(shapes: Shapes) -> Found | None:
    if any(name.startswith("taesd_decoder.") for name in shapes):
        reason = "it has weights named taesd_decoder: a tiny VAE for previews"
        return Found(Kind.VAE, ModelFamily.UNKNOWN, "certain", (reason,), variant="taesd", parts=("vae",))
    for prefix in ("first_stage_model.", ""):
        first = shapes.get(prefix + "decoder.conv_in.weight")
        if first is None or len(first) != 4:
            continue
        channels = first[1]
        layout = "diffusers" if any(name.startswith(prefix + "decoder.mid_block.") for name in shapes) else "original"
        temporal = any("time_stack" in name or "time_mix" in name or "time_conv_out" in name for name in shapes)
        if temporal or "decoder.mid.block_1.mix_factor" in shapes:
            reason = "its decoder has layers over time: the VAE of Stable Video Diffusion"
            return Found(Kind.VAE, ModelFamily.SVD, "certain", (reason,), "temporal", layout, ("vae",))
        if channels == 4:
            reason = "a VAE of 4 channels; those of Stable Diffusion 1.x, 2.x and XL share names and shapes"
            return Found(Kind.VAE, ModelFamily.UNKNOWN, "likely", (reason,), layout=layout, parts=("vae",))
        reason = f"a VAE of {channels} channels, where Stable Diffusion 1.x, 2.x and XL have 4"
        return Found(Kind.VAE, ModelFamily.UNKNOWN, "likely", (reason,), f"{channels}_channels", layout, ("vae",))
    return None


_TOKENS = "embeddings.token_embedding.weight"


def text_encoder(shapes: Shapes) -> Found | None:
    if any(name.startswith(("vision_model.", "visual.")) for name in shapes):
        return None
    names = [prefix + _TOKENS for prefix in ("text_model.", "", "cond_stage_model.transformer.text_model.")]
    names += ["cond_stage_model.transformer." + _TOKENS, "token_embedding.weight", "cond_stage_model.model." + _TOKENS]
    names += ["cond_stage_model.model.token_embedding.weight"]
    shape = next((shapes[name] for name in names if name in shapes), None)
    if shape is None or len(shape) != 2:
        return None
    width = shape[1]
    family = {768: ModelFamily.SD1, 1024: ModelFamily.SD2, 1280: ModelFamily.SDXL}.get(width, ModelFamily.UNKNOWN)
    reasons = [f"it has token embeddings {width} wide and no UNet: a CLIP text encoder"]
    if width == 768:
        reasons.append("Stable Diffusion 1.x and the first encoder of XL share it")
    return Found(Kind.TEXT_ENCODER, family, "likely", tuple(reasons), parts=("text_encoder",), context_width=width)


def upscaler(shapes: Shapes) -> Found | None:
    signs = (
        ("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"),
        ("conv_first.weight", "body.0.rdb1.conv1.weight"),
        ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight"),
        ("body.0.weight", "body.1.weight"),
    )
    for first, second in signs:
        if first in shapes and second in shapes and len(shapes[first]) == 4 and shapes[first][1] in (3, 12, 48):
            reason = f"it has {first} and {second}: an upscaler of the ESRGAN kind"
            return Found(Kind.UPSCALER, ModelFamily.UNKNOWN, "likely", (reason,))
    return None


def embedding(shapes: Shapes) -> Found | None:
    if {"clip_l", "clip_g"} <= shapes.keys():
        return _embedding_found(ModelFamily.SDXL, "certain", "it has clip_l and clip_g: an embedding for XL", 2048)
    named = [name for name in shapes if name == "emb_params" or name.startswith("string_to_param.")]
    vectors = named or list(shapes)
    widths = {shapes[name][-1] if shapes[name] else 0 for name in vectors}
    if len(vectors) >= 10 or len(widths) != 1 or any(_rows(shapes[name]) > 128 for name in vectors):
        return None
    width = widths.pop()
    family = {768: ModelFamily.SD1, 1024: ModelFamily.SD2, 1280: ModelFamily.SDXL}.get(width)
    if family is None and not named:
        return None
    certainty: Certainty = "certain" if named and family else "likely"
    what = f"it holds only {vectors[0]!r}, vectors {width} wide"
    if family is None:
        reason = f"{what}: an embedding for a reduced or other model"
        return _embedding_found(ModelFamily.UNKNOWN, certainty, reason, width)
    return _embedding_found(family, certainty, f"{what}: an embedding for {family.label}", width)


def _rows(shape: tuple[int, ...]) -> int:
    """How many vectors: one for a bare vector, more than any embedding has for what is no list of vectors."""
    return {1: 1, 2: shape[0] if shape else 0}.get(len(shape), 1 << 30)


def _embedding_found(family: ModelFamily, certainty: Certainty, reason: str, width: int) -> Found:
    return Found(Kind.EMBEDDING, family, certainty, (reason,), parts=("embedding",), context_width=width)


def nothing_known(shapes: Shapes) -> Found:
    names = ", ".join(sorted(shapes)[:3])
    hints = {
        "image_proj.": "an IP-Adapter",
        "ip_adapter.": "an IP-Adapter",
        "adapter.body.": "a T2I-Adapter",
        "vision_model.": "an image encoder",
        "model_ema.": "averaged weights without their UNet",
    }
    known = next((what for start, what in hints.items() if any(name.startswith(start) for name in shapes)), None)
    reason = (
        f"its weights ({names}) belong to {known}" if known else f"its weights ({names}) belong to no kind known here"
    )
    return Found(Kind.UNKNOWN, ModelFamily.UNKNOWN, "unsure", (reason,))
