"""From the command to the first sign of work: the first training step, the first preview."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.benchmarks.conftest import ROOT
from tests.benchmarks.record import ROUNDS, Record
from trainer.home import RESOURCES, Home

pytestmark = pytest.mark.benchmark

DATASET = RESOURCES / "sample-dataset"
TIMES = min(ROUNDS, 3)
IN_FP32 = ("--set", "hardware.precision=fp32", "--set", "hardware.device=cpu")


def test_first_training_step(model: Path, home: Home, record: Record) -> None:
    """With nothing encoded yet, with everything in the cache, and the example of diffusers."""
    command = _train(model, home)
    cold = [_seconds_until("step", command)]
    warm: list[float] = []
    example: list[float] = []
    for _ in range(TIMES):
        warm.append(_seconds_until("step", command))
        theirs = [sys.executable, "-m", "tests.benchmarks.diffusers_example", str(model), str(DATASET)]
        example.append(_seconds_until("", theirs))
    figures = {"ours, nothing encoded": cold, "ours, encoded before": warm, "the diffusers example": example}
    record.seconds("command to first training step", figures)


def test_first_preview(model: Path, home: Home, record: Record) -> None:
    """Of a generation: the picture while it forms. Of a training: its first sample, made before the first step.

    No program that runs in one process can be quicker than its import of diffusers' pipeline.
    """
    generate = ["generate", "--model", str(model), "--prompt", "a red fox", "--steps", "20"]
    sampled = (
        "--set",
        "samples.every=1",
        "--set",
        'samples.prompts=["a red fox"]',
        "--set",
        "samples.sampling.steps=10",
    )
    train = _train(model, home, "--set", "steps.total=1", *sampled)
    figures: dict[str, list[float]] = {"generation": [], "training": [], "diffusers imported": []}
    for _ in range(TIMES):
        figures["generation"].append(_seconds_until("preview", _ours(home, *generate)))
        figures["training"].append(_seconds_until("sample", train))
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "from diffusers import StableDiffusionPipeline"], cwd=ROOT, check=True)
        figures["diffusers imported"].append(time.perf_counter() - begun)
    record.seconds("command to first preview", figures)


def _ours(home: Home, verb: str, *arguments: str) -> list[str]:
    return [sys.executable, "main.py", verb, "--home", str(home.root), "--json", *arguments]


def _train(model: Path, home: Home, *more: str) -> list[str]:
    job = ["--model", str(model), "--dataset", str(DATASET), "--method", "lora", "--steps", "2", "--output", "speed"]
    return _ours(home, "train", *job, *IN_FP32, "--set", "steps.batch_size=4", *more)


def _seconds_until(kind: str, command: Sequence[str]) -> float:
    """Until the first event of a kind stands on stdout, or the first line at all where `kind` is empty."""
    begun = time.perf_counter()
    found: float | None = None
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if found is None and (not kind or json.loads(line)["kind"] == kind):
                found = time.perf_counter() - begun
    assert process.returncode == 0, command
    assert found is not None, command
    return found
