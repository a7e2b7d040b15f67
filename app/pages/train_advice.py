"""What is worth a second look before a training starts, each with what helps. Words only; PlanView shows them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.pages.train_disk import Looked
from app.pages.train_folds import OPTIMIZERS
from trainer.contract import events
from trainer.contract.common import Size
from trainer.contract.train import TrainJob
from trainer.dataset.check import Examined
from trainer.dataset.names import shown
from trainer.files import human_size
from trainer.library.index import Entry

FAR = 15
"""A learning rate so many times above or below the usual one is worth a word."""
FULL_BELOW = 10
"""A whole model takes rates so many times below those of a LoRA; Prodigy alone finds its own."""
SEEN = {"lora": (20, 75), "full": (5, 20)}
"""(too seldom, usual): how often a training shows each picture."""
FEW = 300
"""With more pictures than this, nobody waits until each was seen so often."""
TIGHT = 0.92
"""Of the device's memory: beyond it, other programs or a longer caption may be too much."""
NAMED = 3


@dataclass(frozen=True)
class Change:
    """A button that sets fields of the job, by their paths."""

    words: str
    does: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Show:
    """A button that shows pictures, in place."""

    paths: tuple[Path, ...]
    what: str


@dataclass(frozen=True)
class Pick:
    """A button that lets the user choose a folder of class pictures."""

    words: str = "Choose them…"
    does: str = "Choose the folder of class pictures"


Offer = Change | Show | Pick


@dataclass(frozen=True)
class Advice:
    severity: Literal["bad", "warning", "note"]
    words: str
    fix: str
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True)
class Situation:
    """All that advice is made from. `taken` are the names of the user's models of the kind that comes out."""

    job: TrainJob
    looked: Looked | None = None
    entry: Entry | None = None
    measured: events.Measured | None = None
    taken: frozenset[str] = field(default_factory=frozenset)
    wants_prior_folder: bool = False


def advice(now: Situation) -> list[Advice]:
    """The gravest first."""
    found = [
        *_about_memory(now), *_about_disk(now), *_about_prior(now), *_about_captions(now), *_about_size(now),
        *_about_resolution(now), *_about_steps(now), *_about_warm_up(now), *_about_rate(now), *_about_previews(now),
        *_about_name(now),
    ]  # fmt: skip
    return sorted(found, key=lambda one: ("bad", "warning", "note").index(one.severity))


def _about_memory(now: Situation) -> list[Advice]:
    measured = now.measured
    if measured is None or measured.memory < TIGHT * measured.memory_total:
        return []
    much = f"{human_size(measured.memory)} of {human_size(measured.memory_total)}"
    return [Advice("warning", f"Memory is tight: it needs {much}.", "Less at a time needs less.", less_memory(now.job))]


def less_memory(job: TrainJob) -> tuple[Change, ...]:
    """What makes a training need less memory, most telling first."""
    steps = job.steps
    offers: list[Change] = []
    if steps.batch_size > 1:
        half = steps.batch_size // 2
        offers.append(
            Change(
                f"Batch size {half}",
                "Half as many pictures at a time, and twice as many passes in a step: it learns the same, slower",
                {
                    "steps.batch_size": half,
                    "steps.accumulation": math.ceil(steps.batch_size / half) * steps.accumulation,
                },
            )
        )
    if not steps.gradient_checkpointing:
        fields = {"steps.gradient_checkpointing": True}
        offers.append(Change("Checkpoint gradients", "Much less memory, a third slower", fields))
    return tuple(offers)


def _about_disk(now: Situation) -> list[Advice]:
    size = now.measured.checkpoint if now.measured is not None else _checkpoint_of(now)
    if now.looked is None or not size:
        return []
    keep = now.job.output.keep_checkpoints if now.job.output.checkpoint_every else 0
    needed = size * (keep + 1)  # the new one is whole before the oldest goes
    if needed < now.looked.free:
        return []
    offers = (Change("Keep only one", "Keep only the newest checkpoint", {"output.keep_checkpoints": 1}),)
    words = (
        f"Its checkpoints need {human_size(needed)}, and the disk of your runs has {human_size(now.looked.free)} free."
    )
    return [Advice("warning", words, "Free some space on that disk first.", offers if keep > 1 else ())]


def _checkpoint_of(now: Situation) -> int:
    """Weights and two averages of each in fp32, where a whole model is trained; a LoRA's checkpoints are small."""
    if now.job.method.kind != "full" or now.entry is None or now.entry.identity is None:
        return 0
    return now.entry.identity.parameters * 3 * 4


def _about_prior(now: Situation) -> list[Advice]:
    without = Change("Do without", "Train your own pictures alone", {"data.prior": None})
    if now.wants_prior_folder:
        words = "No class pictures are chosen yet."
        return [Advice("bad", words, "Choose a folder of them, or do without.", (Pick(), without))]
    prior = now.looked.prior if now.looked is not None else None
    if prior is None or prior.usable:
        return []
    words = f"{shown(prior.folder.name)} holds no class picture that can be used."
    return [Advice("bad", words, "Choose another folder, or do without.", (Pick("Choose others…"), without))]


def _about_captions(now: Situation) -> list[Advice]:
    without = now.looked.without_caption if now.looked is not None else ()
    if not without or now.looked is None:
        return []
    count, prefix = len(without), now.job.data.captions.prefix.strip()
    have = "picture has" if count == 1 else "pictures have"
    show = _show(without, "Pictures without a caption")
    if prefix:
        words = f"{count} {have} no caption: “{prefix}” alone stands for {'it' if count == 1 else 'them'}."
        return [Advice("note", words, "Captions of their own would teach more.", (show,))]
    name = now.job.output.name
    use = Change(
        f"Use “{name}”",
        f"Set “{name}” before every caption, and in place of those that are missing",
        {"data.captions.prefix": name},
    )
    return [Advice("warning", f"{count} {have} no caption.", "A word of their own would be learned.", (use, show))]


