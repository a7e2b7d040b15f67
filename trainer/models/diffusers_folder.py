"""Whole SD 1.x, 2.x and XL models as folders in the layout of diffusers. Configs are data; nothing in a folder is run.

What the single file of a model holds beyond its networks (its metadata, and tensors that are never used) goes into a
file of its own in the folder, so that the way back gives the same file again.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.contract.errors import UserError
from trainer.files import folder_written_atomically, require_room
from trainer.library.folders import BESIDE_FILE, read_folder
from trainer.models import networks, sd_keys
from trainer.models.architecture import (
    BETA_END,
    BETA_START,
    LATENT_SCALE,
    SIZE_WIDTH,
    TEXT_PLACES,
    TIMESTEPS,
    Architecture,
    FamilyName,
    TextPlace,
    TextShape,
    UNetShape,
    VAEShape,
    norm_groups,
)
from trainer.models.family import Prediction
from trainer.models.tensors import TensorFile, write_tensors_inside
from trainer.models.tokenizer import TOKENS, write_vocabulary

Progress = Callable[[int, int], None]

_WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model"}
"""What the files of weights are called where it is not `model`."""
_TOKENIZERS = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}

_PLAIN: dict[str, object] = {
    "act_fn": "silu",
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
    "time_cond_proj_dim": None,
    "time_embedding_type": "positional",
}
"""What a UNet's config says, or leaves out, in every model of these families."""
_TOLD: dict[str, object] = {"addition_embed_type": "text_time", "addition_time_embed_dim": SIZE_WIDTH}
_NOT_TOLD: dict[str, object] = {"addition_embed_type": None}
"""The same for those whose UNet is told of sizes, and for the others."""

_PLAIN_VAE: dict[str, object] = {
    "act_fn": "silu",
    "latents_mean": None,
    "latents_std": None,
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
    "timestep_type": "discrete",
    "trained_betas": None,
}
"""The same of the other configs. A model made for another noise schedule would only make bad pictures on this one."""
_OTHER_SCHEDULERS = ("EDM", "FlowMatch")
"""Schedulers whose names begin so belong to such models, whatever their configs leave out."""


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
    lacking = [place.part for place in TEXT_PLACES[family] if place.part not in folder.weights]
    if lacking:
        raise _unknown(source, f"its UNet needs a {lacking[0]}, and it has none")
    architecture = _architecture(source, family, folder.identity.prediction)
    zero_snr = folder.identity.zero_terminal_snr and architecture.prediction == "v_prediction"
    architecture = replace(architecture, zero_terminal_snr=zero_snr)
    parts = networks.without_weights(architecture, source.name)
    for number, (part, network) in enumerate(parts.networks.items()):
        wanted: dict[str, Tensor] = network.state_dict()
        own_keys = {sd_keys.plain(key): key for key in wanted}
        state: dict[str, Tensor] = {}
        for path in folder.weights[part]:
            file = TensorFile(path)
            for name in file.header.tensors:
                if not name.endswith("position_ids"):
                    key = own_keys.get(sd_keys.plain(sd_keys.modern_vae_key(name)))
                    if key is None:
                        raise _unknown(source, f"{part}/{path.name} has a tensor {name}")
                    state[key] = _shaped(file.load(name, device, dtype), wanted[key])
        networks.assign(network, state, part, source.name)
        if progress is not None:
            progress(number + 1, len(parts.networks))
    return _with_what_is_beside(parts, source / BESIDE_FILE, device, dtype)


def write(parts: networks.Parts, path: Path, *, dtype: torch.dtype | None) -> None:
    """Write the folder `path`, which must not exist yet, atomically."""
    if path.exists():
        raise UserError(f"{path} exists already.", "Choose another name, or remove it first.")
    architecture = parts.architecture
    states: dict[str, dict[str, Tensor]] = {part: network.state_dict() for part, network in parts.networks.items()}
    for place, _ in architecture.texts:
        states[place.part] = {_published(key): tensor for key, tensor in states[place.part].items()}
    size = sum(
        tensor.numel() * (dtype or tensor.dtype).itemsize for state in states.values() for tensor in state.values()
    )
    require_room(path.parent, size, path.name)
    with folder_written_atomically(path) as unfinished:
        for part, state in states.items():
            (unfinished / part).mkdir()
            target = unfinished / part / f"{_WEIGHTS.get(part, 'model')}.safetensors"
            write_tensors_inside(target, _fetches(state), dtype=dtype, metadata={"format": "pt"})
        for name, tree in _configs(architecture).items():
            (unfinished / name).parent.mkdir(exist_ok=True)
            _write_json(unfinished / name, tree)
        for place, _ in architecture.texts:
            write_vocabulary(unfinished / _TOKENIZERS[place.part])
        if parts.unused or parts.metadata:
            write_tensors_inside(unfinished / BESIDE_FILE, _fetches(parts.unused), dtype=None, metadata=parts.metadata)


