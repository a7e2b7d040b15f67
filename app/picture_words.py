"""One picture opened to be looked at: its pixels, its settings in words, and in what two of them differ."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtGui import QImage, QImageReader

from app.errand import Errand
from app.forms.editors import CHOICES
from app.pictures import read_image, read_job
from trainer.contract.common import USUAL_ETA
from trainer.contract.errors import UserError
from trainer.contract.found_settings import FoundSettings
from trainer.contract.generate import GenerateJob
from trainer.files import human_size

LARGEST = 2048
"""Pixels of the longer side that are shown: more than a screen has, less than makes painting slow."""

NAMED = 8
"""Settings of another program that are named when they have no place here."""

PROMPT, NEGATIVE = "Prompt", "Not in the picture"


@dataclass(frozen=True)
class Opened:
    """A picture file as it was found. `image` is null when it can't be shown. `problem`: why, or why no settings."""

    path: Path
    image: QImage
    job: GenerateJob | None
    problem: str
    facts: str
    """Size in pixels, date and size on disk."""


def open_picture(path: Path, _errand: Errand | None = None) -> Opened:
    """Read all of it; to be called in a thread of the pool."""
    image = read_image(path, LARGEST)
    try:
        state = path.stat()
    except OSError:
        return Opened(path, QImage(), None, "The file is gone. It may have been moved or deleted.", "")
    if image.isNull() and _is_too_large(path):
        return Opened(path, image, None, "This picture is too large to be shown here.", human_size(state.st_size))
    if image.isNull():
        return Opened(path, image, None, "This file is damaged: it can't be shown.", human_size(state.st_size))
    size = QImageReader(str(path)).size()
    made = datetime.fromtimestamp(state.st_mtime).strftime("%d %b %Y, %H:%M").lstrip("0")
    facts = f"{size.width()} × {size.height()}  ·  {made}  ·  {human_size(state.st_size)}"
    try:
        job = read_job(path)
    except UserError as error:
        return Opened(path, image, None, str(error), facts)
    return Opened(path, image, job, "" if job else "This picture holds no settings of Gesso's.", facts)


def _is_too_large(path: Path) -> bool:
    """Whether Qt refuses it for what it would take in memory."""
    size = QImageReader(str(path)).size()
    return size.isValid() and size.width() * size.height() * 4 > QImageReader.allocationLimit() * 2**20


def in_words(job: GenerateJob) -> dict[str, str]:
    """The settings that made the picture, by the names that the forms give them. Empty ones are left out."""
    return {name: value for name, value in _all(job).items() if value}


def not_taken(found: FoundSettings) -> list[str]:
    """A sentence on what another program's picture says that has no place here; none where all has."""
    names = list(dict(found.unread))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"Not taken over: {', '.join(names[:NAMED])}{more}."] if names else []


def differences(first: GenerateJob, second: GenerateJob) -> dict[str, tuple[str, str]]:
    """What each says where they differ; a dash where one says nothing."""
    one, other = _all(first), _all(second)
    return {name: (one[name] or "–", other[name] or "–") for name in one if one[name] != other[name]}


def _all(job: GenerateJob) -> dict[str, str]:
    sampling = job.sampling
    return {
        PROMPT: job.prompt,
        NEGATIVE: job.negative,
        "Model": Path(job.model).name,
        "LoRA": ", ".join(f"{Path(use.name).name} at {use.weight:g}" for use in job.loras),
        "Size": f"{job.size.width} × {job.size.height}" if job.size else "",
        "Seed": str(job.seed),
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
    return CHOICES.get(value, value)


NAMES = tuple(_all(GenerateJob()))
"""All that a picture may say, in the order in which it stands."""
