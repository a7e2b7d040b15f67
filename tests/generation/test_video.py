"""Videos on a tiny model with random weights: ours against those of diffusers' own pipeline."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableVideoDiffusionPipeline
from PIL import Image

from tests import tiny_video
from trainer.contract.errors import UserError
from trainer.contract.video import Motion, VideoGuidance, VideoSampling
from trainer.generation.samplers import SAMPLERS
from trainer.generation.vae import to_pixels
from trainer.generation.video import decode_frames, fitted, sample_video
from trainer.models.svd import SVDBundle

# diffusers hands tensors to numpy in a way that numpy 2 frowns upon
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STEPS, FRAMES, SEED = 5, 4, 3
MOTION = Motion(fps=9, bucket=200, noise=0.1)


@pytest.fixture(scope="module")
def bundle() -> SVDBundle:
    return tiny_video.bundle()


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def pipeline(bundle: SVDBundle) -> StableVideoDiffusionPipeline:
    return tiny_video.diffusers_pipeline(bundle)


@pytest.mark.parametrize("last", [1.0, 3.5])
def test_latents_and_frames_are_those_of_diffusers(
    bundle: SVDBundle, pipeline: StableVideoDiffusionPipeline, picture: Image.Image, last: float
) -> None:
    options: dict[str, Any] = {
        "width": picture.width,
        "height": picture.height,
        "num_frames": FRAMES,
        "num_inference_steps": STEPS,
        "min_guidance_scale": 1.0,
        "max_guidance_scale": last,
        "fps": MOTION.fps,
        "motion_bucket_id": MOTION.bucket,
        "noise_aug_strength": MOTION.noise,
    }
    source = torch.Generator("cpu").manual_seed(SEED)
    answer: Any = pipeline(picture, generator=source, output_type="latent", **options)
    theirs: torch.Tensor = answer.frames[0]
    ours = sample(bundle, picture, last=last)
    assert float(theirs.std()) > 0.1
    torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=2e-4)

    for at_once in (1, 3, FRAMES):
        decoded = pipeline.decode_latents(theirs[None], FRAMES, at_once)
        expected: Any = pipeline.video_processor.postprocess_video(decoded, "pil")
        for mine, other in zip(decode_frames(bundle, ours, at_once), expected[0], strict=True):
            assert np.abs(np.asarray(mine).astype(int) - np.asarray(other).astype(int)).max() <= 1


def sample(bundle: SVDBundle, picture: Image.Image, *, last: float = 3.0, **options: Any) -> torch.Tensor:
    return sample_video(
        bundle,
        picture,
        frames=FRAMES,
        motion=MOTION,
        guidance=VideoGuidance(first=1.0, last=last),
        sampling=options.pop("sampling", VideoSampling(steps=STEPS)),
        seed=SEED,
        **options,
    )


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "lcm"])
def test_every_sampler_ends_in_numbers(bundle: SVDBundle, picture: Image.Image, sampler: Any) -> None:
    latents = sample(bundle, picture, sampling=VideoSampling(sampler=sampler, steps=3))
    assert latents.shape == (FRAMES, 4, 8, 12)
    assert latents.isfinite().all()


def test_the_first_frame_is_not_guided_at_1(bundle: SVDBundle, picture: Image.Image) -> None:
    """One step: frame 0 has weight 1, so it is what the network says of the picture alone."""
    once = VideoSampling(steps=1)
    alone = sample(bundle, picture, last=1.0, sampling=once)
    guided = sample(bundle, picture, last=3.0, sampling=once)
    # numbers go through noise of sigma 700, so rounding alone makes 1e-4 on some processors
    torch.testing.assert_close(guided[0], alone[0], atol=1e-3, rtol=1e-4)
    assert not torch.allclose(guided[-1], alone[-1], atol=1e-2)


def test_numbers_that_are_none_are_said_in_words(picture: Image.Image) -> None:
    broken = tiny_video.bundle()
    with torch.no_grad():
        broken.unet.conv_out.bias.fill_(float("nan"))
    with pytest.raises(UserError, match="step 1 of 5, in the output of the UNet"):
        sample(broken, picture)


def test_a_picture_is_cut_round_its_middle() -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (100, 0, 200, 100))
    square = fitted(wide, (64, 64))
    red, _, blue = np.asarray(square).transpose(2, 0, 1)
    assert red.max() < 16 < 240 < blue.min()  # Lanczos looks a little over the edge
    assert fitted(wide, (96, 32)).size == (96, 32)


def test_pixels_go_from_minus_1_to_1() -> None:
    pixels = to_pixels(Image.new("RGB", (3, 2), (0, 255, 51)))
    assert pixels.shape == (1, 3, 2, 3)
    assert pixels[0, :, 1, 2].tolist() == pytest.approx([-1.0, 1.0, -0.6])
