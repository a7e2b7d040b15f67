"""A model's VAE at work for one job: in tiles where memory is short, in a wider number format where it overflows."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Literal

import torch
from PIL import Image
from torch import Tensor, nn

from trainer.contract.errors import ran_out_of_memory
from trainer.contract.run import Run
from trainer.generation.finite import is_finite, not_finite
from trainer.generation.tiles import in_tiles
from trainer.models.device import free_memory, hand_back_memory, mixed_precision, wider
from trainer.models.family import Bundle

Tiles = Literal["auto", "on", "off"]

TILE_SIDES = (64, 32)
"""In latents: that of a tile, and of a smaller one where memory doesn't do for that."""

LARGE = 2048 * 2048
"""Pixels from which on `auto` takes tiles in any case: attention over the whole grows with the square of them."""

VALUES_PER_PIXEL = 2000
"""How many numbers the decoder of Stable Diffusion holds at a time, for each pixel: 4 GB at 1024 x 1024 in fp16."""

_FORMATS = {"no": "fp32"}


class VAE:
    """Encodes and decodes for one job, and warns at most once of each thing that it has to do otherwise.

    A picture at a time, whatever the batch. Where memory runs out it works in tiles, then in smaller ones, and at last
    on the processor; where its numbers stop being finite, in bf16, and then in fp32. What it came to it stays at.
    """

    def __init__(self, bundle: Bundle, run: Run, tiles: Tiles = "auto") -> None:
        self._bundle = bundle
        self._run = run
        self._tiles = tiles
        self._at_most: int | None = None
        """Side of a tile in latents, once memory ran out."""
        self._at_work = bundle
        """The bundle, or one like it whose VAE is in another number format or on the processor."""

    @torch.inference_mode()
    def pictures(self, latents: Tensor) -> list[Image.Image]:
        """Scaled latents [B, C, h, w] to RGB. Raises UserError where numbers are not finite even in fp32."""
        return [to_picture(self._decoded(one)) for one in latents.split(1)]

    @torch.inference_mode()
    def latents(self, pixels: Tensor) -> Tensor:
        """Pixels [1, 3, H, W] in [-1, 1] to scaled latents [1, C, h, w] in fp32: the mean of what the VAE gives.

        Raises UserError as `pictures` does.
        """
        step = self._bundle.pixels_per_latent

        def encode(bundle: Bundle, tile: int | None) -> Tensor:
            def one(part: Tensor) -> Tensor:
                return bundle.family.encode_pictures(bundle, part)

            moments = one(pixels) if tile is None else in_tiles(one, pixels, tile, step, 1)
            return bundle.family.latents(bundle, moments, None)

        return self._worked(encode, pixels.shape[-2] // step, pixels.shape[-1] // step).to(self._bundle.device)

    def _decoded(self, latents: Tensor) -> Tensor:
        step = self._bundle.pixels_per_latent

        def decode(bundle: Bundle, tile: int | None) -> Tensor:
            def one(part: Tensor) -> Tensor:
                return bundle.family.decode(bundle, part)

            return one(latents) if tile is None else in_tiles(one, latents, tile, 1, step)

        return self._worked(decode, latents.shape[-2], latents.shape[-1])

    def _worked(self, work: Callable[[Bundle, int | None], Tensor], height: int, width: int) -> Tensor:
        """The result of `work`, which gets a bundle and the side of a tile, for a picture of so many latents."""
        longest = max(height, width)
        while True:
            tile = self._tile(height, width)
            try:
                output = work(self._at_work, tile)
            except (RuntimeError, MemoryError) as error:
                if not ran_out_of_memory(error) or not self._can_do_with_less(longest, tile):
                    raise
            else:
                if is_finite(output):
                    return output
                if not self._widened():
                    raise not_finite(self._at_work, "in the output of the VAE")
                continue
            # here the exception is gone, and with it the tensors that its traceback held
            hand_back_memory(self._bundle.device)
            self._do_with_less(longest, tile)

    def _tile(self, height: int, width: int) -> int | None:
        """The side of a tile, or None for the whole at once."""
        tile = self._at_most
        if tile is None and (self._tiles == "on" or (self._tiles == "auto" and self._is_large(height, width))):
            tile = TILE_SIDES[0]
        return tile if tile is not None and tile < max(height, width) else None

    def _is_large(self, height: int, width: int) -> bool:
        pixels = height * width * self._bundle.pixels_per_latent**2
        if max(height, width) <= TILE_SIDES[0]:
            return False
        if pixels > LARGE:
            return True
        needed = pixels * VALUES_PER_PIXEL * self._at_work.dtype.itemsize
        if needed <= free_memory(self._at_work.device):
            return False
        self._say_tiles(TILE_SIDES[0], "There is little memory left")
        return True

    def _smaller(self, longest: int, tile: int | None) -> int | None:
        """The next side of a tile that makes less of it, if there is one."""
        return next((side for side in TILE_SIDES if side < (tile or longest)), None)

    def _can_do_with_less(self, longest: int, tile: int | None) -> bool:
        may_tile = self._tiles != "off" and self._smaller(longest, tile) is not None
        return may_tile or self._at_work.device.type != "cpu"

    def _do_with_less(self, longest: int, tile: int | None) -> None:
        smaller = self._smaller(longest, tile)
        if smaller is not None and self._tiles != "off":
            self._say_tiles(smaller, "Memory ran out")
        else:
            self._at_work = _moved(self._bundle, torch.device("cpu"), torch.float32)
            self._run.warn(
                "Memory ran out in the VAE, so the processor does its work, slowly.",
                "Choose a smaller size, or close other programs that use the graphics card.",
            )

    def _say_tiles(self, side: int, why: str) -> None:
        self._at_most = side
        self._run.warn(
            f"{why}, so the VAE works in tiles of {side * self._bundle.pixels_per_latent} pixels.",
            "Tones may differ a little. Choose a smaller size, or close other programs that use much memory.",
        )

    def _widened(self) -> bool:
        """Go on in the next wider number format. False if there is none."""
        before = self._at_work.dtype
        dtype = wider(self._at_work.device, before)
        if dtype is None:
            return False
        self._at_work = _moved(self._bundle, self._at_work.device, dtype)
        self._run.warn(
            f"The VAE gave values that are not numbers in {_name(before)}, so it works in {_name(dtype)}.",
            "Nothing is lost but the time of the first try.",
        )
        return True


def to_picture(pixels: Tensor) -> Image.Image:
    """Pixels [1, 3, H, W] about [-1, 1] to RGB, rounded and held in range."""
    rounded = pixels[0].add(1.0).mul(127.5).clamp(0.0, 255.0).round().to(torch.uint8)
    return Image.fromarray(rounded.permute(1, 2, 0).contiguous().cpu().numpy())


def to_pixels(picture: Image.Image, device: torch.device | str = "cpu") -> Tensor:
    """An RGB picture to [1, 3, H, W] in [-1, 1], fp32."""
    values = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    pixels = values.reshape(1, picture.height, picture.width, 3).permute(0, 3, 1, 2)
    return (pixels.to(device).float() / 127.5 - 1.0).contiguous()


def _moved(bundle: Bundle, device: torch.device, dtype: torch.dtype) -> Bundle:
    """The same model, but with a copy of its VAE elsewhere or in another number format."""
    place = nn.Module.to  # diffusers' own warns about parts that should stay in fp32, of which there are none
    return dataclasses.replace(bundle, vae=place(copy.deepcopy(bundle.vae), device, dtype), device=device, dtype=dtype)


def _name(dtype: torch.dtype) -> str:
    name = mixed_precision(dtype)
    return _FORMATS.get(name, name)
