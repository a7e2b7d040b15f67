"""Pictures a second: our job, from prompt to PNG, against the bare diffusers pipeline on the very same networks."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.models.attention_processor import AttnProcessor2_0
from PIL import Image

from tests import tiny
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


def starter(model: Path, home: Home) -> tuple[Bundle, Any]:
    """SD 1.x: the starter model."""
    bundle = open_model(str(model), home, hardware=Hardware(device="cpu", precision="fp32"))
    return bundle, _bare(bundle)


def tiny_sd2(model: Path, home: Home) -> tuple[Bundle, Any]:
    """SD 2.x, tiny and with random weights: here nearly all of the time is not the networks'."""
    bundle: Any = tiny.bundle("sd2")
    return bundle, _bare(bundle)


def tiny_xl(model: Path, home: Home) -> tuple[Bundle, Any]:
    """SDXL, likewise."""
    bundle: Any = tiny.bundle("sdxl")
    return bundle, _bare(bundle)


def _bare(bundle: Any) -> Any:
    """diffusers' pipeline on copies of the networks, with diffusers' own attention."""
    tokenizers = [name for name in ("tokenizer", "tokenizer_2") if hasattr(bundle, name)]
    parts: dict[str, Any] = {name: getattr(bundle, name) for name in tokenizers}
    parts |= {name: copy.deepcopy(network) for name, network in bundle.networks.items()}
    parts["unet"].set_attn_processor(AttnProcessor2_0())
    parts["scheduler"] = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=False,
        prediction_type=bundle.prediction,
    )
    if len(tokenizers) > 1:
        return StableDiffusionXLPipeline(**parts, add_watermarker=False)
    parts |= {"safety_checker": None, "feature_extractor": None}
    return StableDiffusionPipeline(**parts, requires_safety_checker=False)


@pytest.mark.parametrize("family", [starter, tiny_sd2, tiny_xl])
def test_generation(
    family: Callable[[Path, Home], tuple[Bundle, Any]], model: Path, home: Home, tmp_path: Path, record: Record
) -> None:
    """Both sides encode the prompts, take 20 DDIM steps with guidance, decode, and write a PNG. `again` is a second
    picture of the same prompt, which Gesso does not encode anew."""
    bundle, pipeline = family(model, home)
    pipeline.set_progress_bar_config(disable=True)
    width, height = bundle.default_size

    def theirs() -> Image.Image:
        answer: Any = pipeline(
            PROMPT,
            negative_prompt=NEGATIVE,
            width=width,
            height=height,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=torch.Generator("cpu").manual_seed(SEED),
        )
        answer.images[0].save(tmp_path / "theirs.png")
        return answer.images[0]

    said: list[Event] = []

    def ours(every: int, *, again: bool = False) -> Callable[[], Image.Image]:
        job = GenerateJob(
            prompt=PROMPT,
            negative=NEGATIVE,
            sampling=Sampling(sampler="ddim", steps=STEPS, guidance=GUIDANCE, compatibility="diffusers"),
            seed=SEED,
            previews=Previews(every=every),
            output=str(tmp_path / "ours"),
        )

        def work() -> Image.Image:
            if not again:
                bundle.kept_prompts.clear()
            (path,) = generate(job, Run(said.append), home, bundle)
            with Image.open(path) as picture:
                return picture.convert("RGB")

        return work

    sides = {"plain": ours(0), "previewed": ours(1), "again": ours(0, again=True)}
    expected = theirs()
    for work in sides.values():
        assert _largest_difference(work(), expected) <= GREY_LEVELS
    assert any(isinstance(event, Preview) for event in said)

    measured = interleaved({**{name: _timing(work) for name, work in sides.items()}, "theirs": _timing(theirs)})
    name = family.__name__
    record.slowdown(f"generation, previews off, {name}", measured["plain"], measured["theirs"], "at most 1.02")
    record.slowdown(f"generation, previews on, {name}", measured["previewed"], measured["theirs"], "at most 1.05")
    record.slowdown(f"generation, same prompt again, {name}", measured["again"], measured["theirs"], "at most 0.95")


def _timing(work: Callable[[], object]) -> Callable[[], Timing]:
    return lambda: timed(work)


def _largest_difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())
