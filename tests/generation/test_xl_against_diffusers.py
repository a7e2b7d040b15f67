"""SDXL and its refiner on tiny models with random weights: what is read, told and drawn, against diffusers' own."""

from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from torch import Tensor

from tests import tiny
from trainer.contract.common import Sampling
from trainer.generation.guidance import Asked, Surroundings, guided_network
from trainer.generation.pipeline import sample, to_pictures
from trainer.generation.prompts import encode
from trainer.models.family import Framing
from trainer.models.sdxl import RefinerBundle, XLBundle

# diffusers hands tensors to numpy in a way that numpy 2 frowns upon
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
PROMPT = "a red fox, sitting"


def made(family: Any, **options: Any) -> Any:
    bundle = tiny.bundle(family, **options)
    with torch.no_grad():
        for encoder in bundle.text_encoders.values():
            for name, parameter in encoder.named_parameters():
                if "layer_norm" in name:  # as in trained models, so that leaving a norm out shows
                    parameter += 0.3
    return bundle


@pytest.fixture(scope="module")
def bundle() -> XLBundle:
    return made("sdxl")


def pipeline_of(bundle: XLBundle, **scheduler: Any) -> Any:
    steps: Any = DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, **scheduler)
    pipeline: Any = StableDiffusionXLPipeline(
        vae=bundle.vae,
        text_encoder=bundle.text_encoder,
        text_encoder_2=bundle.text_encoder_2,
        tokenizer=bundle.tokenizer,
        tokenizer_2=bundle.tokenizer_2,
        unet=bundle.unet,
        scheduler=steps,
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize("negative", ["blurry", ""])
@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_latents_are_those_of_diffusers(bundle: XLBundle, guidance: float, negative: str) -> None:
    """An empty negative prompt is told as zeros, which diffusers does where none is given."""
    size = (72, 56)
    answer: Any = pipeline_of(bundle)(
        PROMPT,
        negative_prompt=negative or None,
        width=size[0],
        height=size[1],
        num_inference_steps=6,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(3),
        output_type="latent",
    )
    sampling = Sampling(sampler="ddim", steps=6, guidance=guidance, compatibility="diffusers")
    ours = sample(bundle, prompts=[PROMPT], negatives=[negative], size=size, sampling=sampling, seeds=[3])
    assert float(answer.images.std()) > 0.1
    torch.testing.assert_close(ours, answer.images, atol=2e-4, rtol=2e-4)
    assert to_pictures(bundle, ours)[0].size == size


def test_v_prediction_on_a_schedule_that_ends_in_pure_noise_is_that_of_diffusers() -> None:
    bundle: XLBundle = made("sdxl", prediction="v_prediction", zero_terminal_snr=True)
    pipeline = pipeline_of(
        bundle, prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    )
    answer: Any = pipeline(
        PROMPT,
        negative_prompt="blurry",
        width=64,
        height=64,
        num_inference_steps=5,
        guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(3),
        output_type="latent",
    )
    sampling = Sampling(sampler="ddim", spacing="trailing", steps=5, guidance=5.0, compatibility="diffusers")
    ours = sample(bundle, prompts=[PROMPT], negatives=["blurry"], size=tiny.SIZE, sampling=sampling, seeds=[3])
    torch.testing.assert_close(ours, answer.images, atol=2e-4, rtol=2e-4)


def test_a_prompt_is_read_as_diffusers_reads_it(bundle: XLBundle) -> None:
    theirs: Any = pipeline_of(bundle).encode_prompt(PROMPT, do_classifier_free_guidance=False)
    for ours in (
        bundle.family.encode_text(bundle, [PROMPT]),
        encode(bundle, [PROMPT])[PROMPT],
    ):
        torch.testing.assert_close(ours["context"], theirs[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(ours["pooled"], theirs[2], atol=1e-5, rtol=1e-5)


def test_the_refiner_is_that_of_diffusers() -> None:
    """Its last steps on latents that another model began, with the scores of what is wanted and what is not."""
    bundle: RefinerBundle = made("sdxl_refiner")
    steps: Any = EulerDiscreteScheduler(**BETAS)
    pipeline: Any = StableDiffusionXLImg2ImgPipeline(
        vae=bundle.vae,
        text_encoder=None,  # pyright: ignore[reportArgumentType]
        text_encoder_2=bundle.text_encoder_2,
        tokenizer=None,  # pyright: ignore[reportArgumentType]
        tokenizer_2=bundle.tokenizer_2,
        unet=bundle.unet,
        scheduler=steps,
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    begun = torch.randn(1, 4, 7, 9, generator=torch.Generator().manual_seed(1))
    asked: list[Tensor] = []
    forward = bundle.unet.forward

    def heard(noisy: Tensor, timestep: Tensor, **given: Any) -> Any:
        output = forward(noisy, timestep, **given)
        asked.extend((noisy, timestep, output[0]))
        return output

    bundle.unet.forward = heard
    pipeline(
        PROMPT,
        negative_prompt="blurry",
        image=begun,
        denoising_start=0.8,
        num_inference_steps=5,
        guidance_scale=5.0,
        output_type="latent",
    )
    bundle.unet.forward = forward
    noisy, timestep, output = asked[:3]
    negative, positive = output
    one = Asked.of(PROMPT, "blurry", Sampling(guidance=5.0, steps=1))
    network = guided_network(bundle, [one], encode(bundle, one.texts), [float(timestep)], 5.0, Surroundings((72, 56)))
    with torch.no_grad():
        ours = network(noisy[:1], 0)[0]
    assert not torch.allclose(negative, positive, atol=1e-2)
    torch.testing.assert_close(ours, negative + 5.0 * (positive - negative), atol=2e-4, rtol=2e-4)


def test_what_is_told_of_a_picture(bundle: XLBundle) -> None:
    """Height before width, as in the paper's algorithm 1; for the refiner a score in place of the picture's size."""
    framing = Framing(original=(800, 600), crop=(10, 20), target=(512, 384))
    against = Framing((800, 600), (10, 20), (512, 384), is_negative=True, is_wordless=True)
    conditioning = bundle.family.encode_text(bundle, ["a", ""])
    told = bundle.family.framed(bundle, conditioning, [framing, against])
    assert told["time_ids"].tolist() == [[600, 800, 20, 10, 384, 512]] * 2
    assert told["context"][0].equal(conditioning["context"][0])
    assert not told["context"][1].any()
    assert not told["pooled"][1].any()
    refiner = tiny.bundle("sdxl_refiner")
    told = refiner.family.framed(refiner, refiner.family.encode_text(refiner, ["a", "b"]), [framing, against])
    assert told["time_ids"].tolist() == [[600, 800, 20, 10, 6.0], [600, 800, 20, 10, 2.5]]
