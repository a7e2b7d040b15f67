"""What a method answers, so that the training loop knows no method by name."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from torch import Tensor

from trainer.training.batches import Batch
from trainer.training.optimizers import ParameterGroup


class Method(Protocol):
    """Made by attaching to a bundle; `detach` takes off what was attached. Weights that were trained stay trained."""

    wants_pixels: bool
    """Batches carry pixels instead of encoded latents and captions."""
    trains_text: bool
    """Captions must be encoded anew in each step, with gradients."""

    def groups(self) -> Sequence[ParameterGroup]:
        """What the optimizer moves."""
        ...

    def loss(self, batch: Batch) -> Tensor:
        """A scalar to be minimised."""
        ...

    def stepped(self) -> None:
        """Called after each optimizer step (EMA)."""
        ...

    def averaged(self) -> AbstractContextManager[None]:
        """Within it the bundle computes with the weights to be used: averaged ones where the method keeps them."""
        ...

    def state(self) -> dict[str, Tensor]:
        """All that a checkpoint needs of the weights."""
        ...

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        ...

    def save(self, folder: Path, metadata: Mapping[str, str], batch: Callable[[int], Batch]) -> Path:
        """Write the finished file into `folder` and return its path. `batch` makes any of the run's batches again."""
        ...

    def detach(self) -> None: ...
