"""Sampling: prompts to latents to pictures, without files or events. Training previews use it as it is."""

from collections.abc import Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from trainer.contract.common import Sampling
from trainer.contract.errors import UserError
from trainer.generation.guidance import Asked, guided_network, texts_of
from trainer.generation.prompts import encode
from trainer.generation.samplers import SAMPLERS, OnStep, denoiser, generators, noise_source
from trainer.models.family import Bundle, Conditioning


@torch.inference_mode()
def sample(
    bundle: Bundle,
    *,
    prompts: Sequence[str],
    negatives: Sequence[str],
    size: tuple[int, int],
    sampling: Sampling,
    seeds: Sequence[int],
    on_step: OnStep | None = None,
    encoded: Mapping[str, Conditioning] | None = None,
) -> Tensor:
    """Scaled latents [B, C, h, w] in fp32 for B prompts, each with its negative prompt and its seed.

    `size` is (width, height) in pixels. `on_step` gets the index of each step, from 0, and the predicted clean
    latents. `encoded` are the texts of `texts_of` already encoded by `encode`; without it they are encoded here. A
    picture depends on its own prompt, negative and seed, not on what else is in the batch (but for rounding inside the
    networks). Raises UserError where numbers stop being finite, naming the place.
    """
    require_size(bundle, size)
    asked = [Asked.of(prompt, negative, sampling) for prompt, negative in zip(prompts, negatives, strict=True)]
    if encoded is None:
        encoded = encode(bundle, texts_of(asked), sampling.emphasis)
    require_finite(bundle, encoded)
    sampler = SAMPLERS[sampling.sampler]
    spacing = sampler.default_spacing if sampling.spacing == "auto" else sampling.spacing
    schedule = sampler.schedule(bundle.alphas_cumprod.tolist(), spacing, sampling.steps, sampling.compatibility)
    predict = guided_network(bundle, asked, encoded, schedule.timesteps, sampling.guidance, size)
    shape = (bundle.latent_channels, size[1] // bundle.pixels_per_latent, size[0] // bundle.pixels_per_latent)
    fresh_noise = noise_source(generators(seeds), shape, bundle.device)

    def after_step(index: int, clean: Tensor) -> None:
        # on a GPU the question would wait for the step to end, so it is asked once, of the result
        if clean.device.type == "cpu" and not _finite(clean):
            raise _not_finite(bundle, f"in step {index + 1} of {sampling.steps}, in the output of the UNet")
        if on_step is not None:
            on_step(index, clean)

    latents = sampler.function(
        denoiser(predict, schedule, bundle.prediction),
        fresh_noise() * schedule.start_scale,
        schedule,
        fresh_noise=fresh_noise,
        on_step=after_step,
        eta=sampling.eta,
    )
    if not _finite(latents):
        raise _not_finite(bundle, "in the output of the UNet")
    return latents


def require_finite(bundle: Bundle, encoded: Mapping[str, Conditioning]) -> None:
    """Raise UserError if a number in these is not finite."""
    if not all(_finite(rows) for conditioning in encoded.values() for rows in conditioning.values()):
        raise _not_finite(bundle, "in the output of the text encoder")


@torch.inference_mode()
def to_pictures(bundle: Bundle, latents: Tensor) -> list[Image.Image]:
    """Scaled latents [B, C, h, w] through the VAE, one picture at a time, to RGB. Raises UserError if it gives NaN."""
    pictures: list[Image.Image] = []
    for one in latents.split(1):
        decoded = bundle.family.decode(bundle, one)[0]
        if not _finite(decoded):
            raise _not_finite(bundle, "in the output of the VAE")
        pixels = decoded.add(1.0).mul(127.5).clamp(0.0, 255.0).round().to(torch.uint8)
        pictures.append(Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy()))
    return pictures


def _finite(tensor: Tensor) -> bool:
    # the sum is finite exactly when all are, short of an overflow that would be as wrong
    return bool(tensor.float().sum().isfinite())


def _not_finite(bundle: Bundle, where: str) -> UserError:
    if bundle.dtype == torch.float16:
        fix = "Set hardware.precision to bf16 or fp32: this model's numbers are too large for fp16."
    elif bundle.dtype == torch.bfloat16:
        fix = "Set hardware.precision to fp32; if it stays, the model or a LoRA is damaged, or a weight is too high."
    else:
        fix = "The model or a LoRA is damaged, or a LoRA's weight or the guidance is too high: try without the LoRA."
    return UserError(f"The picture was lost: not-a-number values appeared {where}.", fix)


def require_size(bundle: Bundle, size: tuple[int, int]) -> None:
    for name, side in zip(("width", "height"), size, strict=True):
        if side < bundle.pixels_per_latent or side % bundle.pixels_per_latent:
            near = max(round(side / bundle.pixels_per_latent), 1) * bundle.pixels_per_latent
            raise UserError(
                f"The {name} is {side}, but this model makes pictures in multiples of {bundle.pixels_per_latent}.",
                f"Set the {name} to {near}.",
            )
