"""What training sees, against what its own feed of batches does, and against sums made by hand."""

import random

import pytest

from trainer.contract.train import Captions, Data
from trainer.dataset.buckets import Buckets
from trainer.dataset.pictures import Size
from trainer.dataset.query import Row, compile_query
from trainer.dataset.seen import fill, is_by_chance, kept_box, scale_of, showing

BUCKETS = Buckets.around(512)
WIDE = Size(2000, 1000)
"""Its nearest bucket is 704 x 320: 704 x 384 has more than 512 x 512 pixels, and 640 x 384 is farther away."""


def test_what_is_left_of_a_picture_has_the_shape_of_its_bucket() -> None:
    seen = showing("a cat", WIDE, Data(folder="x"), BUCKETS, random.Random(0))
    left, top, right, bottom = kept_box(seen.placement, WIDE)
    assert seen.placement.bucket_size == Size(704, 320)
    assert (left, right) == pytest.approx((0, 2000))
    assert (right - left) / (bottom - top) == pytest.approx(704 / 320)
    assert top == pytest.approx(1000 - bottom)
    assert scale_of(seen.placement, WIDE) == pytest.approx(704 / 2000)


def test_a_piece_lies_within_the_picture_at_its_own_scale_and_each_time_elsewhere() -> None:
    data = Data(folder="x", crop="piece")
    square = Buckets.square(512)
    boxes = {kept_box(showing("", WIDE, data, square, random.Random(n)).placement, WIDE) for n in range(20)}
    assert len(boxes) > 10
    assert all(
        left >= 0 and right <= 2000 and right - left == bottom - top == 512 for left, top, right, bottom in boxes
    )


def test_prefix_order_and_dropout_are_those_of_the_job() -> None:
    options = Captions(prefix="kiki,", shuffle=True, keep_tags=1, dropout=0.3)
    data = Data(folder="x", captions=options)
    seen = [showing("a, b, c", WIDE, data, BUCKETS, random.Random(n)) for n in range(400)]
    words = {one.caption for one in seen}
    assert words == {"", *(f"kiki, {', '.join(order)}" for order in ("abc", "acb", "bac", "bca", "cab", "cba"))}
    assert all(one.is_dropped == (one.caption == "") for one in seen)
    assert sum(one.is_dropped for one in seen) == pytest.approx(120, abs=40)


def test_an_empty_caption_is_not_called_dropped() -> None:
    assert not showing("", WIDE, Data(folder="x"), BUCKETS, random.Random(0)).is_dropped


@pytest.mark.parametrize(
    ("text", "options", "differs"),
    [
        ("a, b, c", {}, False),
        ("a\nb", {}, True),
        ("a, b, c", {"shuffle": True}, True),
        ("a, b", {"shuffle": True, "keep_tags": 1}, False),
        ("a", {"dropout": 0.5}, True),
        ("a\nb", {"dropout": 1.0}, False),
    ],
)
def test_the_dice_are_offered_where_they_decide_something(text: str, options: dict[str, object], differs: bool) -> None:
    data = Data(folder="x", captions=Captions.model_validate(options))
    assert is_by_chance(text, data) == differs
    seen = {showing(text, WIDE, data, BUCKETS, random.Random(n)).caption for n in range(60)}
    assert (len(seen) > 1) == differs


def test_mirroring_comes_and_goes_where_it_is_wanted() -> None:
    data = Data(folder="x", flip=True)
    mirrored = [showing("a", WIDE, data, BUCKETS, random.Random(n)).is_mirrored for n in range(100)]
    assert 30 < sum(mirrored) < 70
    assert is_by_chance("a", data)


def test_buckets_hold_every_picture_whose_size_is_known_and_mark_those_that_fill_no_batch() -> None:
    sizes = [Size(512, 512), Size(600, 600), WIDE, Size(0, 0), Size(1000, 1000)]
    filled = fill(sizes, [1, 1, 1, 1, 2], Data(folder="x", repeats=1), BUCKETS, batch=2)
    assert [(one.name, one.places, one.shown, one.is_lonely) for one in filled] == [
        ("512x512", (0, 1, 4), 4, False),
        ("704x320", (2,), 1, True),
    ]
    repeated = fill(sizes, [1, 1, 1, 1, 2], Data(folder="x", repeats=3), BUCKETS, batch=4)
    assert [(one.shown, one.is_lonely) for one in repeated] == [(12, False), (3, True)]


def test_pictures_are_found_by_their_bucket() -> None:
    rows = [Row("a.png", bucket="512x512"), Row("b.png", bucket="704x320"), Row("c.png")]
    for query in ("bucket:704x320", "bucket:704×320", 'bucket:"704 x 320"', "bucket:704X320"):
        assert [row.relative for row in rows if compile_query(query)(row)] == ["b.png"]
    assert compile_query("bucket:512x512").uses == {"bucket"}
