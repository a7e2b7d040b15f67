"""The picture while it forms: predicted clean latents through a small matrix to a small encoded picture."""

import base64
import io
import time
from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor

from trainer.contract import events

LONGEST_SIDE = 512
MOST_PER_SECOND = 8


def preview_image(clean: Tensor, latent_to_rgb: Tensor) -> Image.Image:
    """Scaled latents [C, h, w] of one picture to RGB, one pixel for each latent; thinned out above 512 pixels.

    `latent_to_rgb` is [C + 1, 3], its last row the bias, to RGB in [-1, 1] (see trainer.models.family.Bundle).
    """
    thin = -(-max(clean.shape[-2:]) // LONGEST_SIDE)
    matrix = latent_to_rgb.to(device=clean.device, dtype=clean.dtype)
    colours = clean[:, ::thin, ::thin].permute(1, 2, 0) @ matrix[:-1] + matrix[-1]
    pixels = colours.add(1.0).mul(127.5).clamp(0.0, 255.0).round().to(torch.uint8)
    return Image.fromarray(pixels.cpu().numpy())


def encoded(image: Image.Image) -> str:
    """A picture as PNG in base64, for an event."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


class Previews:
    """Emits previews of a batch each `every` steps, but never more than 8 pictures a second."""

    def __init__(
        self,
        emit: Callable[[events.Event], None],
        latent_to_rgb: Tensor,
        every: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit = emit
        self._latent_to_rgb = latent_to_rgb
        self._every = every
        self._clock = clock
        self._not_before = 0.0

    def due(self, step: int) -> bool:
        """Whether step number `step`, from 1, should be shown."""
        return self._every > 0 and (step - 1) % self._every == 0 and self._clock() >= self._not_before

    def show(self, clean: Tensor, first_index: int, step: int, total: int) -> None:
        """Emit a batch [B, C, h, w]; its pictures are numbered from `first_index`."""
        self._not_before = self._clock() + len(clean) / MOST_PER_SECOND
        for index, latents in enumerate(clean, start=first_index):
            image = preview_image(latents, self._latent_to_rgb)
            self._emit(
                events.Preview(
                    index=index, step=step, total=total, width=image.width, height=image.height, data=encoded(image)
                )
            )
