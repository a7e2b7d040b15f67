"""What a model that was made for inpainting reads behind the noisy latents, and masks in the size of latents."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from trainer.models.family import Bundle

Encode = Callable[[Tensor], Tensor]
"""Pixels [1, 3, H, W] in [-1, 1] to scaled latents [1, C, h, w]."""


def in_latents(mask: Tensor, pixels_per_latent: int) -> Tensor:
    """A mask [1, 1, H, W] of 0 and 1 in the size of latents: 1 wherever one of its pixels is."""
    return functional.max_pool2d(mask, pixels_per_latent)


def masked(pixels: Tensor, mask: Tensor, pixels_per_latent: int, encode: Encode) -> Tensor:
    """[1, 1 + C, h, w]: the mask, and the latents of the picture with grey where it is to be painted anew.

    As runwayml/stable-diffusion-inpainting was trained: LatentInpaintDiffusion in its ldm/models/diffusion/ddpm.py.
    """
    latents = encode(torch.where(mask > 0, 0.0, pixels))
    return torch.cat([in_latents(mask, pixels_per_latent).to(latents), latents], dim=1)


def all_anew(bundle: Bundle, size: tuple[int, int], encode: Encode | None = None) -> Tensor | None:
    """The same where the whole picture of `size` (width, height) is to be painted: from text alone, that is.

    None for a model that does not inpaint. `encode` stands in for the bundle's own VAE.
    """
    if not bundle.concat_channels:
        return None
    grey = torch.zeros(1, 3, size[1], size[0], device=bundle.device)
    return masked(grey, torch.ones_like(grey[:, :1]), bundle.pixels_per_latent, encode or _plainly(bundle))


def _plainly(bundle: Bundle) -> Encode:
    return lambda pixels: bundle.family.latents(bundle, bundle.family.encode_pictures(bundle, pixels), None)