def _with_what_is_beside(parts: networks.Parts, path: Path, device: torch.device, dtype: torch.dtype) -> networks.Parts:
    if not path.is_file():
        return parts
    file = TensorFile(path)
    # an empty tensor is a mark, which keeps the number format that it came with
    unused = {
        name: file.load(name, device, dtype if math.prod(info.shape) else None)
        for name, info in file.header.tensors.items()
    }
    return replace(parts, metadata=dict(file.header.metadata), unused=unused)


def _architecture(source: Path, family: FamilyName, prediction: Prediction) -> Architecture:
    places = TEXT_PLACES[family]
    unet, vae, *texts = (_config(source, f"{part}/config.json") for part in ("unet", "vae", *(p.part for p in places)))
    scheduler = _config(source, "scheduler/scheduler_config.json")
    _require_plain(source, "UNet", unet, _PLAIN)
    _require_plain(source, "VAE", vae, _PLAIN_VAE)
    for text in texts:
        _require_plain(source, "text encoder", text, _PLAIN_TEXT)
    _require_plain(source, "scheduler", scheduler, _PLAIN_SCHEDULER)
    if str(scheduler.get("_class_name", "")).startswith(_OTHER_SCHEDULERS):
        raise _unknown(source, f"its scheduler is {scheduler['_class_name']}")
    try:
        architecture = _described(source, family, prediction, unet, vae, texts)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _unknown(source, f"a value in its configs is missing or odd ({error})") from error
    usual = LATENT_SCALE  # of diffusers' own class, where the config leaves it out
    _require_plain(source, "VAE", {"scaling_factor": usual, **vae}, {"scaling_factor": architecture.latent_scale})
    return architecture


def _described(
    source: Path,
    family: FamilyName,
    prediction: Prediction,
    unet: Mapping[str, Any],
    vae: Mapping[str, Any],
    texts: Sequence[Mapping[str, Any]],
) -> Architecture:
    vae_widths = tuple(int(width) for width in vae["block_out_channels"])
    _require_plain(source, "VAE", {"norm_num_groups": 32, **vae}, {"norm_num_groups": norm_groups(vae_widths)})
    vae_shape = VAEShape(
        vae_widths,
        int(vae["layers_per_block"]),
        int(vae["latent_channels"]),
    )
    side = int(unet["sample_size"]) * vae_shape.pixels_per_latent
    return Architecture(
        family=family,
        unet=_unet_shape(source, family, unet),
        vae=vae_shape,
        text=tuple(_text_shape(source, text) for text in texts),
        prediction=prediction,
        default_size=(side, side),
    )


def _unet_shape(source: Path, family: FamilyName, unet: Mapping[str, Any]) -> UNetShape:
    widths = tuple(int(width) for width in unet["block_out_channels"])
    told = any(place.projects for place in TEXT_PLACES[family])
    _require_plain(source, "UNet", unet, _TOLD if told else _NOT_TOLD)
    _require_plain(source, "UNet", {"norm_num_groups": 32, **unet}, {"norm_num_groups": norm_groups(widths)})
    heads, layers = unet.get("attention_head_dim", 8), unet.get("transformer_layers_per_block", 1)
    depths = (layers,) * len(widths) if isinstance(layers, int) else tuple(int(depth) for depth in layers)
    attends = [name.startswith("CrossAttn") for name in unet["down_block_types"]]
    return UNetShape(
        block_out_channels=widths,
        depths=tuple(depth if attended else 0 for depth, attended in zip(depths, attends, strict=True)),
        middle_depth=depths[-1],
        vector_width=int(unet["projection_class_embeddings_input_dim"]) if told else 0,
        layers_per_block=int(unet["layers_per_block"]),
        heads=(heads,) * len(widths) if isinstance(heads, int) else tuple(int(count) for count in heads),
        context_width=int(unet["cross_attention_dim"]),
        in_channels=int(unet["in_channels"]),
        out_channels=int(unet["out_channels"]),
        linear_projections=bool(unet.get("use_linear_projection", False)),
        upcast_attention=bool(unet.get("upcast_attention", False)),
    )


