"""What the page Train reads from disk, in threads of the pool: pictures, a model's size, earlier runs."""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal
from PySide6.QtGui import QImage

from app.pictures import read_image
from trainer.contract import events
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.train import Data, TrainJob
from trainer.dataset.buckets import Buckets, make_bucket_resolutions
from trainer.dataset.check import Report, check
from trainer.dataset.pictures import Size
from trainer.engine import runs
from trainer.home import Home
from trainer.library.header import read_header
from trainer.library.identity import ModelFamily
from trainer.library.index import Entry

THUMBNAILS = 6
"""So many of the first pictures are shown."""


class Told(QObject):
    """Carries what was read to the GUI thread."""

    done = Signal(object)
    failed = Signal(str)
    progress = Signal(int, int)


class Reading(QRunnable):
    """Reads something, and tells of it. Reading that is no longer wanted raises Cancelled and says nothing."""

    def __init__(self, read: Callable[[], object], told: Told) -> None:
        super().__init__()
        self._read, self._told = read, told

    def run(self) -> None:
        try:
            found = self._read()
        except Cancelled:
            return
        except (UserError, OSError) as error:
            self._told.failed.emit(str(error))
        else:
            self._told.done.emit(found)


def in_pool(read: Callable[[], object], told: Told) -> None:
    QThreadPool.globalInstance().start(Reading(read, told))


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


class Look:
    """One look at a job's folders, to be called in a thread. `stop` makes it end at the next picture."""

    def __init__(self, data: Data, entry: Entry | None, thumbnail: int, told: Told) -> None:
        self._data, self._entry, self._thumbnail, self._told = data, entry, thumbnail, told
        self._unwanted = False

    def stop(self) -> None:
        self._unwanted = True

    def __call__(self) -> Looked:
        size = size_of(self._entry) if self._entry is not None else ModelSize()
        buckets = buckets_of(self._data, size)
        report = check(Path(self._data.folder), buckets=buckets, watch=self._watch)
        prior = None
        if self._data.prior is not None:
            prior = check(Path(self._data.prior.folder), buckets=buckets, watch=self._watch)
        first = [read_image(item.path, self._thumbnail) for item in report.usable[:THUMBNAILS]]
        return Looked(report, prior, tuple(image for image in first if not image.isNull()), size)

    def _watch(self, done: int, total: int) -> None:
        if self._unwanted:
            raise Cancelled
        if done % 20 == 0 or done == total:
            self._told.progress.emit(done, total)


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


def buckets_of(data: Data, size: ModelSize) -> Buckets:
    """The buckets that the training will use (trainer/training/examples.py has the same rule beside torch)."""
    width, height = (data.resolution.width, data.resolution.height) if data.resolution else (size.width, size.height)
    step = data.bucket_step or size.step
    if not data.buckets or data.crop == "piece":
        return Buckets((Size(width, height),), step, width * height)
    sizes = make_bucket_resolutions(Size(width, height), min(width, height) // 2, max(width, height) * 2, step)
    return Buckets(sizes, step, width * height, no_upscale=not data.enlarge)


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


def earlier_runs(home: Home) -> tuple[Earlier, ...]:
    """The runs of the user's folder, newest first; what is no run any more is passed over."""
    found: list[Earlier] = []
    for summary in runs.list_runs(home):
        try:
            job = runs.job_of(summary.folder)
        except UserError:
            continue
        can_go_on = summary.state in ("stopped", "interrupted") and runs.resumable(summary.folder)
        found.append(
            Earlier(
                summary.folder, job, summary.state, summary.step, summary.total or job.steps.total,
                _pace(summary.folder), can_go_on,
            )
        )  # fmt: skip
    return tuple(found)


def _pace(folder: Path) -> float:
    said = [event.pictures_per_second for event in runs.events_of(folder) if isinstance(event, events.Step)]
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
    """A run that is to go on: its job, and the steps and pictures that it told so far."""

    folder: Path
    job: TrainJob
    told: tuple[events.Event, ...]


def past_of(folder: Path) -> Past:
    """Raises UserError when it is no run folder any more."""
    job = runs.job_of(folder)
    told = tuple(event for event in runs.events_of(folder) if isinstance(event, events.Step | events.Sample))
    return Past(folder, job, told)
