"""Stable Video Diffusion (Blattmann et al. 2023, arXiv 2311.15127): a picture to a short video of it.

A video is a picture with one dimension more: latents are [B, F, C, h, w], a batch of clips of F frames.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.contract.errors import UserError
from trainer.models import svd_file, svd_folder, svd_networks
from trainer.models.architecture import LATENT_SCALE
from trainer.models.family import Bundle, Conditioning, Framing
from trainer.models.sd import latent_to_rgb
from trainer.models.svd_architecture import IMAGE_SIDE, SIGMA_RANGE, VideoArchitecture
from trainer.models.svd_networks import VideoParts


@dataclass
class SVDBundle(Bundle):
    """A Bundle with an image encoder in place of a text encoder. It remembers its architecture, and the file's tensors
    that no network uses but `save` gives back."""

    image_encoder: Any = None
    shape: VideoArchitecture = field(default_factory=VideoArchitecture)
    unused: dict[str, Tensor] = field(default_factory=dict)

    PARTS: ClassVar[tuple[str, ...]] = ("unet", "vae", "image_encoder")


class StableVideoDiffusion:
    """The verbs of trainer.models.family.Family that make sense for video, and what a picture says to the UNet.

    Those about words raise UserError: these models read none.
    """

    name: str = "svd"

    def load(
        self,
        source: Path,
        *,
        device: torch.device,
        dtype: torch.dtype,
        ema: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> SVDBundle:
        """Read a single file in the original layout or a diffusers folder, offline; see Family.load."""
        if ema:
            raise UserError(f"{source.name} has no averaged (EMA) weights of its UNet.", "Use its plain weights.")
        read = svd_folder.read if source.is_dir() else svd_file.read
        return self._bundle(read(source, device=device, dtype=dtype, progress=progress), source, device, dtype)

    def blank(self, architecture: VideoArchitecture, *, device: torch.device, dtype: torch.dtype) -> SVDBundle:
        """Networks with random weights, drawn from torch's global generator on the CPU: seed it before the call."""
        return self._bundle(svd_networks.blank(architecture, device, dtype), Path(), device, dtype)

    def save(self, bundle: Bundle, path: Path, *, dtype: torch.dtype | None, metadata: Mapping[str, str]) -> None:
        """Write the original single-file layout, atomically. `dtype` None keeps each weight's own."""
        svd_file.write(_parts(bundle), path, dtype=dtype, metadata=metadata)

    def save_folder(self, bundle: Bundle, path: Path, *, dtype: torch.dtype | None) -> None:
        """Write a diffusers folder, atomically."""
        svd_folder.write(_parts(bundle), path, dtype=dtype)

    def encode_pictures(self, bundle: Bundle, pixels: Tensor) -> Tensor:
        """[B, 2C, h, w]: mean and log-variance of the unscaled latents, in the dtype of `pixels`.

        In fp16 the encoder's numbers overflow, so it works in fp32 for the moment.
        """
        vae: Any = bundle.vae
        halves: tuple[nn.Module, ...] = (vae.encoder, vae.quant_conv)
        exact = torch.float32 if bundle.dtype == torch.float16 else bundle.dtype
        for half in halves:
            half.to(exact)
        moments = vae.quant_conv(vae.encoder(pixels.to(bundle.device, exact)))
        for half in halves:
            half.to(bundle.dtype)
        return moments.to(pixels.dtype)

    def latents(self, bundle: Bundle, moments: Tensor, noise: Tensor | None) -> Tensor:
        """Scaled latents from moments. The log-variance is held within [-30, 20], as CompVis and diffusers do."""
        mean, log_variance = moments.chunk(2, dim=1)
        if noise is not None:
            mean = mean + torch.exp(0.5 * log_variance.clamp(-30.0, 20.0)) * noise
        return mean * bundle.latent_scale

    def decode(self, bundle: Bundle, latents: Tensor) -> Tensor:
        """Scaled latents [F, C, h, w] of neighbouring frames to pixels [F, 3, H, W] about [-1, 1], not clamped.

        The decoder looks over time within what it is given at once, and nowhere else.
        """
        scaled = (latents / bundle.latent_scale).to(bundle.device, bundle.dtype)
        return bundle.vae.decode(scaled, num_frames=len(scaled), return_dict=False)[0].to(latents.dtype)

    def encode_image(self, bundle: Bundle, pixels: Tensor) -> Tensor:
        """What the image encoder says of pictures [B, 3, H, W] in [-1, 1]: [B, 1, width], for cross-attention.

        Resized to 224 x 224 pixels whatever their shape, with the antialiasing of the original (`antialiased`).
        """
        assert isinstance(bundle, SVDBundle)
        small = antialiased(pixels.float(), (IMAGE_SIDE, IMAGE_SIDE))
        mean, std = (torch.tensor(of_clip).reshape(3, 1, 1) for of_clip in (svd_folder.CLIP_MEAN, svd_folder.CLIP_STD))
        seen = ((small + 1) / 2 - mean.to(small)) / std.to(small)
        embedded = bundle.image_encoder(seen.to(bundle.device, bundle.dtype)).image_embeds
        return embedded.unsqueeze(1).to(bundle.dtype)

    def framed(self, bundle: Bundle, conditioning: Conditioning, framings: Sequence[Framing]) -> Conditioning:
        """Unchanged: these models know nothing of sizes."""
        return conditioning

    def predict(self, bundle: Bundle, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The UNet's output for noisy latents [B, F, C, h, w] at timesteps [B] of 0.25 ln(sigma).

        Conditioning is `context` [B, 1, width] (`encode_image`), `concat` [B, F, C, h, w] (the picture's latents, not
        scaled, for each frame) and `time_ids` [B, 3]: frames per second - 1, motion, and the noise on the picture.
        """
        unet: Any = bundle.unet
        given = torch.cat([noisy, conditioning["concat"].to(noisy)], dim=2).to(bundle.device, bundle.dtype)
        output = unet(
            given,
            timesteps.to(bundle.device, torch.float32),
            conditioning["context"].to(bundle.device, bundle.dtype),
            conditioning["time_ids"].to(bundle.device, torch.float32),
            return_dict=False,
        )
        return output[0].to(noisy.dtype)

    def encode_text(self, bundle: Bundle, prompts: Sequence[str]) -> dict[str, Tensor]:
        """Raises UserError."""
        _refuse_words(bundle)

    def word_ids(self, bundle: Bundle, texts: Sequence[str]) -> list[list[int]]:
        """Raises UserError."""
        _refuse_words(bundle)

    def encode_chunks(
        self, bundle: Bundle, chunks: Sequence[Sequence[int | Tensor]], *, clip_skip: int = 1
    ) -> dict[str, Tensor]:
        """Raises UserError."""
        _refuse_words(bundle)

    def lora_targets(self, bundle: Bundle, *, text_encoder: bool, convolutions: bool) -> dict[str, str]:
        """Raises UserError: there is no LoRA for these models that Gesso reads or makes."""
        raise UserError(f"{bundle.source.name} makes videos, and takes no LoRA.", "Leave the LoRA out.")

    def _bundle(self, parts: VideoParts, source: Path, device: torch.device, dtype: torch.dtype) -> SVDBundle:
        shape = parts.architecture
        return SVDBundle(
            family=self,
            source=source,
            unet=_at_rest(parts.unet),
            vae=_at_rest(parts.vae),
            text_encoder=None,
            tokenizer=None,
            image_encoder=_at_rest(parts.image_encoder),
            prediction="v_prediction",
            alphas_cumprod=torch.empty(0, dtype=torch.float64),
            latent_scale=LATENT_SCALE,
            latent_channels=shape.vae.latent_channels,
            pixels_per_latent=shape.vae.pixels_per_latent,
            latent_to_rgb=latent_to_rgb(parts.metadata, shape.vae.latent_channels),
            default_size=shape.default_size,
            size_step=shape.vae.pixels_per_latent * 2 ** (len(shape.unet.block_out_channels) - 1),
            device=device,
            dtype=dtype,
            architecture=svd_file.MODELSPEC_NAME,
            metadata=dict(parts.metadata),
            sigma_range=SIGMA_RANGE,
            shape=shape,
            unused=parts.unused,
        )


SVD = StableVideoDiffusion()


def antialiased(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, C, H, W] resized to `size` (height, width): blurred as far as it shrinks, then bicubic from corner to corner.

    As kornia.geometry.resize does with antialias, which the models were trained with: a Gaussian of
    (factor - 1) / 2 pixels, cut off at two of these, and mirrored at the edges.
    """
    for dim, target in zip((-2, -1), size, strict=True):
        sigma = max((pixels.shape[dim] / target - 1.0) / 2.0, 0.001)
        reach = int(max(4.0 * sigma, 3)) // 2  # an even number of taps is made odd with one more
        taps = torch.arange(-reach, reach + 1, device=pixels.device, dtype=pixels.dtype)
        kernel = torch.exp(-taps.square() / (2.0 * sigma**2))
        kernel = (kernel / kernel.sum()).reshape((1, 1, -1, 1) if dim == -2 else (1, 1, 1, -1))
        padding = (0, 0, reach, reach) if dim == -2 else (reach, reach, 0, 0)
        channels = pixels.shape[1]
        padded = F.pad(pixels, padding, mode="reflect")
        pixels = F.conv2d(padded, kernel.expand(channels, 1, *kernel.shape[2:]), groups=channels)
    return F.interpolate(pixels, size=size, mode="bicubic", align_corners=True)


def _refuse_words(bundle: Bundle) -> NoReturn:
    raise UserError(
        f"{bundle.source.name} makes videos from a picture, and reads no prompt.",
        "Choose a model that makes pictures, or make a video with it.",
    )


def _at_rest(network: nn.Module) -> nn.Module:
    return network.requires_grad_(False).eval()


def _parts(bundle: Bundle) -> VideoParts:
    assert isinstance(bundle, SVDBundle)
    return VideoParts(bundle.shape, bundle.unet, bundle.vae, bundle.image_encoder, bundle.metadata, bundle.unused)
