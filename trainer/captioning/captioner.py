"""What every captioner answers to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from PIL.Image import Image

from trainer.dataset.tag_scores import Category

Prepared = np.ndarray[Any, np.dtype[np.float32]]
"""A picture as the network takes it, without the batch's dimension."""


@dataclass(frozen=True, slots=True)
class Said:
    """Of one picture: a sentence, or how sure the model is of each tag."""

    text: str = ""
    scores: Mapping[Category, Mapping[str, float]] = field(default_factory=dict[Category, Mapping[str, float]])


class Captioner(Protocol):
    """A model in memory that says something of pictures. It is gone when nobody holds it any more."""

    batch: int
    """So many pictures it takes at a time where nothing else is asked for."""

    def prepare(self, picture: Image) -> Prepared:
        """An upright RGB picture as the network takes it. May be called from several threads at a time."""
        ...

    def say(self, pictures: Sequence[Prepared], check: Callable[[], None]) -> list[Said]:
        """What it says of each of at least one picture. `check` is called where it could stop."""
        ...
