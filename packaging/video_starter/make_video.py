"""Make the video starter from nothing: draw clips, encode them with the starter's VAE, train the UNet.

    python packaging/video_starter/make_video.py [--out build/video-starter]

Run it in the environment that `packaging/dev.py` made; it takes about half an hour on two idle cores. The result is a
diffusers folder in fp16, which ships as resources/models/video-starter.
"""

import argparse
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE.parent / "starter")]

import pretrain  # noqa: E402 - the script finds the house before it imports from it
from trainer.models.svd import SVD  # noqa: E402

CLIPS, SEED = 800, 1
STEPS = 860


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the video starter from nothing.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "video-starter", help="the folder to write")
    out: Path = parser.parse_args().out.absolute()
    bundle = pretrain.blank()
    clips = pretrain.encoded(bundle, CLIPS, SEED, lambda done: _say("clips", done, CLIPS))
    losses: list[float] = []

    def report(step: int, loss: float) -> None:
        losses.append(loss)
        if step % 50 == 0:
            print(f"step {step} of {STEPS}: loss {sum(losses[-50:]) / 50:.4f}", flush=True)

    pretrain.train(bundle, clips, STEPS, report)
    out.parent.mkdir(parents=True, exist_ok=True)
    SVD.save_folder(bundle, out, dtype=torch.float16)
    print(out)


def _say(what: str, done: int, total: int) -> None:
    if done % 100 == 0:
        print(f"{what} {done} of {total}", flush=True)


if __name__ == "__main__":
    main()
