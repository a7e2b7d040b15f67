"""Tiny models with random weights, in the shape of SD 1.x, 2.x and XL: quick to make, to load and to run."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from trainer.models.architecture import Architecture, FamilyName, TextShape, UNetShape, VAEShape
from trainer.models.family import Prediction
from trainer.models.sd import SD1, SD2, SDBundle, StableDiffusion
from trainer.models.sdxl import SDXL, SDXL_REFINER

SIZE = (64, 64)


VAE = VAEShape(block_out_channels=(32, 32, 32, 64), layers_per_block=1)
CLIP = TextShape(64, layers=2, heads=1, intermediate=128, activation="quick_gelu", projection=64)
OPEN_CLIP = replace(CLIP, activation="gelu", projection=32)
BIG_G = TextShape(128, layers=3, heads=2, intermediate=256, activation="gelu", projection=128)

UNETS: dict[FamilyName, UNetShape] = {
    "sd1": UNetShape((32, 64), (1, 0), 1, (8, 8), context_width=64),
    "sd2": UNetShape((64, 128), (1, 0), 1, (1, 2), context_width=64, linear_projections=True),
    "sdxl": UNetShape(
        (64, 128), (0, 2), 1, (1, 2), 192, middle_depth=2, vector_width=128 + 6 * 256, linear_projections=True
    ),
    "sdxl_refiner": UNetShape(
        (64, 128, 128),
        (0, 2, 0),
        1,
        (1, 2, 2),
        128,
        middle_depth=2,
        vector_width=128 + 5 * 256,
        linear_projections=True,
    ),
}
TEXTS: dict[FamilyName, tuple[TextShape, ...]] = {
    "sd1": (CLIP,),
    "sd2": (OPEN_CLIP,),
    "sdxl": (CLIP, BIG_G),
    "sdxl_refiner": (BIG_G,),
}
FAMILIES: dict[FamilyName, StableDiffusion] = {"sd1": SD1, "sd2": SD2, "sdxl": SDXL, "sdxl_refiner": SDXL_REFINER}


@functools.cache
def architecture(family: FamilyName = "sd1", prediction: Prediction | None = None) -> Architecture:
    """Two levels of UNet, one of them with attention (the refiner has three); four of VAE, so that a latent is 8 pixels
    as in real ones."""
    predicts: Prediction = prediction or ("v_prediction" if family == "sd2" else "epsilon")
    unet = replace(UNETS[family], upcast_attention=family == "sd2" and predicts == "v_prediction")
    return Architecture(family, unet, VAE, TEXTS[family], predicts, SIZE)


def bundle(
    family: FamilyName = "sd1",
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    prediction: Prediction | None = None,
    zero_terminal_snr: bool = False,
    **unet: Any,
) -> SDBundle:
    """A fresh model on the CPU, free to be changed. Unlike a blank one it predicts something: no layer is zero.

    `unet` replaces fields of the UNet's shape.
    """
    shape = architecture(family, prediction)
    shape = replace(shape, unet=replace(shape.unet, **unet), zero_terminal_snr=zero_terminal_snr)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = FAMILIES[family].blank(shape, device=torch.device("cpu"), dtype=torch.float32)
        for module in made.unet.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear) and not module.weight.any():
                module.reset_parameters()
        # CLIP's own initial weights are so small that no prompt would differ from another.
        for encoder in made.text_encoders.values():
            for parameter in encoder.parameters():
                if parameter.ndim > 1:
                    torch.nn.init.normal_(parameter, std=0.1)
    for network in made.networks.values():
        torch.nn.Module.to(network, dtype)
    made.dtype = dtype
    return made


def single_file(
    path: Path,
    family: FamilyName = "sd1",
    *,
    dtype: torch.dtype = torch.float32,
    metadata: dict[str, str] | None = None,
    **options: Any,
) -> SDBundle:
    """Write a tiny model to `path` in the original layout, and give the model that was written."""
    made = bundle(family, **options)
    made.family.save(made, path, dtype=dtype, metadata=metadata or {})
    return made
