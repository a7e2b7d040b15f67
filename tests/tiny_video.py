"""Tiny models with random weights, in the shape of Stable Video Diffusion: quick to make, to load and to run."""

import copy
import functools
from pathlib import Path
from typing import Any

import torch

from trainer.models.architecture import VAEShape
from trainer.models.svd import SVD, SVDBundle
from trainer.models.svd_architecture import VideoArchitecture, VideoUNetShape, VisionShape

SIZE = (48, 32)
FRAMES = 3


@functools.cache
def architecture() -> VideoArchitecture:
    """Two levels of UNet, the second without attention; three of VAE, so that a latent is 4 pixels."""
    return VideoArchitecture(
        unet=VideoUNetShape((64, 128), (True, False), 1, context_width=32, time_id_width=32),
        vae=VAEShape((32, 32, 64), 1),
        vision=VisionShape(width=80, layers=2, intermediate=96, projection=32, patch=56),
        default_size=SIZE,
        frames=FRAMES,
    )


def bundle(*, seed: int = 0, dtype: torch.dtype = torch.float32) -> SVDBundle:
    """A fresh model on the CPU, free to be changed. Unlike a blank one all of it acts: no layer is zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = SVD.blank(architecture(), device=torch.device("cpu"), dtype=torch.float32)
        for network in made.networks.values():
            for name, parameter in network.named_parameters():
                if parameter.ndim > 1:
                    torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
                elif name.endswith("mix_factor") or name.endswith("bias"):
                    torch.nn.init.normal_(parameter, std=0.3)
    for network in made.networks.values():
        torch.nn.Module.to(network, dtype)
    made.dtype = dtype
    return made


def single_file(path: Path, *, dtype: torch.dtype = torch.float32, metadata: dict[str, str] | None = None) -> SVDBundle:
    """Write a tiny model to `path` in the original layout, and give the model that was written."""
    made = bundle()
    made.family.save(made, path, dtype=dtype, metadata=metadata or {})
    return made


def diffusers_pipeline(bundle: SVDBundle) -> Any:
    """diffusers' own pipeline with the scheduler of the published model and diffusers' own attention, on the very
    weights of `bundle`."""
    from diffusers import EulerDiscreteScheduler, StableVideoDiffusionPipeline
    from diffusers.models.attention_processor import AttnProcessor2_0
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    unet: Any = copy.deepcopy(bundle.unet)
    unet.set_attn_processor(AttnProcessor2_0())
    parts: dict[str, Any] = {
        "vae": bundle.vae,
        "image_encoder": bundle.image_encoder,
        "unet": unet,
        "scheduler": EulerDiscreteScheduler(
            prediction_type="v_prediction",
            sigma_max=700.0,
            sigma_min=0.002,
            steps_offset=1,
            timestep_spacing="leading",
            timestep_type="continuous",
            use_karras_sigmas=True,
        ),
        "feature_extractor": CLIPImageProcessorPil(),
    }
    made = StableVideoDiffusionPipeline(**parts)
    made.set_progress_bar_config(disable=True)
    return made
