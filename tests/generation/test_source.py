"""The picture to begin from and its mask: read, fitted, faded, and laid back over what was there."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.generation.fake import fake_model
from trainer.contract.errors import UserError
from trainer.contract.generate import Mask, SourcePicture
from trainer.generation.source import Canvas, faded, read_canvas, region

BUNDLE, _ = fake_model()  # 32 x 24 pixels, in steps of 4


def noise(size: tuple[int, int]) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def mask_of(size: tuple[int, int], box: tuple[int, int, int, int], value: int = 255) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=value)
    return mask


@pytest.fixture
def files(tmp_path: Path) -> Path:
    noise((48, 40)).save(tmp_path / "source.png")
    mask_of((48, 40), (8, 8, 24, 24)).save(tmp_path / "mask.png")
    return tmp_path


def canvas(folder: Path, size: tuple[int, int] | None = None, mask: Mask | None = None, **source: object) -> Canvas:
    given = SourcePicture.model_validate({"path": str(folder / "source.png"), "mask": mask, **source})
    return read_canvas(given, size, BUNDLE)


def masking(folder: Path, **wish: object) -> Mask:
    return Mask.model_validate({"path": str(folder / "mask.png"), **wish})


def test_without_a_size_the_source_gives_its_own(files: Path) -> None:
    assert canvas(files).size == (48, 40)
    noise((51, 37)).save(files / "source.png")
    assert canvas(files).size == (48, 40)


def test_a_far_larger_source_is_made_as_large_as_the_model_knows_in_its_own_shape(files: Path) -> None:
    noise((400, 100)).save(files / "source.png")
    width, height = canvas(files).size
    assert (width, height) == (56, 16)
    assert abs(width * height - 32 * 24) < 32 * 24 * 0.25


@pytest.mark.parametrize(("resize", "edge"), [("crop", 0), ("stretch", 200)])
def test_another_shape_is_cut_or_stretched(files: Path, resize: str, edge: int) -> None:
    wide = Image.new("RGB", (80, 20))
    wide.paste((200, 200, 200), (0, 0, 20, 20))
    wide.save(files / "source.png")
    fitted = canvas(files, (20, 20), resize=resize).picture
    assert fitted.size == (20, 20)
    assert fitted.getpixel((1, 10)) == (edge,) * 3


def test_outside_the_mask_the_result_is_the_source_bit_for_bit(files: Path) -> None:
    made = canvas(files, mask=masking(files, feather=5))
    result = np.asarray(made.finished(Image.new("RGB", (48, 40), "red")))
    outside = np.asarray(mask_of((48, 40), (8, 8, 24, 24))) == 0
    assert (result[outside] == np.asarray(noise((48, 40)))[outside]).all()
    assert tuple(result[16, 16]) == (255, 0, 0)


def test_only_the_masked_region_is_worked_on_at_full_size_and_laid_back_at_its_place(files: Path) -> None:
    made = canvas(files, (64, 64), masking(files, only_masked=True, padding=4, feather=0))
    assert made.size == (64, 64)
    assert made.box == (4, 4, 28, 28)
    assert made.mask is not None
    assert made.mask.getpixel((32, 32)) == 255
    assert made.mask.getpixel((4, 4)) == 0
    result = np.asarray(made.finished(Image.new("RGB", (64, 64), "red")))
    assert result.shape == (40, 48, 3)
    inside = np.asarray(mask_of((48, 40), (8, 8, 24, 24))) > 0
    assert (result[inside] == (255, 0, 0)).all()
    assert (result[~inside] == np.asarray(noise((48, 40)))[~inside]).all()


@pytest.mark.parametrize(
    ("box", "shape", "wanted"),
    [
        ((40, 40, 60, 60), (1, 1), (30, 30, 70, 70)),
        ((40, 40, 60, 60), (2, 1), (10, 30, 90, 70)),
        ((0, 0, 20, 20), (2, 1), (0, 0, 60, 30)),
        ((80, 90, 100, 100), (1, 1), (70, 70, 100, 100)),
        ((0, 0, 100, 50), (1, 2), (0, 0, 100, 100)),
    ],
)
def test_the_region_has_the_shape_of_the_work_and_lies_in_the_picture(
    box: tuple[int, int, int, int], shape: tuple[int, int], wanted: tuple[int, int, int, int]
) -> None:
    assert region(box, 10, shape, (100, 100)) == wanted


def test_the_mask_fades_inside_by_the_distance_to_its_edge() -> None:
    """Against the distance to every pixel outside, reckoned one by one."""
    mask = Image.new("L", (30, 24))
    ImageDraw.Draw(mask).ellipse((4, 3, 25, 20), fill=255)
    inside = np.asarray(mask) > 0
    outside = np.argwhere(~inside)
    weights = np.asarray(faded(mask, 6))
    for row, column in np.argwhere(inside):
        nearest = np.sqrt(((outside - (row, column)) ** 2).sum(1)).min()
        assert weights[row, column] == round(min(nearest, 6) * 255 / 6)
    assert not weights[~inside].any()
    assert np.asarray(faded(mask, 0)).tolist() == np.asarray(mask).tolist()


def test_the_border_of_the_picture_is_no_edge_of_the_mask() -> None:
    assert np.asarray(faded(Image.new("L", (10, 10), 255), 4)).min() == 255


def test_a_mask_of_another_size_grey_or_inverted(files: Path) -> None:
    mask_of((24, 20), (4, 4, 12, 12), 200).save(files / "mask.png")
    made = canvas(files, mask=masking(files))
    assert made.mask is not None
    assert made.mask.getbbox() == (8, 8, 24, 24)
    inverted = canvas(files, mask=masking(files, inverted=True)).mask
    assert inverted is not None
    assert (np.asarray(inverted) == 255 - np.asarray(made.mask)).all()


def test_strokes_on_a_clear_ground_are_a_mask_too(files: Path) -> None:
    drawn = Image.new("RGBA", (48, 40), (0, 0, 0, 0))
    drawn.paste((255, 255, 255, 255), (8, 8, 24, 24))
    drawn.save(files / "mask.png")
    made = canvas(files, mask=masking(files)).mask
    assert made is not None
    assert made.getbbox() == (8, 8, 24, 24)


def test_the_transparent_part_of_the_source_is_its_mask(files: Path) -> None:
    seen = noise((48, 40)).convert("RGBA")
    seen.paste((0, 0, 0, 0), (8, 8, 24, 24))
    seen.save(files / "source.png")
    made = canvas(files, mask=Mask())
    assert made.mask is not None
    assert made.mask.getbbox() == (8, 8, 24, 24)


def test_a_mask_says_which_files_it_was_made_of(files: Path) -> None:
    known = canvas(files, mask=masking(files)).source
    assert known.sha256 == hashlib.sha256((files / "source.png").read_bytes()).hexdigest()
    assert known.mask is not None
    assert known.mask.sha256 == hashlib.sha256((files / "mask.png").read_bytes()).hexdigest()
    assert read_canvas(known, None, BUNDLE).source == known


def test_what_will_not_do_is_said_in_one_sentence_with_a_way_out(files: Path) -> None:
    def refused(**change: object) -> UserError:
        with pytest.raises(UserError) as caught:
            canvas(files, **change)  # pyright: ignore[reportArgumentType]
        return caught.value

    assert "There is no picture to begin from at" in refused(path=str(files / "gone.png")).title
    assert "There is no mask at" in refused(mask=Mask(path=str(files / "gone.png"))).title
    assert "content has changed" in refused(sha256="0" * 64).title
    assert "content has changed" in refused(mask=masking(files, sha256="1" * 64)).title
    assert "nowhere transparent" in refused(mask=Mask()).title
    Image.new("L", (48, 40)).save(files / "mask.png")
    assert "marks nothing" in refused(mask=masking(files)).title
    Image.new("L", (48, 40), 255).save(files / "mask.png")
    assert "switch inverted off" in refused(mask=masking(files, inverted=True)).fix
    (files / "source.png").write_bytes(b"no picture")
    assert "can't be used" in refused().title
