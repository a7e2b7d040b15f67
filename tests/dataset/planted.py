"""A folder of pictures drawn by script, all of them sound, and faults to plant among them."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from captions import caption
from draw import draw
from trainer.dataset.captions import split_tags
from trainer.dataset.findings import Kind
from world import random_scene

RESOLUTION = 224
TRIGGER = "kiki"
_TAGS = """
1girl, smile, blue eyes, long hair, white shirt, red skirt, hat, outdoors, tree, sky, cloud, flower, grass, sitting,
from above, looking at viewer, holding cup, table, window, night, rain, umbrella, boots, scarf, cat, book, mountain,
river, bridge, lantern, upper body, closed mouth, ribbon, necklace, backpack, snow, sunset, street, bench, bicycle
"""
TAGS = split_tags(_TAGS.replace("\n", " "))


def photograph(seed: int) -> Image.Image:
    """Like one in what the check looks at: detail at every scale (1/f noise, coloured), and a few sharp edges."""
    numbers = np.random.default_rng(seed)
    width, height = ((288, 224), (224, 288), (256, 256), (336, 224), (400, 300))[seed % 5]
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    falling = 1 / np.maximum(np.hypot(down, across), 1 / width)
    planes = [
        np.fft.irfft2(falling * np.fft.rfft2(numbers.normal(size=(height, width))), (height, width)) for _ in "RGB"
    ]
    shared = planes[0] / planes[0].std()
    channels = [shared + 0.5 * plane / plane.std() for plane in planes]
    picture = Image.fromarray(np.clip(128 + 45 * np.stack(channels, axis=-1), 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(4):
        x, y, size = numbers.integers(0, width), numbers.integers(0, height), numbers.integers(30, 110)
        colour = tuple(int(value) for value in numbers.integers(0, 256, 3))
        pen.ellipse((int(x), int(y), int(x + size), int(y + size * 0.7)), fill=colour)
    return picture


def write(path: Path, picture: Image.Image, words: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=90)
    path.with_suffix(".txt").write_text(words + "\n", encoding="utf-8")
    return path


def sound_folder(folder: Path, count: int, seed: int) -> list[Path]:
    """Two drawings of the starter model's world for each three photographs, described in sentences and in tags."""
    chance = random.Random(seed)
    used: set[str] = set()

    def unused(words: Callable[[], str]) -> str:
        while (made := words()) in used:
            pass
        used.add(made)
        return made

    paths: list[Path] = []
    for number in range(count):
        if number % 5 < 2:
            scene = random_scene(chance)
            while (words := caption(scene, chance)) in used:
                scene = random_scene(chance)
            used.add(words)
            picture, name = draw(scene, 240), f"drawings/{number:03d}.png"
        else:
            words = unused(lambda: ", ".join([TRIGGER, *chance.sample(TAGS, chance.randint(5, 9))]))
            picture, name = photograph(seed * 1000 + number), f"photos/{number:03d}.jpg"
        paths.append(write(folder / name, picture, words))
    return paths


def _set_caption(data: bytes) -> Callable[[Path, Path], Path]:
    def plant(path: Path, _other: Path) -> Path:
        path.with_suffix(".txt").write_bytes(data)
        return path.with_suffix(".txt")

    return plant


def _tags(words: str) -> Callable[[Path, Path], Path]:
    return _set_caption(f"{TRIGGER}, {words}\n".encode())


def _picture(change: Callable[[Image.Image], Image.Image], quality: int = 75) -> Callable[[Path, Path], Path]:
    def plant(path: Path, _other: Path) -> Path:
        with Image.open(path) as picture:
            changed = change(picture.convert("RGB"))
        changed.save(path, quality=quality)
        return path

    return plant


def _copy(change: Callable[[Image.Image], Image.Image], quality: int = 75) -> Callable[[Path, Path], Path]:
    def plant(path: Path, other: Path) -> Path:
        with Image.open(other) as picture:
            changed = change(picture.convert("RGB"))
        changed.save(path, quality=quality)
        return path

    return plant


def _bytes(data: bytes) -> Callable[[Path, Path], Path]:
    def plant(path: Path, _other: Path) -> Path:
        path.write_bytes(data)
        return path

    return plant


