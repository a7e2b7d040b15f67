"""The pictures that the project draws itself: the same for ever, truly described, and readable to the judge."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import captions
import dataset
import mascot
import measure
from draw import draw
from world import BACKGROUNDS, COLOURS, PLACES, SIZES, STYLES, SUBJECTS, UNREADABLE, Scene, random_scene

RESOURCES = Path(__file__).parents[2] / "resources"
CALIBRATION = 150
RIGHT = 0.98


def scenes(count: int, seed: int) -> list[Scene]:
    """Random scenes of one subject."""
    rng = random.Random(seed)
    found: list[Scene] = []
    while len(found) < count:
        scene = random_scene(rng)
        if scene.count == 1:
            found.append(scene)
    return found


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"), dtype=np.int16)


def as_drawn(picture: Image.Image, seed: int) -> Image.Image:
    return picture


def blurred(picture: Image.Image, seed: int) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1.5))


def coarse(picture: Image.Image, seed: int) -> Image.Image:
    """Half the resolution, noise and 16 steps a channel: worse than what a small VAE gives back."""
    half = picture.resize((64, 64), Image.Resampling.BILINEAR).resize((128, 128), Image.Resampling.BICUBIC)
    noisy = pixels(half) + np.random.default_rng(seed).normal(0, 5, (128, 128, 3))
    return Image.fromarray((np.round(noisy / 16) * 16).clip(0, 255).astype(np.uint8))


def test_a_scene_is_always_the_same_picture() -> None:
    for scene in scenes(12, seed=1):
        assert np.array_equal(pixels(draw(scene)), pixels(draw(scene)))


def test_every_attribute_changes_the_picture() -> None:
    scene = Scene("cat", "red", "mint", "middle", "medium", 1, "flat", 5)
    others = [
        replace(scene, subject="rabbit"),
        replace(scene, colour="blue"),
        replace(scene, background="peach"),
        replace(scene, place="left"),
        replace(scene, size="large"),
        replace(scene, count=2),
        replace(scene, style="ink"),
        replace(scene, seed=6),
    ]
    plain = pixels(draw(scene))
    assert [bool((pixels(draw(other)) != plain).any()) for other in others] == [True] * len(others)


def test_a_picture_of_another_size_shows_the_same_scene() -> None:
    scene = Scene("fish", "orange", "navy", "right", "medium", 1, "pastel", 9)
    large = draw(scene, 256)
    assert large.size == (256, 256)
    reduced = large.resize((128, 128), Image.Resampling.LANCZOS)
    assert np.abs(pixels(reduced) - pixels(draw(scene))).mean() < 4


def test_single_subjects_stay_inside_the_picture() -> None:
    """No subject is cut: the frame of 2 px shows background only."""
    for scene in scenes(120, seed=2):
        mask = measure.subject_mask(draw(scene), scene.background)
        frame = np.concatenate([mask[:2].ravel(), mask[-2:].ravel(), mask[:, :2].ravel(), mask[:, -2:].ravel()])
        assert frame.mean() < 0.02, scene


def test_the_world_avoids_unreadable_pairs_and_uses_every_value() -> None:
    rng = random.Random(3)
    world = [random_scene(rng) for _ in range(2000)]
    assert not {(scene.colour, scene.background) for scene in world} & UNREADABLE
    assert {scene.subject for scene in world} == set(SUBJECTS)
    assert {scene.colour for scene in world} == set(COLOURS)
    assert {scene.background for scene in world} == set(BACKGROUNDS)
    assert {scene.place for scene in world} == set(PLACES)
    assert {scene.size for scene in world} == set(SIZES)
    assert {scene.style for scene in world} == set(STYLES)
    assert {scene.count for scene in world} == {1, 2, 3}


def test_captions_say_what_is_there_and_nothing_else() -> None:
    rng = random.Random(4)
    said: Counter[str] = Counter()
    for _ in range(2000):
        scene = random_scene(rng)
        words = captions.caption(scene, rng)
        noun = captions.plural(scene.subject) if scene.count > 1 else scene.subject
        assert f"{scene.colour} {noun}" in words
        assert "  " not in words
        assert words == words.strip(" ,")
        for name in BACKGROUNDS:
            if f"{name} background" in words:
                assert name == scene.background
                said[name] += 1
        for place, phrase in captions.PLACE_WORDS.items():
            if phrase in words:
                assert place == scene.place
                said[place] += 1
        for style in STYLES:
            if captions.STYLE_BEFORE[style] in words or captions.STYLE_AFTER[style] in words:
                assert style == scene.style
                said[style] += 1
        for number, word in captions.NUMBERS.items():
            assert words.startswith(word) or f" {word} " in words or scene.count != number
        said.update(size for size in ("small", "large") if f"{size} {scene.colour}" in words and size == scene.size)
    assert {*BACKGROUNDS, *PLACES, *STYLES, "small", "large"} <= set(said)


def test_articles_and_plurals() -> None:
    assert captions.with_article("orange cat") == "an orange cat"
    assert captions.with_article("red cat") == "a red cat"
    assert captions.plural("fish") == "fish"
    assert captions.plural("tree") == "trees"


def test_the_full_caption_leaves_nothing_unsaid() -> None:
    one = Scene("cat", "orange", "sky blue", "left", "small", 1, "ink", 1)
    assert captions.full_caption(one) == "a small orange cat on the left of a sky blue background, ink drawing"
    many = Scene("fish", "pink", "navy", count=3, style="flat")
    assert captions.full_caption(many) == "three pink fish on a navy background"


@pytest.mark.parametrize("worsened", [as_drawn, blurred, coarse])
def test_the_judge_reads_true_drawings(worsened: Callable[[Image.Image, int], Image.Image]) -> None:
    right: Counter[str] = Counter()
    for scene in scenes(CALIBRATION, seed=7):
        right.update(key for key, value in measure.agrees(scene, worsened(draw(scene), scene.seed)).items() if value)
    assert {key: right[key] / CALIBRATION >= RIGHT for key in ("background", "colour", "place")} == {
        "background": True,
        "colour": True,
        "place": True,
    }


def test_the_judge_notices_wrong_pictures() -> None:
    """Drawings of other scenes agree only as often as chance would have it; an empty picture has no subject."""
    asked = scenes(60, seed=8)
    shown = scenes(60, seed=9)
    for scene, other in zip(asked, shown, strict=True):
        verdict = measure.agrees(scene, draw(other))
        if verdict["background"]:
            assert scene.background == other.background
    alike = sum(all(measure.agrees(scene, draw(other)).values()) for scene, other in zip(asked, shown, strict=True))
    assert alike <= 2
    empty = measure.judge(Image.new("RGB", (128, 128), BACKGROUNDS["mint"]))
    assert empty == {"background": "mint", "colour": "", "place": ""}


def test_the_judge_refuses_rows() -> None:
    with pytest.raises(ValueError, match="one subject"):
        measure.agrees(Scene("cat", "red", "mint", count=2), Image.new("RGB", (128, 128)))


def test_lab_of_known_colours() -> None:
    """White, and pure sRGB red as published (CIE Lab, D65: 53.24, 80.09, 67.20)."""
    values = measure.lab(np.array([[255, 255, 255], [255, 0, 0]], dtype=np.uint8))
    assert np.allclose(values, [[100, 0, 0], [53.24, 80.09, 67.20]], atol=0.1)


def test_world_items_are_written_as_pairs_whatever_the_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    dataset.write_world_items(first, 5, 128, range(4))
    for index in (3, 1, 0, 2):
        dataset.write_world_items(second, 5, 128, range(index, index + 1))
    assert sorted(file.name for file in first.iterdir()) == sorted(
        f"{i:05d}.{end}" for i in range(4) for end in ("png", "txt")
    )
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()


def test_the_sample_dataset_is_what_the_code_draws() -> None:
    folder = RESOURCES / "sample-dataset"
    assert len(list(folder.glob("*.png"))) == len(mascot.PORTRAITS) == 12
    for number, portrait in enumerate(mascot.PORTRAITS, start=1):
        assert (folder / f"{number:05d}.txt").read_text("utf-8").strip() == mascot.caption_of(portrait)
        assert "kiki cat" in mascot.caption_of(portrait)
        with Image.open(folder / f"{number:05d}.png") as kept:
            # Other builds of Pillow may round an edge pixel differently.
            assert np.abs(pixels(kept) - pixels(mascot.draw_mascot(portrait))).mean() < 0.5


def test_the_class_pictures_are_what_the_code_draws() -> None:
    folder = RESOURCES / "sample-class"
    kept = dataset.class_scenes()
    assert len(list(folder.glob("*.png"))) == len(kept) == 24
    assert {scene.subject for scene in kept} == {"cat"}
    assert {scene.colour for scene in kept} == set(COLOURS)
    assert not {(scene.colour, scene.background) for scene in kept} & UNREADABLE
    for number, scene in enumerate(kept, start=1):
        assert (folder / f"{number:05d}.txt").read_text("utf-8").strip() == captions.full_caption(scene)
        with Image.open(folder / f"{number:05d}.png") as picture:
            assert np.abs(pixels(picture) - pixels(draw(scene, dataset.SAMPLE_SIZE))).mean() < 0.5


def test_the_mascot_wears_colours_that_no_cat_of_the_world_has() -> None:
    """Teal and orange together are Kiki's mark: much of both in each portrait, of both in no class picture."""

    def share(picture: Image.Image, colour: tuple[int, int, int]) -> float:
        distance = np.linalg.norm(measure.lab(np.asarray(picture)) - measure.lab(np.array(colour)), axis=-1)
        return float((distance < 22).mean())

    def marked(picture: Image.Image) -> bool:
        return min(share(picture, mascot.COLOURS_OF_KIKI[role]) for role in ("light", "scarf")) > 0.002

    assert all(marked(mascot.draw_mascot(portrait, 128)) for portrait in mascot.PORTRAITS)
    assert not any(marked(draw(scene)) for scene in dataset.class_scenes())
