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
from torch.nn import functional

from trainer.contract.run import Run
from trainer.contract.train import TrainJob
from trainer.dataset.buckets import Buckets, Placement, buckets_for, fit, piece_of
from trainer.dataset.captions import alternatives, with_prefix
from trainer.dataset.check import Examined, check, require_usable
from trainer.dataset.masks import mask_path, read_mask
from trainer.dataset.pictures import PictureError, Size
from trainer.dataset.recipes import prepared
from trainer.models.family import Bundle, Framing


@dataclass(frozen=True)
class Examples:
    """What a run trains on. `subject` holds a picture as often as it is repeated, `prior` each class picture once."""

    subject: tuple[Examined, ...]
    prior: tuple[Examined, ...]
    buckets: Buckets

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """Every picture's relative path with a hash of all that is trained of it, to notice changes before resuming."""
        pictures = [("", one) for one in dict.fromkeys(self.subject)] + [("class/", one) for one in self.prior]
        return {f"{prefix}{one.item.relative}": _short_hash(one) for prefix, one in pictures}


def gather(job: TrainJob, bundle: Bundle, run: Run) -> Examples:
    """Check the job's folders, name every bad file, and go on with the rest. Raises UserError if nothing is left."""
    buckets = buckets_for(job.data, Size(*bundle.default_size), bundle.size_step)
    masks = job.data.masks and job.method.kind != "autoencoder"
    subject = _checked(Path(job.data.folder), buckets, masks, run)
    repeated = tuple(one for one in subject for _ in range(one.item.repeats * job.data.repeats))
    prior: tuple[Examined, ...] = ()
    if job.data.prior is not None:
        prior = _checked(Path(job.data.prior.folder), buckets, masks, run)
        prior = tuple(one if one.caption else replace(one, caption=job.data.prior.caption) for one in prior)
    return Examples(repeated, prior, buckets)


def captions_of(one: Examined, prefix: str) -> Sequence[str]:
    """Every caption that training may show for a picture, as long as tags are not shuffled."""
    return [with_prefix(words, prefix) for words in alternatives(one.caption)]


def pixels(one: Examined, placement: Placement, flip: bool) -> Tensor:
    """[3, H, W] float32 in [-1, 1]: the picture as it fills its bucket."""
    return to_tensor(_mirrored(fit(prepared(one.item.path, one.recipe), placement), flip))


def mask_of(one: Examined, placement: Placement, flip: bool, size: tuple[int, int]) -> Tensor:
    """[1, h, w] float32 in [0, 1]: how much of each latent the picture's mask lets through, for latents of size (h, w).

    The mask goes the picture's way, recipe, bucket and mirror, and is then averaged over each latent's pixels, as in
    OneTrainer and sd-scripts. Raises PictureError if it is gone or broken.
    """
    mask = read_mask(one.item.path, one.original)
    if mask is None:
        raise PictureError(mask_path(one.item.path), "it has disappeared", "Put it back, or start a new run.")
    filling = _mirrored(fit(one.recipe(mask), placement), flip)
    weights = torch.from_numpy(np.asarray(filling, dtype=np.float32) / 255)
    return functional.adaptive_avg_pool2d(weights[None], size)


def piece(one: Examined, placement: Placement, chance: random.Random) -> Placement:
    """Where a random part of the picture lies at its own scale; pictures that are too small are enlarged to fit."""
    return piece_of(one.size, placement, chance)


def framing(one: Examined, placement: Placement, flip: bool) -> Framing:
    """What a model that was trained on it is told of a picture: its size after its recipe, and where in the scaled
    and mirrored picture the crop begins (Podell et al. 2023, arXiv 2307.01952, algorithm 1)."""
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
    parts = [one.content_hash, one.caption]
    if not one.recipe.changes_nothing:
        parts.append(repr(one.recipe))
    if one.mask_hash:
        parts.append(f"mask {one.mask_hash}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _checked(folder: Path, buckets: Buckets, masks: bool, run: Run) -> tuple[Examined, ...]:
    def watch(done: int, total: int) -> None:
        run.check()
        if done == total or done % 50 == 0:
            run.progress(f"checking pictures in {folder.name}", done, total)

    report = check(folder, buckets=buckets, masks=masks, watch=watch)
    good = require_usable(report)
    for finding in report.findings:
        if finding.severity == "bad":
            run.warn(f"{finding.path.name} is left out: {finding.reason}", finding.fix)
    uncaptioned = sum(1 for one in good if not one.caption)
    if uncaptioned:
        run.warn(f"{uncaptioned} of {len(good)} pictures in {folder.name} have no caption.", "Write captions for them.")
    return good
