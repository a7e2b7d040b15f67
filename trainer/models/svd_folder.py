"""Stable Video Diffusion as folders in the layout of diffusers. Configs are data; nothing in a folder is run."""

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
from trainer.library.folders import ORIGINAL_REST, read_folder
from trainer.models import networks, svd_keys
from trainer.models.architecture import LATENT_SCALE
from trainer.models.sd_keys import modern_vae_key
from trainer.models.svd_architecture import IMAGE_SIDE, SIGMA_RANGE, VideoArchitecture
from trainer.models.svd_file import LABELS
from trainer.models.svd_networks import VideoParts, without_weights
from trainer.models.tensors import TensorFile, write_tensors_inside

Progress = Callable[[int, int], None]

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the pixels that CLIP was trained on (openai/CLIP, clip.py), from 0 to 1."""

_WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "image_encoder": "model"}

_PLAIN: dict[str, dict[str, object]] = {
    "unet": {"transformer_layers_per_block": 1},
    "vae": {"scaling_factor": LATENT_SCALE},
    "image_encoder": {"hidden_act": "gelu", "image_size": IMAGE_SIDE, "layer_norm_eps": 1e-5},
}
"""What the configs say, or leave out, in every model."""


def read(
    source: Path,
    *,
    device: torch.device,
    dtype: torch.dtype,
    progress: Progress | None = None,
) -> VideoParts:
    """The model in the folder `source`, its weights as `dtype` on `device`. Raises UserError saying what is wrong."""
    folder = read_folder(source)
    parts = without_weights(_architecture(source), source.name)
    for number, part in enumerate(LABELS):
        network: nn.Module = getattr(parts, part)
        own_keys = {svd_keys.plain(key): key for key in network.state_dict()}
        state: dict[str, Tensor] = {}
        for path in folder.weights[part]:
            file = TensorFile(path)
            for name in file.header.tensors:
                if not name.endswith("position_ids"):
                    key = own_keys.get(svd_keys.plain(modern_vae_key(name)))
                    if key is None:
                        raise _unknown(source, f"{part}/{path.name} has a tensor {name}")
                    state[key] = file.load(name, device, dtype)
        networks.assign(network, state, LABELS[part], source.name)
        if progress is not None:
            progress(number + 1, len(LABELS))
    if not (source / ORIGINAL_REST).is_file():
        return parts
    file = TensorFile(source / ORIGINAL_REST)
    unused = {name: file.load(name, torch.device("cpu"), None) for name in file.header.tensors}
    return replace(parts, metadata=dict(file.header.metadata), unused=unused)


def write(parts: VideoParts, path: Path, *, dtype: torch.dtype | None) -> None:
    """Write the folder `path`, which must not exist yet, atomically.

    What the original file held beside the networks, and its metadata, goes into a file of its own, which diffusers does
    not look at, so that the original can be written again.
    """
    if path.exists():
        raise UserError(f"{path} exists already.", "Choose another name, or remove it first.")
    states: dict[str, dict[str, Tensor]] = {
        "unet": parts.unet.state_dict(),
        "vae": parts.vae.state_dict(),
        "image_encoder": {_vision_name(key): tensor for key, tensor in parts.image_encoder.state_dict().items()},
    }
    tensors = [tensor for state in (*states.values(), parts.unused) for tensor in state.values()]
    require_room(path.parent, sum(one.numel() * (dtype or one.dtype).itemsize for one in tensors), path.name)
    with folder_written_atomically(path) as partial:
        for part, state in states.items():
            (partial / part).mkdir()
            target = partial / part / f"{_WEIGHTS[part]}.safetensors"
            write_tensors_inside(target, _fetches(state), dtype=dtype, metadata={"format": "pt"})
        if parts.unused or parts.metadata:
            rest = _fetches(parts.unused)
            write_tensors_inside(partial / ORIGINAL_REST, rest, dtype=dtype, metadata=parts.metadata)
        for name, tree in _configs(parts.architecture).items():
            (partial / name).parent.mkdir(exist_ok=True)
            (partial / name).write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")


def _vision_name(key: str) -> str:
    return key if key.startswith(("vision_model.", "visual_projection.")) else f"vision_model.{key}"


def _architecture(source: Path) -> VideoArchitecture:
    configs = {part: _config(source, f"{part}/config.json") for part in LABELS}
    for part, plain in _PLAIN.items():
        for name, usual in plain.items():
            if configs[part].get(name, usual) != usual:
                raise _unknown(source, f"its {LABELS[part]} has {name} = {configs[part][name]!r}")
    scheduler = _config(source, "scheduler/scheduler_config.json")
    sigmas = tuple(
        scheduler.get(name, usual) for name, usual in zip(("sigma_min", "sigma_max"), SIGMA_RANGE, strict=True)
    )
    if sigmas != SIGMA_RANGE:
        raise _unknown(source, f"its noise goes from {sigmas[0]} to {sigmas[1]}")
    try:
        return VideoArchitecture.of_configs(configs["unet"], configs["vae"], configs["image_encoder"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _unknown(source, f"a value in its configs is missing or odd ({error})") from error


def _config(source: Path, name: str) -> dict[str, Any]:
    """`read_folder` has made sure that it is there, an object, and not deeply nested."""
    return json.loads((source / name).read_text(encoding="utf-8"))


def _unknown(source: Path, what: str) -> UserError:
    return UserError(
        f"The model folder {source.name} is built in a way that Gesso does not know: {what}.",
        "Choose a standard Stable Video Diffusion model.",
    )


def _configs(architecture: VideoArchitecture) -> dict[str, Mapping[str, object]]:
    made_with = {"_diffusers_version": version("diffusers")}
    return {
        "model_index.json": {
            "_class_name": "StableVideoDiffusionPipeline",
            **made_with,
            "feature_extractor": ["transformers", "CLIPImageProcessor"],
            "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
            "scheduler": ["diffusers", "EulerDiscreteScheduler"],
            "unet": ["diffusers", "UNetSpatioTemporalConditionModel"],
            "vae": ["diffusers", "AutoencoderKLTemporalDecoder"],
        },
        "unet/config.json": {
            "_class_name": "UNetSpatioTemporalConditionModel",
            **made_with,
            **architecture.unet_config(),
        },
        "vae/config.json": {"_class_name": "AutoencoderKLTemporalDecoder", **made_with, **architecture.vae_config()},
        "image_encoder/config.json": {
            "architectures": ["CLIPVisionModelWithProjection"],
            "model_type": "clip_vision_model",
            **architecture.vision_config(),
        },
        "feature_extractor/preprocessor_config.json": {
            "image_processor_type": "CLIPImageProcessor",
            "crop_size": {"height": IMAGE_SIDE, "width": IMAGE_SIDE},
            "do_center_crop": True,
            "do_convert_rgb": True,
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": CLIP_MEAN,
            "image_std": CLIP_STD,
            "resample": 3,
            "rescale_factor": 1 / 255,
            "size": {"shortest_edge": IMAGE_SIDE},
        },
        "scheduler/scheduler_config.json": {
            "_class_name": "EulerDiscreteScheduler",
            **made_with,
            "interpolation_type": "linear",
            "num_train_timesteps": 1000,
            "prediction_type": "v_prediction",
            "sigma_max": SIGMA_RANGE[1],
            "sigma_min": SIGMA_RANGE[0],
            "steps_offset": 1,
            "timestep_spacing": "leading",
            "timestep_type": "continuous",
            "use_karras_sigmas": True,
        },
    }


def _fetches(tensors: Mapping[str, Tensor]) -> dict[str, Callable[[], Tensor]]:
    return {name: _fetch(tensor) for name, tensor in tensors.items()}


def _fetch(tensor: Tensor) -> Callable[[], Tensor]:
    return lambda: tensor
