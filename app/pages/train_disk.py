"""What the page Train reads from disk, in threads of the pool: pictures, a model's size, earlier runs."""

import json
import shutil
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtGui import QImage

from app.errand import Errand
from app.pictures import read_image
from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.train import Data, TrainJob
from trainer.dataset.buckets import buckets_for
from trainer.dataset.check import Examined, Report, check
from trainer.dataset.pictures import Size
from trainer.engine import runs
from trainer.home import Home
from trainer.library.header import read_header
from trainer.library.identity import ModelFamily
from trainer.library.index import Entry

THUMBNAILS = 6
"""So many of the first pictures are shown."""


@dataclass(frozen=True)
class ModelSize:
    """What a model trains at, in pixels; sides of buckets are multiples of `step`. (512, 512, 64) is SD 1.5's."""

    width: int = 512
    height: int = 512
    step: int = 64


@dataclass(frozen=True)
class Looked:
    """The pictures of a job as they are on disk: the check of each folder, and the first pictures, small."""

    report: Report
    prior: Report | None
    thumbnails: tuple[QImage, ...]
    size: ModelSize
    area: int
    """Pixels that a picture is trained at."""
    free: int
    """Bytes free on the disk of the runs."""

    @property
    def small(self) -> tuple[Examined, ...]:
        """The pictures that have fewer pixels than that."""
        return tuple(one for one in self.report.examined if one.size.width * one.size.height < self.area)

    @property
    def without_caption(self) -> tuple[Examined, ...]:
        return tuple(one for one in self.report.examined if not one.caption.strip())


def look(data: Data, entry: Entry | None, runs_folder: Path, thumbnail: int, errand: Errand) -> Looked:
    """Look at a job's folders, in a thread of the pool. Raises UserError where there is no such folder."""
    size = size_of(entry) if entry is not None else ModelSize()
    buckets = buckets_for(data, Size(size.width, size.height), size.step)

    def watch(done: int, total: int) -> None:
        errand.check()
        errand.progress(done, total)

    report = check(Path(data.folder), buckets=buckets, masks=data.masks, watch=watch)
    prior = None
    if data.prior is not None:
        prior = check(Path(data.prior.folder), buckets=buckets, masks=data.masks, watch=watch)
    first = [read_image(item.path, thumbnail) for item in report.usable[:THUMBNAILS]]
    images = tuple(image for image in first if not image.isNull())
    return Looked(report, prior, images, size, buckets.max_area, _free(runs_folder))


def _free(folder: Path) -> int:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return shutil.disk_usage(existing).free


def size_of(entry: Entry) -> ModelSize:
    """As the engine takes it when it opens the model (trainer/models/checkpoint.py), read from the header alone."""
    identity = entry.identity
    usual = 768 if identity and identity.family == ModelFamily.SD2 and identity.prediction == "v_prediction" else 512
    if entry.is_folder:
        return _size_of_folder(entry.path, usual)
    header = read_header(entry.path)
    width, _, height = header.metadata.get("modelspec.resolution", "").partition("x")
    side = int(width) if width.isdigit() and width == height else usual
    halvings = sum(name.endswith((".0.op.weight", ".downsample.conv.weight")) for name in header.tensors)
    in_vae = sum("decoder" not in name and name.endswith(".downsample.conv.weight") for name in header.tensors)
    return ModelSize(side, side, 2**halvings if in_vae and halvings > in_vae else 64)


def _size_of_folder(folder: Path, usual: int) -> ModelSize:
    try:
        side = int(json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8"))["sample_size"]) * 8
    except (OSError, ValueError, KeyError, TypeError):
        side = usual
    return ModelSize(side, side)


@dataclass(frozen=True)
class Earlier:
    """A run that is on disk already. `pace` is the median of the pictures per second that it told, 0 if none."""

    folder: Path
    job: TrainJob
    state: runs.State
    step: int
    total: int
    pace: float
    can_go_on: bool


def earlier_runs(home: Home, errand: Errand) -> tuple[Earlier, ...]:
    """The runs of the user's folder, newest first; what is no run any more is passed over."""
    found: list[Earlier] = []
    for folder in runs.run_folders(home):
        errand.check()
        try:
            job = runs.job_of(folder)
        except UserError:
            continue
        told = tuple(runs.events_of(folder))
        summary = runs.summary(folder, told)
        can_go_on = summary.state in ("stopped", "interrupted") and runs.resumable(folder)
        total = summary.total or job.steps.total
        found.append(Earlier(folder, job, summary.state, summary.step, total, _pace(told), can_go_on))
    return tuple(found)


def _pace(told: Iterable[events.Event]) -> float:
    said = [event.pictures_per_second for event in told if isinstance(event, events.Step)]
    paces = [pace for pace in said if pace]
    return statistics.median(paces) if paces else 0.0


def seconds_for(job: TrainJob, earlier: tuple[Earlier, ...]) -> float | None:
    """How long the steps will take, going by the newest run that was alike; None where there was none."""
    for run in earlier:
        if run.pace and _weight_of(run.job) == _weight_of(job):
            pictures = job.steps.total * job.steps.batch_size * job.steps.accumulation * (2 if job.data.prior else 1)
            return pictures / run.pace
    return None


def _weight_of(job: TrainJob) -> tuple[object, ...]:
    """What decides how long a picture takes."""
    return job.model, job.method.kind, job.data.resolution, job.hardware, job.steps.gradient_checkpointing


@dataclass(frozen=True)
class Past:
    """A run that was begun earlier: its job, and the steps, pictures and warnings that it told so far."""

    folder: Path
    job: TrainJob
    told: tuple[events.Event, ...]
    state: runs.State
    can_go_on: bool


def past_of(folder: Path, _errand: Errand) -> Past:
    """Raises UserError when it is no run folder any more."""
    job = runs.job_of(folder)
    said = tuple(runs.events_of(folder))
    told = tuple(event for event in said if isinstance(event, events.Step | events.Sample))
    state = runs.summary(folder, said).state
    return Past(folder, job, told, state, state in ("stopped", "interrupted", "failed") and runs.resumable(folder))
