"""What a picture job can do, in pictures: made by the real engine on the starter model, with a promise for each sheet.

    python3 packaging/dev.py pictures [--out DIR]

DIR/index.html shows the sheets (DIR/<name>.png) with what was measured. Ends with 1 if a promise does not hold. It
takes some minutes; the pictures are made in a folder of their own, and the user's is not touched.
"""

import argparse
import html
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from trainer.contract import events
from trainer.contract.common import Hardware, Sampling, Size
from trainer.contract.generate import GenerateJob, Mask, Previews, SecondPass, SourcePicture, Variation
from trainer.contract.run import Run
from trainer.engine.execute import Session, execute
from trainer.home import Home
from trainer.offline import go_offline

SIDE, MARGIN, LINE = 192, 8, 16
"""Of a picture on a sheet, of the space between, and of a line of text: pixels."""
PLAIN = Sampling(sampler="dpmpp_2m", steps=24, guidance=4.0)
FIRST = GenerateJob(
    prompt="a large red cat on a mint background",
    sampling=PLAIN,
    seed=11,
    previews=Previews(every=0),
    hardware=Hardware(device="cpu", precision="fp32"),
)
COARSE = (16, 16)
"""The size at which pictures are compared by their composition."""
ANOTHER = "a large blue cat on a cream background"
STRENGTHS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Sheet:
    """Pictures with what stands below each, a promise in words, and whether it holds."""

    name: str
    promise: str
    pictures: Sequence[tuple[str, Image.Image]]
    holds: bool


class Maker:
    """Makes pictures of jobs, and keeps what was warned of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        self._session = Session(Home(folder / "home"))
        self._run = Run(self._hear)

    def made(self, job: GenerateJob = FIRST, **changes: object) -> Image.Image:
        return Image.open(self.path(job, **changes)).convert("RGB")

    def path(self, job: GenerateJob = FIRST, **changes: object) -> Path:
        job = job.model_copy(update={"output": str(self.folder / "made"), **changes})
        return execute(GenerateJob.model_validate(job.model_dump()), self._run, self._session)[0]

    def _hear(self, event: events.Event) -> None:
        if isinstance(event, events.Warning):
            self.warnings.append(event.title)


def from_pictures(maker: Maker) -> Iterator[Sheet]:
    """img2img with every sampler's habit of the plain ones."""
    first = maker.path()
    picture = Image.open(first).convert("RGB")
    for sampler in ("dpmpp_2m", "euler_a", "ddim"):
        sampling = PLAIN.model_copy(update={"sampler": sampler})
        shown, moved = [("the source", picture)], []
        for strength in STRENGTHS:
            source = SourcePicture(path=str(first), strength=strength)
            made = maker.made(prompt=ANOTHER, seed=3, source=source, sampling=sampling)
            moved.append(distance(picture, made))
            shown.append((f"strength {strength}: {moved[-1]:.1f}", made))
        rises = all(after > before for before, after in pairwise(moved))
        promise = f'With {sampler}, "{ANOTHER}" moves away from the source the farther, the greater the strength.'
        yield Sheet(f"img2img-{sampler}", promise, shown, rises)


def inpainted(maker: Maker) -> Iterator[Sheet]:
    first = maker.path()
    picture = Image.open(first).convert("RGB")
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((30, 30, 98, 98), fill=255)
    mask_path = maker.folder / "mask.png"
    mask.save(mask_path)
    shown = [("the source", picture), ("the mask", mask.convert("RGB"))]
    kept = True
    for words, strength, wish in (
        ("strength 0.6", 0.6, Mask(path=str(mask_path))),
        ("strength 0.9", 0.9, Mask(path=str(mask_path))),
        ("strength 1", 1.0, Mask(path=str(mask_path))),
        ("feather 0", 0.9, Mask(path=str(mask_path), feather=0)),
        ("feather 16", 0.9, Mask(path=str(mask_path), feather=16)),
        ("from noise", 0.95, Mask(path=str(mask_path), fill="noise")),
        ("from nothing", 0.95, Mask(path=str(mask_path), fill="nothing")),
        ("inverted", 0.9, Mask(path=str(mask_path), inverted=True)),
        ("only masked", 0.8, Mask(path=str(mask_path), only_masked=True, padding=16)),
    ):
        source = SourcePicture(path=str(first), strength=strength, mask=wish)
        made = maker.made(prompt="a large yellow flower on a mint background", seed=5, source=source)
        outside = np.asarray(mask) == (255 if wish.inverted else 0)
        same = bool((np.asarray(made)[outside] == np.asarray(picture)[outside]).all())
        kept = kept and same
        shown.append((f"{words}: {'kept' if same else 'NOT KEPT'}", made))
    yield Sheet("inpainting", "Outside the mask every pixel is the source's.", shown, kept)


