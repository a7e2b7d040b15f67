"""Videos: our job, from picture to MP4, against the bare diffusers pipeline on the same networks, with our writer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests import tiny_video
from tests.benchmarks.record import Record, interleaved, timed
from trainer.contract.common import Hardware
from trainer.contract.events import Event, Preview
from trainer.contract.generate import Previews
from trainer.contract.run import Run
from trainer.contract.video import VideoGuidance, VideoJob, VideoSampling
from trainer.generation.video_file import write_video
from trainer.generation.video_job import animate
from trainer.home import RESOURCES, Home
from trainer.models.opening import open_model

# diffusers hands tensors to numpy in a way that numpy 2 frowns upon
pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

STEPS, LAST, SEED = 10, 2.5, 5


def test_video(home: Home, tmp_path: Path, record: Record) -> None:
    """The video starter, all its frames decoded at once on both sides."""
    hardware = Hardware(device="cpu", precision="fp32")
    bundle: Any = open_model(str(RESOURCES / "models" / "video-starter"), home, hardware=hardware, makes="videos")
    pipeline = tiny_video.diffusers_pipeline(bundle)
    frames, (width, height) = bundle.shape.frames, bundle.default_size
    still = Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))
    still.save(tmp_path / "still.png")
    job = VideoJob(
        model="video-starter",
        picture=str(tmp_path / "still.png"),
        guidance=VideoGuidance(first=1.0, last=LAST),
        sampling=VideoSampling(steps=STEPS, decode_at_once=frames),
        seed=SEED,
        output=str(tmp_path),
    )

    def theirs() -> None:
        answer = pipeline(
            still,
            width=width,
            height=height,
            num_frames=frames,
            num_inference_steps=STEPS,
            min_guidance_scale=1.0,
            max_guidance_scale=LAST,
            fps=job.motion.fps,
            motion_bucket_id=job.motion.bucket,
            noise_aug_strength=job.motion.noise,
            decode_chunk_size=frames,
            generator=torch.Generator("cpu").manual_seed(SEED),
        )
        write_video(tmp_path / "theirs.mp4", answer.frames[0], job)

    said: list[Event] = []

    def ours(every: int) -> Callable[[], object]:
        wanted = job.model_copy(update={"previews": Previews(every=every)})
        return lambda: animate(wanted, Run(said.append), home, bundle)

    sides = {"plain": ours(0), "previewed": ours(1), "theirs": theirs}
    measured = interleaved({name: lambda work=work: timed(work) for name, work in sides.items()})
    assert any(isinstance(event, Preview) for event in said)
    record.slowdown("video, previews off", measured["plain"], measured["theirs"], "at most 1.02")
    record.slowdown("video, previews on", measured["previewed"], measured["theirs"], "at most 1.05")
