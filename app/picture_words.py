"""One picture opened to be looked at: its pixels, its settings in words, and in what two of them differ."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtGui import QImage, QImageReader

from app.errand import Errand
from app.forms.editors import choice_in_words
from app.pictures import PictureJob, read_image, read_job
from app.videos import frames_of, is_video
from trainer.contract.common import USUAL_ETA
from trainer.contract.errors import UserError
from trainer.contract.found_settings import FoundSettings
from trainer.contract.generate import GenerateJob, SourcePicture
from trainer.contract.video import VideoJob
from trainer.files import human_size

LARGEST = 2048
"""Pixels of the longer side that are shown: more than a screen has, less than makes painting slow."""

LARGEST_FRAME = 1024
"""Of a video, which holds many."""

NAMED = 8
"""Settings of another program that are named when they have no place here."""

PROMPT, NEGATIVE = "Prompt", "Not in the picture"


@dataclass(frozen=True)
class Opened:
    """A picture or video as it was found. `image` is null when it can't be shown. `problem`: why, or why no settings.
    Of a video, `image` is the first of its `frames`, of which `rate` pass in a second."""

    path: Path
    image: QImage
    job: PictureJob | None
    problem: str
    facts: str
    """Size in pixels, date and size on disk."""
    frames: tuple[QImage, ...] = ()
    rate: float = 0.0

    @property
    def picture_job(self) -> GenerateJob | None:
        """The job, where it makes pictures."""
        return self.job if isinstance(self.job, GenerateJob) else None


def open_picture(path: Path, _errand: Errand | None = None) -> Opened:
    """Read all of it; to be called in a thread of the pool."""
    try:
        state = path.stat()
    except OSError:
        return Opened(path, QImage(), None, "The file is gone. It may have been moved or deleted.", "")
    if is_video(path):
        return _open_video(path)
    image = read_image(path, LARGEST)
    if image.isNull() and _is_too_large(path):
        return Opened(path, image, None, "This picture is too large to be shown here.", human_size(state.st_size))
    if image.isNull():
        return Opened(path, image, None, "This file is damaged: it can't be shown.", human_size(state.st_size))
    size = QImageReader(str(path)).size()
    facts = f"{size.width()} × {size.height()}  ·  {_day(state.st_mtime)}  ·  {human_size(state.st_size)}"
    try:
        job = read_job(path)
    except UserError as error:
        return Opened(path, image, None, str(error), facts)
    return Opened(path, image, job, "" if job else "This picture holds no settings of Gesso's.", facts)


def _open_video(path: Path) -> Opened:
    """One frame alone is a picture: many a WebP is."""
    try:
        frames, rate = frames_of(path, LARGEST_FRAME)
    except UserError as error:
        return Opened(path, QImage(), None, str(error), "")
    if not frames or frames[0].isNull():
        return Opened(path, QImage(), None, "This file is damaged: it can't be shown.", "")
    files = list(path.iterdir()) if path.is_dir() else [path]
    size = frames[0].size()
    seconds = f"{len(frames)} frames, {len(frames) / rate:.1f} s  ·  " if len(frames) > 1 else ""
    facts = f"{size.width()} × {size.height()}  ·  {seconds}{_day(path.stat().st_mtime)}"
    facts += f"  ·  {human_size(sum(file.stat().st_size for file in files))}"
    try:
        job, problem = read_job(path), ""
    except UserError as error:
        job, problem = None, str(error)
    problem = problem or ("" if job else "It holds no settings of Gesso's.")
    return Opened(path, frames[0], job, problem, facts, tuple(frames) if len(frames) > 1 else (), rate)


def _day(time: float) -> str:
    return datetime.fromtimestamp(time).strftime("%d %b %Y, %H:%M").lstrip("0")


def _is_too_large(path: Path) -> bool:
    """Whether Qt refuses it for what it would take in memory."""
    size = QImageReader(str(path)).size()
    return size.isValid() and size.width() * size.height() * 4 > QImageReader.allocationLimit() * 2**20


def in_words(job: PictureJob) -> dict[str, str]:
    """The settings that made the picture, by the names that the forms give them. Empty ones are left out."""
    return {name: value for name, value in _all(job).items() if value}


def not_taken(found: FoundSettings) -> list[str]:
    """A sentence on what another program's picture says that has no place here; none where all has."""
    names = list(dict(found.unread))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"Not taken over: {', '.join(names[:NAMED])}{more}."] if names else []


def differences(first: PictureJob, second: PictureJob) -> dict[str, tuple[str, str]]:
    """What each says where they differ; a dash where one says nothing."""
    one, other = _all(first), _all(second)
    return {
        name: (one.get(name) or "–", other.get(name) or "–")
        for name in NAMES
        if (one.get(name) or "") != (other.get(name) or "")
    }


def _all(job: PictureJob) -> dict[str, str]:
    return _of_video(job) if isinstance(job, VideoJob) else _of_picture(job)


def _of_video(job: VideoJob) -> dict[str, str]:
    return {
        "Model": Path(job.model).name,
        "From picture": Path(job.picture).name,
        "Size": f"{job.size.width} × {job.size.height}" if job.size else "",
        "Seed": str(job.seed),
        "Steps": str(job.sampling.steps),
        "Sampler": _known(job.sampling.sampler),
        "Frames": str(job.frames or ""),
        "Frame rate": str(job.motion.fps),
        "Motion": str(job.motion.bucket),
        "Guidance": f"{job.guidance.first:g} to {job.guidance.last:g}",
        "Noise on it": f"{job.motion.noise:g}",
        "Precision": _known(job.hardware.precision),
    }


def _of_picture(job: GenerateJob) -> dict[str, str]:
    sampling, source, second, near = job.sampling, job.source, job.second_pass, job.variation
    return {
        PROMPT: job.prompt,
        NEGATIVE: job.negative,
        "Model": Path(job.model).name,
        "LoRA": ", ".join(f"{Path(use.name).name} at {use.weight:g}" for use in job.loras),
        "From picture": f"{Path(source.path).name} at {source.strength:g}" if source else "",
        "Repainted": _mask_in_words(source) if source else "",
        "Size": f"{job.size.width} × {job.size.height}" if job.size else "",
        "Seed": str(job.seed),
        "Variation": f"of seed {near.seed}, {near.strength:g}" if near else "",
        "Clip skip": str(sampling.clip_skip) if sampling.clip_skip != 1 else "",
        "Second pass": f"× {second.scale:g} at {second.strength:g}" if second else "",
        "Steps": str(sampling.steps),
        "Guidance": f"{sampling.guidance:g}",
        "Sampler": _known(sampling.sampler),
        "Eta": f"{sampling.eta_or_usual:g}" if sampling.sampler in USUAL_ETA else "",
        "Guidance rescale": f"{sampling.guidance_rescale:g}" if sampling.guidance_rescale else "",
        "Emphasis": _known(sampling.emphasis) if sampling.emphasis != "original" else "",
        "Spacing": _known(sampling.spacing),
        "Noise": _known(sampling.noise) if sampling.noise != "cpu" else "",
        "Compatibility": _known(sampling.compatibility),
        "Precision": _known(job.hardware.precision),
    }


def _known(value: str) -> str:
    return choice_in_words(value)


def _mask_in_words(source: SourcePicture) -> str:
    if source.mask is None:
        return ""
    where = "all but a part" if source.mask.inverted else "a part"
    return f"{where}, its region alone" if source.mask.only_masked else where


NAMES = tuple(dict.fromkeys((*_of_picture(GenerateJob()), *_of_video(VideoJob(model="-", picture="-")))))
"""All that a picture may say, in the order in which it stands."""
