"""The health check of ten thousand pictures: the first time, and when all of them are known."""

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from tests.benchmarks.record import Record
from trainer.dataset.health import examine
from trainer.dataset.items import scan

pytestmark = pytest.mark.benchmark

COUNT, DRAWN = 10_000, 400
"""How many pictures, and how many of them are drawn. The others are the same with some bytes behind, which no decoder
reads: each is another file, and costs as much to look at."""


def test_ten_thousand_pictures(tmp_path: Path, record: Record) -> None:
    """JPEG (four of five) and PNG of a million pixels, each with a caption of tags."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    numbers = np.random.default_rng(1)
    for number in range(DRAWN):
        suffix, picture = ("jpg" if number % 5 else "png"), drawn(numbers)
        picture.save(folder / f"{number:05d}.{suffix}", quality=85, compress_level=1)
        data = (folder / f"{number:05d}.{suffix}").read_bytes()
        for copy in range(number + DRAWN, COUNT, DRAWN):
            (folder / f"{copy:05d}.{suffix}").write_bytes(data + b"%d" % copy)
    for number in range(COUNT):
        tags = ", ".join(f"tag {tag}" for tag in numbers.integers(0, 400, 12))
        (folder / f"{number:05d}.txt").write_text(tags, encoding="utf-8")
    dataset = scan(folder)
    figures: dict[str, list[float]] = {}
    for name in ("first", "again"):
        begun = time.perf_counter()
        report = examine(dataset, cache=tmp_path / "cache")
        figures[name] = [time.perf_counter() - begun]
        assert not any(look.problem for look in report.looks)
    record.seconds("health of 10,000 pictures", figures, "the first time under 60 s, again under 5 s")


def drawn(numbers: np.random.Generator) -> Image.Image:
    """Shapes on a soft ground: 1152 x 896 pixels."""
    ground = numbers.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    picture = Image.fromarray(ground).resize((1152, 896), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y, size = numbers.integers(0, 1100), numbers.integers(0, 850), numbers.integers(20, 260)
        colour = tuple(int(value) for value in numbers.integers(0, 256, 3))
        pen.ellipse((int(x), int(y), int(x + size), int(y + size)), fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(0.7))
