"""Small pictures as Gesso writes them, made quickly."""

import json
import os
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from trainer.contract.generate import GenerateJob
from trainer.contract.jobfile import FORMAT


def write_png(path: Path, job: GenerateJob | None = None, *, age: int = 0, side: int = 16) -> Path:
    """A PNG with its job inside, `age` seconds older than the others."""
    chunks = PngInfo()
    if job is not None:
        chunks.add_itxt("gesso", json.dumps({"format": FORMAT, **job.model_dump(mode="json")}, ensure_ascii=False))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (200, 90, 40)).save(path, pnginfo=chunks)
    when = 1_790_000_000 - age
    os.utime(path, (when, when))
    return path


def write_foreign(path: Path, settings: str = "Steps: 31, Sampler: Euler a, Seed: 77, Size: 512x768") -> Path:
    """A PNG as A1111 writes it."""
    chunks = PngInfo()
    chunks.add_text("parameters", f"a fox\nNegative prompt: blurry\n{settings}")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (40, 90, 200)).save(path, pnginfo=chunks)
    return path
