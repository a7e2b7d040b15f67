"""Make the starter model from nothing: draw the world, train its networks in seven stages, measure.

    python packaging/starter/make.py [--work build/starter]

Run it in the environment that `packaging/dev.py` made. It takes some three hours on two cores and can be stopped and
started again at any time: what is done is not done again, and a training goes on from its last checkpoint. The result
is resources/models/starter.safetensors; evaluate.py writes the figures of its model card.

The stages are ordinary training jobs beside this file. The VAE learns from parts of the drawings first (vae-1, vae-2),
since many small batches teach it soonest, then from whole ones (vae-3). The UNet learns from its latents, first at high
noise only (unet-1), where words decide what stands where, then at all noise (unet-2, unet-3). At last the decoder alone
goes on (decoder), which sharpens pictures and leaves the latents as they are. The text encoder stays as it was drawn:
see WORDS_APART in trainer/models/networks.py.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PICTURES = 20_000
STAGES = {
    "vae-1": "starter-vae-1",
    "vae-2": "starter-vae-2",
    "vae-3": "starter-vae-3",
    "unet-1": "starter-unet-1",
    "unet-2": "starter-unet-2",
    "unet-3": "starter-unet-3",
    "decoder": "starter",
}
"""The job files, in order, with the name of what each makes. Each begins with what the one before it made."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the starter model from nothing.")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "starter", help="folder for drawings and runs")
    work: Path = parser.parse_args().work.absolute()
    world, home = work / "world", work / "home"
    if not (work / "world-is-complete").exists():
        python(HERE / "dataset.py", "world", world, "--count", PICTURES, "--seed", 1)
        (work / "world-is-complete").touch()
    for stage in STAGES:
        train(HERE / f"{stage}.toml", STAGES[stage], world, home)
    made = home / "models" / "checkpoints" / "starter.safetensors"
    target = ROOT / "resources" / "models" / "starter.safetensors"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, target)
    python(HERE / "evaluate.py", "--model", target, "--card", target.with_suffix(".md"))


def train(job: Path, name: str, world: Path, home: Path) -> None:
    """Run a training job, or go on with the run that an earlier start left."""
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
