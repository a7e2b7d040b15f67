"""Recipes do what Pillow's own operations do, one after the other; they survive, and damage to their file is said."""

import itertools
import json
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from trainer.contract.errors import UserError
from trainer.dataset.pictures import PictureError, Size
from trainer.dataset.recipes import AS_IT_IS, Box, Recipe, Recipes, prepared

WIDTH, HEIGHT = 7, 5
SIZE = Size(WIDTH, HEIGHT)


@pytest.fixture
def numbered() -> Image.Image:
    """Every pixel is its own number."""
    picture = Image.new("L", SIZE)
    picture.putdata(range(WIDTH * HEIGHT))
    return picture


def by_hand(picture: Image.Image, turns: int, mirrored: bool, crop: Box | None) -> Image.Image:
    turned = picture.rotate(-90 * turns, expand=True)
    swapped = ImageOps.mirror(turned) if mirrored else turned
    return swapped.crop(crop) if crop else swapped


ALL = [
    (turns, mirrored, crop)
    for turns, mirrored, crop in itertools.product(range(4), (False, True), (None, (1, 2, 4, 5), (0, 0, 5, 1)))
]


@pytest.mark.parametrize(("turns", "mirrored", "crop"), ALL)
def test_turned_then_mirrored_then_cropped(numbered: Image.Image, turns: int, mirrored: bool, crop: Box | None) -> None:
    recipe = Recipe(turns, mirrored, crop)
    expected = by_hand(numbered, turns, mirrored, crop)
    made = recipe(numbered)
    assert (made.size, made.tobytes(), made.mode) == (expected.size, expected.tobytes(), "L")
    assert recipe.size(SIZE) == expected.size
    assert recipe.changes_nothing == (recipe == AS_IT_IS == Recipe(turns, mirrored, crop))


@pytest.mark.parametrize(("turns", "mirrored", "crop"), ALL)
def test_what_was_prepared_is_turned_and_mirrored_further(
    numbered: Image.Image, turns: int, mirrored: bool, crop: Box | None
) -> None:
    recipe = Recipe(turns, mirrored, crop)
    for more in range(-1, 5):
        expected = recipe(numbered).rotate(-90 * more, expand=True)
        made = recipe.then_turned(SIZE, more)(numbered)
        assert (made.size, made.tobytes()) == (expected.size, expected.tobytes())
    expected = ImageOps.mirror(recipe(numbered))
    made = recipe.then_mirrored(SIZE)(numbered)
    assert (made.size, made.tobytes()) == (expected.size, expected.tobytes())


def test_a_crop_that_no_longer_fits_is_cut_to_the_picture(numbered: Image.Image) -> None:
    for crop, box in {
        (4, 3, 90, 90): (4, 3, 7, 5),
        (50, 60, 90, 90): (6, 4, 7, 5),
        (0, 9, 3, 10): (0, 4, 3, 5),
    }.items():
        recipe = Recipe(crop=crop)
        assert recipe.box(SIZE) == box
        assert recipe(numbered).tobytes() == numbered.crop(box).tobytes()
        assert recipe.size(SIZE) == recipe(numbered).size


def test_nothing_to_do_gives_the_very_picture(numbered: Image.Image) -> None:
    assert AS_IT_IS(numbered) is numbered
    assert AS_IT_IS.changes_nothing


@pytest.mark.parametrize("crop", [(0, 0, 0, 5), (3, 0, 2, 5), (-1, 0, 2, 5), (0, 4, 3, 4)])
def test_a_crop_without_a_pixel_is_a_mistake(crop: Box) -> None:
    with pytest.raises(ValueError, match="crop"):
        Recipe(crop=crop)


@pytest.mark.parametrize("turns", [-1, 4])
def test_other_turns_are_a_mistake(turns: int) -> None:
    with pytest.raises(ValueError, match="turns"):
        Recipe(turns)


