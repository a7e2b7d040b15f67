"""Recipes and masks in training: the same as training on pictures that were cropped by hand, and weighted by hand."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from tests.training.test_losses import batch, bundle
from tests.training.test_train import Recorded, equal, make_job, weights
from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.train import Autoencoder, Loss, Output
from trainer.dataset.buckets import Buckets, Placement
from trainer.dataset.check import Examined, check
from trainer.dataset.masks import mask_file, mask_path
from trainer.dataset.pictures import PictureError, Size
from trainer.dataset.recipes import AS_IT_IS, Recipe, Recipes
from trainer.home import Home
from trainer.training.batches import Batch
from trainer.training.examples import framing, mask_of, piece, pixels
from trainer.training.losses import denoising_loss
from trainer.training.methods.lora import LoraMethod
from trainer.training.train import train

WHOLE = Placement(Size(64, 48), Size(64, 48), (0, 0, 64, 48))
RECIPES = {
    "0.png": Recipe(1),  # 96 x 48 becomes upright
    "1.png": Recipe(0, True, (8, 0, 40, 64)),
    "2.png": Recipe(2, True, (10, 4, 74, 36)),
}


def prepare(folder: Path, recipes: dict[str, Recipe]) -> None:
    kept = Recipes(folder)
    for relative, recipe in recipes.items():
        kept.set(relative, recipe)
    kept.save()


def by_hand(picture: Image.Image, recipe: Recipe) -> Image.Image:
    picture = picture.rotate(-90 * recipe.turns, expand=True)
    picture = ImageOps.mirror(picture) if recipe.mirrored else picture
    return picture.crop(recipe.crop) if recipe.crop else picture


def spotted(size: tuple[int, int]) -> Image.Image:
    """A mask in which no part is like another."""
    noise = np.random.default_rng(7).integers(0, 256, (6, 8), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.NEAREST)


def examined(folder: Path, recipe: Recipe = AS_IT_IS) -> Examined:
    prepare(folder, {"a.png": recipe})
    (one,) = check(folder, buckets=Buckets.around(64, step=16)).examined
    return one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One picture of 64 x 48 with a mask."""
    folder = tmp_path / "masked"
    folder.mkdir()
    Image.effect_noise((64, 48), 90).convert("RGB").save(folder / "a.png")
    mask_path(folder / "a.png").write_bytes(mask_file(spotted((64, 48))))
    return folder


@pytest.mark.parametrize("crop", ["fit", "piece"])
def test_recipes_train_as_pictures_that_were_cropped_by_hand(
    model: Path, pictures: Path, tmp_path: Path, home: Home, crop: str
) -> None:
    mask_path(pictures / "1.png").write_bytes(mask_file(spotted((64, 64))))
    mask_path(pictures / "2.png").write_bytes(mask_file(spotted((96, 48))))
    ready = tmp_path / "ready"
    shutil.copytree(pictures, ready)
    for name, recipe in RECIPES.items():
        for path in (ready / name, mask_path(ready / name)):
            if path.exists():
                by_hand(Image.open(path), recipe).save(path)
    prepare(pictures, RECIPES)
    before = {path.name: path.read_bytes() for path in pictures.glob("*.png")}
    for name, place in (("kept", pictures), ("cut", ready)):
        train(make_job(model, place, data={"crop": crop, "flip": True}), Recorded(tmp_path / name).run, home)
    assert equal(weights(tmp_path / "kept"), weights(tmp_path / "cut"))
    assert {path.name: path.read_bytes() for path in pictures.glob("*.png")} == before


def encoded(recorded: Recorded) -> int:
    said = [one for one in recorded.of(events.Progress) if one.what == "encoding pictures"]
    return said[-1].total if said else 0


def test_a_recipe_changes_what_is_encoded_and_nothing_else_does(
    model: Path, pictures: Path, tmp_path: Path, home: Home
) -> None:
    counts: list[int] = []
    for number, recipes in enumerate(({}, {}, {"0.png": Recipe(2)}, {"0.png": AS_IT_IS}, {"0.png": Recipe(2)})):
        prepare(pictures, recipes)
        recorded = Recorded(tmp_path / str(number))
        train(make_job(model, pictures, total=1), recorded.run, home)
        counts.append(encoded(recorded))
    assert counts == [5, 0, 1, 0, 0], "a half turn keeps the bucket, so that the recipe alone makes it another picture"


def _turn(folder: Path) -> None:
    prepare(folder, {"3.png": Recipe(2)})


def _mask(folder: Path) -> None:
    mask_path(folder / "3.png").write_bytes(mask_file(Image.new("L", (64, 64), 9)))


def _mask_again(folder: Path) -> None:
    mask_path(folder / "4.png").write_bytes(mask_file(Image.new("L", (96, 48), 9)))


@pytest.mark.parametrize(("change", "name"), [(_turn, "3"), (_mask, "3"), (_mask_again, "4")])
def test_a_run_is_not_resumed_with_another_recipe_or_mask(
    model: Path, pictures: Path, tmp_path: Path, home: Home, change: Callable[[Path], None], name: str
) -> None:
    mask_path(pictures / "4.png").write_bytes(mask_file(Image.new("L", (96, 48), 200)))
    output = Output(name="made", precision="fp32", checkpoint_every=1)
    train(make_job(model, pictures, total=1, output=output), Recorded(tmp_path / "run").run, home)
    change(pictures)
    with pytest.raises(UserError, match=rf"{name}\.png was changed"):
        train(make_job(model, pictures, total=2, output=output), Recorded(tmp_path / "run").run, home)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("recipe", [AS_IT_IS, Recipe(1), Recipe(3, True), Recipe(2, False, (0, 0, 48, 40))])
