"""Buckets against a table worked out by hand, an exact search of our own, and properties."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from trainer.contract.errors import UserError
from trainer.contract.train import Data
from trainer.dataset.buckets import Buckets, buckets_for, fit, make_bucket_resolutions
from trainer.dataset.pictures import Size

AT_512 = Buckets.around(512)
KEPT_SIZE_512 = Buckets.around(512, no_upscale=True)


def test_the_buckets_of_512_as_known() -> None:
    wide = {(832, 256), (896, 256), (960, 256), (1024, 256), (704, 320), (768, 320), (640, 384), (576, 448)}
    expected = wide | {(height, width) for width, height in wide} | {(512, 512)}
    assert AT_512.sizes == tuple(sorted(expected))


def test_a_small_model_has_small_buckets() -> None:
    wide = {(128, 32), (120, 32), (112, 32), (104, 32), (96, 40), (88, 40), (80, 48), (72, 56)}
    expected = wide | {(height, width) for width, height in wide} | {(64, 64)}
    assert Buckets.around(64, step=8).sizes == tuple(sorted(expected))


@pytest.mark.parametrize(
    ("picture", "bucket", "resized", "box"),
    [
        ((512, 512), (512, 512), (512, 512), (0, 0, 512, 512)),
        ((1000, 700), (576, 448), (640, 448), (32, 0, 608, 448)),
        ((4000, 3000), (576, 448), (597, 448), (10, 0, 586, 448)),
        ((1920, 1080), (640, 384), (683, 384), (21, 0, 661, 384)),
        ((1080, 1920), (384, 640), (384, 683), (0, 21, 384, 661)),
        ((640, 384), (640, 384), (640, 384), (0, 0, 640, 384)),
        ((32, 32), (512, 512), (512, 512), (0, 0, 512, 512)),
        ((1, 1), (512, 512), (512, 512), (0, 0, 512, 512)),
        ((1, 10000), (256, 1024), (256, 2560000), (0, 1279488, 256, 1280512)),
    ],
)
def test_places_worked_out_by_hand(
    picture: tuple[int, int], bucket: tuple[int, int], resized: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    placement = AT_512.place(Size(*picture))
    assert (placement.bucket_size, placement.resized_size, placement.crop_box) == (bucket, resized, box)


@pytest.mark.parametrize(
    ("picture", "bucket", "resized", "box"),
    [
        # 612 x 428 has the area; width 576 goes with 384 (1.5), height 384 with 512 (1.333); 1.4286 is nearer to 1.5.
        ((1000, 700), (576, 384), (576, 403), (0, 9, 576, 393)),
        ((512, 512), (512, 512), (512, 512), (0, 0, 512, 512)),
        ((2048, 2048), (512, 512), (512, 512), (0, 0, 512, 512)),
        ((300, 200), (256, 192), (300, 200), (22, 4, 278, 196)),
        ((64, 100), (64, 64), (64, 100), (0, 18, 64, 82)),
        # Below one step only as much is enlarged as fills it.
        ((32, 32), (64, 64), (64, 64), (0, 0, 64, 64)),
        ((1, 1), (64, 64), (64, 64), (0, 0, 64, 64)),
        ((1, 10000), (64, 4096), (64, 640000), (0, 317952, 64, 322048)),
        ((30000, 30), (4096, 64), (64000, 64), (29952, 0, 34048, 64)),
    ],
)
def test_places_without_upscaling(
    picture: tuple[int, int], bucket: tuple[int, int], resized: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    placement = KEPT_SIZE_512.place(Size(*picture))
    assert (placement.bucket_size, placement.resized_size, placement.crop_box) == (bucket, resized, box)


def test_a_thousand_pictures_go_where_sd_scripts_puts_them() -> None:
    lines = (Path(__file__).parent / "sd_scripts_buckets.csv").read_text("utf-8").splitlines()
    rows = [tuple(map(int, line.split(","))) for line in lines if not line.startswith("#")]
    assert len(rows) == 1000
    for width, height, *theirs in rows:
        ours = [buckets.place(Size(width, height)) for buckets in (AT_512, KEPT_SIZE_512)]
        assert [*ours[0].bucket_size, *ours[0].resized_size, *ours[1].bucket_size, *ours[1].resized_size] == theirs


sides = st.integers(1, 6000)


@given(width=sides, height=sides)
def test_the_bucket_is_the_nearest_by_exact_arithmetic(width: int, height: int) -> None:
    placement = AT_512.place(Size(width, height))
    ratio = Fraction(width, height)
    errors = {size: abs(Fraction(*size) - ratio) for size in AT_512.sizes}
    assert errors[placement.bucket_size] - min(errors.values()) < Fraction(1, 10**12)


@example(width=4696, height=1475, no_upscale=False, resolution=(64, 8))
@example(width=1883, height=6000, no_upscale=False, resolution=(64, 8))
@given(width=sides, height=sides, no_upscale=st.booleans(), resolution=st.sampled_from([(64, 8), (512, 64), (768, 32)]))
def test_every_picture_covers_its_bucket(
    width: int, height: int, no_upscale: bool, resolution: tuple[int, int]
) -> None:
    side, step = resolution
    placement = Buckets.around(side, step=step, no_upscale=no_upscale).place(Size(width, height))
    bucket, resized, box = placement.bucket_size, placement.resized_size, placement.crop_box
    assert bucket.width % step == bucket.height % step == 0
    assert step <= min(bucket)
    # Without upscaling the rule rounds a side up to half a pixel before it takes whole steps.
    assert bucket.width * bucket.height <= side * side * ((step / (step - 0.5)) ** 2 if no_upscale else 1)
    assert min(box) >= 0
    assert (box[2] - box[0], box[3] - box[1]) == bucket
    assert 0 <= (resized.width - box[2]) - box[0] <= 1
    assert 0 <= (resized.height - box[3]) - box[1] <= 1
    assert 0 < placement.kept <= 1
    # Scaled alike both ways: one scale gives both sides, each rounded to the nearest pixel. (Comparing the two sides'
    # own quotients would not do: half a pixel of the short side of a long picture is several of the other.)
    sides_as_were = zip(resized, (width, height), strict=True)
    scales = [(Fraction(2 * new - 1, 2 * old), Fraction(2 * new + 1, 2 * old)) for new, old in sides_as_were]
    assert max(low for low, _ in scales) <= min(high for _, high in scales) + Fraction(1, 10**9)
    if no_upscale and min(width, height) >= step:
        assert resized.width <= width
        assert resized.height <= height


@given(st.integers(64, 2048), st.integers(64, 2048), st.sampled_from([8, 32, 64]))
def test_bucket_lists_against_trying_every_size(width: int, height: int, step: int) -> None:
    area = width * height
    low, high = 256, 1024
    tried = {
        (w, max(h for h in range(step, high + 1, step) if w * h <= area))
        for w in range(low, high + 1, step)
        if w * step <= area
    }
    tried = {(w, h) for w, h in tried if h >= low}
    middle = max(side for side in range(0, 2049, step) if side * side <= area)
    expected = tried | {(h, w) for w, h in tried} | {(middle, middle)}
    assert make_bucket_resolutions(Size(width, height), low, high, step) == tuple(sorted(expected))


def test_square_and_impossible_buckets() -> None:
    assert Buckets.square(96).place(Size(300, 100)).crop_box == (96, 0, 192, 96)
    with pytest.raises(UserError, match="too small"):
        Buckets.around(32)
    with pytest.raises(UserError, match="leave out"):
        Buckets.around(512, min_side=640)
    small = Data.model_validate({"folder": "x", "resolution": {"width": 64, "height": 64}, "bucket_step": 128})
    with pytest.raises(UserError, match="64 x 64 is too small: sides must be multiples of 128"):
        buckets_for(small, Size(512, 512), 64)


@pytest.mark.parametrize("size", [(300, 200), (37, 91), (1000, 700), (1600, 300)])
def test_fitting_is_scaling_then_cropping(size: tuple[int, int]) -> None:
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    ImageDraw.Draw(picture).ellipse((size[0] * 0.3, size[1] * 0.2, size[0] * 0.8, size[1] * 0.7), fill="red")
    placement = Buckets.around(128, step=16).place(Size(*size))
    expected = picture.resize(placement.resized_size, Image.Resampling.LANCZOS).crop(placement.crop_box)
    fitted = fit(picture, placement)
    assert fitted.size == placement.bucket_size
    assert max(high for _, high in ImageChops.difference(fitted, expected).getextrema()) <= 2  # type: ignore[misc]


def test_fitting_leaves_pixels_alone_where_nothing_is_scaled() -> None:
    picture = Image.effect_noise((512, 512), 90).convert("RGB")
    assert fit(picture, AT_512.place(Size(512, 512))).tobytes() == picture.tobytes()


def test_a_thread_of_a_picture_does_not_become_a_giant() -> None:
    picture = Image.new("RGB", (1, 10000), "teal")
    assert fit(picture, AT_512.place(Size(1, 10000))).getcolors() == [(256 * 1024, (0, 128, 128))]
