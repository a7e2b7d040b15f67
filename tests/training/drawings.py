"""A few pictures with captions to train on."""

from pathlib import Path

from PIL import Image, ImageDraw


def draw(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        picture = Image.new("RGB", (64, 64) if number % 2 else (96, 48), (40 * number, 90, 200 - 30 * number))
        ImageDraw.Draw(picture).rectangle((10, 10, 30, 30), fill=(250, 240, 30 * number))
        picture.save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"a square, number {number}\n", encoding="utf-8")
    return folder
