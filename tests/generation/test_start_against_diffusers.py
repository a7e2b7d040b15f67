"""From a picture and under a mask, on a tiny model with random weights: ours against diffusers' own pipelines."""

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline
from torch import Tensor

from tests import tiny
from trainer.contract.common import Sampling
from trainer.generation.inpainting import all_anew, in_latents, masked
from trainer.generation.pipeline import Batch, sample_batch
from trainer.generation.start import Start
from trainer.models.sd import SDBundle

# diffusers hands tensors to numpy in a way that numpy 2 frowns upon
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PROMPT, NEGATIVE, STEPS, GUIDANCE = "a red fox, sitting", "blurry", 10, 5.0
MASK = torch.zeros(1, 1, 64, 64)
MASK[..., 16:48, :40] = 1


def exact_vae(bundle: SDBundle) -> SDBundle:
    """Its posterior without spread: diffusers draws from it, we take its mean."""
    bundle.vae.quant_conv.bias.data[bundle.latent_channels :] = -30.0
    return bundle


def pipeline(kind: Any, bundle: SDBundle) -> Any:
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=False,
    )
    made = kind(
        vae=bundle.vae,
        text_encoder=bundle.text_encoder,
        tokenizer=bundle.tokenizer,
        unet=bundle.unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    made.set_progress_bar_config(disable=True)
    return made


def encoded(bundle: SDBundle, pixels: Tensor) -> Tensor:
    with torch.inference_mode():
        return bundle.family.latents(bundle, bundle.family.encode_pictures(bundle, pixels), None)


def pixels() -> Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(5)) * 2 - 1


def ours(bundle: SDBundle, start: Start, concat: Tensor | None = None) -> Tensor:
    batch = Batch([PROMPT], [NEGATIVE], [3], (64, 64), start=start, concat=concat)
    return sample_batch(bundle, batch, Sampling(sampler="ddim", steps=STEPS, guidance=GUIDANCE))


def theirs(made: Any, bundle: SDBundle, strength: float, **more: Any) -> Tensor:
    return made(
        PROMPT,
        negative_prompt=NEGATIVE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        strength=strength,
        generator=torch.Generator().manual_seed(3),
        output_type="latent",
        **more,
    ).images


def inpainting(bundle: SDBundle, source: Tensor, mask: Tensor) -> dict[str, Any]:
    """What their pipeline is given: latents, for with pixels it draws random numbers before those of the noise."""
    hidden = encoded(bundle, pixels() * (mask < 0.5))
    return {"image": source, "mask_image": mask, "masked_image_latents": hidden, "height": 64, "width": 64}


@pytest.mark.parametrize("strength", [0.35, 0.8])
def test_from_a_picture(strength: float) -> None:
    bundle = exact_vae(tiny.bundle())
    source = encoded(bundle, pixels())
    wanted = theirs(pipeline(StableDiffusionImg2ImgPipeline, bundle), bundle, strength, image=source)
    torch.testing.assert_close(ours(bundle, Start(source, strength)), wanted, atol=2e-3, rtol=2e-3)


def test_under_a_mask_with_an_ordinary_model() -> None:
    bundle = exact_vae(tiny.bundle())
    source = encoded(bundle, pixels())
    made = pipeline(StableDiffusionInpaintPipeline, bundle)
    wanted = theirs(made, bundle, 0.8, **inpainting(bundle, source, MASK))
    start = Start(source, 0.8, in_latents(MASK, 8))
    torch.testing.assert_close(ours(bundle, start), wanted, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("strength", [0.8, 1.0])
def test_under_a_mask_with_a_model_that_inpaints(strength: float) -> None:
    bundle = exact_vae(tiny.bundle(in_channels=9))
    assert bundle.concat_channels == 5
    source = encoded(bundle, pixels())
    made = pipeline(StableDiffusionInpaintPipeline, bundle)
    wanted = theirs(made, bundle, strength, **inpainting(bundle, source, MASK))
    start = Start(source, strength, in_latents(MASK, 8), keeps=False)
    concat = masked(pixels(), MASK, 8, lambda part: encoded(bundle, part))
    torch.testing.assert_close(ours(bundle, start, concat), wanted, atol=2e-3, rtol=2e-3)


def test_from_text_alone_a_model_that_inpaints_is_told_to_paint_everything() -> None:
    bundle = exact_vae(tiny.bundle(in_channels=9))
    made = pipeline(StableDiffusionInpaintPipeline, bundle)
    everything = torch.ones_like(MASK)
    wanted = theirs(made, bundle, 1.0, **inpainting(bundle, encoded(bundle, pixels()), everything))
    batch = Batch([PROMPT], [NEGATIVE], [3], (64, 64))
    got = sample_batch(bundle, batch, Sampling(sampler="ddim", steps=STEPS, guidance=GUIDANCE))
    torch.testing.assert_close(got, wanted, atol=2e-3, rtol=2e-3)
    assert all_anew(tiny.bundle(), (64, 64)) is None
