"""Does a still start to move? The video starter's clips, measured in pixels against the drawn ones.

    python packaging/video_starter/evaluate_video.py [--model FOLDER] [--clips 12] [--sheet FILE]

The judge knows nothing of the model: it looks for the subject's colour, and says how high its centre is. Drawn clips go
the same way through it. The sheet shows, row by row, the drawn frames and the model's, which saw the first alone.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE), str(HERE.parent / "starter")]

from clips import FPS, FRAMES, SIZE, Clip, draw_clip, random_clip  # noqa: E402 - the script finds the house first
from draw import paints  # noqa: E402
from trainer.contract.video import Motion, VideoGuidance, VideoSampling  # noqa: E402
from trainer.generation.video import decode_frames, sample_video  # noqa: E402
from trainer.models.svd import SVD, SVDBundle  # noqa: E402
from world import BACKGROUNDS  # noqa: E402

UNSEEN = 99
"""Seed of the clips to judge by; the model has learned from those of seed 1."""
GUIDANCE, STEPS = 1.5, 15


@dataclass(frozen=True)
class Judged:
    """Of one clip, as fractions of the picture's height: how far the subject rises by the middle, and how far from
    where it began it is at the end; and how like the first frame is to the picture that was given, in dB."""

    drawn: float
    rise: float
    back: float
    likeness: float


def judge(bundle: SVDBundle, clip: Clip) -> tuple[Judged, list[Image.Image], list[Image.Image]]:
    """The verdict, the drawn frames and those that the model made of the first of them."""
    drawn = draw_clip(clip)
    latents = sample_video(
        bundle,
        drawn[0],
        frames=FRAMES,
        motion=Motion(fps=FPS, bucket=max(clip.motion, 1)),
        guidance=VideoGuidance(first=1.0, last=GUIDANCE),
        sampling=VideoSampling(steps=STEPS),
        seed=1,
    )
    made = decode_frames(bundle, latents, FRAMES)
    middle = FRAMES // 2
    heights, true = [height(frame, clip) for frame in made], [height(frame, clip) for frame in drawn]
    error = (np.asarray(made[0]).astype(float) - np.asarray(drawn[0])) / 255
    likeness = -10 * np.log10(max(float((error**2).mean()), 1e-9))
    verdict = Judged(true[middle] - true[0], heights[middle] - heights[0], abs(heights[-1] - heights[0]), likeness)
    return verdict, drawn, made


def height(frame: Image.Image, clip: Clip) -> float:
    """How high the centre of the subject's colour is, 0 at the bottom to 1 at the top."""
    pixels = np.asarray(frame).astype(float)
    body, ground = (
        np.array(colour) for colour in (paints(clip.colour, clip.style)["body"], BACKGROUNDS[clip.background])
    )
    is_body = np.linalg.norm(pixels - body, axis=-1) < 0.45 * np.linalg.norm(body - ground)
    rows = np.nonzero(is_body)[0]
    return 1 - float(rows.mean()) / SIZE if len(rows) else 0.5


def clips_to_judge(count: int, motion: int) -> list[Clip]:
    return [replace(random_clip(index, UNSEEN), motion=motion) for index in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how the video starter moves.")
    parser.add_argument("--model", type=Path, default=ROOT / "resources" / "models" / "video-starter")
    parser.add_argument("--clips", type=int, default=12, metavar="N", help="clips at each strength of motion (12)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write a picture of them")
    arguments = parser.parse_args()
    bundle = SVD.load(arguments.model, device=torch.device("cpu"), dtype=torch.float32)
    rows: list[list[Image.Image]] = []
    for motion in (255, 127, 1):
        verdicts: list[Judged] = []
        for clip in clips_to_judge(arguments.clips, motion):
            verdict, drawn, made = judge(bundle, clip)
            verdicts.append(verdict)
            rows.append([*drawn, *made])
        drawn_rise, rise, back, likeness = (
            float(np.median([getattr(one, name) for one in verdicts])) for name in ("drawn", "rise", "back", "likeness")
        )
        print(
            f"motion {motion}: rises {rise:.3f} (drawn {drawn_rise:.3f}), ends {back:.3f} off, "
            f"first frame {likeness:.1f} dB"
        )
    if arguments.sheet:
        sheet = Image.new("RGB", (SIZE * len(rows[0]), SIZE * len(rows)))
        for row, pictures in enumerate(rows):
            for column, picture in enumerate(pictures):
                sheet.paste(picture, (column * SIZE, row * SIZE))
        sheet.save(arguments.sheet)


if __name__ == "__main__":
    main()
