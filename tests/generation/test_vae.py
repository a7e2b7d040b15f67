"""The VAE at work: in tiles, in other number formats, and what it says of it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from tests import tiny
from tests.generation.fake import fake_model, with_nan
from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.run import Run
from trainer.generation import vae
from trainer.generation.tiles import in_tiles
from trainer.generation.vae import VAE, to_picture, to_pixels
from trainer.home import RESOURCES
from trainer.models.family import Bundle
from trainer.models.sd import SD1

Seen = list[events.Event]


def warnings(seen: Seen) -> list[str]:
    return [event.title for event in seen if isinstance(event, events.Warning)]


def values(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(("height", "width"), [(20, 50), (16, 17), (64, 16), (16, 16), (5, 9), (33, 40)])
def test_tiles_of_a_network_that_looks_no_farther_than_their_overlap_are_the_whole(height: int, width: int) -> None:
    """A blur of 3 x 3, enlarged twice: only the outermost pixel of a tile is wrong, and a neighbour outweighs it."""
    given = values(1, 2, height, width)

    def doubled(part: Tensor) -> Tensor:
        return functional.interpolate(part, scale_factor=2)

    torch.testing.assert_close(in_tiles(doubled, given, 16, 1, 2), doubled(given))

    def blurred(part: Tensor) -> Tensor:
        return functional.avg_pool2d(functional.pad(part, (1, 1, 1, 1), mode="replicate"), 3, 1)

    assert (in_tiles(blurred, given, 16, 1, 1) - blurred(given)).abs().max() < 0.2


def test_no_tile_is_larger_than_was_asked_and_all_are_in_whole_cells() -> None:
    sizes: list[tuple[int, int]] = []

    def halved(part: Tensor) -> Tensor:
        sizes.append((part.shape[-2], part.shape[-1]))
        return functional.avg_pool2d(part, 8)

    given = values(1, 3, 8 * 30, 8 * 45)
    torch.testing.assert_close(in_tiles(halved, given, 16, 8, 1), functional.avg_pool2d(given, 8))
    assert set(sizes) == {(128, 128)}
    assert len(sizes) == 3 * 4


def test_the_starter_s_pictures_in_two_tiles_are_the_whole_but_for_tones(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    bundle = SD1.load(RESOURCES / "models" / "starter.safetensors", device=cpu, dtype=torch.float32)
    with Image.open(RESOURCES / "sample-dataset" / "00001.png") as stored:
        pixels = to_pixels(stored.convert("RGB").resize((192, 128)))
    whole = VAE(bundle, Run([].append), "off")
    monkeypatch.setattr(vae, "TILE_SIDES", (16,))  # of 24 latents
    pieces = VAE(bundle, Run([].append), "on")
    latents = whole.latents(pixels)
    in_pieces = pieces.latents(pixels)
    assert (latents - in_pieces).abs().mean() < 0.05 * latents.abs().mean()
    (one,), (other,) = whole.pictures(latents), pieces.pictures(latents)
    apart = (to_pixels(one) - to_pixels(other)).abs() * 127.5
    assert 0 < apart.mean() < 2.5
    # no seam: what tiles change, they change no faster along the picture than within a tile
    steps = apart.diff(dim=-1).abs().mean(dim=(0, 1, 2))
    assert steps[60:132].max() < 3 * steps.mean() + 1


class Overflowing(nn.Module):
    """A VAE whose numbers are too large for some formats, and which remembers what it was asked in."""

    def __init__(self, fits: Callable[[torch.dtype], bool]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1), requires_grad=False)
        self.fits = fits
        self.asked: list[torch.dtype] = []

    def forward(self, latents: Tensor) -> Tensor:
        self.asked.append(self.weight.dtype)
        pixels = latents[:, :3].repeat_interleave(4, -1).repeat_interleave(4, -2)
        return pixels if self.fits(self.weight.dtype) else pixels * torch.inf


@pytest.mark.parametrize(
    ("fits", "asked", "said"),
    [
        (
            (torch.bfloat16, torch.float32),
            [torch.float16, torch.bfloat16, torch.bfloat16],
            ["in fp16, so it works in bf16"],
        ),
        (
            (torch.float32,),
            [torch.float16, torch.bfloat16, torch.float32, torch.float32],
            ["in fp16, so it works in bf16", "in bf16, so it works in fp32"],
        ),
    ],
)
def test_a_vae_that_overflows_goes_on_in_a_wider_format_and_says_so_once(
    fits: tuple[torch.dtype, ...], asked: list[torch.dtype], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, _ = fake_model()
    network = Overflowing(lambda dtype: dtype in fits)
    bundle.vae, bundle.dtype = network.half(), torch.float16
    calls: list[torch.dtype] = network.asked
    monkeypatch.setattr("copy.deepcopy", lambda module: _twin(module, calls))
    seen: Seen = []
    first, second = VAE(bundle, Run(seen.append)).pictures(torch.full((2, 4, 6, 8), 0.5))
    assert calls == asked
    assert [any(words in title for title in warnings(seen)) for words in said] == [True] * len(said)
    assert len(warnings(seen)) == len(said)
    assert first.getpixel((0, 0)) == second.getpixel((31, 23)) == (191, 191, 191)
    assert bundle.vae is network
    assert network.weight.dtype == torch.float16


def _twin(network: Overflowing, calls: list[torch.dtype]) -> Overflowing:
    made = Overflowing(network.fits)
    made.asked = calls
    return made


def test_numbers_that_are_none_even_in_fp32_are_refused() -> None:
    bundle, family = fake_model()
    family.spoil = with_nan("vae", 1)
    with pytest.raises(UserError, match="in the output of the VAE"):
        VAE(bundle, Run([].append)).pictures(torch.zeros(1, 4, 6, 8))


class Narrow:
    """A family whose decoder runs out of memory above so many latents, as torch would say it."""

    def __init__(self, bundle: Bundle, most: int) -> None:
        self.most, self.sizes = most, list[int]()
        self._decode, self._encode = bundle.family.decode, bundle.family.encode_pictures

    def decode(self, bundle: Bundle, latents: Tensor) -> Tensor:
        self._allocate(latents.shape[-1] * latents.shape[-2])
        return self._decode(bundle, latents)

    def encode(self, bundle: Bundle, pixels: Tensor) -> Tensor:
        self._allocate(pixels.shape[-1] * pixels.shape[-2] // bundle.pixels_per_latent**2)
        return self._encode(bundle, pixels)

    def _allocate(self, cells: int) -> None:
        self.sizes.append(cells)
        if cells > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def narrowed(most: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Bundle, Narrow]:
    bundle, family = fake_model()
    narrow = Narrow(bundle, most)
    monkeypatch.setattr(family, "decode", narrow.decode)
    monkeypatch.setattr(family, "encode_pictures", narrow.encode)
    return bundle, narrow


@pytest.mark.parametrize(("most", "sides"), [(64 * 64, [64]), (40 * 40, [64, 32])])
def test_where_memory_runs_out_it_works_in_tiles_and_the_picture_is_the_same(
    most: int, sides: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, narrow = narrowed(most, monkeypatch)
    latents = values(2, 4, 80, 100)
    wanted = VAE(fake_model()[0], Run([].append)).pictures(latents)
    seen: Seen = []
    worker = VAE(bundle, Run(seen.append))
    made = worker.pictures(latents)
    for one, other in zip(made, wanted, strict=True):
        assert (to_pixels(one) - to_pixels(other)).abs().max() <= 1.01 / 127.5
    assert warnings(seen) == [f"Memory ran out, so the VAE works in tiles of {side * 4} pixels." for side in sides]
    narrow.sizes.clear()
    assert worker.latents(to_pixels(made[0])).shape == (1, 4, 80, 100)
    assert max(narrow.sizes) <= most


def test_what_does_not_even_go_in_small_tiles_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, _ = narrowed(10, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError):
        VAE(bundle, Run([].append)).pictures(values(1, 4, 80, 100))


def test_tiles_that_are_switched_off_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, narrow = narrowed(64 * 64, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError):
        VAE(bundle, Run([].append), "off").pictures(values(1, 4, 80, 100))
    assert narrow.sizes == [8000]


@pytest.mark.parametrize(("free", "in_pieces"), [(10**10, False), (10**6, True)])
def test_little_memory_is_noticed_before_it_runs_out(
    free: int, in_pieces: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, narrow = narrowed(10**9, monkeypatch)
    monkeypatch.setattr(vae, "free_memory", lambda _device: free)
    seen: Seen = []
    VAE(bundle, Run(seen.append)).pictures(values(1, 4, 80, 100))
    assert (len(narrow.sizes) > 1) == in_pieces
    assert any("There is little memory left" in title for title in warnings(seen)) == in_pieces


def test_on_a_full_graphics_card_the_processor_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is called one that is no processor, and the decoder refuses as long as it is asked there."""
    bundle, family = fake_model()
    decode, seen = family.decode, list[events.Event]()

    def full(at_work: Bundle, latents: Tensor) -> Tensor:
        if at_work.device.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        assert at_work.dtype == torch.float32
        return decode(at_work, latents)

    monkeypatch.setattr(family, "decode", full)
    monkeypatch.setattr(vae, "free_memory", lambda _device: 10**12)
    elsewhere = dataclasses.replace(bundle, device=torch.device("meta"))
    latents = values(1, 4, 40, 40)
    made = VAE(elsewhere, Run(seen.append)).pictures(latents)
    assert made[0].tobytes() == VAE(bundle, Run([].append)).pictures(latents)[0].tobytes()
    assert "tiles of 128 pixels" in warnings(seen)[0]
    assert "the processor does its work" in warnings(seen)[1]


def test_another_error_is_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, family = fake_model()

    def broken(_bundle: Bundle, _latents: Tensor) -> Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(family, "decode", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        VAE(bundle, Run([].append)).pictures(values(1, 4, 80, 100))


def test_latents_are_the_mean_of_what_the_encoder_gives() -> None:
    bundle = tiny.bundle()
    pixels = values(1, 3, 64, 64)
    with torch.inference_mode():
        posterior = bundle.vae.encode(pixels).latent_dist
        torch.testing.assert_close(VAE(bundle, Run([].append)).latents(pixels), posterior.mode() * 0.18215)


def test_a_picture_survives_the_way_to_numbers_and_back(tmp_path: Path) -> None:
    picture = Image.effect_noise((17, 9), 90).convert("RGB")
    assert to_picture(to_pixels(picture)).tobytes() == picture.tobytes()
