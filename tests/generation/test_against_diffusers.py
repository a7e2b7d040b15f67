"""Whole pictures on a tiny model with random weights: ours against those of diffusers' own pipeline."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    UniPCMultistepScheduler,
)
from PIL import Image

from tests import tiny
from trainer.contract.common import SamplerName, Sampling, SpacingName
from trainer.generation.pipeline import sample, to_pictures
from trainer.generation.samplers import SAMPLERS
from trainer.models.sd import SDBundle

# diffusers hands tensors to numpy in a way that numpy 2 frowns upon
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]

BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
PROMPT, NEGATIVE = "a red fox, sitting", "blurry"


@pytest.fixture(scope="module")
def bundle() -> SDBundle:
    return tiny.bundle()


@pytest.fixture(scope="module")
def pipeline(bundle: SDBundle) -> StableDiffusionPipeline:
    parts: dict[str, Any] = {
        "vae": bundle.vae,
        "text_encoder": bundle.text_encoder,
        "unet": bundle.unet,
        "tokenizer": bundle.tokenizer,
        "scheduler": DDIMScheduler(**BETAS, clip_sample=False),
        "safety_checker": None,
        "feature_extractor": None,
    }
    made = StableDiffusionPipeline(**parts, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


SCHEDULERS: dict[SamplerName, tuple[Any, dict[str, Any], SpacingName]] = {
    "ddim": (DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False}, "auto"),
    "ddpm": (DDPMScheduler, {"clip_sample": False}, "auto"),
    "pndm": (PNDMScheduler, {"skip_prk_steps": True, "set_alpha_to_one": False}, "auto"),
    "euler": (EulerDiscreteScheduler, {}, "auto"),
    "euler_a": (EulerAncestralDiscreteScheduler, {}, "auto"),
    "heun": (HeunDiscreteScheduler, {}, "auto"),
    "dpm_2": (KDPM2DiscreteScheduler, {}, "linspace"),
    "dpmpp_2m": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}, "auto"),
    "dpmpp_2m_sde": (DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}, "linspace"),
    "unipc": (UniPCMultistepScheduler, {}, "auto"),
    "lcm": (LCMScheduler, {}, "auto"),
}
"""Theirs, and our spacing that is theirs. They have no DPM++ SDE and no DPM++ 3M SDE."""


@pytest.mark.parametrize("name", list(SCHEDULERS))
@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_latents_and_picture_are_those_of_diffusers(
    bundle: SDBundle, pipeline: StableDiffusionPipeline, name: SamplerName, guidance: float
) -> None:
    steps, size, eta = 6, (72, 56), 0.6 if name == "ddim" else None
    scheduler, options, spacing = SCHEDULERS[name]
    pipeline.scheduler = scheduler(**BETAS, **options)
    asked: dict[str, Any] = {"num_inference_steps": steps, "guidance_scale": guidance, "eta": eta or 0.0}
    source = torch.Generator("cpu").manual_seed(3)
    answer: Any = pipeline(
        PROMPT,
        negative_prompt=NEGATIVE,
        width=size[0],
        height=size[1],
        generator=source,
        output_type="latent",
        **asked,
    )
    theirs: torch.Tensor = answer.images

    sampling = Sampling(
        sampler=name, steps=steps, guidance=guidance, eta=eta, spacing=spacing, compatibility="diffusers"
    )
    ours = sample(bundle, prompts=[PROMPT], negatives=[NEGATIVE], size=size, sampling=sampling, seeds=[3])
    assert float(theirs.std()) > 0.1
    torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=2e-4)

    scaled = theirs / bundle.latent_scale
    decoded: Any = pipeline.image_processor.postprocess(pipeline.vae.decode(scaled, return_dict=False)[0], "pil")
    (picture,) = to_pictures(bundle, ours)
    assert_pictures_equal(picture, decoded[0])


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_company_changes_a_picture_by_rounding_at_most(bundle: SDBundle, name: SamplerName) -> None:
    sampling = Sampling(sampler=name, steps=4, eta=1.0)
    prompts, seeds = ["a fox", "a blue house", "rain"], [1, 2, 3]
    negatives = [NEGATIVE] * 3
    together = sample(bundle, prompts=prompts, negatives=negatives, size=tiny.SIZE, sampling=sampling, seeds=seeds)
    alone = sample(
        bundle, prompts=prompts[1:2], negatives=negatives[:1], size=tiny.SIZE, sampling=sampling, seeds=seeds[1:2]
    )
    assert_pictures_equal(to_pictures(bundle, alone)[0], to_pictures(bundle, together)[1])


def assert_pictures_equal(one: Image.Image, other: Image.Image) -> None:
    """But for rounding: matrix multiplications add up in another order in another batch."""
    assert one.size == other.size
    assert np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max() <= 1


def test_every_size_in_steps_of_a_latent_is_made(bundle: SDBundle) -> None:
    for size in ((16, 16), (8, 72), (88, 40)):
        sampling = Sampling(sampler="dpmpp_2m", steps=2)
        latents = sample(bundle, prompts=["a"], negatives=[""], size=size, sampling=sampling, seeds=[0])
        assert to_pictures(bundle, latents)[0].size == size


def test_v_prediction_of_sd_2_runs_through() -> None:
    made = tiny.bundle("sd2")
    assert made.prediction == "v_prediction"
    sampling = Sampling(sampler="ddim", steps=2)
    latents = sample(made, prompts=["a"], negatives=[""], size=tiny.SIZE, sampling=sampling, seeds=[0])
    assert latents.isfinite().all()
