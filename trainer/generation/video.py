"""Sampling a video: a picture to latents of frames to pictures, without files or events.

As Stability-AI/generative-models (scripts/sampling/simple_video_sample.py) and diffusers' StableVideoDiffusionPipeline
do it; with the same noise the latents are theirs but for rounding.
"""

from collections.abc import Callable

import torch
from PIL import Image, ImageOps
from torch import Tensor

from trainer.contract.common import Sampling
from trainer.contract.video import Motion, VideoGuidance, VideoSampling
from trainer.generation.denoising import OnStep, Predict, denoiser
from trainer.generation.finite import is_finite, not_finite, watched
from trainer.generation.noise import TorchGenerator, noise_source
from trainer.generation.samplers import SAMPLERS, schedule_of
from trainer.generation.schedule import Schedule
from trainer.generation.vae import to_picture, to_pixels
from trainer.models.family import Conditioning
from trainer.models.svd import SVD, SVDBundle


def fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """An RGB picture cut to the shape of `size` (width, height) round its middle, and resized to it with Lanczos."""
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


@torch.inference_mode()
def sample_video(
    bundle: SVDBundle,
    picture: Image.Image,
    *,
    frames: int,
    motion: Motion,
    guidance: VideoGuidance,
    sampling: VideoSampling,
    seed: int,
    on_step: OnStep | None = None,
) -> Tensor:
    """Scaled latents [F, C, h, w] in fp32 of `frames` frames that begin with `picture`, whose size they get.

    `on_step` gets the index of each step, from 0, and the predicted clean latents [F, C, h, w]. Raises UserError where
    numbers stop being finite.
    """
    steps = Sampling(sampler=sampling.sampler, steps=sampling.steps)
    schedule = schedule_of(bundle, steps)
    source = TorchGenerator(seed)
    pixels = to_pixels(picture)
    conditioning = conditioned(bundle, pixels, source.randn(pixels.shape), frames, motion)
    shape = (frames, bundle.latent_channels, *conditioning["concat"].shape[-2:])
    fresh_noise = noise_source([source], shape, bundle.device)

    def show(index: int, clean: Tensor) -> None:
        if on_step is not None:
            on_step(index, clean[0])

    latents = SAMPLERS[sampling.sampler].function(
        denoiser(_guided(bundle, conditioning, schedule, guidance), schedule, bundle.prediction),
        fresh_noise() * schedule.start_scale,
        schedule,
        fresh_noise=fresh_noise,
        on_step=watched(bundle, sampling.steps, show),
        eta=steps.eta_or_usual,
    )
    if not is_finite(latents):
        raise not_finite(bundle, "in the output of the UNet")
    return latents[0]


@torch.inference_mode()
def decode_frames(
    bundle: SVDBundle, latents: Tensor, at_once: int, after_chunk: Callable[[int], None] | None = None
) -> list[Image.Image]:
    """Scaled latents [F, C, h, w] through the VAE, `at_once` frames at a time, to RGB.

    `after_chunk` gets the number of frames that are done; it may raise, to stop. Raises UserError if the VAE gives NaN.
    """
    pictures: list[Image.Image] = []
    for chunk in latents.split(at_once):
        decoded = SVD.decode(bundle, chunk)
        if not is_finite(decoded):
            raise not_finite(bundle, "in the output of the VAE")
        pictures += [to_picture(frame) for frame in decoded.split(1)]
        if after_chunk is not None:
            after_chunk(len(pictures))
    return pictures


def conditioned(bundle: SVDBundle, pixels: Tensor, noise: Tensor, frames: int, motion: Motion) -> dict[str, Tensor]:
    """What the UNet is told of a picture [1, 3, H, W]: see StableVideoDiffusion.predict.

    The image encoder sees the picture as it is, the VAE with noise over it; of its latents the mean is taken, unscaled.
    The models were trained on frames per second less one.
    """
    moments = SVD.encode_pictures(bundle, pixels + motion.noise * noise)
    picture = SVD.latents(bundle, moments, None) / bundle.latent_scale
    return {
        "context": SVD.encode_image(bundle, pixels),
        "concat": picture[:, None].expand(-1, frames, -1, -1, -1),
        "time_ids": torch.tensor([[motion.fps - 1.0, motion.bucket, motion.noise]]),
    }


def _guided(bundle: SVDBundle, conditioning: Conditioning, schedule: Schedule, guidance: VideoGuidance) -> Predict:
    """The network with classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598, eq. 6; 1 is none), which rises
    evenly over the frames. Unguided it is told nothing of the picture: zeros in place of context and latents."""
    frames = conditioning["concat"].shape[1]
    scale = torch.linspace(guidance.first, guidance.last, frames, device=bundle.device).reshape(1, -1, 1, 1, 1)
    times = torch.tensor(schedule.timesteps, dtype=torch.float32)
    blind = {key: torch.zeros_like(conditioning[key]) for key in ("context", "concat")}
    both = {key: torch.cat([blind.get(key, rows), rows]) for key, rows in conditioning.items()}

    def predict(noisy: Tensor, index: int, timestep: float | None = None, /) -> Tensor:
        time = times[index] if timestep is None else torch.tensor(timestep)
        if guidance.first == guidance.last == 1.0:
            return SVD.predict(bundle, noisy, time.expand(1), conditioning)
        output = SVD.predict(bundle, torch.cat([noisy, noisy]), time.expand(2), both)
        without, told = output.chunk(2)
        return without + scale * (told - without)

    return predict
