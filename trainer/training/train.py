"""A training job from its form to its file: everything around the loop."""

import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from trainer.contract import events
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.jobfile import read_job
from trainer.contract.run import Run
from trainer.contract.train import TrainJob
from trainer.files import sha256
from trainer.home import Home
from trainer.library.install import install
from trainer.training.checkpoint import (
    Checkpoint,
    newest_valid,
    require_same_data,
    require_same_job,
    save_checkpoint,
)
from trainer.training.feed import Feed, store_folder
from trainer.training.loop import Loop
from trainer.training.metadata import file_metadata
from trainer.training.samples import make_samples
from trainer.training.setup import Setup, opened, set_up, training_mode
from trainer.training.store import TensorStore


def train(job: TrainJob, run: Run, home: Home) -> tuple[Path, ...]:
    """Train from the start, or from the newest valid checkpoint in the run's folder; return the finished files.

    Raises UserError, or Cancelled after writing a checkpoint. `run.folder` must be set.
    """
    started = time.time()
    bundle = opened(job, run, home)
    with set_up(job, bundle, run) as setup, TensorStore(store_folder(home.cache)) as store:
        feed = Feed(job, bundle, setup.method, setup.examples, store)
        feed.prepare(run)
        work = _Training(setup, run, home, feed, setup.optimizer())
        work.go()
        return work.finish(started)


def resume(run: Run, home: Home) -> tuple[Path, ...]:
    """Go on with the run in `run.folder`."""
    assert run.folder is not None
    job = read_job(run.folder / "job.toml")
    if not isinstance(job, TrainJob):
        raise UserError(f"The run in {run.folder} is no training.", "Only training runs can be resumed.")
    return train(job, run, home)


@dataclass
class _Training:
    """One run with everything in place."""

    setup: Setup
    run: Run
    home: Home
    feed: Feed
    optimizer: Optimizer
    step: int = field(default=0, init=False)
    """Optimizer steps done."""

    @property
    def job(self) -> TrainJob:
        return self.setup.job

    @property
    def folder(self) -> Path:
        assert self.run.folder is not None
        return self.run.folder

    def go(self) -> None:
        # before the checkpoint is loaded: it brings the rates of its own step, and the schedule counts from the job's
        setup = self.setup
        loop = Loop(setup.job, setup.method, self.feed, self.optimizer, setup.accelerator, self.run, self._at_step)
        self._restore()
        setup.prepare_networks()
        if self.step == 0:
            self._sample()
        with training_mode(self.optimizer):
            try:
                loop.train(self.step)
            except Cancelled:
                self._save_checkpoint()
                raise

    def finish(self, started: float) -> tuple[Path, ...]:
        """Write the finished file into the run's folder, and offer it in the library under its name."""
        self.run.status("saving")
        output = self.folder / "output"
        try:
            metadata = file_metadata(
                self.job, self.setup.bundle, self.setup.examples, self.model_hash, self.step, started, time.time()
            )
            output.mkdir(parents=True, exist_ok=True)
            path = self.setup.method.save(output, metadata, self.feed.batch)
        except BaseException:
            self._save_checkpoint()  # a full disk must not cost the training
            raise
        self.run.emit(events.Saved(what="output", path=str(path)))
        installed = install(path, self.home, how="link", on_clash="keep_both")
        self.run.emit(events.Saved(what="model", path=str(installed.path)))
        return path, installed.path

    def _restore(self) -> None:
        checkpoint, damaged = newest_valid(self.folder / "checkpoints")
        instead = "An older one is used." if checkpoint else "There is no sound one, so the training begins anew."
        for path in damaged:
            self.run.warn(f"The checkpoint {path.name} is damaged and was passed over.", instead)
        if checkpoint is None:
            return
        require_same_job(checkpoint.job, self._identity())
        require_same_data(checkpoint.data, self.setup.examples.fingerprint)
        self.setup.method.load_state(checkpoint.weights)
        self.optimizer.load_state_dict(dict(checkpoint.optimizer))
        _lay_out_alike(self.optimizer)
        if self.setup.accelerator.scaler is not None and checkpoint.scaler:
            self.setup.accelerator.scaler.load_state_dict(dict(checkpoint.scaler))
        self.step = checkpoint.step
        self.run.status(f"resuming after step {self.step}")

    def _at_step(self, step: int) -> None:
        self.step = step
        every = self.job.samples.every
        if every and (step % every == 0 or step == self.job.steps.total):
            self._sample()
        every = self.job.output.checkpoint_every
        if every and (step % every == 0 or step == self.job.steps.total):  # the last one so that it can be extended
            self._save_checkpoint()

    def _sample(self) -> None:
        if not self.job.samples.every or not self.job.samples.prompts:
            return
        with self.setup.drawing(self.optimizer):
            make_samples(self.job, self.setup.bundle, self.run, self.folder / "samples", self.step)

    @cached_property
    def model_hash(self) -> str:
        """Hex SHA-256 of the model's file; empty for folders and blank models."""
        return sha256(self.setup.bundle.source) if self.setup.bundle.source.is_file() else ""

    def _identity(self) -> dict[str, Any]:
        """What a run must have in common with the one it resumes: the job, and the very model that it names."""
        return {**self.job.model_dump(mode="json"), "the model's contents": self.model_hash}

    def _save_checkpoint(self) -> None:
        if self.step == 0:
            return
        scaler = self.setup.accelerator.scaler
        path = save_checkpoint(
            self.folder / "checkpoints",
            Checkpoint(
                step=self.step,
                weights=self.setup.method.state(),
                optimizer=self.optimizer.state_dict(),
                job=self._identity(),
                data=self.setup.examples.fingerprint,
                scaler=scaler.state_dict() if scaler is not None else {},
            ),
            self.job.output.keep_checkpoints,
        )
        self.run.emit(events.Saved(what="checkpoint", path=str(path)))


def _lay_out_alike(optimizer: Optimizer) -> None:
    """Bring loaded state into the memory layout of its parameter: fused optimizers pair numbers by their place in
    memory, and a checkpoint knows nothing of channels_last."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
