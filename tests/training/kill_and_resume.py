"""Kill a training with SIGKILL at random moments, resume it each time, and compare its file with an undisturbed one's.

    python tests/training/kill_and_resume.py [--kills 20] [--seed 0]

Each attempt is a process of its own, forked from one that has already imported everything. It is killed either by
itself at a chosen place (in the n-th batch of an accumulation, in the n-th fsync of a checkpoint, while encoding) or
from outside after a random time, whichever the seed decides. Exits with 1 when a single bit differs.
"""

import argparse
import hashlib
import os
import random
import selectors
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from trainer.offline import go_offline

go_offline()

import torch
from PIL import Image, ImageDraw

from tests import tiny
from trainer import files
from trainer.contract.common import Hardware, Size
from trainer.contract.events import Event, Step
from trainer.contract.jobfile import job_to_toml
from trainer.contract.run import Run
from trainer.contract.train import Data, Lora, Output, Prior, Samples, Steps, TrainJob
from trainer.home import Home
from trainer.training.feed import Feed
from trainer.training.store import TensorStore
from trainer.training.train import resume

MOST_BATCHES = 7


@dataclass(frozen=True)
class Death:
    """Where an attempt dies: at the n-th call of something, or `seconds` after its first step."""

    place: str
    number: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kills = compare(Path(folder), options.kills, random.Random(options.seed))
    print(f"{kills} kills, each resumed: the file is bit-identical to the undisturbed run's")


def compare(folder: Path, kills: int, chance: random.Random) -> int:
    """Train undisturbed and with `kills` kills; return the kills that hit. Exits when the files differ."""
    torch.set_num_threads(1)  # a fork must not inherit a pool of threads that it does not have
    pictures, class_pictures = draw_pictures(folder)
    job = make_job(folder, pictures, class_pictures, steps=6 + 4 * kills)
    undisturbed = new_run(folder, "undisturbed", job)
    if attempt(undisturbed, folder / "home-a", None) != 0:
        sys.exit("the undisturbed training failed")
    disturbed = new_run(folder, "disturbed", job)
    hits = 0
    while hits < kills:
        death = choose(chance)
        status = attempt(disturbed, folder / "home-b", death)
        if status == 0:
            break  # it reached the end before that place
        if status != -signal.SIGKILL:
            sys.exit(f"an attempt ended with {status} instead of being killed at {death}")
        hits += 1
        print(f"killed at {death}; newest checkpoint {newest(disturbed)}", flush=True)
    if attempt(disturbed, folder / "home-b", None) != 0:
        sys.exit("the resumed training failed")
    if hits < kills:
        print(f"only {hits} of {kills} kills hit before the training was done")
    if digest(undisturbed) != digest(disturbed):
        sys.exit("THE WEIGHTS DIFFER")
    return hits


def choose(chance: random.Random) -> Death:
    place = chance.choice(["batch", "batch", "sync", "sync", "put", "time"])
    # low numbers: the run has to get past its death again and again
    number = chance.randint(1, {"batch": 5, "sync": 9, "put": 6, "time": 1}[place])
    return Death(place, number, chance.random() * 0.03)


def attempt(run_folder: Path, home: Path, death: Death | None) -> int:
    """Run or resume in a forked process; its exit status, negative when a signal killed it."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        status = 1
        try:
            work(run_folder, home, death, writer)
            status = 0
        except Exception:  # noqa: BLE001 - a forked child has nobody above it to tell
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    if death is not None and death.place == "time":
        kill_after_first_step(reader, child, death.seconds)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(reader)
    return status


def kill_after_first_step(reader: int, child: int, seconds: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        if os.read(reader, 1):  # the first step is done
            selector.select(timeout=seconds)  # wakes early only when the child has ended
            os.kill(child, signal.SIGKILL)


def work(run_folder: Path, home: Path, death: Death | None, writer: int) -> None:
    if death is not None:
        # whatever else was chosen, nobody gets past so many batches: the run has to last for all its deaths
        last = death.number if death.place == "batch" else MOST_BATCHES
        Feed.batch = dying(Feed.batch, last)
        if death.place in ("sync", "put"):
            owner, name = (files, "sync") if death.place == "sync" else (TensorStore, "put")
            setattr(owner, name, dying(getattr(owner, name), death.number))
    said = False

    def emit(event: Event) -> None:
        nonlocal said
        if isinstance(event, Step) and not said:
            said = True
            os.write(writer, b".")

    resume(Run(emit, folder=run_folder), Home(home))


def dying(function: Callable[..., Any], number: int) -> Callable[..., Any]:
    calls = 0

    def called(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    return called


def new_run(folder: Path, name: str, job: TrainJob) -> Path:
    run_folder = folder / name
    run_folder.mkdir()
    (run_folder / "job.toml").write_text(job_to_toml(job), encoding="utf-8")
    return run_folder


def make_job(folder: Path, pictures: Path, class_pictures: Path, steps: int) -> TrainJob:
    model = folder / "tiny.safetensors"
    tiny.single_file(model)
    return TrainJob(
        model=str(model),
        data=Data(
            folder=str(pictures),
            flip=True,
            bucket_step=16,
            resolution=Size(width=64, height=64),
            prior=Prior(folder=str(class_pictures)),
        ),
        method=Lora(rank=4, text_encoder=False),
        steps=Steps(total=steps, batch_size=2, accumulation=2, seed=3),
        samples=Samples(prompts=("a cat",), every=5),
        hardware=Hardware(device="cpu", precision="fp32"),
        output=Output(name="resumed", checkpoint_every=2, precision="fp32"),
    )


def draw_pictures(folder: Path) -> tuple[Path, Path]:
    """Seven pictures in three shapes, so that epochs end within accumulations, and three of the class."""
    chance = random.Random(1)
    for name, count in (("pictures", 7), ("class", 3)):
        (folder / name).mkdir()
        for number in range(count):
            size = [(64, 64), (96, 48), (48, 96)][number % 3]
            picture = Image.new("RGB", size, tuple(chance.randrange(256) for _ in range(3)))
            ImageDraw.Draw(picture).ellipse((8, 8, 40, 40), fill=tuple(chance.randrange(256) for _ in range(3)))
            picture.save(folder / name / f"{number}.png")
            (folder / name / f"{number}.txt").write_text(f"{name}, picture {number}\n", encoding="utf-8")
    return folder / "pictures", folder / "class"


def newest(run_folder: Path) -> str:
    return max((path.name for path in (run_folder / "checkpoints").glob("step-*")), default="none")


def digest(run_folder: Path) -> str:
    """The hash of the finished file's tensors; its metadata holds the times of the run."""
    data = (run_folder / "output" / "resumed.safetensors").read_bytes()
    return hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()


if __name__ == "__main__":
    main()