def _text_shape(source: Path, text: Mapping[str, Any]) -> TextShape:
    activation = text["hidden_act"]
    if activation not in ("gelu", "quick_gelu"):
        raise _unknown(source, f"its text encoder has hidden_act = {activation!r}")
    return TextShape(
        width=int(text["hidden_size"]),
        layers=int(text["num_hidden_layers"]),
        heads=int(text["num_attention_heads"]),
        intermediate=int(text["intermediate_size"]),
        activation=activation,
        projection=int(text.get("projection_dim", text["hidden_size"])),
        vocabulary=int(text["vocab_size"]),
        tokens=int(text["max_position_embeddings"]),
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
        "Choose a standard Stable Diffusion 1.x, 2.x or XL model.",
    )


def _shaped(tensor: Tensor, wanted: Tensor) -> Tensor:
    """Old folders store the VAE's attention as 1x1 convolutions, like single files."""
    return tensor.flatten(1) if tensor.ndim == 4 and wanted.ndim == 2 else tensor


def _published(key: str) -> str:
    """A text encoder's tensor as folders have it, also under versions of transformers that leave `text_model.` out."""
    return key if key.startswith("text_projection.") else f"text_model.{sd_keys.plain(key)}"


def _configs(architecture: Architecture) -> dict[str, dict[str, object]]:
    made_with = {"_diffusers_version": version("diffusers")}
    configs: dict[str, dict[str, object]] = {
        "model_index.json": {**_pipeline(architecture), **made_with},
        "unet/config.json": {"_class_name": "UNet2DConditionModel", **made_with, **architecture.unet_config()},
        "vae/config.json": {"_class_name": "AutoencoderKL", **made_with, **architecture.vae_config()},
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
    }
    for place, shape in architecture.texts:
        configs[f"{place.part}/config.json"] = {
            "architectures": [_text_class(place)],
            "model_type": "clip_text_model",
            **architecture.text_config(shape),
        }
        configs[f"{_TOKENIZERS[place.part]}/tokenizer_config.json"] = {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": TOKENS,
            "bos_token": "<|startoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
            "pad_token": "!" if place.is_open_clip else "<|endoftext|>",
        }
    return configs


def _text_class(place: TextPlace) -> str:
    return "CLIPTextModelWithProjection" if place.projects else "CLIPTextModel"


def _pipeline(architecture: Architecture) -> dict[str, object]:
    """What model_index.json says: a pipeline of diffusers, and the classes of its components."""
    paints = architecture.unet.in_channels > architecture.vae.latent_channels
    components: dict[str, object] = {
        "scheduler": ["diffusers", "DDIMScheduler"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
    }
    for place, _ in architecture.texts:
        components[place.part] = ["transformers", _text_class(place)]
        components[_TOKENIZERS[place.part]] = ["transformers", "CLIPTokenizer"]
    if architecture.family == "sdxl_refiner":
        absent = {"text_encoder": [None, None], "tokenizer": [None, None]}
        named = "StableDiffusionXLImg2ImgPipeline"
        options: dict[str, object] = {"requires_aesthetics_score": True, "force_zeros_for_empty_prompt": False}
        return {"_class_name": named, **absent, **components, **options}
    if architecture.family == "sdxl":
        named = "StableDiffusionXLInpaintPipeline" if paints else "StableDiffusionXLPipeline"
        return {"_class_name": named, **components, "force_zeros_for_empty_prompt": True}
    named = "StableDiffusionInpaintPipeline" if paints else "StableDiffusionPipeline"
    return {"_class_name": named, **components, "requires_safety_checker": False, "safety_checker": [None, None]}


def _write_json(path: Path, tree: object) -> None:
    path.write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")


def _fetches(tensors: Mapping[str, Tensor]) -> dict[str, Callable[[], Tensor]]:
    return {name: partial(_itself, tensor) for name, tensor in tensors.items()}


def _itself(tensor: Tensor) -> Tensor:
    return tensor
