"""The tensors of real model files, counted from the architectures, and files that have only their header.

Written down from the published architectures, not from Gesso's own code: each whole file's count is known
(SD 1.5 1,131; SD 2.x 1,228; SDXL 2,515; SVD 2,440), and test_identify compares.
"""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path

Shapes = dict[str, tuple[int, ...]]
SIZES = {"F16": 2, "BF16": 2, "F32": 4, "I64": 8, "F64": 8}


def write_header_only(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]],
    dtype: str = "F16",
    metadata: Mapping[str, str] | None = None,
    values: Mapping[str, bytes] | None = None,
) -> Path:
    """A safetensors file of full size whose tensors are holes on the disk, but for those in `values`."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    places: dict[str, int] = {}
    at = 0
    for name, shape in shapes.items():
        end = at + math.prod(shape) * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        places[name], at = at, end
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        for name, data in (values or {}).items():
            file.seek(8 + len(raw) + places[name])
            file.write(data)
        file.truncate(8 + len(raw) + at)
    return path


# --- building blocks ----------------------------------------------------------------------------------------------


def _both(name: str, *weight: int) -> Shapes:
    return {f"{name}.weight": weight, f"{name}.bias": weight[:1]}


def _norm(name: str, width: int) -> Shapes:
    return _both(name, width)


def _under(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


def _resblock(into: int, out: int, time: int, spatial: int = 2) -> Shapes:
    kernel = (3,) * 2 if spatial == 2 else (3, 1, 1)
    shapes = _norm("in_layers.0", into) | _both("in_layers.2", out, into, *kernel)
    if time:
        shapes |= _both("emb_layers.1", out, time)
    shapes |= _norm("out_layers.0", out) | _both("out_layers.3", out, out, *kernel)
    return shapes | (_both("skip_connection", out, into, 1, 1) if into != out else {})


def _attention(width: int, context: int) -> Shapes:
    return {
        "to_q.weight": (width, width),
        "to_k.weight": (width, context),
        "to_v.weight": (width, context),
        **_both("to_out.0", width, width),
    }


def _feed_forward(width: int) -> Shapes:
    return _both("net.0.proj", 8 * width, width) | _both("net.2", width, 4 * width)


def _transformer_block(width: int, context: int) -> Shapes:
    shapes = _under("attn1.", _attention(width, width)) | _under("ff.", _feed_forward(width))
    shapes |= _under("attn2.", _attention(width, context))
    return shapes | _norm("norm1", width) | _norm("norm2", width) | _norm("norm3", width)


def _transformer(width: int, context: int, depth: int, linear: bool) -> Shapes:
    kernel = () if linear else (1, 1)
    shapes = _norm("norm", width) | _both("proj_in", width, width, *kernel)
    for index in range(depth):
        shapes |= _under(f"transformer_blocks.{index}.", _transformer_block(width, context))
    return shapes | _both("proj_out", width, width, *kernel)


def _video_transformer(width: int, context: int) -> Shapes:
    block = _norm("norm_in", width) | _under("ff_in.", _feed_forward(width)) | _transformer_block(width, context)
    shapes = _transformer(width, context, 1, True) | _under("time_stack.0.", block)
    shapes |= _both("time_pos_embed.0", 4 * width, width) | _both("time_pos_embed.2", width, 4 * width)
    return shapes | {"time_mixer.mix_factor": (1,)}


def unet(
    *,
    in_channels: int = 4,
    channels: int = 320,
    context: int = 768,
    linear: bool = False,
    vector: int | None = None,
    multipliers: tuple[int, ...] = (1, 2, 4, 4),
    depths: tuple[int, ...] = (1, 1, 1, 0),
    middle_depth: int = 1,
    blocks: int = 2,
    video: bool = False,
) -> Shapes:
    """The UNet in the original naming, without a prefix. `depths`: transformer blocks at each level."""
    time = 4 * channels

    def residual(into: int, out: int) -> Shapes:
        shapes = _resblock(into, out, time)
        if video:
            shapes |= _under("time_stack.", _resblock(out, out, time, 3)) | {"time_mixer.mix_factor": (1,)}
        return shapes

    def attention(width: int, depth: int) -> Shapes:
        return _video_transformer(width, context) if video else _transformer(width, context, depth, linear)

    shapes = _both("time_embed.0", time, channels) | _both("time_embed.2", time, time)
    if vector:
        shapes |= _both("label_emb.0.0", time, vector) | _both("label_emb.0.2", time, time)
    shapes |= _both("input_blocks.0.0", channels, in_channels, 3, 3)
    width, number, skips = channels, 1, [channels]
    for level, multiplier in enumerate(multipliers):
        for _ in range(blocks):
            shapes |= _under(f"input_blocks.{number}.0.", residual(width, channels * multiplier))
            width = channels * multiplier
            if depths[level]:
                shapes |= _under(f"input_blocks.{number}.1.", attention(width, depths[level]))
            skips.append(width)
            number += 1
        if level < len(multipliers) - 1:
            shapes |= _both(f"input_blocks.{number}.0.op", width, width, 3, 3)
            skips.append(width)
            number += 1
    shapes |= _under("middle_block.0.", residual(width, width))
    if middle_depth:
        shapes |= _under("middle_block.1.", attention(width, middle_depth))
    shapes |= _under("middle_block.2." if middle_depth else "middle_block.1.", residual(width, width))
    number = 0
    for level in reversed(range(len(multipliers))):
        for block in range(blocks + 1):
            out = channels * multipliers[level]
            shapes |= _under(f"output_blocks.{number}.0.", residual(width + skips.pop(), out))
            width, place = out, 1
            if depths[level]:
                shapes |= _under(f"output_blocks.{number}.1.", attention(width, depths[level]))
                place = 2
            if level and block == blocks:
                shapes |= _both(f"output_blocks.{number}.{place}.conv", width, width, 3, 3)
            number += 1
    return shapes | _norm("out.0", channels) | _both("out.2", 4, channels, 3, 3)


def vae(*, video: bool = False, latent: int = 4, quant: bool = True) -> Shapes:
    """The KL autoencoder in the original naming, without a prefix."""

    def block(into: int, out: int, decoder: bool) -> Shapes:
        shapes = _norm("norm1", into) | _both("conv1", out, into, 3, 3)
        shapes |= _norm("norm2", out) | _both("conv2", out, out, 3, 3)
        if into != out:
            shapes |= _both("nin_shortcut", out, into, 1, 1)
        if decoder and video:
            shapes |= _under("time_stack.", _resblock(out, out, 0, 3)) | {"mix_factor": (1,)}
        return shapes

    def middle(width: int, decoder: bool) -> Shapes:
        shapes = _under("mid.block_1.", block(width, width, decoder)) | _norm("mid.attn_1.norm", width)
        for name in ("q", "k", "v", "proj_out"):
            shapes |= _both(f"mid.attn_1.{name}", width, width, 1, 1)
        return shapes | _under("mid.block_2.", block(width, width, decoder))

    widths = (128, 256, 512, 512)
    encoder, width = _both("conv_in", 128, 3, 3, 3), 128
    for level, out in enumerate(widths):
        for index in range(2):
            encoder |= _under(f"down.{level}.block.{index}.", block(width, out, False))
            width = out
        if level < 3:
            encoder |= _both(f"down.{level}.downsample.conv", width, width, 3, 3)
    encoder |= middle(width, False) | _norm("norm_out", width) | _both("conv_out", 2 * latent, width, 3, 3)
    decoder = _both("conv_in", 512, latent, 3, 3) | middle(512, True)
    for level in reversed(range(4)):
        for index in range(3):
            decoder |= _under(f"up.{level}.block.{index}.", block(width, widths[level], True))
            width = widths[level]
        if level:
            decoder |= _both(f"up.{level}.upsample.conv", width, width, 3, 3)
    decoder |= _norm("norm_out", width) | _both("conv_out", 3, width, 3, 3)
    if video:
        decoder |= _both("conv_out.time_mix_conv", 3, 3, 3, 1, 1)
    shapes = _under("encoder.", encoder) | _under("decoder.", decoder)
    if quant:
        shapes |= _both("quant_conv", 2 * latent, 2 * latent, 1, 1) | _both("post_quant_conv", latent, latent, 1, 1)
    return shapes


def clip(width: int = 768, layers: int = 12, text_model: str = "text_model.", vocabulary: int = 49408) -> Shapes:
    """CLIP's text encoder in the naming of transformers."""
    shapes: Shapes = {
        "embeddings.position_ids": (1, 77),
        "embeddings.position_embedding.weight": (77, width),
        "embeddings.token_embedding.weight": (vocabulary, width),
    }
    for index in range(layers):
        layer: Shapes = {}
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            layer |= _both(f"self_attn.{name}", width, width)
        layer |= _norm("layer_norm1", width) | _norm("layer_norm2", width)
        layer |= _both("mlp.fc1", 4 * width, width) | _both("mlp.fc2", width, 4 * width)
        shapes |= _under(f"encoder.layers.{index}.", layer)
    return _under(text_model, shapes | _norm("final_layer_norm", width))


