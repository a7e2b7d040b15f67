"""Tiny models with random weights, in the shape of SD 1.x and 2.x: quick to make, to load and to run."""

import functools
from pathlib import Path
from typing import Any

import torch

from trainer.models.architecture import Architecture, FamilyName, TextShape, UNetShape, VAEShape
from trainer.models.family import Prediction
from trainer.models.sd import SD1, SD2, SDBundle

SIZE = (64, 64)


@functools.cache
def architecture(family: FamilyName = "sd1", prediction: Prediction | None = None) -> Architecture:
    """Two levels of UNet, the second without attention; four of VAE, so that a latent is 8 pixels as in real ones."""
    sd1 = family == "sd1"
    unet = UNetShape(
        block_out_channels=(32, 64) if sd1 else (64, 128),
        attention=(True, False),
        layers_per_block=1,
        heads=(8, 8) if sd1 else (1, 2),
        context_width=64,
        linear_projections=not sd1,
        upcast_attention=not sd1 and prediction != "epsilon",
    )
    text = TextShape(
        width=64,
        layers=2,
        heads=1,
        intermediate=128,
        activation="quick_gelu" if sd1 else "gelu",
        projection=64 if sd1 else 32,
    )
    vae = VAEShape(block_out_channels=(32, 32, 32, 64), layers_per_block=1)
    predicts: Prediction = prediction or ("epsilon" if sd1 else "v_prediction")
    return Architecture(family, unet, vae, text, predicts, SIZE)


def bundle(
    family: FamilyName = "sd1",
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    prediction: Prediction | None = None,
    **unet: Any,
) -> SDBundle:
    """A fresh model on the CPU, free to be changed. Unlike a blank one it predicts something: no layer is zero.

    `unet` replaces fields of the UNet's shape.
    """
    shape = architecture(family, prediction)
    if unet:
        shape = Architecture(
            shape.family,
            UNetShape(**{**vars(shape.unet), **unet}),
            shape.vae,
            shape.text,
            shape.prediction,
            shape.default_size,
        )
    made_by = SD1 if family == "sd1" else SD2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = made_by.blank(shape, device=torch.device("cpu"), dtype=torch.float32)
        for module in made.unet.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear) and not module.weight.any():
                module.reset_parameters()
        # CLIP's own initial weights are so small that no prompt would differ from another.
        for parameter in made.text_encoder.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.1)
    for network in (made.unet, made.vae, made.text_encoder):
        torch.nn.Module.to(network, dtype)
    made.dtype = dtype
    return made


def single_file(
    path: Path,
    family: FamilyName = "sd1",
    *,
    dtype: torch.dtype = torch.float32,
    metadata: dict[str, str] | None = None,
) -> SDBundle:
    """Write a tiny model to `path` in the original layout, and give the model that was written."""
    made = bundle(family)
    made.family.save(made, path, dtype=dtype, metadata=metadata or {})
    return made
