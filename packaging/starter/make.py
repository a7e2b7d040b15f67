"""Make the starter model from nothing: draw the world, train the VAE, train UNet and text encoder, measure.

    python packaging/starter/make.py [--work build/starter]

Run it in the environment that `packaging/dev.py` made. It takes one to two hours on two cores and can be stopped and
started again at any time: what is done is not done again, and a training goes on from its last checkpoint. The result
is resources/models/starter.safetensors; evaluate.py writes the figures of its model card.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PICTURES = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the starter model from nothing.")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "starter", help="folder for drawings and runs")
    work: Path = parser.parse_args().work.absolute()
    world, home = work / "world", work / "home"
    if not (work / "world-is-complete").exists():
        python(HERE / "dataset.py", "world", world, "--count", PICTURES, "--seed", 1)
        (work / "world-is-complete").touch()
    for stage in ("vae", "unet"):
        train(HERE / f"{stage}.toml", world, home)
    made = home / "models" / "checkpoints" / "starter.safetensors"
    target = ROOT / "resources" / "models" / "starter.safetensors"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, target)
    python(HERE / "evaluate.py", "--model", target, "--card", target.with_suffix(".md"))


def train(job: Path, world: Path, home: Path) -> None:
    """Run a training job, or go on with the run that an earlier start left."""
    name = {"vae": "starter-vae", "unet": "starter"}[job.stem]
    if (home / "models" / "checkpoints" / f"{name}.safetensors").exists():
        return
    begun = sorted((home / "runs").glob(f"????-??-??-{name}"))
    if begun:
        python(ROOT / "main.py", "resume", begun[-1], "--home", home)
    else:
        python(ROOT / "main.py", "run", job, "--home", home, "--set", f"data.folder={world}")


def python(*arguments: object) -> None:
    command = [sys.executable, *map(str, arguments)]
    print("+", *command[1:], flush=True)
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit(f"{Path(str(arguments[0])).name} failed; mend what it says and run this again to go on.")


if __name__ == "__main__":
    main()