def open_clip_blocks(width: int, layers: int) -> Shapes:
    shapes: Shapes = {}
    for index in range(layers):
        block = _norm("ln_1", width) | _norm("ln_2", width) | _both("attn.out_proj", width, width)
        block |= {"attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,)}
        block |= _both("mlp.c_fc", 4 * width, width) | _both("mlp.c_proj", width, 4 * width)
        shapes |= _under(f"transformer.resblocks.{index}.", block)
    return shapes


def open_clip(width: int, layers: int) -> Shapes:
    """OpenCLIP's text encoder in its own naming."""
    shapes: Shapes = {
        "positional_embedding": (77, width),
        "text_projection": (width, width),
        "logit_scale": (),
        "token_embedding.weight": (49408, width),
    }
    return shapes | open_clip_blocks(width, layers) | _norm("ln_final", width)


# --- whole files --------------------------------------------------------------------------------------------------

PREFIX = "model.diffusion_model."
XL = {"context": 2048, "linear": True, "vector": 2816, "multipliers": (1, 2, 4)}


def _whole(unet_shapes: Shapes, *others: Shapes) -> Shapes:
    shapes = _under(PREFIX, unet_shapes) | _under("first_stage_model.", vae())
    for other in others:
        shapes |= other
    return shapes


def sd1(in_channels: int = 4, text_model: str = "text_model.") -> Shapes:
    return _whole(unet(in_channels=in_channels), _under("cond_stage_model.transformer.", clip(text_model=text_model)))


def sd1_reduced(context: int = 128) -> Shapes:
    """A small model in the architecture of SD 1.x, as the starter model is one."""
    small = unet(channels=64, context=context, multipliers=(1, 2, 3), depths=(0, 1, 1), blocks=1)
    return _whole(small, _under("cond_stage_model.transformer.", clip(context, 4)))


def sd2(in_channels: int = 4) -> Shapes:
    shapes = unet(in_channels=in_channels, context=1024, linear=True)
    return _whole(shapes, _under("cond_stage_model.model.", open_clip(1024, 24)))


def sdxl(in_channels: int = 4, depths: tuple[int, ...] = (0, 2, 10), middle: int = 10) -> Shapes:
    shapes = unet(
        in_channels=in_channels,
        context=2048,
        linear=True,
        vector=2816,
        multipliers=(1, 2, 4),
        depths=depths,
        middle_depth=middle,
    )
    return _whole(
        shapes,
        _under("conditioner.embedders.0.transformer.", clip()),
        _under("conditioner.embedders.1.model.", open_clip(1280, 32)),
    )


def sdxl_refiner() -> Shapes:
    shapes = unet(channels=384, context=1280, linear=True, vector=2560, depths=(0, 4, 4, 0), middle_depth=4)
    return _whole(shapes, _under("conditioner.embedders.0.model.", open_clip(1280, 32)))


def x4_upscaler() -> Shapes:
    shapes = unet(in_channels=7, channels=256, context=1024, linear=True, multipliers=(1, 2, 2, 4), depths=(0, 1, 1, 1))
    shapes["label_emb.weight"] = (1000, 1024)
    return _whole(shapes, _under("cond_stage_model.model.", open_clip(1024, 24)))


def svd() -> Shapes:
    shapes = _under(PREFIX, unet(in_channels=8, context=1024, linear=True, vector=768, video=True))
    shapes |= _under("first_stage_model.", vae(video=True, quant=False))
    visual: Shapes = {
        "class_embedding": (1280,),
        "positional_embedding": (257, 1280),
        "proj": (1280, 1024),
        "conv1.weight": (1280, 3, 14, 14),
    }
    visual |= _norm("ln_pre", 1280) | _norm("ln_post", 1280) | open_clip_blocks(1280, 32)
    shapes |= _under("conditioner.embedders.0.open_clip.model.visual.", visual)
    return shapes | _under("conditioner.embedders.3.encoder.", vae())


# --- LoRA ---------------------------------------------------------------------------------------------------------

_LINEARS = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "ff.net.0.proj", "ff.net.2")
_LINEARS += ("attn2.to_q", "attn2.to_k", "attn2.to_v", "attn2.to_out.0")


