"""As many pictures at once as memory does for."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from torch import Tensor, nn

from trainer.contract.errors import ran_out_of_memory
from trainer.contract.run import Run
from trainer.models.device import hand_back_memory
from trainer.models.family import Bundle

Item = TypeVar("Item")


class Economy:
    """Goes on with fewer pictures at once where memory runs out, and at last with the networks put aside that are not
    needed in that moment. Warns of each. A picture does not depend on what is made beside it, so none is changed."""

    def __init__(self, bundle: Bundle, run: Run, at_once: int) -> None:
        self._bundle = bundle
        self._run = run
        self._at_once = at_once
        self._is_alone = False
        """Whether the UNet has the graphics card for itself while it works."""

    def groups(
        self, items: Sequence[Item], sample: Callable[[Sequence[Item]], Tensor]
    ) -> Iterator[tuple[Sequence[Item], Tensor]]:
        """`sample` for some items after the other: each group, and what it gave. In order.

        Raises whatever it raised when memory runs out for one item alone, with nothing left to put aside.
        """
        done = 0
        while done < len(items):
            group = items[done : done + self._at_once]
            try:
                with alone(self._bundle) if self._is_alone else contextlib.nullcontext():
                    latents = sample(group)
            except (RuntimeError, MemoryError) as error:
                if not ran_out_of_memory(error) or not self._can_do_with_less(len(group)):
                    raise
            else:
                yield group, latents
                done += len(group)
                continue
            # here the exception is gone, and with it the tensors that its traceback held
            hand_back_memory(self._bundle.device)
            self._do_with_less(len(group))

    def _can_do_with_less(self, count: int) -> bool:
        return count > 1 or not (self._is_alone or self._bundle.device.type == "cpu")

    def _do_with_less(self, count: int) -> None:
        if count > 1:
            self._at_once = count // 2
            many = "one" if self._at_once == 1 else str(self._at_once)
            self._run.warn(
                f"Memory ran out for {count} pictures at once, so they are made {many} at a time.",
                f"Set batch_size to {self._at_once} to spare the attempt.",
            )
        else:
            self._is_alone = True
            self._run.warn(
                "Memory ran out, so all but the UNet leaves the graphics card while it works.",
                "Choose a smaller size, or close other programs that use the graphics card.",
            )


@contextlib.contextmanager
def alone(bundle: Bundle) -> Iterator[None]:
    """Within the block, every network but the UNet is in the computer's own memory."""
    others = [network for name, network in bundle.networks.items() if name != "unet"]
    try:
        for network in others:
            nn.Module.to(network, "cpu")
        yield
    finally:
        for network in others:
            nn.Module.to(network, bundle.device)
