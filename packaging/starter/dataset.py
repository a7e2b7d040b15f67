"""Writes the datasets that the starter model and the demo are made from: picture files with sidecar captions.

    python packaging/starter/dataset.py world OUT --count N --seed S    pictures of the world, for pretraining
    python packaging/starter/dataset.py mascot OUT                      the sample subject, which the world never draws
    python packaging/starter/dataset.py class OUT                       plain cats of the world: the mascot's class

Each picture is NNNNN.png beside NNNNN.txt (UTF-8, one line). The same command always writes the same pictures.
"""

import argparse
import random
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image

from captions import caption, full_caption
from draw import draw
from mascot import CLASS, PORTRAITS, caption_of, draw_mascot
from world import BACKGROUNDS, COLOURS, PLACES, STYLES, UNREADABLE, Scene, random_scene

CHUNK = 250
SAMPLE_SIZE = 256


def write_item(out: Path, number: int, picture: Image.Image, words: str, compress_level: int = 9) -> None:
    """Write one picture and its caption."""
    picture.save(out / f"{number:05d}.png", compress_level=compress_level)
    (out / f"{number:05d}.txt").write_text(words + "\n", encoding="utf-8", newline="\n")


def world_item(seed: int, index: int) -> tuple[Scene, str]:
    """Scene and caption of one item of the world: a function of (seed, index) alone, whatever the order of writing."""
    rng = random.Random(f"gesso-world-{seed}-{index}")
    scene = random_scene(rng)
    return scene, caption(scene, rng)


def write_world_items(out: Path, seed: int, size: int, indices: range) -> int:
    """Write the items with these indices; returns how many."""
    for index in indices:
        scene, words = world_item(seed, index)
        write_item(out, index, draw(scene, size), words, compress_level=1)
    return len(indices)


def write_world(out: Path, count: int, seed: int, size: int = 128, processes: int = 2) -> int:
    """Write `count` captioned pictures of random scenes to `out` (made if missing); returns how many."""
    out.mkdir(parents=True, exist_ok=True)
    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    with ProcessPoolExecutor(processes) as pool:
        return sum(pool.map(partial(write_world_items, out, seed, size), chunks))


def write_mascot(out: Path, size: int = SAMPLE_SIZE) -> int:
    """Write the mascot's portraits to `out`; returns how many."""
    out.mkdir(parents=True, exist_ok=True)
    for number, portrait in enumerate(PORTRAITS, start=1):
        write_item(out, number, draw_mascot(portrait, size), caption_of(portrait))
    return len(PORTRAITS)


def class_scenes() -> list[Scene]:
    """Cats in every colour, three of each, over all backgrounds, places and styles; half of them large."""
    rng = random.Random("gesso-class")
    scenes: list[Scene] = []
    for number in range(3 * len(COLOURS)):
        colour = tuple(COLOURS)[number % len(COLOURS)]
        readable = [name for name in BACKGROUNDS if (colour, name) not in UNREADABLE]
        large = number % 2 == number // len(COLOURS) % 2
        scenes.append(
            Scene(
                CLASS,
                colour,
                background=readable[(5 * number + number // len(COLOURS)) % len(readable)],
                place="middle" if large else PLACES[number // 2 % len(PLACES)],
                size="large" if large else "medium",
                style=STYLES[(0, 1, 0, 2)[number % 4]],
                seed=rng.randrange(2**31),
            )
        )
    return scenes


def write_class(out: Path, size: int = SAMPLE_SIZE) -> int:
    """Write the class pictures to `out`; returns how many."""
    out.mkdir(parents=True, exist_ok=True)
    scenes = class_scenes()
    for number, scene in enumerate(scenes, start=1):
        write_item(out, number, draw(scene, size), full_caption(scene))
    return len(scenes)


def main() -> None:
    """Read the command line and write one dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    world = kinds.add_parser("world", help="captioned pictures of random scenes, for pretraining")
    world.add_argument("out", type=Path)
    world.add_argument("--count", type=int, default=20000)
    world.add_argument("--seed", type=int, default=1)
    world.add_argument("--size", type=int, default=128, help="width and height in pixels")
    for kind, words in (("mascot", "the sample subject"), ("class", "plain cats, the mascot's class")):
        portraits = kinds.add_parser(kind, help=words)
        portraits.add_argument("out", type=Path)
        portraits.add_argument("--size", type=int, default=SAMPLE_SIZE, help="width and height in pixels")
    arguments = parser.parse_args()
    if arguments.kind == "world":
        written = write_world(arguments.out, arguments.count, arguments.seed, arguments.size)
    else:
        write = write_mascot if arguments.kind == "mascot" else write_class
        written = write(arguments.out, arguments.size)
    print(f"{written} pictures with captions in {arguments.out}")


if __name__ == "__main__":
    main()
