"""The video starter that ships, through the job that a user starts: a still starts to move."""

from pathlib import Path

import av
import pytest
import torch

from clips import FRAMES, SIZE, draw_clip
from evaluate_video import clips_to_judge, height
from trainer.contract import events
from trainer.contract.common import Hardware
from trainer.contract.run import Run
from trainer.contract.video import Motion, VideoGuidance, VideoJob, VideoSampling
from trainer.engine.execute import Session, execute_reporting
from trainer.generation.video_file import read_video_job
from trainer.home import RESOURCES, Home
from trainer.models.sd import SD1
from trainer.models.svd import SVD


@pytest.mark.parametrize("motion", [255, 1])
def test_a_still_starts_to_move_as_far_as_it_is_asked_to(motion: int, tmp_path: Path, home: Home) -> None:
    """A drawing that it has never seen rises in the middle of the MP4 and comes back, or stays where it is."""
    clip = clips_to_judge(1, motion)[0]
    drawn = draw_clip(clip)
    drawn[0].save(tmp_path / "still.png")
    job = VideoJob(
        model="video-starter",
        picture=str(tmp_path / "still.png"),
        motion=Motion(bucket=motion),
        guidance=VideoGuidance(first=1.0, last=1.5),
        sampling=VideoSampling(steps=10, decode_at_once=FRAMES),
        hardware=Hardware(device="cpu", precision="fp32"),
        output=str(tmp_path),
    )
    told: list[events.Event] = []
    ending = execute_reporting(job, Run(told.append), Session(home))
    assert isinstance(ending, events.Finished), ending
    previews = [event for event in told if isinstance(event, events.Preview)]
    assert previews
    assert all(event.frames == FRAMES for event in previews)
    path = Path(ending.paths[0])
    with av.open(str(path), "r") as container:
        frames = [frame.to_image() for frame in container.decode(video=0)]
    assert [frame.size for frame in frames] == [(SIZE, SIZE)] * FRAMES
    heights = [height(frame, clip) for frame in frames]
    rise, of_drawn = heights[FRAMES // 2] - heights[0], height(drawn[FRAMES // 2], clip) - height(drawn[0], clip)
    assert 0.5 * of_drawn - 0.05 < rise < 1.3 * of_drawn + 0.05
    assert abs(heights[-1] - heights[0]) < 0.05
    stored = read_video_job(path)
    assert stored is not None
    assert stored.motion == job.motion


def test_its_previews_have_the_colours_of_its_own_vae() -> None:
    """The starter's, whose VAE it has; for Stable Diffusion's they would be false."""
    cpu = torch.device("cpu")
    bundle = SVD.load(RESOURCES / "models" / "video-starter", device=cpu, dtype=torch.float32)
    starter = SD1.load(RESOURCES / "models" / "starter.safetensors", device=cpu, dtype=torch.float32)
    assert torch.equal(bundle.latent_to_rgb, starter.latent_to_rgb)
