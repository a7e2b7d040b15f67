"""Which examples stand in which batch: a pure function of the seed and the place in the run.

A batch holds examples of one bucket only, since a tensor has one shape. An epoch visits every example once
(repeats are examples of their own); the last batch of a bucket may be smaller than the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from trainer.training.randomness import python_random


@dataclass(frozen=True)
class Order:
    """The order of a run. `buckets[i]` is the bucket (any integer) of example i."""

    buckets: tuple[int, ...]
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        if not self.buckets:
            raise ValueError("an order needs at least one example")

    @property
    def batches_per_epoch(self) -> int:
        return len(self._epoch(0))

    def examples(self, batch: int) -> tuple[int, ...]:
        """The examples of the run's batch number `batch`."""
        epoch, position = divmod(batch, self.batches_per_epoch)
        return self._epoch(epoch)[position]

    def batch_length(self, batch: int) -> int:
        """How many examples the run's batch number `batch` has."""
        return len(self.examples(batch))

    def _epoch(self, epoch: int) -> tuple[tuple[int, ...], ...]:
        return _batches(self, epoch)


@lru_cache(maxsize=4)
def _batches(order: Order, epoch: int) -> tuple[tuple[int, ...], ...]:
    chance = python_random(order.seed, "order", epoch)
    batches: list[tuple[int, ...]] = []
    for bucket in sorted(set(order.buckets)):
        members = [example for example, its in enumerate(order.buckets) if its == bucket]
        chance.shuffle(members)
        batches += [
            tuple(members[start : start + order.batch_size]) for start in range(0, len(members), order.batch_size)
        ]
    chance.shuffle(batches)
    return tuple(batches)


@dataclass(frozen=True)
class Rotation:
    """An endless walk through `count` class pictures, each round in a new order: the prior beside the subject."""

    count: int
    seed: int

    def take(self, first: int, count: int) -> Sequence[int]:
        """Places `first` to `first + count - 1` of the walk."""
        return [self._round(place // self.count)[place % self.count] for place in range(first, first + count)]

    def _round(self, number: int) -> tuple[int, ...]:
        return _round(self, number)


@lru_cache(maxsize=4)
def _round(rotation: Rotation, number: int) -> tuple[int, ...]:
    places = list(range(rotation.count))
    python_random(rotation.seed, "prior", number).shuffle(places)
    return tuple(places)
