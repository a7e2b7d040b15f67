"""What a model family answers, so that the training loop and the samplers know no family by name."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

Prediction = Literal["epsilon", "v_prediction"]
Conditioning = Mapping[str, Tensor]
"""What the UNet is conditioned on, batch first. `context` [B, tokens, width] is what cross-attention reads; where a
family needs them also `pooled` [B, width], one vector for the whole prompt, and `concat` [B, C', h, w], channels that
are laid behind the noisy latents (a mask and a picture to inpaint, a picture to move). Whatever else belongs to one
family is its own."""

LATENT_TO_RGB_KEY = "gesso.latent_to_rgb"
"""Metadata key under which a model with an autoencoder of its own carries `Bundle.latent_to_rgb`, as JSON."""


@dataclass(frozen=True)
class Framing:
    """How a picture lies in what it was taken from, all in pixels: SDXL is conditioned on it."""

    original: tuple[int, int]
    """(width, height) before it was cropped."""
    crop: tuple[int, int]
    """(left, top) of the crop."""
    target: tuple[int, int]
    """(width, height) of the picture itself."""
    is_negative: bool = False
    """Whether guidance leads away from this row."""
    is_wordless: bool = False
    """Whether its prompt is empty."""


@dataclass
class Bundle:
    """A loaded model: its networks, and the numbers that belong to them.

    The networks (torch modules of the family's own classes) stand in evaluation mode and need no gradients; a method
    switches on what it trains.
    """

    family: "Family"
    source: Path
    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    prediction: Prediction
    alphas_cumprod: Tensor
    """[timesteps] float64 on the CPU: the product of (1 - beta), Ho et al. 2020, arXiv 2006.11239."""
    latent_scale: float
    """Latents as the UNet sees them are the VAE's times this."""
    latent_channels: int
    pixels_per_latent: int
    latent_to_rgb: Tensor
    """[latent_channels + 1, 3]: scaled latents (and a 1 for the bias) to RGB in [-1, 1], for previews."""
    default_size: tuple[int, int]
    """(width, height) in pixels that the model was trained at."""
    size_step: int
    """Sides that are multiples of this many pixels divide evenly through all levels of the UNet: 64 for SD 1.5."""
    device: torch.device
    dtype: torch.dtype
    """What the networks compute in."""
    architecture: str = ""
    """As modelspec names it, for the metadata of files made from this model: `stable-diffusion-v1`."""
    metadata: dict[str, str] = field(default_factory=dict)
    """The source file's own `__metadata__`."""
    sigma_range: tuple[float, float] | None = None
    """(least, greatest) sigma of a model that was trained on all levels between (Karras et al. 2022, arXiv 2206.00364)
    and is asked at 0.25 ln(sigma); None for one that knows the timesteps of `alphas_cumprod` alone."""
    context_widths: tuple[int, ...] = ()
    """How the width of `context` is divided among text encoders, where there are several."""
    concat_channels: int = 0
    """How many channels the UNet reads behind the noisy latents. A model that was made for inpainting has one for the
    mask (1: paint) and those of the latents of the masked picture."""
    kept_prompts: dict[Hashable, Mapping[str, Conditioning]] = field(default_factory=dict)
    """Texts that generation has encoded, by all that they depend on (trainer.generation.text_to_image)."""

    PARTS: ClassVar[tuple[str, ...]] = ("unet", "vae", "text_encoder")
    """Names of the networks that a bundle of this kind holds, each an attribute of it."""

    @property
    def networks(self) -> dict[str, nn.Module]:
        """All of them by name."""
        return {name: getattr(self, name) for name in self.PARTS}

    @property
    def text_encoders(self) -> dict[str, Any]:
        """Those of them that read prompts, by name, in the order in which their contexts are laid side by side."""
        return {name: getattr(self, name) for name in self.PARTS if name.startswith("text_encoder")}

    def let_go(self) -> None:
        """Give the memory of the networks back, whoever still holds them. Nothing is computed with them any more."""
        for network in self.networks.values():
            nn.Module.to(network, "meta")
        self.kept_prompts.clear()


class Family(Protocol):
    """The verbs. Pixels are [B, 3, H, W] in [-1, 1]; latents [B, C, H/8, W/8] scaled as the UNet sees them."""

    @property
    def name(self) -> str:
        """`sd1`, `sd2`, `sdxl`: as trainer.library.identify names it."""
        ...

    def load(
        self,
        source: Path,
        *,
        device: torch.device,
        dtype: torch.dtype,
        ema: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Bundle:
        """Read a single file or a diffusers folder, offline. Raises UserError naming what is missing or wrong."""
        ...

    def save(self, bundle: Bundle, path: Path, *, dtype: torch.dtype | None, metadata: Mapping[str, str]) -> None:
        """Write the original single-file layout, atomically. `dtype` None keeps each weight's own."""
        ...

    def save_folder(self, bundle: Bundle, path: Path, *, dtype: torch.dtype | None) -> None:
        """Write a diffusers folder, atomically."""
        ...

    def encode_text(self, bundle: Bundle, prompts: Sequence[str]) -> dict[str, Tensor]:
        """Prompts through the text encoder, to what `predict` takes as conditioning. Gradients flow if enabled."""
        ...

    def word_ids(self, bundle: Bundle, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, all of them, without those that mark start and end."""
        ...

    def encode_chunks(
        self, bundle: Bundle, chunks: Sequence[Sequence[int | Tensor]], *, clip_skip: int = 1
    ) -> dict[str, Tensor]:
        """Chunks of at most 75 tokens through the text encoder: as `encode_text`, a row for each, 77 tokens long.

        In place of a token may stand a vector [width] that the text encoder takes for that token's embedding; with
        several text encoders, their vectors one behind the other. `clip_skip` reads an earlier layer, counted as
        stable-diffusion-webui does: 1 is the usual one, 2 the one before. Raises UserError where the text encoder has
        not so many.
        """
        ...

    def encode_pictures(self, bundle: Bundle, pixels: Tensor) -> Tensor:
        """Pictures through the VAE's encoder: [B, 2C, h, w], mean and log-variance of the unscaled latents."""
        ...

    def latents(self, bundle: Bundle, moments: Tensor, noise: Tensor | None) -> Tensor:
        """Scaled latents from moments: the mean, plus the standard deviation times `noise` where given."""
        ...

    def decode(self, bundle: Bundle, latents: Tensor) -> Tensor:
        """Scaled latents through the VAE's decoder, to pixels (not clamped)."""
        ...

    def framed(self, bundle: Bundle, conditioning: Conditioning, framings: Sequence[Framing]) -> Conditioning:
        """Conditioning with what the family wants to know of each picture's size, one framing for each row."""
        ...

    def predict(self, bundle: Bundle, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The UNet's output (noise or v, see `Bundle.prediction`) for noisy latents at integer timesteps [B]."""
        ...

    def lora_targets(self, bundle: Bundle, *, text_encoder: bool, convolutions: bool) -> dict[str, str]:
        """Which modules a LoRA adapts: `unet.<path>`, `text_encoder.<path>` and so on to the kohya name in files."""
        ...
