"""Pictures a second: our job, from prompt to PNG, against the bare diffusers pipeline on the very same networks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image

from tests.benchmarks.record import Record, Timing, interleaved, timed
from trainer.contract.common import Hardware, Sampling
from trainer.contract.events import Event, Preview
from trainer.contract.generate import GenerateJob, Previews
from trainer.contract.run import Run
from trainer.generation.text_to_image import generate
from trainer.home import Home
from trainer.models.family import Bundle
from trainer.models.opening import open_model

# diffusers hands tensors to numpy in a way that numpy 2 frowns upon
pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

PROMPT, NEGATIVE = "a red fox sitting on a green hill", "blurry"
STEPS, GUIDANCE, SEED = 20, 7.0, 5
GREY_LEVELS = 2
"""How far two pictures of the same arithmetic in another order may differ."""


@pytest.fixture(scope="module")
def bundle(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    home = Home(tmp_path_factory.mktemp("home"))
    return open_model(str(model), home, hardware=Hardware(device="cpu", precision="fp32"))


@pytest.fixture(scope="module")
def pipeline(bundle: Bundle) -> StableDiffusionPipeline:
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=False,
        prediction_type=bundle.prediction,
    )
    parts: dict[str, Any] = {
        "vae": bundle.vae,
        "text_encoder": bundle.text_encoder,
        "unet": bundle.unet,
        "tokenizer": bundle.tokenizer,
        "scheduler": scheduler,
        "safety_checker": None,
        "feature_extractor": None,
    }
    made = StableDiffusionPipeline(**parts, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


def test_generation(
    bundle: Bundle, pipeline: StableDiffusionPipeline, home: Home, tmp_path: Path, record: Record
) -> None:
    """Both sides encode the prompts, take 20 DDIM steps with guidance, decode, and write a PNG."""
    width, height = bundle.default_size

    def theirs() -> Image.Image:
        source = torch.Generator("cpu").manual_seed(SEED)
        answer: Any = pipeline(
            PROMPT,
            negative_prompt=NEGATIVE,
            width=width,
            height=height,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=source,
        )
        answer.images[0].save(tmp_path / "theirs.png")
        return answer.images[0]

    def ours(every: int, said: list[Event]) -> Callable[[], Image.Image]:
        sampling = Sampling(sampler="ddim", steps=STEPS, guidance=GUIDANCE, compatibility="diffusers")
        job = GenerateJob(
            prompt=PROMPT,
            negative=NEGATIVE,
            sampling=sampling,
            seed=SEED,
            previews=Previews(every=every),
            output=str(tmp_path / "ours"),
        )

        def work() -> Image.Image:
            (path,) = generate(job, Run(said.append), home, bundle)
            with Image.open(path) as picture:
                return picture.convert("RGB")

        return work

    said: list[Event] = []
    plain, previewed = ours(0, []), ours(1, said)
    expected = theirs()
    for made in (plain(), previewed()):
        assert _largest_difference(made, expected) <= GREY_LEVELS
    assert any(isinstance(event, Preview) for event in said)

    measured = interleaved({"plain": _timing(plain), "previewed": _timing(previewed), "theirs": _timing(theirs)})
    record.slowdown("generation, previews off", measured["plain"], measured["theirs"], "at most 1.02")
    record.slowdown("generation, previews on", measured["previewed"], measured["theirs"], "at most 1.05")


def _timing(work: Callable[[], object]) -> Callable[[], Timing]:
    return lambda: timed(work)


def _largest_difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())
