"""Sampling: prompts to latents to pictures, without files or events. Training previews use it as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from trainer.contract.common import Sampling
from trainer.contract.errors import UserError
from trainer.generation.denoising import OnStep, denoiser
from trainer.generation.finite import is_finite, not_finite, watched
from trainer.generation.guidance import Asked, Surroundings, guided_network, texts_of
from trainer.generation.inpainting import all_anew
from trainer.generation.noise import generators, noise_source
from trainer.generation.prompts import encode
from trainer.generation.samplers import SAMPLERS, schedule_of
from trainer.generation.start import Start, Turn, first_latents, keeping, steps_taken, tail, turned
from trainer.generation.vae import to_picture
from trainer.models.attention import prompts_kept
from trainer.models.family import Bundle, Conditioning
from trainer.models.layout import lay_out_convolutions


@dataclass(frozen=True)
class Batch:
    """Pictures that are sampled side by side: B prompts, each with its negative prompt and its seed."""

    prompts: Sequence[str]
    negatives: Sequence[str]
    seeds: Sequence[int]
    size: tuple[int, int]
    """(width, height) in pixels."""
    turn: Turn | None = None
    """Other seeds, towards whose noise the first noise is turned."""
    start: Start | None = None
    """What to begin from, instead of noise alone."""
    concat: Tensor | None = None
    """For a model that inpaints: mask and masked picture (trainer.generation.inpainting). Without it such a model
    paints the whole picture anew."""

    def steps_of(self, sampling: Sampling) -> int:
        """How many steps are taken: all, or with a start so large a share as its strength."""
        return steps_taken(sampling.steps, self.start.strength if self.start else 1.0)

    def asked(self, sampling: Sampling) -> list[Asked]:
        """What each picture is asked to show in the steps that are taken: a change of words in the middle of a
        prompt happens in the middle of those."""
        taken = sampling.model_copy(update={"steps": self.steps_of(sampling)})
        return [Asked.of(*texts, taken) for texts in zip(self.prompts, self.negatives, strict=True)]


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
    """Pictures from text alone: see `sample_batch`."""
    return sample_batch(bundle, Batch(prompts, negatives, seeds, size), sampling, on_step=on_step, encoded=encoded)


@torch.inference_mode()
def sample_batch(
    bundle: Bundle,
    batch: Batch,
    sampling: Sampling,
    *,
    on_step: OnStep | None = None,
    encoded: Mapping[str, Conditioning] | None = None,
) -> Tensor:
    """Scaled latents [B, C, h, w] in fp32.

    `on_step` gets the index of each step that is taken, from 0, and the predicted clean latents. `encoded` are the
    texts of `texts_of` already encoded by `encode`; without it they are encoded here. A picture depends on its own
    prompt, negative and seed, not on what else is in the batch (but for rounding inside the networks). Raises
    UserError where numbers stop being finite, naming the place.
    """
    require_size(bundle, batch.size)
    asked = batch.asked(sampling)
    if encoded is None:
        encoded = encode(bundle, texts_of(asked), sampling.emphasis, clip_skip=sampling.clip_skip)
    require_finite(bundle, encoded)
    sampler = SAMPLERS[sampling.sampler]
    start, taken = batch.start, batch.steps_of(sampling)
    schedule = tail(schedule_of(bundle, sampling), taken)
    concat = batch.concat if batch.concat is not None else all_anew(bundle, batch.size)
    surroundings = Surroundings(batch.size, concat)
    times, rescale = schedule.timesteps, sampling.guidance_rescale
    predict = guided_network(bundle, asked, encoded, times, sampling.guidance, surroundings, rescale=rescale)
    denoise = denoiser(predict, schedule, bundle.prediction)
    shape = (
        bundle.latent_channels,
        batch.size[1] // bundle.pixels_per_latent,
        batch.size[0] // bundle.pixels_per_latent,
    )
    fresh_noise = noise_source(generators(batch.seeds, sampling.noise), shape, bundle.device)
    if batch.turn is not None:
        other = noise_source(generators(batch.turn.seeds, sampling.noise), shape, bundle.device)
        fresh_noise = turned(fresh_noise, other, batch.turn.strength)
    latents = first_latents(start, fresh_noise, schedule)
    if start is not None and start.keeps:
        denoise = keeping(denoise, start, schedule)

    lay_out_convolutions(bundle.unet)
    with prompts_kept(bundle.unet):
        latents = sampler.function(
            denoise,
            latents,
            schedule,
            fresh_noise=fresh_noise,
            on_step=watched(bundle, taken, on_step),
            eta=sampling.eta_or_usual,
        )
    if not is_finite(latents):
        raise not_finite(bundle, "in the output of the UNet")
    return start.kept(latents) if start is not None else latents


def require_finite(bundle: Bundle, encoded: Mapping[str, Conditioning]) -> None:
    """Raise UserError if a number in these is not finite."""
    if not all(is_finite(rows) for conditioning in encoded.values() for rows in conditioning.values()):
        raise not_finite(bundle, "in the output of the text encoder")


@torch.inference_mode()
def to_pictures(bundle: Bundle, latents: Tensor) -> list[Image.Image]:
    """Scaled latents [B, C, h, w] through the VAE, one picture at a time, to RGB. Raises UserError if it gives NaN."""
    pictures: list[Image.Image] = []
    for one in latents.split(1):
        decoded = bundle.family.decode(bundle, one)
        if not is_finite(decoded):
            raise not_finite(bundle, "in the output of the VAE")
        pictures.append(to_picture(decoded))
    return pictures


def require_size(bundle: Bundle, size: tuple[int, int]) -> None:
    for name, side in zip(("width", "height"), size, strict=True):
        if side < bundle.pixels_per_latent or side % bundle.pixels_per_latent:
            near = max(round(side / bundle.pixels_per_latent), 1) * bundle.pixels_per_latent
            raise UserError(
                f"The {name} is {side}, but this model makes pictures in multiples of {bundle.pixels_per_latent}.",
                f"Set the {name} to {near}.",
            )
