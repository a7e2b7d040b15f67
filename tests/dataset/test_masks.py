"""Masks are found by OneTrainer's name, and read in the picture's geometry."""

from pathlib import Path

import pytest
from PIL import Image

from trainer.dataset.items import scan
from trainer.dataset.masks import mask_file, mask_path, read_mask
from trainer.dataset.pictures import PictureError, Size

SIZE = Size(4, 2)


def pixels(picture: Image.Image | None) -> list[int]:
    assert picture is not None
    assert picture.mode == "L"
    return list(picture.tobytes())


def test_a_mask_has_onetrainers_name_and_is_no_picture_of_the_dataset(tmp_path: Path) -> None:
    picture = tmp_path / "my cat.1.JPG"
    Image.new("RGB", SIZE).save(picture, "JPEG")
    assert read_mask(picture, SIZE) is None
    mask_path(picture).write_bytes(mask_file(Image.new("L", SIZE, 77)))
    assert mask_path(picture) == tmp_path / "my cat.1-masklabel.png"
    assert pixels(read_mask(picture, SIZE)) == [77] * 8
    assert [item.relative for item in scan(tmp_path).items] == ["my cat.1.JPG"]


def test_greys_come_back_as_they_were_also_from_colours(tmp_path: Path) -> None:
    """OneTrainer's own tools save masks as RGB."""
    picture = tmp_path / "a.png"
    greys = Image.frombytes("L", SIZE, bytes([0, 1, 64, 100, 128, 200, 254, 255]))
    mask_path(picture).write_bytes(mask_file(greys))
    with Image.open(mask_path(picture)) as written:
        assert (written.mode, written.format) == ("L", "PNG")
    assert pixels(read_mask(picture, SIZE)) == list(greys.tobytes())
    greys.convert("RGB").save(mask_path(picture))
    assert pixels(read_mask(picture, SIZE)) == list(greys.tobytes())


def test_a_mask_in_another_size_is_stretched_over_the_picture(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    halves = Image.new("L", (40, 20), 255)
    halves.paste(0, (0, 0, 20, 20))
    mask_path(picture).write_bytes(mask_file(halves))
    assert pixels(read_mask(picture, SIZE)) == pytest.approx([0, 0, 255, 255] * 2, abs=32)
    mask_path(picture).write_bytes(mask_file(Image.new("L", (1, 1), 9)))
    assert pixels(read_mask(picture, SIZE)) == [9] * 8


def test_a_broken_mask_is_said(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    mask_path(picture).write_bytes(b"\x89PNG\r\n\x1a\nno")
    with pytest.raises(PictureError, match="a-masklabel"):
        read_mask(picture, SIZE)
