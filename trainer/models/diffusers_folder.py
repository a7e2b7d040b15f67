"""Whole SD 1.x and 2.x models as folders in the layout of diffusers. Configs are data; nothing in a folder is run."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainer.contract.errors import UserError
from trainer.files import folder_written_atomically, require_room
from trainer.library.folders import read_folder
from trainer.models import networks, sd_keys
from trainer.models.architecture import (
    BETA_END,
    BETA_START,
    LATENT_SCALE,
    TIMESTEPS,
    Architecture,
    FamilyName,
    TextShape,
    UNetShape,
    VAEShape,
    norm_groups,
)
from trainer.models.family import Prediction
from trainer.models.tensors import TensorFile, write_tensors_inside
from trainer.models.tokenizer import TOKENS, write_vocabulary

Progress = Callable[[int, int], None]

_PARTS = ("unet", "vae", "text_encoder")
_WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}

_PLAIN: dict[str, object] = {
    "act_fn": "silu",
    "addition_embed_type": None,
    "center_input_sample": False,
    "class_embed_type": None,
    "conv_in_kernel": 3,
    "conv_out_kernel": 3,
    "dual_cross_attention": False,
    "encoder_hid_dim": None,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "num_class_embeds": None,
    "only_cross_attention": False,
    "resnet_time_scale_shift": "default",
    "time_embedding_type": "positional",
    "transformer_layers_per_block": 1,
}
"""What a UNet's config says, or leaves out, in every SD 1.x and 2.x model."""

_PLAIN_VAE: dict[str, object] = {
    "act_fn": "silu",
    "latents_mean": None,
    "latents_std": None,
    "scaling_factor": LATENT_SCALE,
    "shift_factor": None,
    "use_post_quant_conv": True,
    "use_quant_conv": True,
}
_PLAIN_TEXT: dict[str, object] = {"layer_norm_eps": 1e-5}
_PLAIN_SCHEDULER: dict[str, object] = {
    "beta_end": BETA_END,
    "beta_schedule": "scaled_linear",
    "beta_start": BETA_START,
    "num_train_timesteps": TIMESTEPS,
    "trained_betas": None,
}
"""The same of the other configs. A model made for another noise schedule would only make bad pictures on this one."""


def read(
    source: Path,
    *,
    family: FamilyName,
    device: torch.device,
    dtype: torch.dtype,
    ema: bool = False,
    progress: Progress | None = None,
) -> networks.Parts:
    """The model in the folder `source`, its weights as `dtype` on `device`. Raises UserError saying what is wrong."""
    folder = read_folder(source)
    if ema:
        raise UserError(f"{source.name} has no averaged (EMA) weights beside its own.", "Use its plain weights.")
    if folder.identity.prediction == "unknown":
        raise _unknown(source, "its UNet predicts neither the noise nor v")
    architecture = _architecture(source, family, folder.identity.prediction)
    zero_snr = folder.identity.zero_terminal_snr and architecture.prediction == "v_prediction"
    architecture = replace(architecture, zero_terminal_snr=zero_snr)
    parts = networks.without_weights(architecture, source.name)
    for number, part in enumerate(_PARTS):
        network: nn.Module = getattr(parts, part)
        wanted: dict[str, Tensor] = network.state_dict()
        own_keys = {sd_keys.plain(key): key for key in wanted}
        state: dict[str, Tensor] = {}
        for path in folder.weights[part]:
            with TensorFile(path) as file:
                for name in file.header.tensors:
                    if not name.endswith("position_ids"):
                        key = own_keys.get(sd_keys.plain(sd_keys.modern_vae_key(name)))
                        if key is None:
                            raise _unknown(source, f"{part}/{path.name} has a tensor {name}")
                        state[key] = _shaped(file.load(name, device, dtype), wanted[key])
        networks.assign(network, state, part, source.name)
        if progress is not None:
            progress(number + 1, len(_PARTS))
    return parts


def write(parts: networks.Parts, path: Path, *, dtype: torch.dtype | None) -> None:
    """Write the folder `path`, which must not exist yet, atomically."""
    if path.exists():
        raise UserError(f"{path} exists already.", "Choose another name, or remove it first.")
    architecture = parts.architecture
    states: dict[str, dict[str, Tensor]] = {
        "unet": parts.unet.state_dict(),
        "vae": parts.vae.state_dict(),
        "text_encoder": {f"text_model.{sd_keys.plain(key)}": t for key, t in parts.text_encoder.state_dict().items()},
    }
    size = sum(
        tensor.numel() * (dtype or tensor.dtype).itemsize for state in states.values() for tensor in state.values()
    )
    require_room(path.parent, size, path.name)
    with folder_written_atomically(path) as partial:
        for part, state in states.items():
            (partial / part).mkdir()
            fetches = {name: _fetch(tensor) for name, tensor in state.items()}
            target = partial / part / f"{_WEIGHTS[part]}.safetensors"
            write_tensors_inside(target, fetches, dtype=dtype, metadata={"format": "pt"})
        for name, tree in _configs(architecture).items():
            (partial / name).parent.mkdir(exist_ok=True)
            _write_json(partial / name, tree)
        write_vocabulary(partial / "tokenizer")


