"""Autoencoder: the VAE alone, from pixels to latents and back, or its decoder alone, as Stability's ft-mse was made.

The finished file is the model with the new VAE."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from trainer.contract.errors import UserError
from trainer.contract.train import Autoencoder, TrainJob
from trainer.models.device import SAVED
from trainer.models.family import LATENT_TO_RGB_KEY, Bundle
from trainer.training.batches import Batch
from trainer.training.losses import reconstruction_loss
from trainer.training.methods.weights import TrainedWeights
from trainer.training.optimizers import ParameterGroup

MEASURED_BATCHES = 16
"""How many batches measure the spread of latents and fit the preview matrix: the run's first, whatever was resumed."""


class AutoencoderMethod:
    """A VAE in training."""

    wants_pixels = True
    trains_text = False

    def __init__(self, bundle: Bundle, job: TrainJob) -> None:
        assert isinstance(job.method, Autoencoder)
        if job.data.prior is not None:
            raise UserError(
                "A VAE has no subject and no class, so class pictures have no part in its training.",
                "Remove data.prior, or put those pictures into data.folder.",
            )
        self.bundle = bundle
        self.job = job
        self.settings = job.method
        parts = ("post_quant_conv", "decoder") if job.method.decoder_only else ("",)
        self.weights = TrainedWeights({f"vae.{part}": bundle.vae.get_submodule(part) for part in parts}, job.method.ema)

    def groups(self) -> Sequence[ParameterGroup]:
        return [ParameterGroup(self.weights.parameters())]

    def loss(self, batch: Batch) -> Tensor:
        return reconstruction_loss(self.bundle, batch, self.settings)

    def stepped(self) -> None:
        self.weights.stepped()

    def averaged(self) -> AbstractContextManager[None]:
        return self.weights.averaged()

    def state(self) -> dict[str, Tensor]:
        return self.weights.state()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.weights.load_state(state)

    def save(self, folder: Path, metadata: Mapping[str, str], batch: Callable[[int], Batch]) -> Path:
        """Write the model. With `rescale` the latents' spread is brought to what the family's scale expects."""
        path = folder / f"{self.job.output.name}.safetensors"
        pictures = [batch(number).pixels for number in range(MEASURED_BATCHES)]
        with self.averaged(), torch.no_grad():
            if self.settings.rescale:
                rescale_latents(self.bundle, pictures)
            rows = preview_matrix(self.bundle, pictures).tolist()
            described = {**metadata, LATENT_TO_RGB_KEY: json.dumps([[round(x, 5) for x in row] for row in rows])}
            dtype = SAVED[self.job.output.precision]
            self.bundle.family.save(self.bundle, path, dtype=dtype, metadata=described)
        return path

    def detach(self) -> None:
        self.weights.release()


def rescale_latents(bundle: Bundle, batches: Sequence[Tensor]) -> None:
    """Scale the VAE's inner latents so that, times the family's scale, they have standard deviation 1.

    A diffusion model expects unit variance (Rombach et al. 2022, appendix G). The factor goes into the last layer of
    the encoder and is undone in the first of the decoder, so that pictures come out the same.
    """
    means = torch.cat([_scaled_means(bundle, pixels).flatten() for pixels in batches])  # batches differ in shape
    factor = 1 / means.std()
    quant, post = bundle.vae.quant_conv, bundle.vae.post_quant_conv
    channels = bundle.latent_channels
    quant.weight.data[:channels] *= factor
    quant.bias.data[:channels] *= factor
    quant.bias.data[channels:] += 2 * factor.log()  # the second half is the logarithm of the variance
    post.weight.data /= factor


def preview_matrix(bundle: Bundle, batches: Sequence[Tensor]) -> Tensor:
    """[C + 1, 3]: the linear map from scaled latents (and 1) to RGB that fits these pictures best (least squares)."""
    rows, colours = [], []
    for pixels in batches:
        latents = _scaled_means(bundle, pixels)
        small = functional.interpolate(pixels.to(latents), size=latents.shape[2:], mode="area")
        rows.append(latents.movedim(1, -1).reshape(-1, bundle.latent_channels))
        colours.append(small.movedim(1, -1).reshape(-1, 3))
    latents = torch.cat(rows).double().cpu()
    latents = torch.cat([latents, torch.ones(len(latents), 1, dtype=torch.float64)], dim=1)
    return torch.linalg.lstsq(latents, torch.cat(colours).double().cpu()).solution.float()


def _scaled_means(bundle: Bundle, pixels: Tensor) -> Tensor:
    # as in training: the weights are float32. Entered for each batch, since autocast remembers weights that it has
    # rounded, and rescaling changes them in between.
    with torch.autocast(bundle.device.type, bundle.dtype, enabled=bundle.dtype != torch.float32):
        moments = bundle.family.encode_pictures(bundle, pixels.to(bundle.device))
    return bundle.family.latents(bundle, moments, None).float()
