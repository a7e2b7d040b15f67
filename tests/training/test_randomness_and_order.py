"""Random numbers and data order are functions of their place; nothing else may matter."""

from collections import Counter

import pytest
import torch

from trainer.training.order import Order, Rotation
from trainer.training.randomness import generator, normal, place_seed, stratified_timesteps


def test_a_place_always_gives_the_same_numbers() -> None:
    torch.randn(7)  # whatever was drawn before must not matter
    first = normal((3, 4), 1, "noise", 5, 0)
    torch.randn(3)
    assert torch.equal(first, normal((3, 4), 1, "noise", 5, 0))


@pytest.mark.parametrize("other", [(2, "noise", 5, 0), (1, "posterior", 5, 0), (1, "noise", 6, 0), (1, "noise", 5, 1)])
def test_other_places_give_other_numbers(other: tuple[int, str, int, int]) -> None:
    assert not torch.equal(normal((8,), 1, "noise", 5, 0), normal((8,), *other))


def test_neighbouring_places_are_uncorrelated() -> None:
    rows = torch.stack([normal((2000,), 0, "noise", step) for step in range(8)])
    correlation = torch.corrcoef(rows) - torch.eye(8)
    assert correlation.abs().max() < 0.1  # 4.5 standard deviations of 1 / sqrt(2000)


def test_seed_of_a_place_is_the_same_on_every_machine() -> None:
    # `printf '1:noise:5:0' | b2sum -l 64`, its bytes as a little-endian number, halved
    assert place_seed(1, "noise", 5, 0) == 1588109803382046963


def test_timesteps_cover_the_range_and_are_uniform() -> None:
    drawn = [stratified_timesteps(8, 0, 999, 3, number) for number in range(2000)]
    for timesteps in drawn[:50]:
        assert sorted(int(t) // 125 for t in timesteps) == list(range(8))
    everything = torch.cat(drawn).double()
    assert abs(everything.mean() - 499.5) < 3
    # the first place of a batch must not be tied to the lowest timesteps
    assert abs(torch.stack([t[0] for t in drawn]).double().mean() - 499.5) < 30
    assert int(everything.min()) == 0
    assert int(everything.max()) == 999


def test_timesteps_within_bounds() -> None:
    for number in range(100):
        timesteps = stratified_timesteps(3, 200, 202, 0, number)
        assert int(timesteps.min()) >= 200
        assert int(timesteps.max()) <= 202


def test_generator_is_of_the_place() -> None:
    assert generator(0, "a", 1).initial_seed() == place_seed(0, "a", 1)


def test_an_epoch_visits_every_example_once_in_one_bucket_a_batch() -> None:
    buckets = (0, 0, 1, 0, 1, 2, 0)
    order = Order(buckets, batch_size=2, seed=9)
    assert order.batches_per_epoch == 4  # 4 of bucket 0 in two, 2 of bucket 1 in one, 1 of bucket 2 in one
    for epoch in range(3):
        batches = [order.examples(epoch * 4 + place) for place in range(4)]
        assert Counter(example for batch in batches for example in batch) == Counter(range(7))
        assert all(len({buckets[example] for example in batch}) == 1 for batch in batches)
        assert [order.batch_length(epoch * 4 + place) for place in range(4)] == [len(batch) for batch in batches]


def test_epochs_differ_and_repeat_exactly() -> None:
    one, two = Order((0,) * 20, 4, seed=1), Order((0,) * 20, 4, seed=1)
    assert [one.examples(n) for n in range(10)] == [two.examples(n) for n in reversed(range(10))][::-1]
    assert [one.examples(n) for n in range(5)] != [one.examples(n) for n in range(5, 10)]
    assert [one.examples(n) for n in range(5)] != [Order((0,) * 20, 4, seed=2).examples(n) for n in range(5)]


def test_rotation_shows_every_class_picture_before_any_twice() -> None:
    rotation = Rotation(5, seed=0)
    taken = [place for start in range(0, 20, 4) for place in rotation.take(start, 4)]
    assert all(sorted(taken[start : start + 5]) == list(range(5)) for start in range(0, 20, 5))
    assert taken[:5] != taken[5:10]