def test_prepared_is_upright_first(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture = Image.new("RGB", SIZE)
    picture.putdata([(number, 0, 0) for number in range(WIDTH * HEIGHT)])
    exif = Image.Exif()
    exif[274] = 6  # to be turned clockwise once
    picture.save(path, exif=exif)
    made = prepared(path, Recipe(turns=1, crop=(1, 1, 4, 3)))
    assert made.mode == "RGB"
    assert made.tobytes() == picture.rotate(180).crop((1, 1, 4, 3)).tobytes()
    with pytest.raises(PictureError):
        prepared(tmp_path / "gone.png", AS_IT_IS)


def test_recipes_come_back(tmp_path: Path) -> None:
    recipes = Recipes(tmp_path)
    assert (recipes.of("a.png"), recipes.note, recipes.changed) == (AS_IT_IS, "", False)
    mine = Recipe(3, True, (1, 2, 30, 40))
    recipes.set("a.png", mine)
    recipes.set("sub/ü 猫.png", Recipe(1))
    assert recipes.changed
    recipes.save()
    assert not recipes.changed
    again = Recipes(tmp_path)
    assert (again.of("a.png"), again.of("sub/ü 猫.png"), again.note) == (mine, Recipe(1), "")
    again.set("a.png", AS_IT_IS)
    again.save()
    assert "a.png" not in (tmp_path / ".gesso" / "recipes.json").read_text()
    assert Recipes(tmp_path).of("sub/ü 猫.png") == Recipe(1)


def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    recipes = Recipes(tmp_path)
    recipes.set("a.png", AS_IT_IS)
    recipes.save()
    assert list(tmp_path.iterdir()) == []


def _write(folder: Path, recipes: object) -> Path:
    path = folder / ".gesso" / "recipes.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"format": 1, "recipes": recipes}))
    return path


def test_what_is_not_known_and_who_is_absent_stays_in_the_file(tmp_path: Path) -> None:
    absent = {"turns": 2, "mirrored": False, "crop": None}
    path = _write(tmp_path, {"gone.png": absent, "a.png": {**absent, "straighten": 1.5}})
    recipes = Recipes(tmp_path)
    assert recipes.of("a.png") == recipes.of("gone.png") == Recipe(2)
    recipes.set("a.png", Recipe(1))
    recipes.set("b.png", Recipe(crop=(0, 0, 1, 1)))
    recipes.save()
    assert json.loads(path.read_bytes()) == {
        "format": 1,
        "recipes": {
            "a.png": {"turns": 1, "mirrored": False, "crop": None, "straighten": 1.5},
            "b.png": {"turns": 0, "mirrored": False, "crop": [0, 0, 1, 1]},
            "gone.png": absent,
        },
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"[]",
        b'{"format": 2, "recipes": {}}',
        b'{"format": 1, "recipes": []}',
        b'{"format": 1, "recipes": {"a": 3}}',
        b'{"format": 1, "recipes": {"a": {"turns": 1}}}',
        b'{"format": 1, "recipes": {"a": {"turns": 4, "mirrored": false, "crop": null}}}',
        b'{"format": 1, "recipes": {"a": {"turns": true, "mirrored": false, "crop": null}}}',
        b'{"format": 1, "recipes": {"a": {"turns": 1, "mirrored": 1, "crop": null}}}',
        b'{"format": 1, "recipes": {"a": {"turns": 1, "mirrored": true, "crop": [1, 2, 3]}}}',
        b'{"format": 1, "recipes": {"a": {"turns": 1, "mirrored": true, "crop": [1, 2, 3, 2]}}}',
        b'{"format": 1, "recipes": {"a": {"turns": 1, "mirrored": true, "crop": [1, 2, 3.5, 4]}}}',
        b'{"format": 1, "recipes": {"a": {"turns": 1, "mirrored": true, "crop": "abcd"}}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / ".gesso" / "recipes.json"
    path.parent.mkdir()
    path.write_bytes(data)
    recipes = Recipes(tmp_path)
    assert "recipes.damaged-1.json" in recipes.note
    assert recipes.of("a") == AS_IT_IS
    assert path.with_name("recipes.damaged-1.json").read_bytes() == data
    recipes.set("a", Recipe(1))
    recipes.save()
    assert (Recipes(tmp_path).note, Recipes(tmp_path).of("a")) == ("", Recipe(1))


def test_a_disk_that_refuses_loses_nothing(tmp_path: Path) -> None:
    recipes = Recipes(tmp_path)
    recipes.set("a.png", Recipe(1))
    (tmp_path / ".gesso").write_bytes(b"a file stands here")
    with pytest.raises(UserError):
        recipes.save()
    assert recipes.changed
    (tmp_path / ".gesso").unlink()
    recipes.save()
    assert Recipes(tmp_path).of("a.png") == Recipe(1)


def test_two_that_prepare_different_pictures_lose_nothing_of_each_other(tmp_path: Path) -> None:
    window, command = Recipes(tmp_path), Recipes(tmp_path)
    window.set("a.png", Recipe(1))
    window.set("both.png", Recipe(1))
    window.save()
    command.set("b.png", Recipe(2))
    command.set("both.png", Recipe(2))
    command.save()
    window.set("a.png", AS_IT_IS)
    window.set("c.png", Recipe(3))
    window.save()
    kept = Recipes(tmp_path)
    assert [kept.of(f"{name}.png") for name in ("a", "b", "both", "c")] == [AS_IT_IS, Recipe(2), Recipe(2), Recipe(3)]
