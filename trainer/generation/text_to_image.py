"""GenerateJob: prompts to picture files, with progress, previews and a real cancel."""

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from torch import Tensor

from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.run import Run
from trainer.files import PARTIAL_PREFIX, require_room, said_as_user_error
from trainer.generation.embeddings import Embeddings
from trainer.generation.guidance import Asked
from trainer.generation.job_prompts import chosen_loras, kept_or_encoded, say_unread_names, weighed
from trainer.generation.metadata import picture_job, short_name, write_picture
from trainer.generation.pipeline import require_size, sample, to_pictures
from trainer.generation.preview import Previews
from trainer.home import Home
from trainer.library.index import Index
from trainer.models.family import Bundle, Conditioning
from trainer.models.lora_file import merged

_SEEDS = 2**63
"""Seeds are below this; counting on from the last one begins again at 0."""


def generate(job: GenerateJob, run: Run, home: Home, bundle: Bundle) -> tuple[Path, ...]:
    """Make the pictures of a job with an opened model, save them as PNG and return their paths, in order.

    Picture number i (from 0) has seed + i and comes out the same whatever the batch size, but for rounding in the
    networks. Raises Cancelled at the next step when the user stops, leaving only pictures that were complete; raises
    UserError before any work when the size, a LoRA or the folder won't do, and in place of a black picture when numbers
    stop being finite.
    """
    run.check()
    size = (job.size.width, job.size.height) if job.size else bundle.default_size
    require_size(bundle, size)
    folder = Path(job.output).expanduser().absolute() if job.output else home.outputs / date.today().isoformat()
    _require_folder(folder, room=job.count * size[0] * size[1] * 3)
    index = Index(home)
    loras = chosen_loras(job, index, run)
    asked = Asked.of(job.prompt, job.negative, job.sampling)
    has_words = any(text.strip() for text in asked.all_texts)
    embeddings = Embeddings(bundle, index.models().entries if has_words else ())
    say_unread_names(asked, embeddings, run)
    with merged(bundle, weighed(loras)):
        encoded = kept_or_encoded(job, bundle, asked, embeddings, loras)
        previews = Previews(run.emit, bundle.latent_to_rgb, job.previews.every)
        work = _Work(job, run, bundle, size, folder, encoded, previews, _known_hash(index, bundle))
        paths: list[Path] = []
        for first in range(0, job.count, job.batch_size):
            paths += _batch(work, first, min(job.batch_size, job.count - first))
            run.progress("pictures", len(paths), job.count)
    return tuple(paths)


@dataclass(frozen=True)
class _Work:
    job: GenerateJob
    run: Run
    bundle: Bundle
    size: tuple[int, int]
    folder: Path
    encoded: Mapping[str, Conditioning]
    previews: Previews
    model_hash: str

    @property
    def model_name(self) -> str:
        return short_name(self.bundle.source.name or self.job.model)


def _batch(work: _Work, first: int, count: int) -> list[Path]:
    """Sample pictures number `first` to `first + count - 1` side by side, and save them one by one."""
    job, run, bundle = work.job, work.run, work.bundle
    seeds = [(job.seed + first + index) % _SEEDS for index in range(count)]
    latents = sample(
        bundle,
        prompts=[job.prompt] * count,
        negatives=[job.negative] * count,
        size=work.size,
        sampling=job.sampling,
        seeds=seeds,
        on_step=_Reporter(work, first),
        encoded=work.encoded,
    )
    paths: list[Path] = []
    for seed, one in zip(seeds, latents.split(1), strict=True):
        run.check()
        (image,) = to_pictures(bundle, one)
        run.check()
        with _free_path(work.folder, seed) as path:
            own_job = picture_job(job, seed, work.size)
            write_picture(path, image, own_job, model=work.model_name, model_hash=work.model_hash)
        run.emit(events.Saved(what="picture", path=str(path)))
        paths.append(path)
    return paths


class _Reporter:
    """What happens in each step: look for a cancel, say how far it is, show a preview."""

    def __init__(self, work: _Work, first: int) -> None:
        self._run = work.run
        self._first = first
        self._steps = work.job.sampling.steps
        self._previews = work.previews
        self._batches_left = -(-(work.job.count - first) // work.job.batch_size) - 1
        self._start = time.monotonic()
        work.run.check()

    def __call__(self, index: int, clean: Tensor) -> None:
        self._run.check()
        step = index + 1
        per_step = (time.monotonic() - self._start) / step
        left = per_step * (self._steps - step + self._steps * self._batches_left)
        self._run.emit(events.Step(step=step, total=self._steps, seconds_left=round(left, 2)))
        if self._previews.due(step):
            self._previews.show(clean, self._first, step, self._steps)


def _require_folder(folder: Path, *, room: int) -> None:
    """Refuse before the work what would fail after it. Nothing is created yet."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not existing.is_dir():
        raise UserError(f"{existing} is a file, so pictures can't be put there.", "Choose a folder for them.")
    if not os.access(existing, os.W_OK):
        raise UserError(f"Pictures can't be written to {existing}.", "Choose a folder that you can write to.")
    require_room(folder, room, "the pictures")


@contextlib.contextmanager
def _free_path(folder: Path, seed: int) -> Iterator[Path]:
    """A path `00001-<seed>.png` whose number no file has, held against other processes until the block ends."""
    with said_as_user_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        number = _highest_number(folder) + 1
        while (claim := _claim(folder, number)) is None:
            number += 1
    try:
        yield folder / f"{number:05d}-{seed}.png"
    finally:
        claim.unlink(missing_ok=True)


def _claim(folder: Path, number: int) -> Path | None:
    """A mark that this number is ours; None if another process holds it, or saved a picture under it just now."""
    claim = folder / f"{PARTIAL_PREFIX}{number:05d}"
    try:
        claim.touch(exist_ok=False)
    except FileExistsError:
        return None
    if any(folder.glob(f"{number:05d}-*")):
        claim.unlink()
        return None
    return claim


def _highest_number(folder: Path) -> int:
    numbers = (re.match(r"(\d{5,9})-", name) for name in os.listdir(folder))
    return max((int(found[1]) for found in numbers if found), default=0)


def _known_hash(index: Index, bundle: Bundle) -> str:
    """The model's short hash (A1111's AutoV2) if it was ever taken; hashing it now would hold up the picture."""
    known = index.known_sha256(index.find(bundle.source)) if bundle.source.is_file() else None
    return known[:10] if known else ""
