"""The sheet of a grid: its pictures in rows and columns, with what differs written beside them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from trainer.contract.grid import Axis, GridJob, axis_label
from trainer.contract.jobfile import FORMAT, JOB_CHUNK
from trainer.contract.names import short_name
from trainer.files import write_atomically
from trainer.generation.metadata import COMPRESSION

LARGEST_SIDE = 16_000
"""Pixels of a sheet; beyond, its pictures are made smaller."""
LARGEST_AREA = 100_000_000
SMALLEST_CELL = 96
"""Pixels: a column narrower than this has no room for words."""

_GAP = 8
_MOST_LINES = 3
_PAPER, _INK, _FAINT = (255, 255, 255), (20, 20, 20), (110, 110, 110)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_sheet(job: GridJob, pictures: Mapping[tuple[int, int], Path], z: int) -> Image.Image:
    """The pictures by their columns and rows. Values of x stand above the columns, those of y beside the rows, that of
    z in the corner above all. Pictures are shown in their own size, or smaller where the sheet would be too large."""
    axes = [*job.axes, None, None][:3]
    columns = max(x for x, _ in pictures) + 1
    rows = max(y for _, y in pictures) + 1
    width, height = _largest(pictures.values())
    scale = _scale(columns, rows, width, height)
    width, height = max(round(width * scale), SMALLEST_CELL), max(round(height * scale), 1)
    font = ImageFont.load_default(max(14, min(width // 16, 40)))
    above = [_wrapped(words, width, font) for words in _labels(axes[0])]
    beside_width = min(max(width // 2, 120), 320) if axes[1] is not None else 0
    beside = [_wrapped(words, beside_width - _GAP, font) for words in _labels(axes[1])]
    corner = _wrapped(_labels(axes[2])[z], columns * width, font) if axes[2] is not None else ()
    line = _line_height(font)
    title = len(corner) * line + (_GAP if corner else 0)
    top = title + max(len(lines) for lines in above) * line + _GAP
    left = beside_width
    sheet = Image.new("RGB", (left + columns * (width + _GAP) + _GAP, top + rows * (height + _GAP) + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, corner, (left + _GAP, _GAP // 2), font, _FAINT)
    for x, lines in enumerate(above):
        _write(draw, lines, (left + _GAP + x * (width + _GAP), title + _GAP // 2), font, _INK)
    for y, lines in enumerate(beside):
        _write(draw, lines, (_GAP, top + y * (height + _GAP)), font, _INK)
    for (x, y), path in pictures.items():
        with Image.open(path) as image:
            shown = image.convert("RGB")
        if scale < 1:
            size = (max(round(shown.width * scale), 1), max(round(shown.height * scale), 1))
            shown = shown.resize(size, Image.Resampling.LANCZOS)
        sheet.paste(shown, (left + _GAP + x * (width + _GAP), top + y * (height + _GAP)))
    return sheet


def write_sheet(path: Path, sheet: Image.Image, job: GridJob) -> None:
    """Write a PNG atomically, with the job of the whole grid inside. Raises UserError if the disk refuses."""
    chunks = PngInfo()
    chunks.add_itxt(JOB_CHUNK, json.dumps({"format": FORMAT, **job.model_dump(mode="json")}, ensure_ascii=False))
    write_atomically(path, lambda partial: sheet.save(partial, "PNG", pnginfo=chunks, compress_level=COMPRESSION))


def _labels(axis: Axis | None) -> list[str]:
    """What is written for each value: `Guidance 7`. Without an axis there is one, and nothing to say."""
    if axis is None:
        return [""]
    if axis.search or axis.field in ("prompt", "negative"):
        return list(axis.values)
    values = map(short_name, axis.values) if axis.field == "model" or axis.field.endswith(".name") else axis.values
    return [f"{axis_label(axis)} {value}" for value in values]


def _largest(paths: Iterable[Path]) -> tuple[int, int]:
    sizes: list[tuple[int, int]] = []
    for path in paths:
        with Image.open(path) as image:
            sizes.append(image.size)
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _scale(columns: int, rows: int, width: int, height: int) -> float:
    whole_width, whole_height = columns * width, rows * height
    by_area = (LARGEST_AREA / (whole_width * whole_height)) ** 0.5
    return min(1.0, LARGEST_SIDE / whole_width, LARGEST_SIDE / whole_height, by_area)


def _wrapped(words: str, width: int, font: Font) -> tuple[str, ...]:
    """Lines that fit the width, `_MOST_LINES` at most: what is left out ends in an ellipsis."""
    lines: list[str] = []
    rest = " ".join(words.split())
    while rest and len(lines) < _MOST_LINES:
        fits = _fitting(rest, width, font)
        space = rest.rfind(" ", 0, fits + 1)
        cut = fits if fits >= len(rest) or space <= 0 else space
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    if rest:
        last = lines[-1]
        while last and font.getlength(last + "…") > width:
            last = last[:-1]
        lines[-1] = last.rstrip() + "…"
    return tuple(lines)


def _fitting(text: str, width: int, font: Font) -> int:
    """How many characters of it fit, at least one."""
    low, high = 1, min(len(text), 1 + width // 2)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width else (low, middle - 1)
    return low


def _line_height(font: Font) -> int:
    left_top_right_bottom = font.getbbox("Ág")
    return round(left_top_right_bottom[3]) + 4


def _write(
    draw: ImageDraw.ImageDraw, lines: Sequence[str], place: tuple[int, int], font: Font, colour: tuple[int, int, int]
) -> None:
    for number, line in enumerate(lines):
        draw.text((place[0], place[1] + number * _line_height(font)), line, fill=colour, font=font)
