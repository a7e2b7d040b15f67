"""VideoJob: a picture to video files, with progress, previews and a real cancel."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from PIL import Image
from torch import Tensor

from trainer.contract import events
from trainer.contract.common import Size
from trainer.contract.errors import UserError
from trainer.contract.run import Run
from trainer.contract.video import VideoJob
from trainer.dataset import pictures
from trainer.generation.picture_files import free_path, require_folder
from trainer.generation.pipeline import require_size
from trainer.generation.preview import MOST_PER_SECOND, encoded, preview_image
from trainer.generation.video import decode_frames, fitted, sample_video
from trainer.generation.video_file import SUFFIXES, write_video
from trainer.home import Home
from trainer.models.family import Bundle
from trainer.models.svd import SVDBundle

_SEEDS = 2**63
"""Seeds are below this; counting on from the last one begins again at 0."""


def animate(job: VideoJob, run: Run, home: Home, bundle: Bundle) -> tuple[Path, ...]:
    """Make the videos of a job with an opened model, save them, and return their paths, in order.

    Video number i (from 0) has seed + i. Raises Cancelled at the next step, or the next frames to decode, when the user
    stops, leaving only videos that were complete; raises UserError before any work when the model, the picture, the
    size or the folder won't do.
    """
    run.check()
    if not isinstance(bundle, SVDBundle):
        raise UserError(f"{bundle.source.name} makes single pictures.", "Choose a Stable Video Diffusion model.")
    size = (job.size.width, job.size.height) if job.size else bundle.default_size
    require_size(bundle, size)
    frames = job.frames or bundle.shape.frames
    folder = Path(job.output).expanduser().absolute() if job.output else home.outputs / date.today().isoformat()
    require_folder(folder, room=job.count * frames * size[0] * size[1] * 3)
    source = Path(job.picture).expanduser().absolute()
    whole = pictures.load(source)
    _say_what_is_cut(whole, size, run)
    still = fitted(whole, size)
    own = job.model_copy(
        update={
            "picture": str(source),
            "size": Size(width=size[0], height=size[1]),
            "frames": frames,
            "count": 1,
            "output": "",
        }
    )
    paths: list[Path] = []
    for number in range(job.count):
        seed = (job.seed + number) % _SEEDS
        paths.append(_one(own.model_copy(update={"seed": seed}), _Told(run, bundle, number, job.count), still, folder))
        run.progress("videos", len(paths), job.count)
    return tuple(paths)


@dataclass(frozen=True)
class _Told:
    """Whom to tell of the video that is being made, and which one of how many it is, from 0."""

    run: Run
    bundle: SVDBundle
    number: int
    count: int


def _one(job: VideoJob, told: _Told, still: Image.Image, folder: Path) -> Path:
    """The one video of `job`, whose size and frames are said."""
    run, frames = told.run, job.frames or 1
    latents = sample_video(
        told.bundle,
        still,
        frames=frames,
        motion=job.motion,
        guidance=job.guidance,
        sampling=job.sampling,
        seed=job.seed,
        on_step=_Reporter(job, told),
    )

    def after_chunk(done: int) -> None:
        run.progress("frames", done, frames)
        run.check()

    run.check()
    made = decode_frames(told.bundle, latents, job.sampling.decode_at_once, after_chunk)
    with free_path(folder, job.seed, SUFFIXES[job.export.format]) as path:
        write_video(path, made, job)
    run.emit(events.Saved(what="video", path=str(path)))
    return path


class _Reporter:
    """What happens in each step: look for a cancel, say how far it is, show a preview."""

    def __init__(self, job: VideoJob, told: _Told, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = told.run
        self._told = told
        self._steps = job.sampling.steps
        self._every = job.previews.every
        self._clock = clock
        self._start = clock()
        self._not_before = self._start
        told.run.check()

    def __call__(self, index: int, clean: Tensor) -> None:
        self._run.check()
        step, now = index + 1, self._clock()
        videos_left = self._told.count - self._told.number - 1
        left = (now - self._start) / step * (self._steps - step + self._steps * videos_left)
        self._run.emit(events.Step(step=step, total=self._steps, seconds_left=round(left, 2)))
        if self._every > 0 and index % self._every == 0 and now >= self._not_before:
            self._not_before = now + 1.0 / MOST_PER_SECOND
            strip = filmstrip(clean, self._told.bundle.latent_to_rgb)
            self._run.emit(
                events.Preview(
                    index=self._told.number,
                    step=step,
                    total=self._steps,
                    width=strip.width,
                    height=strip.height,
                    frames=len(clean),
                    data=encoded(strip),
                )
            )


def filmstrip(clean: Tensor, latent_to_rgb: Tensor) -> Image.Image:
    """Scaled latents [F, C, h, w] to all frames in one picture, from top to bottom, one pixel for each latent."""
    frames = [preview_image(frame, latent_to_rgb) for frame in clean]
    width, height = frames[0].size
    strip = Image.new("RGB", (width, height * len(frames)))
    for number, frame in enumerate(frames):
        strip.paste(frame, (0, number * height))
    return strip


def _say_what_is_cut(picture: Image.Image, size: tuple[int, int], run: Run) -> None:
    """Tell of a picture whose shape is not that of the video."""
    scale = min(picture.width / size[0], picture.height / size[1])
    lost = 1.0 - (size[0] * scale) * (size[1] * scale) / (picture.width * picture.height)
    if lost >= 0.01:
        run.warn(
            f"The picture is cut to the shape of {size[0]}x{size[1]} round its middle: {lost:.0%} of it is left out.",
            "Choose a size of the picture's own shape to keep all of it.",
        )
