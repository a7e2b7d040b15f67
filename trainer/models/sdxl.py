"""Stable Diffusion XL and its refiner (Podell et al. 2023, arXiv 2307.01952).

XL reads a prompt by two text encoders, CLIP ViT-L/14 and OpenCLIP ViT-bigG/14, the refiner by the second alone. Of both
the last layer but one is taken, without the final norm. The UNet is also told one vector for the whole prompt, and how
the picture lies in what it was taken from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from trainer.models import networks
from trainer.models.family import Bundle, Conditioning, Framing
from trainer.models.lora_targets import KOHYA_TEXT_1, KOHYA_TEXT_2, text_targets, unet_targets
from trainer.models.sd import SDBundle, StableDiffusion, in_place_of_tokens, require_layer, without_vectors
from trainer.models.tokenizer import chunk_ids, clip_tokenizer, token_ids

LATENT_TO_RGB = (
    (0.3651, 0.4232, 0.4341),
    (-0.2533, -0.0042, 0.1068),
    (0.1076, 0.1111, -0.0362),
    (-0.3165, -0.2492, -0.2188),
    (0.1084, -0.0175, -0.0011),
)
"""For XL's autoencoder, as ComfyUI publishes it (comfy/latent_formats.py); the last row is the bias."""

BEAUTIFUL, UGLY = 6.0, 2.5
"""Aesthetic scores that the refiner is told of a picture to be made, and of what guidance leads away from
(Stability-AI/generative-models, sgm/inference/api.py)."""


@dataclass
class XLBundle(SDBundle):
    """With two text encoders, each with a tokenizer that pads in its own way."""

    text_encoder_2: Any = None
    tokenizer_2: Any = None

    PARTS: ClassVar[tuple[str, ...]] = ("unet", "vae", "text_encoder", "text_encoder_2")

    @property
    def readers(self) -> list[tuple[Any, Any]]:
        """Each text encoder with its tokenizer; the last makes the vector of the whole prompt."""
        return [(self.text_encoder, self.tokenizer), (self.text_encoder_2, self.tokenizer_2)]


@dataclass
class RefinerBundle(XLBundle):
    """With the second text encoder alone."""

    PARTS: ClassVar[tuple[str, ...]] = ("unet", "vae", "text_encoder_2")

    @property
    def readers(self) -> list[tuple[Any, Any]]:
        return [(self.text_encoder_2, self.tokenizer_2)]


class StableDiffusionXL(StableDiffusion):
    """The verbs of trainer.models.family.Family for XL (`name` sdxl) and its refiner (sdxl_refiner)."""

    LATENT_TO_RGB = LATENT_TO_RGB

    def bundle(self, parts: networks.Parts, source: Path, device: torch.device, dtype: torch.dtype) -> XLBundle:
        own = self.fields(parts, source, device, dtype)
        second = clip_tokenizer(pad_with_end=False)
        if self.name == "sdxl_refiner":
            return RefinerBundle(**own, text_encoder=None, tokenizer=second, tokenizer_2=second)
        widths = tuple(text.width for text in parts.architecture.text)
        first = clip_tokenizer(pad_with_end=True)
        return XLBundle(**own, tokenizer=first, tokenizer_2=second, context_widths=widths)

    def encode_text(self, bundle: Bundle, prompts: Sequence[str]) -> dict[str, Tensor]:
        """`context` [B, 77, width], the encoders side by side, and `pooled` [B, width of the last]; the bundle's dtype.

        `pooled` is what stands at the first end token, through the last layer, the final norm and the projection.
        """
        return _read(bundle, lambda tokenizer: token_ids(tokenizer, prompts), {})

    def encode_chunks(
        self, bundle: Bundle, chunks: Sequence[Sequence[int | Tensor]], *, clip_skip: int = 1
    ) -> dict[str, Tensor]:
        """As `encode_text` gives it; see Family.encode_chunks. The usual layer is the last but one, so that a clip skip
        of 2 changes nothing, as in stable-diffusion-webui."""
        words, vectors = without_vectors(chunks)
        return _read(bundle, lambda tokenizer: chunk_ids(tokenizer, words), vectors, max(clip_skip, 2))

    def framed(self, bundle: Bundle, conditioning: Conditioning, framings: Sequence[Framing]) -> Conditioning:
        """Adds `time_ids` [B, 6] float32: height and width of the original, top and left of the crop, height and width
        of the picture (section 2.2). The refiner has [B, 5], an aesthetic score instead of the last two.

        An empty negative prompt is told as nothing at all: zeros in `context` and `pooled`, as the first release did
        it (sgm/inference/helpers.py) and A1111 does (modules/sd_models_xl.py).
        """
        told = torch.tensor([self._told(framing) for framing in framings], device=bundle.device)
        keeps = torch.tensor([not (one.is_negative and one.is_wordless) for one in framings], device=bundle.device)
        said = {
            key: torch.where(keeps.view(-1, *(1,) * (rows.ndim - 1)), rows, torch.zeros_like(rows))
            for key, rows in conditioning.items()
            if key in ("context", "pooled")
        }
        return {**conditioning, **said, "time_ids": told}

    def added(self, bundle: Bundle, conditioning: Conditioning) -> dict[str, Tensor]:
        """The pooled text and the sizes, for diffusers' UNet."""
        pooled = conditioning["pooled"].to(bundle.device, bundle.dtype)
        return {"text_embeds": pooled, "time_ids": conditioning["time_ids"].to(bundle.device)}

    def lora_targets(self, bundle: Bundle, *, text_encoder: bool, convolutions: bool) -> dict[str, str]:
        """Module paths to kohya names; see trainer.models.lora_targets."""
        prefixes = {"text_encoder": KOHYA_TEXT_1, "text_encoder_2": KOHYA_TEXT_2}
        texts = {prefixes[part]: (part, network) for part, network in bundle.text_encoders.items()}
        return {
            **unet_targets(bundle.unet, convolutions=convolutions, as_original=True),
            **(text_targets(texts) if text_encoder else {}),
        }

    def _told(self, framing: Framing) -> list[float]:
        width, height = framing.original
        left, top = framing.crop
        if self.name == "sdxl_refiner":
            return [height, width, top, left, UGLY if framing.is_negative else BEAUTIFUL]
        return [float(number) for number in (height, width, top, left, framing.target[1], framing.target[0])]


SDXL = StableDiffusionXL("sdxl")
SDXL_REFINER = StableDiffusionXL("sdxl_refiner")


def _read(
    bundle: Bundle, ids_of: Callable[[Any], Tensor], vectors: dict[tuple[int, int], Tensor], layer: int = 2
) -> dict[str, Tensor]:
    """Ids, different for each tokenizer, through the text encoders; `vectors` hold what each of them takes, joined.
    `layer` counts from the last, which is 1."""
    assert isinstance(bundle, XLBundle)
    outputs: list[Any] = []
    start = 0
    for encoder, tokenizer in bundle.readers:
        end = start + encoder.config.hidden_size
        require_layer(encoder, layer)
        own = {place: vector[start:end] for place, vector in vectors.items()}
        with in_place_of_tokens(encoder, own):
            outputs.append(encoder(ids_of(tokenizer).to(bundle.device), output_hidden_states=True))
        start = end
    context = torch.cat([output.hidden_states[-layer] for output in outputs], dim=-1)
    return {"context": context.to(bundle.dtype), "pooled": outputs[-1].text_embeds.to(bundle.dtype)}
