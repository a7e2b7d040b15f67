"""Measure how well the starter model follows its captions, and write the figures into its model card.

    python packaging/starter/evaluate.py [--model FILE] [--card FILE] [--pictures 64] [--seed 1000] [--sheet FILE]

Random scenes with one subject are described, generated from the words alone, and judged by measure.py, which knows
nothing of the model. A scene's seed is drawn with it, so the figure is the same wherever it is measured again.
"""

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from trainer.offline import go_offline

go_offline()

from PIL import Image

from captions import full_caption
from measure import agrees
from trainer.contract.common import Hardware, Sampling
from trainer.generation.pipeline import sample, to_pictures
from trainer.home import Home
from trainer.models.opening import open_model
from world import Scene, random_scene

SAMPLING = Sampling(sampler="ddim", steps=30, guidance=4.0)
AT_ONCE = 8
FIGURES = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(ROOT / "resources" / "models" / "starter.safetensors"))
    parser.add_argument("--card", type=Path, help="model card whose figures are replaced")
    parser.add_argument("--sheet", type=Path, help="where to put a picture of all that was judged")
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1000)
    options = parser.parse_args()
    scenes = scenes_to_judge(options.pictures, options.seed)
    pictures = generate(options.model, scenes)
    verdicts = [agrees(scene, picture) for scene, picture in zip(scenes, pictures, strict=True)]
    text = report(verdicts, options)
    print(text)
    if options.card:
        card, places = FIGURES.subn(lambda _: text + "\n", options.card.read_text(encoding="utf-8"))
        if places != 1:
            sys.exit(f"{options.card} has no one place between <!-- figures --> and <!-- end of figures -->.")
        options.card.write_text(card, encoding="utf-8")
    if options.sheet:
        contact_sheet(pictures).save(options.sheet)


def scenes_to_judge(count: int, seed: int) -> list[Scene]:
    """Random scenes as the model was trained on, of which those with a single subject can be judged."""
    chance = random.Random(seed)
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = random_scene(chance)
        if scene.count == 1:
            scenes.append(scene)
    return scenes


def generate(model: str, scenes: Sequence[Scene]) -> list[Image.Image]:
    bundle = open_model(model, Home.find(), hardware=Hardware(device="cpu", precision="fp32"))
    pictures: list[Image.Image] = []
    for start in range(0, len(scenes), AT_ONCE):
        group = scenes[start : start + AT_ONCE]
        latents = sample(
            bundle,
            prompts=[full_caption(scene) for scene in group],
            negatives=[""] * len(group),
            size=bundle.default_size,
            sampling=SAMPLING,
            seeds=[scene.seed for scene in group],
        )
        pictures += to_pictures(bundle, latents)
    return pictures


def report(verdicts: Sequence[dict[str, bool]], options: argparse.Namespace) -> str:
    right = Counter(question for verdict in verdicts for question, answer in verdict.items() if answer)
    count = len(verdicts)
    judged = sum(right.values()) / (count * len(verdicts[0]))
    lines = [f"| {question} | {right[question] / count:.0%} |" for question in verdicts[0]]
    return "\n".join(
        [
            f"{count} random captions, DDIM {SAMPLING.steps} steps, guidance {SAMPLING.guidance:g}:",
            "",
            "| judged | right |",
            "|---|---|",
            *lines,
            f"| all answers | {judged:.0%} |",
            f"| pictures with every answer right | {sum(all(v.values()) for v in verdicts) / count:.0%} |",
            "",
            f"`python packaging/starter/evaluate.py --pictures {options.pictures} --seed {options.seed}`",
        ]
    )


def contact_sheet(pictures: Sequence[Image.Image], columns: int = 8) -> Image.Image:
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place % columns * width, place // columns * height))
    return sheet


if __name__ == "__main__":
    main()
