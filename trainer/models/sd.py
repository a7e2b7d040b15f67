"""Stable Diffusion 1.x and 2.x (Rombach et al. 2022, arXiv 2112.10752): one family class, two families by parameter."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from trainer.contract.errors import UserError
from trainer.models import checkpoint, diffusers_folder, networks
from trainer.models.architecture import BETA_END, BETA_START, TIMESTEPS, Architecture, FamilyName
from trainer.models.family import LATENT_TO_RGB_KEY, Bundle, Conditioning, Framing
from trainer.models.layout import channels_last
from trainer.models.lora_targets import KOHYA_TEXT, text_targets, unet_targets
from trainer.models.tokenizer import chunk_ids, clip_tokenizer, token_ids, word_ids

LATENT_TO_RGB = (
    (0.3512, 0.2297, 0.3227),
    (0.3250, 0.4974, 0.2350),
    (-0.2829, 0.1762, 0.2721),
    (-0.2120, -0.2616, -0.7177),
    (0.0, 0.0, 0.0),
)
"""For SD 1.5's autoencoder, as ComfyUI publishes it (comfy/latent_formats.py), and a row of zeros for the bias.
A model with an autoencoder of its own carries its matrix in the metadata, under `LATENT_TO_RGB_KEY`."""


@dataclass
class SDBundle(Bundle):
    """A Bundle that remembers its architecture, and the file's tensors that no network uses but `save` gives back."""

    shape: Architecture = field(default_factory=lambda: Architecture.named("sd15"))
    unused: dict[str, Tensor] = field(default_factory=dict)


