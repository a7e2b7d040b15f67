"""From a finished picture to the start of the pass that goes over it again, larger."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from trainer.contract.errors import UserError
from trainer.contract.generate import SecondPass
from trainer.generation.vae import VAE, to_pixels
from trainer.models.family import Bundle

Handed = Tensor | Image.Image
"""A picture between the passes: latents [1, C, h, w] on the processor, or RGB. Its size is that of the second pass."""

_OTHER_NOISE = 0x2545F4914F6CDD1D
"""Crossed with a seed, it gives the noise of the second pass. With that of the first, from which the picture came, it
would be laid over itself."""


def second_seed(seed: int) -> int:
    return seed ^ _OTHER_NOISE


def enlarged_size(size: tuple[int, int], scale: float, pixels_per_latent: int) -> tuple[int, int]:
    """(width, height) of the second pass, in whole latents."""
    sides = [max(round(side * scale / pixels_per_latent), 1) * pixels_per_latent for side in size]
    return sides[0], sides[1]


def enlarged(vae: VAE, latents: Tensor, wish: SecondPass, size: tuple[int, int], step: int) -> list[Handed]:
    """Pictures [B, C, h, w] of the first pass at the `size` of the second; `step` is pixels to a latent.

    As latents where the wish is so, and where nothing is enlarged for the same model: it would only lose by the VAE.
    """
    height, width = size[1] // step, size[0] // step
    is_as_large = latents.shape[-2:] == (height, width)
    if wish.upscaler == "lanczos" and not (is_as_large and not wish.model):
        return [picture.resize(size, Image.Resampling.LANCZOS) for picture in vae.pictures(latents)]
    if not is_as_large:
        latents = functional.interpolate(latents, (height, width), mode="bicubic", antialias=True)
    return list(latents.cpu().split(1))


def gathered(vae: VAE, handed: Sequence[Handed], device: torch.device) -> Tensor:
    """[B, C, h, w] on the device, to begin the second pass from."""
    return torch.cat(
        [one.to(device) if isinstance(one, Tensor) else vae.latents(to_pixels(one, device)) for one in handed]
    )


def require_same_latents(first: tuple[float, Tensor], second: Bundle, wish: SecondPass) -> None:
    """Raise UserError where latents are to be handed over to a model that reads them otherwise.

    `first` are scale and colours (`Bundle.latent_to_rgb`) of the latents that the first model makes.
    """
    scale, colours = first
    same = scale == second.latent_scale and torch.equal(colours, second.latent_to_rgb)
    if wish.upscaler == "latent" and not same:
        raise UserError(
            f"{second.source.name} has another VAE than the first model, so it can't go on with its latents.",
            "Set the upscaler of the second pass to lanczos.",
        )