def _about_size(now: Situation) -> list[Advice]:
    small = now.looked.small if now.looked is not None else ()
    if not small or now.looked is None:
        return []
    count, side = len(small), math.isqrt(now.looked.area)
    are = "picture is" if count == 1 else "pictures are"
    offers: list[Offer] = []
    least = min(one.size.width * one.size.height for one in small)
    step = now.job.data.bucket_step or now.looked.size.step
    fitting = math.isqrt(least) // step * step
    if fitting >= max(side // 2, 64):
        lower = f"Train at {fitting} × {fitting}"
        does = "Lower the resolution to that of the smallest picture"
        offers.append(Change(lower, does, {"data.resolution": Size(width=fitting, height=fitting)}))
    if now.job.data.enlarge:
        does = "Train each picture at its own size where it is smaller than the resolution"
        if now.job.data.buckets and now.job.data.crop == "fit":
            offers.append(Change("Do not enlarge", does, {"data.enlarge": False}))
        fate = "enlarged and blurred"
    else:
        fate = "trained at their own size"
    offers.append(_show(small, "Pictures smaller than the resolution"))
    words = f"{count} {are} smaller than {side} × {side}: {fate}."
    severity = "warning" if now.job.data.enlarge else "note"
    return [Advice(severity, words, "Larger originals are best.", tuple(offers))]


def _about_resolution(now: Situation) -> list[Advice]:
    asked = now.job.data.resolution
    if asked is None or now.looked is None or now.entry is None:
        return []
    own = now.looked.size
    if (asked.width, asked.height) == (own.width, own.height):
        return []
    words = f"The model was made at {own.width} × {own.height}, and would be trained at {asked.width} × {asked.height}."
    use = Change("Use the model's own", f"Train at {own.width} × {own.height}", {"data.resolution": None})
    return [Advice("note", words, "Far from its own size a model learns badly.", (use,))]


def _about_steps(now: Situation) -> list[Advice]:
    job, steps = now.job, now.job.steps
    count = len(now.looked.report.usable) if now.looked is not None else 0
    least, usual = SEEN.get(job.method.kind, SEEN["full"])
    seen = steps.total * steps.batch_size * steps.accumulation / count if count else math.inf
    if seen >= least or count > FEW:
        return []
    wanted = math.ceil(usual * count / (steps.batch_size * steps.accumulation) / 50) * 50
    words = f"Each picture is seen only {_times(max(1, round(seen)))}: little will be learned."
    use = Change(f"Take {wanted:,} steps", f"So that each is seen about {usual} times", {"steps.total": wanted})
    return [Advice("warning", words, f"About {usual} times is usual.", (use,))]


def _about_warm_up(now: Situation) -> list[Advice]:
    warmup, total = now.job.schedule.warmup, now.job.steps.total
    if warmup < total or not warmup:
        return []
    tenth = total // 10
    use = Change(f"Warm up for {tenth}", "A tenth of the steps is usual", {"schedule.warmup": tenth})
    words = f"The warm-up of {warmup:,} steps is not over when the training ends."
    return [Advice("warning", words, "The learning rate never reaches its value.", (use,))]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def usual_rate(job: TrainJob) -> float:
    """The learning rate that suits the job's optimizer and method."""
    rate = float(OPTIMIZERS[job.optimizer.kind].model_fields["learning_rate"].default)
    return rate / FULL_BELOW if job.method.kind == "full" and job.optimizer.kind != "prodigy" else rate


def _about_rate(now: Situation) -> list[Advice]:
    rate, usual = now.job.optimizer.learning_rate, usual_rate(now.job)
    if usual / FAR <= rate <= usual * FAR:
        return []
    high = rate > usual
    words = f"A learning rate of {rate:g} is far {'above' if high else 'below'} the usual {usual:g}."
    fix = "The model may break." if high else "Next to nothing may be learned."
    return [Advice("warning", words, fix, (_rate(usual),))]


def _rate(usual: float) -> Change:
    does = "Take the usual learning rate of this optimizer and method"
    return Change(f"Use {usual:g}", does, {"optimizer.learning_rate": usual})


def _about_previews(now: Situation) -> list[Advice]:
    samples, total = now.job.samples, now.job.steps.total
    if not samples.prompts or 0 < samples.every <= total:
        return []
    every = max(1, total // 4)
    words = "There are preview prompts, and no previews will be made on the way."
    use = Change(f"Every {every:,} steps", "Four times in the training, and before it", {"samples.every": every})
    return [Advice("note", words, "They show when it has learned enough.", (use,))]


def _about_name(now: Situation) -> list[Advice]:
    name = now.job.output.name
    if name.casefold() not in now.taken:
        return []
    free = next(f"{name} {number}" for number in range(2, 10_000) if f"{name} {number}".casefold() not in now.taken)
    words = f"A model of yours is named {shown(name)} already."
    use = Change(f"Name it “{free}”", "Take a name that is free", {"output.name": free})
    return [Advice("note", words, f"Both are kept: the new one would be {shown(free)}.", (use,))]


def _show(pictures: tuple[Examined, ...], what: str) -> Show:
    return Show(tuple(one.item.path for one in pictures), what)
