"""Sampling: prompts to latents to pictures, without files or events. Training previews use it as it is."""

from collections.abc import Callable, Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from trainer.contract.common import Sampling
from trainer.contract.errors import UserError
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
    latents. `encoded` are texts already encoded by `encode`; without it they are encoded here. A picture depends on
    its own prompt, negative and seed, not on what else is in the batch (but for rounding inside the networks).
    Raises UserError where numbers stop being finite, naming the place.
    """
    require_size(bundle, size)
    guided = sampling.guidance != 1.0
    texts = [*negatives, *prompts] if guided else list(prompts)
    encoded = encode(bundle, texts) if encoded is None else encoded
    conditioning = _gathered(encoded, texts)
    sampler = SAMPLERS[sampling.sampler]
    spacing = sampler.default_spacing if sampling.spacing == "auto" else sampling.spacing
    schedule = sampler.schedule(bundle.alphas_cumprod.tolist(), spacing, sampling.steps, sampling.compatibility)
    predict = _guided_network(bundle, conditioning, schedule.timesteps, sampling.guidance if guided else None)
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


@torch.inference_mode()
def encode(bundle: Bundle, texts: Sequence[str]) -> dict[str, Conditioning]:
    """Each different text through the text encoder once, all in one call: text to conditioning of batch 1."""
    different = list(dict.fromkeys(texts))
    together = bundle.family.encode_text(bundle, different)
    for tensor in together.values():
        if not _finite(tensor):
            raise _not_finite(bundle, "in the output of the text encoder")
    return {text: {key: rows[[index]] for key, rows in together.items()} for index, text in enumerate(different)}


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


def _guided_network(
    bundle: Bundle, conditioning: Conditioning, timesteps: Sequence[float], guidance: float | None
) -> Callable[[Tensor, int], Tensor]:
    """The network with classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598, eq. 6), in one batched call.

    As everywhere in the field, guidance 1 means none, which is 0 in the paper. `conditioning` holds the negatives
    first, then the prompts; with `guidance` None the prompts alone.
    """
    whole = all(timestep.is_integer() for timestep in timesteps)
    asked = torch.tensor(timesteps, dtype=torch.int64 if whole else torch.float32, device=bundle.device)

    def predict(noisy: Tensor, index: int) -> Tensor:
        if guidance is None:
            return bundle.family.predict(bundle, noisy, asked[index].expand(len(noisy)), conditioning)
        twice = torch.cat([noisy, noisy])
        output = bundle.family.predict(bundle, twice, asked[index].expand(len(twice)), conditioning)
        negative, positive = output.chunk(2)
        return negative + guidance * (positive - negative)

    return predict


def _gathered(encoded: Mapping[str, Conditioning], texts: Sequence[str]) -> Conditioning:
    return {key: torch.cat([encoded[text][key] for text in texts]) for key in encoded[texts[0]]}


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
