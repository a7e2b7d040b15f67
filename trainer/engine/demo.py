"""The main job on what ships with Gesso: pictures of a subject before, a LoRA trained on the sample dataset, pictures
after; all of it made by ordinary jobs."""

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from trainer.contract import events
from trainer.contract.common import LoraUse
from trainer.contract.generate import GenerateJob, Previews
from trainer.contract.jobfile import job_from_tree, read_tree
from trainer.contract.run import Run
from trainer.contract.train import TrainJob
from trainer.engine import runs
from trainer.engine.execute import Ending, Session, execute_reporting
from trainer.engine.likeness import likeness, references_in
from trainer.files import said_as_user_error, write_atomically
from trainer.home import RESOURCES

JOB_FILE = RESOURCES / "jobs" / "demo.toml"
SAMPLE_DATASET = RESOURCES / "sample-dataset"
SAMPLE_CLASS = RESOURCES / "sample-class"
SEEDS = 4
"""Pictures of each prompt: before and after have the same seeds, so that they can be laid side by side."""

_TILE = 160
_MARGIN = 12
_LINE = 22
_INK, _PAPER = "#22252b", "#f4f2ee"


@dataclass(frozen=True)
class Comparison:
    """What the demo made, and the likeness (see likeness.py) of each prompt's pictures to the sample pictures."""

    prompts: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    paths: tuple[Path, ...]

    def to_dict(self) -> dict[str, object]:
        """Plain JSON types, for `--json`."""
        return {
            "kind": "comparison",
            "prompts": list(self.prompts),
            "likeness_before": [round(value, 4) for value in self.before],
            "likeness_after": [round(value, 4) for value in self.after],
            "paths": [str(path) for path in self.paths],
        }

    def sentence(self) -> str:
        return (
            f"Likeness of the subject to the sample pictures: {self.before[0]:.2f} before, {self.after[0]:.2f} after "
            f"(0 to 1: overlap of the subject's colour histogram with theirs, mean of {SEEDS} pictures)."
        )


def demo_job(steps: int | None) -> TrainJob:
    """The demo's training. `samples.prompts` are the sheet's rows: the subject, its class, something else."""
    tree = read_tree(JOB_FILE)
    tree["data"] = {**tree.get("data", {}), "folder": str(SAMPLE_DATASET)}
    if "prior" in tree["data"]:
        tree["data"]["prior"] = {**tree["data"]["prior"], "folder": str(SAMPLE_CLASS)}
    if steps is not None:
        tree["steps"] = {**tree.get("steps", {}), "total": steps}
    job = job_from_tree(tree, "the demo's job")
    if not isinstance(job, TrainJob) or not job.samples.prompts:
        raise ValueError("the demo's job file must be a training with samples.prompts")
    return job


def demo(out: Path, steps: int | None, run: Run, session: Session) -> Comparison | Ending:
    """Write before.png, after.png, sheet.png and the LoRA into `out`. Returns the ending of the job that failed or
    was stopped, if one was. Raises UserError when `out` can't be written."""
    job = demo_job(steps)
    with said_as_user_error(out):
        out.mkdir(parents=True, exist_ok=True)
    before = _pictures(job, out / "pictures" / "before", (), run, session)
    if not isinstance(before, list):
        return before
    trained = execute_reporting(job, dataclasses.replace(run, folder=runs.create(out / "runs", job)), session)
    if not isinstance(trained, events.Finished):
        return trained
    lora = out / f"{job.output.name}.safetensors"
    made = next(Path(path) for path in trained.paths if path.endswith(".safetensors"))
    _copy(made, lora)
    after = _pictures(job, out / "pictures" / "after", (LoraUse(name=str(lora)),), run, session)
    if not isinstance(after, list):
        return after
    return _compared(out, job, lora, before, after)


def _pictures(
    job: TrainJob, folder: Path, loras: tuple[LoraUse, ...], run: Run, session: Session
) -> list[list[Path]] | Ending:
    """SEEDS pictures of each of the job's prompts, or the ending that came in between."""
    rows: list[list[Path]] = []
    for prompt in job.samples.prompts:
        wanted = GenerateJob(
            model=job.model,
            prompt=prompt,
            loras=loras,
            sampling=job.samples.sampling,
            seed=job.samples.seed,
            count=SEEDS,
            batch_size=SEEDS,
            previews=Previews(every=0),
            hardware=job.hardware,
            output=str(folder),
        )
        ending = execute_reporting(wanted, run, session)
        if not isinstance(ending, events.Finished):
            return ending
        rows.append([Path(path) for path in ending.paths])
    return rows


def _compared(out: Path, job: TrainJob, lora: Path, before: list[list[Path]], after: list[list[Path]]) -> Comparison:
    """Measure and lay out what was made."""
    references = references_in(SAMPLE_DATASET)
    old = [[_opened(path) for path in row] for row in before]
    new = [[_opened(path) for path in row] for row in after]
    prompts = job.samples.prompts
    paths = (out / "before.png", out / "after.png", out / "sheet.png", lora)
    _copy(before[0][0], paths[0])
    _copy(after[0][0], paths[1])
    drawn = sheet(prompts, old, new, [job.samples.seed + index for index in range(SEEDS)])
    write_atomically(paths[2], lambda partial: drawn.save(partial, format="PNG"))
    return Comparison(
        prompts,
        tuple(likeness(row, references) for row in old),
        tuple(likeness(row, references) for row in new),
        paths,
    )


def sheet(
    prompts: tuple[str, ...], before: list[list[Image.Image]], after: list[list[Image.Image]], seeds: list[int]
) -> Image.Image:
    """A labelled grid: a row for each prompt; the columns are the seeds before training, then the same after."""
    half = len(seeds) * _TILE
    width = 3 * _MARGIN + 2 * half
    height = _MARGIN + 2 * _LINE + len(prompts) * (_LINE + _TILE + _MARGIN)
    canvas = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for column, (title, rows) in enumerate((("before training", before), ("after training", after))):
        left = _MARGIN + column * (half + _MARGIN)
        draw.text((left, _MARGIN // 2), title, _INK, font)
        for place, seed in enumerate(seeds):
            draw.text((left + place * _TILE, _MARGIN // 2 + _LINE), f"seed {seed}", _INK, font)
        for row, pictures in enumerate(rows):
            top = _MARGIN + 2 * _LINE + row * (_LINE + _TILE + _MARGIN)
            draw.text((left, top), prompts[row] if column == 0 else "", _INK, font)
            for place, picture in enumerate(pictures):
                canvas.paste(_tile(picture), (left + place * _TILE, top + _LINE))
    return canvas


def _tile(picture: Image.Image) -> Image.Image:
    """The picture within a tile, its shape kept; small ones are enlarged without blurring what is there."""
    small = max(picture.size) < _TILE
    scale = (_TILE - 4) / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    tile = Image.new("RGB", (_TILE, _TILE), _PAPER)
    tile.paste(picture.resize(size, Image.Resampling.BICUBIC if small else Image.Resampling.LANCZOS))
    return tile


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _copy(source: Path, target: Path) -> None:
    def write(partial: Path) -> None:
        shutil.copyfile(source, partial)

    write_atomically(target, write)
