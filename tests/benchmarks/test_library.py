"""Listing a thousand model files: the first time, when every header is read, and the second."""

import json
import subprocess
import sys
import time

import pytest

from tests.benchmarks.conftest import ROOT
from tests.benchmarks.record import Record
from tests.library import layouts
from trainer.home import Home

pytestmark = pytest.mark.benchmark

AGAIN = 5


def test_listing_a_thousand_models(home: Home, record: Record) -> None:
    """Files of full size, of which only the headers take up disk. The times hold the start of Python."""
    kinds = [
        ("checkpoints", layouts.sd1(), 100),
        ("checkpoints", layouts.sd2(), 100),
        ("checkpoints", layouts.sdxl(), 100),
        ("loras", layouts.kohya_lora(layouts.lora_modules(768)), 700),
    ]
    wanted: list[str] = ["starter", "video-starter"]  # ships with Gesso
    for place, (folder, shapes, count) in enumerate(kinds):
        for number in range(count):
            path = home.models / folder / f"model-{place}-{number:03d}.safetensors"
            layouts.write_header_only(path, shapes)
            wanted.append(path.stem)

    first, listed = _list(home)
    assert sorted(str(entry["name"]) for entry in listed) == sorted(wanted)
    again: list[float] = []
    for _ in range(AGAIN):
        seconds, same = _list(home)
        assert same == listed
        again.append(seconds)
    record.seconds("models list of 1,000 files", {"first": [first], "second": again}, "second under 1 s")


def _list(home: Home) -> tuple[float, list[dict[str, object]]]:
    command = [sys.executable, "main.py", "models", "list", "--json", "--home", str(home.root)]
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begun
    return seconds, [json.loads(line) for line in done.stdout.splitlines()]