class StableDiffusion:
    """The verbs of trainer.models.family.Family for SD 1.x (`name` sd1) and SD 2.x (sd2)."""

    LATENT_TO_RGB: ClassVar[Sequence[Sequence[float]]] = LATENT_TO_RGB

    def __init__(self, name: FamilyName) -> None:
        self.name: str = name
        self._family: FamilyName = name

    def load(
        self,
        source: Path,
        *,
        device: torch.device,
        dtype: torch.dtype,
        ema: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> SDBundle:
        """Read a single file in the original layout or a diffusers folder, offline; see Family.load."""
        read = diffusers_folder.read if source.is_dir() else checkpoint.read
        parts = read(source, family=self._family, device=device, dtype=dtype, ema=ema, progress=progress)
        return self.bundle(parts, source, device, dtype)

    def blank(
        self, architecture: Architecture, *, device: torch.device, dtype: torch.dtype, source: Path = Path()
    ) -> SDBundle:
        """Networks with random weights, drawn from torch's global generator on the CPU: seed it before the call."""
        return self.bundle(networks.blank(architecture, device, dtype), source, device, dtype)

    def save(self, bundle: Bundle, path: Path, *, dtype: torch.dtype | None, metadata: Mapping[str, str]) -> None:
        """Write the original single-file layout, atomically. `dtype` None keeps each weight's own."""
        checkpoint.write(_parts(bundle), path, dtype=dtype, metadata=metadata)

    def save_folder(self, bundle: Bundle, path: Path, *, dtype: torch.dtype | None) -> None:
        """Write a diffusers folder, atomically."""
        diffusers_folder.write(_parts(bundle), path, dtype=dtype)

    def encode_text(self, bundle: Bundle, prompts: Sequence[str]) -> dict[str, Tensor]:
        """`context` [B, 77, width] in the bundle's dtype: the last used layer, after the final layer norm.

        SD 1.x uses all layers of CLIP ViT-L/14; SD 2.x leaves out the last of OpenCLIP ViT-H/14 (so has 23).
        """
        ids = token_ids(bundle.tokenizer, prompts).to(bundle.device)
        return {"context": bundle.text_encoder(ids).last_hidden_state.to(bundle.dtype)}

    def word_ids(self, bundle: Bundle, texts: Sequence[str]) -> list[list[int]]:
        """See Family.word_ids."""
        return word_ids(bundle.tokenizer, texts)

    def encode_chunks(
        self, bundle: Bundle, chunks: Sequence[Sequence[int | Tensor]], *, clip_skip: int = 1
    ) -> dict[str, Tensor]:
        """`context` [B, 77, width] as `encode_text` gives it; see Family.encode_chunks."""
        words, vectors = without_vectors(chunks)
        ids = chunk_ids(bundle.tokenizer, words).to(bundle.device)
        with in_place_of_tokens(bundle.text_encoder, vectors):
            return {"context": _hidden(bundle.text_encoder, ids, clip_skip).to(bundle.dtype)}

    def encode_pictures(self, bundle: Bundle, pixels: Tensor) -> Tensor:
        """[B, 2C, h, w]: mean and log-variance of the unscaled latents, in the dtype of `pixels`."""
        vae: Any = bundle.vae
        moments = vae.quant_conv(vae.encoder(channels_last(pixels.to(bundle.device, bundle.dtype))))
        return moments.to(pixels.dtype)

    def latents(self, bundle: Bundle, moments: Tensor, noise: Tensor | None) -> Tensor:
        """Scaled latents from moments. The log-variance is held within [-30, 20], as CompVis and diffusers do."""
        mean, log_variance = moments.chunk(2, dim=1)
        if noise is not None:
            mean = mean + torch.exp(0.5 * log_variance.clamp(-30.0, 20.0)) * noise
        return mean * bundle.latent_scale

    def decode(self, bundle: Bundle, latents: Tensor) -> Tensor:
        """Pixels [B, 3, H, W] about [-1, 1], not clamped, in the dtype of `latents`."""
        vae: Any = bundle.vae
        scaled = channels_last((latents / bundle.latent_scale).to(bundle.device, bundle.dtype))
        return vae.decoder(vae.post_quant_conv(scaled)).to(latents.dtype)

    def framed(self, bundle: Bundle, conditioning: Conditioning, framings: Sequence[Framing]) -> Conditioning:
        """Unchanged: these models know nothing of sizes."""
        return conditioning

    def predict(self, bundle: Bundle, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The UNet's output in the dtype of `noisy`. It computes in the bundle's dtype, or in autocast's.

        Raises UserError for a model whose UNet wants more than noisy latents: a mask and a picture, to inpaint.
        """
        unet: Any = bundle.unet
        if "concat" in conditioning:
            noisy = torch.cat([noisy, conditioning["concat"].to(noisy)], dim=1)
        if unet.config.in_channels != noisy.shape[1]:
            raise UserError(
                f"{bundle.source.name} is made for inpainting: it wants a picture and a mask beside the prompt.",
                "Choose a standard model.",
            )
        output = unet(
            noisy.to(bundle.device, bundle.dtype),
            timesteps.to(bundle.device),
            conditioning["context"].to(bundle.device, bundle.dtype),
            added_cond_kwargs=self.added(bundle, conditioning),
            return_dict=False,
        )
        return output[0].to(noisy.dtype)

    def added(self, bundle: Bundle, conditioning: Conditioning) -> dict[str, Tensor] | None:
        """What diffusers' UNet adds to the embedding of the timestep: nothing in these models."""
        return None

    def lora_targets(self, bundle: Bundle, *, text_encoder: bool, convolutions: bool) -> dict[str, str]:
        """Module paths to kohya names; see trainer.models.lora_targets."""
        return {
            **unet_targets(bundle.unet, convolutions=convolutions),
            **(text_targets({KOHYA_TEXT: ("text_encoder", bundle.text_encoder)}) if text_encoder else {}),
        }

    def bundle(self, parts: networks.Parts, source: Path, device: torch.device, dtype: torch.dtype) -> SDBundle:
        """The parts as the rest of Gesso takes them."""
        tokenizer = clip_tokenizer(pad_with_end=self.name == "sd1")
        return SDBundle(**self.fields(parts, source, device, dtype), tokenizer=tokenizer)

    def fields(self, parts: networks.Parts, source: Path, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
        """What bundles of all these families have in common, but for tokenizers."""
        shape = parts.architecture
        channels = shape.vae.latent_channels
        return {
            **{part: _at_rest(network) for part, network in parts.networks.items()},
            "family": self,
            "source": source,
            "prediction": shape.prediction,
            "alphas_cumprod": alphas_cumprod(zero_terminal_snr=shape.zero_terminal_snr),
            "latent_scale": shape.latent_scale,
            "latent_channels": channels,
            "pixels_per_latent": shape.vae.pixels_per_latent,
            "latent_to_rgb": latent_to_rgb(parts.metadata, channels, self.LATENT_TO_RGB),
            "default_size": shape.default_size,
            "size_step": shape.vae.pixels_per_latent * 2 ** (len(shape.unet.block_out_channels) - 1),
            "device": device,
            "dtype": dtype,
            "concat_channels": shape.unet.in_channels - shape.vae.latent_channels,
            "architecture": checkpoint.MODELSPEC_NAMES[self._family, shape.prediction],
            "metadata": dict(parts.metadata),
            "shape": shape,
            "unused": parts.unused,
        }


SD1 = StableDiffusion("sd1")
SD2 = StableDiffusion("sd2")


def alphas_cumprod(*, zero_terminal_snr: bool = False) -> Tensor:
    """[1000] float64: the scaled-linear schedule, beta_i = linspace(sqrt(0.00085), sqrt(0.012), 1000)^2.

    With `zero_terminal_snr` its square root is shifted and scaled to end at 0 (Lin et al. 2023, arXiv 2305.08891,
    algorithm 1).
    """
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, TIMESTEPS, dtype=torch.float64) ** 2
    usual = torch.cumprod(1 - betas, dim=0)
    if not zero_terminal_snr:
        return usual
    signal = usual.sqrt()
    return ((signal - signal[-1]) * (signal[0] / (signal[0] - signal[-1]))).square()


def latent_to_rgb(
    metadata: Mapping[str, str], latent_channels: int, usual: Sequence[Sequence[float]] = LATENT_TO_RGB
) -> Tensor:
    """[latent_channels + 1, 3] from the model's metadata, else `usual`. UserError if the metadata makes no sense."""
    text = metadata.get(LATENT_TO_RGB_KEY)
    if text is None:
        return torch.tensor(usual)
    fix = "Get the model again, or choose another one."
    try:
        matrix = torch.tensor(json.loads(text), dtype=torch.float32)
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"The model's metadata {LATENT_TO_RGB_KEY} is no table of numbers.", fix) from error
    if matrix.shape != (latent_channels + 1, 3) or not torch.isfinite(matrix).all():
        raise UserError(f"The model's metadata {LATENT_TO_RGB_KEY} does not fit the model.", fix)
    return matrix


def without_vectors(
    chunks: Sequence[Sequence[int | Tensor]],
) -> tuple[list[list[int]], dict[tuple[int, int], Tensor]]:
    """Chunks with token 0 in place of vectors, and the vectors by (row, place), counted behind the start token."""
    words = [[0 if isinstance(unit, Tensor) else unit for unit in chunk] for chunk in chunks]
    vectors = {
        (row, place): unit
        for row, chunk in enumerate(chunks)
        for place, unit in enumerate(chunk, start=1)
        if isinstance(unit, Tensor)
    }
    return words, vectors


def _hidden(text_encoder: Any, ids: Tensor, clip_skip: int) -> Tensor:
    """What a layer says, after the final layer norm whichever it is (stable-diffusion-webui does so in SD 1.x)."""
    if clip_skip == 1:
        return text_encoder(ids).last_hidden_state
    require_layer(text_encoder, clip_skip)
    hidden = text_encoder(ids, output_hidden_states=True).hidden_states[-clip_skip]
    return text_encoder.final_layer_norm(hidden)


def require_layer(text_encoder: Any, clip_skip: int) -> None:
    """Raise UserError where a text encoder has fewer layers than `clip_skip` counts back."""
    layers = text_encoder.config.num_hidden_layers
    if clip_skip > layers:
        raise UserError(
            f"Clip skip is {clip_skip}, but the text encoder of this model has {layers} layers.",
            f"Set it to a number from 1 to {layers}; 1 and 2 are usual.",
        )


@contextlib.contextmanager
def in_place_of_tokens(text_encoder: Any, vectors: Mapping[tuple[int, int], Tensor]) -> Iterator[None]:
    """Within the block, the token embeddings at these (row, place) are these vectors."""

    def replace(_module: nn.Module, _given: Any, embedded: Tensor) -> Tensor:
        changed = embedded.clone()
        for (row, place), vector in vectors.items():
            changed[row, place] = vector.to(embedded.device, embedded.dtype)
        return changed

    if not vectors:
        yield
        return
    handle = text_encoder.get_input_embeddings().register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


def _at_rest(network: nn.Module) -> nn.Module:
    return network.requires_grad_(False).eval()


def _parts(bundle: Bundle) -> networks.Parts:
    assert isinstance(bundle, SDBundle)
    return networks.Parts(bundle.shape, bundle.networks, bundle.metadata, bundle.unused)