def _cut(path: Path, _other: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _same_file(path: Path, other: Path) -> Path:
    shutil.copy(other, path)
    return path


def _no_caption(path: Path, _other: Path) -> Path:
    path.with_suffix(".txt").unlink()
    return path


def _heic(path: Path, _other: Path) -> Path:
    path.with_suffix(".txt").unlink()
    return path.rename(path.with_suffix(".heic"))


def _broken_link(path: Path, _other: Path) -> Path:
    path.unlink()
    path.with_suffix(".txt").unlink()
    path.symlink_to("nowhere.jpg")
    return path


def _float(path: Path, _other: Path) -> Path:
    path.unlink()
    Image.new("F", (300, 300)).save(path.with_suffix(".tif"))
    return path.with_suffix(".tif")


def _other_name(path: Path, _other: Path) -> Path:
    return path.rename(path.with_suffix(".webp"))


def _moving(path: Path, _other: Path) -> Path:
    with Image.open(path) as picture:
        frames = [picture.convert("RGB"), picture.convert("RGB").rotate(180)]
    path.unlink()
    frames[0].save(path.with_suffix(".gif"), save_all=True, append_images=frames[1:])
    return path.with_suffix(".gif")


def _orphan(path: Path, _other: Path) -> Path:
    path.unlink()
    return path.with_suffix(".txt")


def _shared_caption(path: Path, _other: Path) -> Path:
    photograph(int(path.stem) + 77_000).save(path.with_suffix(".png" if path.suffix == ".jpg" else ".jpg"))
    return max(path.with_suffix(".png"), path.with_suffix(".jpg"))


def _two_captions(path: Path, _other: Path) -> Path:
    path.with_suffix(".caption").write_text("another caption of it", encoding="utf-8")
    return path


def _copied_caption(path: Path, _other: Path) -> Path:
    words = path.with_suffix(".txt").read_text("utf-8")
    write(path.with_name(f"{path.stem}-more{path.suffix}"), photograph(int(path.stem) + 78_000), words.strip())
    return path.with_suffix(".txt")


def _without_trigger(path: Path, _other: Path) -> Path:
    words = path.with_suffix(".txt")
    words.write_text(words.read_text("utf-8").removeprefix(f"{TRIGGER}, "), encoding="utf-8")
    return words


def _border_cut(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((width // 100, height // 100, width - width // 100, height - height // 100))


_SMOOTH = Image.Resampling.BICUBIC
_BLUR = ImageFilter.GaussianBlur(5)
_MOJIBAKE = "a café in the blue evening light".encode().decode("cp1252").encode()
Fault = tuple[Kind, str, Callable[[Path, Path], Path]]


def _fault(kind: Kind, where: str, change: Callable[[Path, Path], Path], times: int = 1) -> list[Fault]:
    return [(kind, where, change)] * times


FAULTS: tuple[Fault, ...] = (
    ("unreadable", "any", _cut),
    ("unreadable", "any", _bytes(b"")),
    ("unreadable", "any", _bytes(b"<html>not found</html>")),
    ("unreadable", "any", _heic),
    ("unreadable", "any", _broken_link),
    ("unreadable", "any", _float),
    ("file format", "any", _other_name),
    ("file format", "any", _other_name),
    ("several frames", "any", _moving),
    *_fault("too small", "any", _picture(lambda picture: picture.resize((160, 120))), times=4),
    *_fault("too narrow", "any", _picture(lambda picture: picture.resize((1600, 80))), times=3),
    *_fault("blurred", "drawings", _picture(lambda picture: picture.filter(_BLUR)), times=2),
    *_fault("blurred", "photos", _picture(lambda picture: picture.filter(_BLUR)), times=2),
    ("blurred", "photos", _picture(lambda picture: picture.resize((50, 40)).resize((400, 320), _SMOOTH))),
    *_fault("same file", "any", _same_file, times=4),
    ("near duplicate", "photos", _copy(lambda picture: picture.resize((picture.width * 2, picture.height * 2)))),
    ("near duplicate", "drawings", _copy(lambda picture: picture.resize((picture.width * 2, picture.height * 2)))),
    ("near duplicate", "photos", _copy(lambda picture: picture, quality=30)),
    ("near duplicate", "photos", _copy(lambda picture: ImageEnhance.Brightness(picture).enhance(1.1))),
    ("near duplicate", "drawings", _copy(lambda picture: ImageEnhance.Brightness(picture).enhance(0.93))),
    ("near duplicate", "drawings", _copy(_border_cut)),
    *_fault("no caption", "any", _no_caption, times=3),
    ("empty caption", "any", _set_caption(b"")),
    ("empty caption", "any", _set_caption(b"\n")),
    ("empty caption", "any", _set_caption(b"  \r\n")),
    ("encoding", "any", _set_caption(b"the fox\x92s tail in the snow")),
    ("encoding", "any", _set_caption("a fox in a field of snow".encode("utf-16"))),
    ("encoding", "any", _set_caption("a fox in a wide green field".encode("utf-8-sig"))),
    ("encoding", "any", _set_caption(b"\0\1\2")),
    ("lost letters", "any", _set_caption(_MOJIBAKE)),
    ("lost letters", "any", _set_caption("a caf\ufffd in the morning".encode())),
    ("long caption", "any", _set_caption(b"a fox beside " + b"and a tree " * 30)),
    ("long caption", "any", _set_caption(b"a cat beside " + b"and a house " * 30)),
    ("same caption", "photos", _copied_caption),
    ("shared caption", "photos", _shared_caption),
    ("two captions", "any", _two_captions),
    *_fault("orphan caption", "any", _orphan, times=3),
    ("tag conflict", "photos", _tags("1girl, 2girls, smile, tree")),
    ("tag conflict", "photos", _tags("1girl, long hair, short_hair, smile")),
    ("tag conflict", "photos", _tags("blue eyes, hat, red eyes, rain")),
    ("tag spelling", "photos", _tags("smile, lookng at viewer, tree, hat, cup")),
    ("tag spelling", "photos", _tags("smile, umbrellla, sky, scarf, boots")),
    ("tag spelling", "photos", _tags("blue_eyes, snow, sky, boots, bench")),
    ("repeated tag", "photos", _tags("snow, tree, bench, snow, hat")),
    *_fault("trigger word", "photos", _without_trigger, times=2),
)
"""The kind of finding that each must give, where it can be planted, and what it does to a picture, with another
sound one at hand; it gives the file that is to be named."""


def plant(paths: list[Path], sound: int) -> Iterator[tuple[Kind, Path]]:
    """Plant every fault in a picture of its own behind the first `sound` of `paths`, which stay as they are."""
    free: dict[str, list[Path]] = {"drawings": [], "photos": []}
    others: dict[str, list[Path]] = {"drawings": [], "photos": []}
    for number, path in enumerate(paths):
        (free if number >= sound else others)[path.parent.name].append(path)
    for kind, where, change in sorted(FAULTS, key=lambda fault: fault[1] == "any"):
        place = where if where != "any" else max(free, key=lambda name: len(free[name]))
        path = free[place].pop()
        yield kind, change(path, others[place].pop())