def _architecture(source: Path, family: FamilyName, prediction: Prediction) -> Architecture:
    unet, vae, text = (_config(source, f"{part}/config.json") for part in _PARTS)
    _require_plain(source, "UNet", unet, _PLAIN)
    _require_plain(source, "VAE", vae, _PLAIN_VAE)
    _require_plain(source, "text encoder", text, _PLAIN_TEXT)
    _require_plain(source, "scheduler", _config(source, "scheduler/scheduler_config.json"), _PLAIN_SCHEDULER)
    try:
        return _described(source, family, prediction, unet, vae, text)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _unknown(source, f"a value in its configs is missing or odd ({error})") from error


def _described(
    source: Path,
    family: FamilyName,
    prediction: Prediction,
    unet: Mapping[str, Any],
    vae: Mapping[str, Any],
    text: Mapping[str, Any],
) -> Architecture:
    widths = tuple(int(width) for width in unet["block_out_channels"])
    vae_widths = tuple(int(width) for width in vae["block_out_channels"])
    _require_plain(source, "UNet", {"norm_num_groups": 32, **unet}, {"norm_num_groups": norm_groups(widths)})
    _require_plain(source, "VAE", {"norm_num_groups": 32, **vae}, {"norm_num_groups": norm_groups(vae_widths)})
    activation = text["hidden_act"]
    if activation not in ("gelu", "quick_gelu"):
        raise _unknown(source, f"its text encoder has hidden_act = {activation!r}")
    heads = unet.get("attention_head_dim", 8)
    vae_shape = VAEShape(
        vae_widths,
        int(vae["layers_per_block"]),
        int(vae["latent_channels"]),
    )
    side = int(unet["sample_size"]) * vae_shape.pixels_per_latent
    return Architecture(
        family=family,
        unet=UNetShape(
            block_out_channels=widths,
            attention=tuple(name.startswith("CrossAttn") for name in unet["down_block_types"]),
            layers_per_block=int(unet["layers_per_block"]),
            heads=(heads,) * len(widths) if isinstance(heads, int) else tuple(int(count) for count in heads),
            context_width=int(unet["cross_attention_dim"]),
            in_channels=int(unet["in_channels"]),
            out_channels=int(unet["out_channels"]),
            linear_projections=bool(unet.get("use_linear_projection", False)),
            upcast_attention=bool(unet.get("upcast_attention", False)),
        ),
        vae=vae_shape,
        text=TextShape(
            width=int(text["hidden_size"]),
            layers=int(text["num_hidden_layers"]),
            heads=int(text["num_attention_heads"]),
            intermediate=int(text["intermediate_size"]),
            activation=activation,
            projection=int(text.get("projection_dim", text["hidden_size"])),
            vocabulary=int(text["vocab_size"]),
            tokens=int(text["max_position_embeddings"]),
        ),
        prediction=prediction,
        default_size=(side, side),
    )


def _config(source: Path, name: str) -> dict[str, Any]:
    """`read_folder` has made sure that it is there, an object, and not deeply nested."""
    return json.loads((source / name).read_text(encoding="utf-8"))


def _require_plain(source: Path, part: str, config: Mapping[str, Any], plain: Mapping[str, object]) -> None:
    odd = [name for name, usual in plain.items() if config.get(name, usual) != usual]
    if odd:
        raise _unknown(source, f"its {part} has {odd[0]} = {config[odd[0]]!r}")


def _unknown(source: Path, what: str) -> UserError:
    return UserError(
        f"The model folder {source.name} is built in a way that Gesso does not know: {what}.",
        "Choose a standard Stable Diffusion 1.x or 2.x model.",
    )


def _shaped(tensor: Tensor, wanted: Tensor) -> Tensor:
    """Old folders store the VAE's attention as 1x1 convolutions, like single files."""
    return tensor.flatten(1) if tensor.ndim == 4 and wanted.ndim == 2 else tensor


def _configs(architecture: Architecture) -> dict[str, dict[str, object]]:
    made_with = {"_diffusers_version": version("diffusers")}
    pad = {"sd1": "<|endoftext|>", "sd2": "!"}[architecture.family]
    return {
        "model_index.json": {
            "_class_name": "StableDiffusionPipeline",
            **made_with,
            "feature_extractor": [None, None],
            "image_encoder": [None, None],
            "requires_safety_checker": False,
            "safety_checker": [None, None],
            "scheduler": ["diffusers", "DDIMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
        "unet/config.json": {"_class_name": "UNet2DConditionModel", **made_with, **architecture.unet_config()},
        "vae/config.json": {"_class_name": "AutoencoderKL", **made_with, **architecture.vae_config()},
        "text_encoder/config.json": {
            "architectures": ["CLIPTextModel"],
            "model_type": "clip_text_model",
            **architecture.text_config(),
        },
        "scheduler/scheduler_config.json": {
            "_class_name": "DDIMScheduler",
            **made_with,
            **_PLAIN_SCHEDULER,
            "clip_sample": False,
            "prediction_type": architecture.prediction,
            "rescale_betas_zero_snr": architecture.zero_terminal_snr,
            "set_alpha_to_one": False,
            "steps_offset": 1,
        },
        "tokenizer/tokenizer_config.json": {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": TOKENS,
            "bos_token": "<|startoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
            "pad_token": pad,
        },
    }


def _write_json(path: Path, tree: object) -> None:
    path.write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")


def _fetch(tensor: Tensor) -> Callable[[], Tensor]:
    return lambda: tensor