def lora_modules(context: int, *, linear: bool = False, text_width: int = 768, text_layers: int = 12) -> Shapes:
    """Modules a LoRA for SD 1.x or 2.x adapts, in diffusers' naming below `unet.` and `text_encoder.`, with the shape
    of their weights."""
    blocks = [(f"down_blocks.{level}.attentions.{index}", 320 * 2**level) for level in range(3) for index in range(2)]
    blocks += [("mid_block.attentions.0", 1280)]
    blocks += [(f"up_blocks.{level}.attentions.{i}", 320 * 2 ** (3 - level)) for level in range(1, 4) for i in range(3)]
    modules: Shapes = {}
    for name, width in blocks:
        for proj in ("proj_in", "proj_out"):
            modules[f"unet.{name}.{proj}"] = (width, width) if linear else (width, width, 1, 1)
        for layer in _LINEARS:
            out = 8 * width if layer == "ff.net.0.proj" else width
            into = {"attn2.to_k": context, "attn2.to_v": context, "ff.net.2": 4 * width}.get(layer, width)
            modules[f"unet.{name}.transformer_blocks.0.{layer}"] = (out, into)
    for index in range(text_layers):
        layer = f"text_encoder.text_model.encoder.layers.{index}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            modules[f"{layer}.self_attn.{name}"] = (text_width, text_width)
        modules[f"{layer}.mlp.fc1"] = (4 * text_width, text_width)
        modules[f"{layer}.mlp.fc2"] = (text_width, 4 * text_width)
    return modules


