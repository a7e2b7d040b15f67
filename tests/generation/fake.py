"""A model of a few hundred numbers that behaves like a real one, and keeps count of what it is asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tests.generation.gaussian import ALPHAS_CUMPROD
from trainer.models.family import Bundle, Conditioning, Framing

CHANNELS, PIXELS = 4, 4


class Mixture(nn.Module):
    """Neighbours mixed and squashed, in plain arithmetic that rounds the same in any batch."""

    def forward(self, given: Tensor) -> Tensor:
        mixed = 0.5 * given.roll(1, -1) + 0.25 * given.roll(1, 1) - given
        return mixed / (1 + mixed.abs())


@dataclass
class FakeFamily:
    """Fulfils trainer.models.family.Family as far as generation asks."""

    name: str = "sd1"
    batches: list[int] = field(default_factory=list)
    timesteps: list[Tensor] = field(default_factory=list)
    encoded: list[list[str]] = field(default_factory=list)
    contexts: list[Tensor] = field(default_factory=list)
    framings: list[list[Framing]] = field(default_factory=list)
    decoded: int = 0
    spoil: Callable[[str, int, Tensor], Tensor] = lambda _part, _count, output: output
    """(part, how many calls it had, output) to the output that is given instead."""

    def encode_text(self, bundle: Bundle, prompts: Sequence[str]) -> dict[str, Tensor]:
        raise NotImplementedError

    def word_ids(self, bundle: Bundle, texts: Sequence[str]) -> list[list[int]]:
        """A token for each letter."""
        return [[ord(letter) for letter in text] for text in texts]

    def encode_chunks(
        self, bundle: Bundle, chunks: Sequence[Sequence[int | Tensor]], *, clip_skip: int = 1
    ) -> dict[str, Tensor]:
        """Of a chunk 77 rows, in each of which its letter says something of its own."""
        self.encoded.append(["".join(chr(unit) for unit in chunk if isinstance(unit, int)) for chunk in chunks])
        context = torch.zeros(len(chunks), 77, CHANNELS)
        for row, chunk in enumerate(chunks):
            for place, unit in enumerate(chunk, start=1):
                assert isinstance(unit, int)
                context[row, place, place % CHANNELS] = unit % 17 / 17
        return {"context": self.spoil("text", len(self.encoded), context)}

    def predict(self, bundle: Bundle, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        self.batches.append(len(noisy))
        self.timesteps.append(timesteps.clone())
        said = conditioning["context"].sum(1)
        self.contexts.append(said)
        given = noisy + said[:, :, None, None] + (timesteps.float() / 1000)[:, None, None, None]
        return self.spoil("unet", len(self.batches), bundle.unet(given))

    def decode(self, bundle: Bundle, latents: Tensor) -> Tensor:
        self.decoded += 1
        return self.spoil("vae", self.decoded, bundle.vae(latents))

    def load(self, source: Path, **_options: Any) -> Bundle:
        raise NotImplementedError

    def save(self, bundle: Bundle, path: Path, *, dtype: torch.dtype | None, metadata: Mapping[str, str]) -> None:
        raise NotImplementedError

    def save_folder(self, bundle: Bundle, path: Path, *, dtype: torch.dtype | None) -> None:
        raise NotImplementedError

    def encode_pictures(self, bundle: Bundle, pixels: Tensor) -> Tensor:
        """Means of squares of pixels, and zeros for their log-variance."""
        small = nn.functional.avg_pool2d(pixels, PIXELS)
        mean = torch.cat([small, small.mean(1, keepdim=True)], dim=1)
        return torch.cat([mean, torch.zeros_like(mean)], dim=1)

    def latents(self, bundle: Bundle, moments: Tensor, noise: Tensor | None) -> Tensor:
        mean, _ = moments.chunk(2, dim=1)
        return mean if noise is None else mean + noise

    def framed(self, bundle: Bundle, conditioning: Conditioning, framings: Sequence[Framing]) -> Conditioning:
        self.framings.append(list(framings))
        return conditioning

    def lora_targets(self, bundle: Bundle, *, text_encoder: bool, convolutions: bool) -> dict[str, str]:
        raise NotImplementedError


def fake_model() -> tuple[Bundle, FakeFamily]:
    """The same model at each call, with a count of its own."""
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    vae = nn.Sequential(nn.Conv2d(CHANNELS, 3, 1), nn.Upsample(scale_factor=PIXELS))
    matrix = torch.rand(CHANNELS + 1, 3) - 0.5
    torch.random.set_rng_state(state)
    family = FakeFamily()
    bundle = Bundle(
        family=family,
        source=Path("models/fake.safetensors"),
        unet=Mixture(),
        vae=vae,
        text_encoder=nn.Identity(),
        tokenizer=None,
        prediction="epsilon",
        alphas_cumprod=torch.tensor(ALPHAS_CUMPROD, dtype=torch.float64),
        latent_scale=1.0,
        latent_channels=CHANNELS,
        pixels_per_latent=PIXELS,
        latent_to_rgb=matrix,
        default_size=(32, 24),
        size_step=PIXELS,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    return bundle, family


def with_nan(part: str, call: int) -> Callable[[str, int, Tensor], Tensor]:
    """Puts one not-a-number into the output of that call to that part."""

    def spoil(spoiled: str, count: int, output: Tensor) -> Tensor:
        if (spoiled, count) == (part, call):
            output = output.clone()
            output.view(-1)[3] = torch.nan
        return output

    return spoil