def twice(maker: Maker) -> Iterator[Sheet]:
    first = maker.made()
    shown, alike = [("the first pass", first)], []
    for upscaler, strength in (("lanczos", 0.3), ("lanczos", 0.4), ("lanczos", 0.5), ("latent", 0.55)):
        second = SecondPass.model_validate({"scale": 2, "strength": strength, "upscaler": upscaler})
        made = maker.made(second_pass=second)
        alike.append(likeness(first, made))
        shown.append((f"{upscaler} {strength}: {alike[-1]:.3f}", made))
    alone = maker.made(size=Size(width=first.width * 2, height=first.height * 2))
    shown.append((f"large at once: {likeness(first, alone):.3f}", alone))
    promise = "The second pass keeps the composition: from afar, its picture is the first one (correlation above 0.85)."
    yield Sheet("second-pass", promise, shown, min(alike) > 0.85)


def varied(maker: Maker) -> Iterator[Sheet]:
    first = maker.made()
    shown, moved = [("the seed's own", first)], [0.0]
    for strength in (0.05, 0.1, 0.2, 0.4, 0.7, 1.0):
        made = maker.made(variation=Variation(seed=77, strength=strength))
        moved.append(distance(first, made))
        shown.append((f"strength {strength}: {moved[-1]:.1f}", made))
    own = maker.made(seed=77)
    shown.append(("the other seed's", own))
    holds = moved[1] < moved[-1] and distance(shown[-2][1], own) < 1
    yield Sheet("variation", "From the picture of one seed to that of another.", shown, holds)


def skipped(maker: Maker) -> Iterator[Sheet]:
    shown = []
    for skip in (1, 2, 3, 4):
        made = maker.made(sampling=PLAIN.model_copy(update={"clip_skip": skip}))
        shown.append((f"clip skip {skip}", made))
    differs = all(distance(shown[0][1], other) > 1 for _, other in shown[1:])
    yield Sheet("clip-skip", "An earlier layer of the text encoder reads the prompt otherwise.", shown, differs)


def tiled(maker: Maker) -> Iterator[Sheet]:
    large = FIRST.model_copy(update={"size": Size(width=768, height=128)})
    whole = maker.made(large, hardware=FIRST.hardware.model_copy(update={"tiles": "off"}))
    pieces = maker.made(large, hardware=FIRST.hardware.model_copy(update={"tiles": "on"}))
    apart = np.abs(np.asarray(whole, np.int16) - np.asarray(pieces, np.int16))
    middle = (288, 0, 480, 128)  # where the first two tiles fade into each other
    shown = [
        ("whole, its middle", whole.crop(middle)),
        (f"in tiles: {apart.mean():.2f} apart, {apart.max()} at most", pieces.crop(middle)),
        ("their difference, 8 times", Image.fromarray(np.minimum(apart * 8, 255).astype(np.uint8)).crop(middle)),
    ]
    yield Sheet("tiles", "A picture decoded in tiles is the one decoded whole, but for tones.", shown, apart.mean() < 2)


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of values from 0 to 255."""
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other, np.float32)).mean())


def likeness(small: Image.Image, large: Image.Image) -> float:
    """Correlation of a picture with a larger one in what both show from afar."""
    one, other = (np.asarray(each.resize(COARSE, Image.Resampling.BOX), np.float64) for each in (small, large))
    return float(((one - one.mean()) * (other - other.mean())).mean() / (one.std() * other.std()))


def laid_out(pictures: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """All of them beside each other, five in a row."""
    columns = min(len(pictures), 5)
    rows = -(-len(pictures) // columns)
    cell = SIDE + MARGIN, SIDE + LINE + MARGIN
    sheet = Image.new("RGB", (columns * cell[0] + MARGIN, rows * cell[1] + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (words, picture) in enumerate(pictures):
        left, top = MARGIN + place % columns * cell[0], MARGIN + place // columns * cell[1]
        picture = picture.copy() if max(picture.size) > SIDE else picture.resize(_grown(picture.size))
        picture.thumbnail((SIDE, SIDE))
        sheet.paste(picture, (left, top))
        draw.text((left, top + SIDE + 2), words, fill="black")
    return sheet


def _grown(size: tuple[int, int]) -> tuple[int, int]:
    scale = SIDE / max(size)
    return round(size[0] * scale), round(size[1] * scale)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    go_offline()
    parts, broken = [], []
    with tempfile.TemporaryDirectory() as scratch:
        maker = Maker(Path(scratch))
        for section in (from_pictures, inpainted, twice, varied, skipped, tiled):
            for sheet in section(maker):
                laid_out(sheet.pictures).save(out / f"{sheet.name}.png")
                verdict = "holds" if sheet.holds else "DOES NOT HOLD"
                said = "; ".join(words for words, _ in sheet.pictures)
                print(f"{sheet.name}: {verdict}. {sheet.promise} {said}", flush=True)
                parts.append(f"<h2>{sheet.name}: {verdict}</h2><p>{html.escape(sheet.promise)}</p>")
                parts.append(f'<img src="{sheet.name}.png">')
                broken += [] if sheet.holds else [sheet.name]
        parts += [f"<p>Warned: {html.escape(warning)}</p>" for warning in maker.warnings]
    page = "<!doctype html><meta charset=utf-8><title>What a picture job can do</title>" + "".join(parts)
    (out / "index.html").write_text(page, encoding="utf-8")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