def test_a_mask_is_averaged_over_each_latent(folder: Path, flip: bool, recipe: Recipe) -> None:
    one = examined(folder, recipe)
    width, height = one.size
    placement = Placement(one.size, one.size, (0, 0, width, height))
    mask = by_hand(spotted((64, 48)), recipe)
    array = np.asarray(ImageOps.mirror(mask) if flip else mask, dtype=np.float64) / 255
    expected = array.reshape(height // 8, 8, width // 8, 8).mean(axis=(1, 3))
    got = mask_of(one, placement, flip, (height // 8, width // 8))
    assert got.shape == (1, height // 8, width // 8)
    np.testing.assert_allclose(got[0], expected, atol=1e-6)


def test_a_random_part_has_the_same_part_of_the_mask(folder: Path) -> None:
    """The mask is made of the picture itself, so that both must show the same."""
    mask_path(folder / "a.png").write_bytes(mask_file(Image.open(folder / "a.png").convert("L")))
    one = examined(folder, Recipe(1, True, (4, 2, 44, 60)))
    corner = Placement(Size(16, 16), Size(16, 24), (0, 4, 16, 20))
    for seed in range(5):
        chosen = piece(one, corner, random.Random(seed))
        assert chosen.resized_size == one.size == (40, 58)
        grey = mask_of(one, chosen, True, (16, 16))
        np.testing.assert_allclose(grey, pixels(one, chosen, True)[:1] / 2 + 0.5, atol=1e-6)
        assert framing(one, chosen, False).original == (40, 58)


def test_a_mask_that_disappears_is_said(folder: Path) -> None:
    one = examined(folder)
    mask_path(folder / "a.png").unlink()
    with pytest.raises(PictureError, match="disappeared"):
        mask_of(one, WHOLE, False, (6, 8))


def masked_batch(mask: torch.Tensor) -> Batch:
    plain = batch(3, size=4)
    given = torch.tensor([0.1, 0.2, 0.3, 0.4])
    return Batch(plain.number, plain.seed, plain.names, given, moments=plain.moments, mask=mask)


def test_the_loss_is_the_mean_weighted_by_hand() -> None:
    """A predictor of nothing errs by the noise itself."""
    mask = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    mask[2] = 1
    mask[3, :, :4] = 0
    given = masked_batch(mask)
    noise = given.normal("noise", 4, 8, 8).double().numpy()
    for floor in (0.0, 0.1, 0.6):
        least = np.maximum(mask.double().numpy(), floor)
        expected = sum(
            weight * (least[place] * noise[place] ** 2).sum() / noise[place].size
            for place, weight in enumerate((0.1, 0.2, 0.3, 0.4))
        )
        assert float(denoising_loss(bundle("silent"), given, Loss(unmasked_weight=floor))) == pytest.approx(expected)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_without_a_mask_the_loss_is_bit_for_bit_what_it_was(prediction: Any) -> None:
    given = masked_batch(torch.empty(0))
    made = bundle("best", prediction)
    alone = denoising_loss(made, given, Loss(min_snr_gamma=5))
    white = denoising_loss(made, masked_batch(torch.ones(4, 1, 8, 8)), Loss(min_snr_gamma=5, unmasked_weight=1.0))
    assert torch.equal(alone, white)


@pytest.mark.parametrize("cache", [True, False])
def test_batches_bring_masks_where_there_are_any(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, cache: bool
) -> None:
    mask_path(pictures / "1.png").write_bytes(mask_file(Image.new("L", (640, 640), 51)))
    seen: dict[str, float] = {}
    unmasked: list[bool] = []
    original = LoraMethod.loss

    def watched(self: LoraMethod, batch: Batch) -> torch.Tensor:
        unmasked.append(not batch.mask.numel())
        assert unmasked[-1] == ("1.png" not in batch.names)
        if batch.mask.numel():
            assert batch.mask.shape == (len(batch.names), 1, *batch.moments.shape[2:])
            seen.update(zip(batch.names, batch.mask.mean(dim=(1, 2, 3)).tolist(), strict=True))
        return original(self, batch)

    monkeypatch.setattr(LoraMethod, "loss", watched)
    train(make_job(model, pictures, total=6, data={"cache": cache}), Recorded(tmp_path / "run").run, home)
    assert seen.pop("1.png") == pytest.approx(0.2)
    assert set(seen.values()) <= {1.0}
    assert set(unmasked) == {True, False}


@pytest.mark.parametrize("fields", [{"data": {"masks": False}}, {"method": Autoencoder()}])
def test_masks_that_are_not_used_change_nothing_broken_or_not(
    model: Path, pictures: Path, tmp_path: Path, home: Home, fields: dict[str, Any]
) -> None:
    job = make_job(model, pictures, total=2, **fields)
    train(job, Recorded(tmp_path / "without").run, home)
    mask_path(pictures / "1.png").write_bytes(mask_file(Image.new("L", (64, 64))))
    mask_path(pictures / "3.png").write_bytes(b"no mask")
    train(job, Recorded(tmp_path / "with").run, home)
    assert equal(weights(tmp_path / "without"), weights(tmp_path / "with"))


def test_a_picture_whose_mask_is_broken_is_left_out_and_said(
    model: Path, pictures: Path, tmp_path: Path, home: Home
) -> None:
    mask_path(pictures / "3.png").write_bytes(b"no mask")
    recorded = Recorded(tmp_path / "run")
    train(make_job(model, pictures, total=1), recorded.run, home)
    (said,) = recorded.of(events.Warning)
    assert "3-masklabel.png is left out" in said.title
