"""What is typed after `main.py animate`, as the job that it makes; and a job file for a video."""

from pathlib import Path

import pytest

from trainer.cli.arguments import parse
from trainer.cli.jobs import job_of
from trainer.contract.common import Size
from trainer.contract.errors import UserError
from trainer.contract.jobfile import job_to_toml
from trainer.contract.video import Motion, VideoExport, VideoGuidance, VideoJob, VideoSampling


def job(*arguments: str) -> object:
    return job_of(parse(["animate", "--model", "svd", "--picture", "a.png", *arguments]))


def test_flags_set_the_fields_that_they_name() -> None:
    flags = "--frames 25 --fps 8 --motion 60 --noise 0.1 --guidance 2.5 --steps 9 --seed 4 --count 2 --size 512x320"
    assert job(*flags.split(), "--format", "webp", "--quality", "60", "--out", "videos", "--json") == VideoJob(
        model="svd",
        picture="a.png",
        frames=25,
        size=Size(width=512, height=320),
        motion=Motion(fps=8, bucket=60, noise=0.1),
        guidance=VideoGuidance(last=2.5),
        sampling=VideoSampling(steps=9),
        seed=4,
        count=2,
        export=VideoExport(format="webp", quality=60),
        output="videos",
    )


def test_what_is_out_of_bounds_is_named() -> None:
    with pytest.raises(UserError, match=r"motion\.bucket is 256"):
        job("--motion", "256")


def test_a_job_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    wanted = VideoJob(model="svd", picture="a.png", frames=14)
    path = tmp_path / "video.toml"
    path.write_text(job_to_toml(wanted), encoding="utf-8")
    assert job_of(parse(["run", str(path)])) == wanted
    assert job_of(parse(["run", str(path), "--set", "motion.fps=12"])) == wanted.model_copy(
        update={"motion": Motion(fps=12)}
    )
