"""Examples: the pictures of a job, checked, placed in buckets and counted out by their repeats."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from trainer.contract.run import Run
from trainer.contract.train import TrainJob
from trainer.dataset.buckets import Buckets, Placement, buckets_for, fit
from trainer.dataset.captions import alternatives, with_prefix
from trainer.dataset.check import Examined, check, require_usable
from trainer.dataset.pictures import Size, load
from trainer.models.family import Bundle, Framing


@dataclass(frozen=True)
class Examples:
    """What a run trains on. `subject` holds a picture as often as it is repeated, `prior` each class picture once."""

    subject: tuple[Examined, ...]
    prior: tuple[Examined, ...]
    buckets: Buckets

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """Every picture's relative path with a hash of its bytes and caption, to notice changes before resuming."""
        pictures = [("", one) for one in dict.fromkeys(self.subject)] + [("class/", one) for one in self.prior]
        return {f"{prefix}{one.item.relative}": _short_hash(one) for prefix, one in pictures}


def gather(job: TrainJob, bundle: Bundle, run: Run) -> Examples:
    """Check the job's folders, name every bad file, and go on with the rest. Raises UserError if nothing is left."""
    buckets = buckets_for(job.data, Size(*bundle.default_size), bundle.size_step)
    subject = _checked(Path(job.data.folder), buckets, run)
    repeated = tuple(one for one in subject for _ in range(one.item.repeats * job.data.repeats))
    prior: tuple[Examined, ...] = ()
    if job.data.prior is not None:
        prior = _checked(Path(job.data.prior.folder), buckets, run)
        prior = tuple(one if one.caption else replace(one, caption=job.data.prior.caption) for one in prior)
    return Examples(repeated, prior, buckets)


def captions_of(one: Examined, prefix: str) -> Sequence[str]:
    """Every caption that training may show for a picture, as long as tags are not shuffled."""
    return [with_prefix(words, prefix) for words in alternatives(one.caption)]


def pixels(one: Examined, placement: Placement, flip: bool) -> Tensor:
    """[3, H, W] float32 in [-1, 1]: the picture as it fills its bucket."""
    return to_tensor(_mirrored(fit(load(one.item.path), placement), flip))


def piece(one: Examined, placement: Placement, chance: random.Random) -> Placement:
    """Where a random part of the picture lies at its own scale; pictures that are too small are enlarged to fit."""
    (width, height), size = one.size, placement.bucket_size
    if width < size.width or height < size.height:
        return placement
    left = chance.randint(0, width - size.width)
    top = chance.randint(0, height - size.height)
    return Placement(size, one.size, (left, top, left + size.width, top + size.height))


def framing(one: Examined, placement: Placement, flip: bool) -> Framing:
    """What a model that was trained on it is told of a picture: the size of the file's, and where in the scaled and
    mirrored picture the crop begins (Podell et al. 2023, arXiv 2307.01952, algorithm 1)."""
    left, top, right, _ = placement.crop_box
    across = placement.resized_size.width - right if flip else left
    return Framing(original=one.size, crop=(across, top), target=placement.bucket_size)


def to_tensor(picture: Image.Image) -> Tensor:
    """RGB 8-bit to [3, H, W] float32 in [-1, 1]."""
    array = np.asarray(picture, dtype=np.float32) / 127.5 - 1
    return torch.from_numpy(array).permute(2, 0, 1).contiguous()


def _mirrored(picture: Image.Image, flip: bool) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else picture


def _short_hash(one: Examined) -> str:
    return hashlib.sha256(f"{one.content_hash}\n{one.caption}".encode()).hexdigest()[:16]


def _checked(folder: Path, buckets: Buckets, run: Run) -> tuple[Examined, ...]:
    def watch(done: int, total: int) -> None:
        run.check()
        if done == total or done % 50 == 0:
            run.progress(f"checking pictures in {folder.name}", done, total)

    report = check(folder, buckets=buckets, watch=watch)
    good = require_usable(report)
    for finding in report.findings:
        if finding.severity == "bad":
            run.warn(f"{finding.path.name} is left out: {finding.reason}", finding.fix)
    uncaptioned = sum(1 for one in good if not one.caption)
    if uncaptioned:
        run.warn(f"{uncaptioned} of {len(good)} pictures in {folder.name} have no caption.", "Write captions for them.")
    return good