def kohya_lora(modules: Shapes, rank: int = 8) -> Shapes:
    shapes: Shapes = {}
    for module, (out, into, *kernel) in modules.items():
        name = module.replace("unet.", "lora_unet_", 1) if module.startswith("unet.") else module
        name = name.replace("text_encoder.", "lora_te_", 1).replace(".", "_")
        shapes[f"{name}.lora_down.weight"] = (rank, into, *kernel)
        shapes[f"{name}.lora_up.weight"] = (out, rank, *kernel)
        shapes[f"{name}.alpha"] = ()
    return shapes


def peft_lora(modules: Shapes, rank: int = 8) -> Shapes:
    shapes: Shapes = {}
    for module, (out, into, *kernel) in modules.items():
        shapes[f"{module}.lora_A.weight"] = (rank, into, *kernel)
        shapes[f"{module}.lora_B.weight"] = (out, rank, *kernel)
    return shapes


# --- diffusers folders --------------------------------------------------------------------------------------------


def diffusers_unet(context: int = 768, in_channels: int = 4, linear: bool = False, channels: int = 320) -> Shapes:
    """The decisive part of a UNet in diffusers' naming: its first layers."""
    kernel = () if linear else (1, 1)
    shapes = _both("conv_in", channels, in_channels, 3, 3) | _both("time_embedding.linear_1", 4 * channels, channels)
    block = "down_blocks.0.attentions.0."
    shapes |= _both(f"{block}proj_in", channels, channels, *kernel)
    return shapes | _under(f"{block}transformer_blocks.0.", _transformer_block(channels, context))


def write_diffusers_folder(
    path: Path, context: int = 768, linear: bool = False, prediction: str = "epsilon", pipeline: str = ""
) -> Path:
    """A model folder in diffusers' layout whose weights have headers only."""
    texts = {
        "model_index.json": {
            "_class_name": pipeline or "StableDiffusionPipeline",
            "_diffusers_version": "0.30.0",
            "scheduler": ["diffusers", "PNDMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
            "safety_checker": [None, None],
            "requires_safety_checker": False,
        },
        "unet/config.json": {
            "_class_name": "UNet2DConditionModel",
            "in_channels": 4,
            "cross_attention_dim": context,
            "block_out_channels": [320, 640, 1280, 1280],
            "use_linear_projection": linear,
        },
        "vae/config.json": {"_class_name": "AutoencoderKL"},
        "text_encoder/config.json": {"architectures": ["CLIPTextModel"], "hidden_size": context},
        "scheduler/scheduler_config.json": {"_class_name": "PNDMScheduler", "prediction_type": prediction},
        "tokenizer/vocab.json": {"a": 0},
    }
    for name, value in texts.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(json.dumps(value), encoding="utf-8")
    weights = "diffusion_pytorch_model.safetensors"
    write_header_only(path / "unet" / weights, diffusers_unet(context, linear=linear))
    write_header_only(path / "vae" / weights, {"decoder.conv_in.weight": (512, 4, 3, 3)})
    write_header_only(path / "text_encoder" / "model.safetensors", clip(context, 2, vocabulary=100))
    return path
