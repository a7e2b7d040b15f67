"""The losses against closed forms: what a perfect and a silent predictor must get (Gaussian data has exact answers)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainer.contract.train import Autoencoder, Loss
from trainer.models.family import Bundle
from trainer.models.sd import alphas_cumprod
from trainer.training.batches import Batch
from trainer.training.losses import denoising_loss, reconstruction_loss, snr_weights

MEAN, SPREAD = 0.7, 0.5
SHAPE = (4, 8, 8)


@dataclass
class Gaussian:
    """A family whose data is N(0.7, 0.5^2) in every pixel, and whose network is what the test says."""

    kind: str
    seen: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def latents(self, bundle: Bundle, moments: Tensor, noise: Tensor) -> Tensor:
        mean, log_variance = moments.chunk(2, dim=1)
        return mean + (0.5 * log_variance).exp() * noise

    def predict(self, bundle: Bundle, noisy: Tensor, timesteps: Tensor, conditioning: Any) -> Tensor:
        self.seen.append((noisy, timesteps))
        alpha = bundle.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        if self.kind == "silent":
            return torch.zeros_like(noisy)
        # E[noise | noisy] for Gaussian data; the best there is
        noise = (1 - alpha).sqrt() * (noisy - alpha.sqrt() * MEAN) / (alpha * SPREAD**2 + 1 - alpha)
        if bundle.prediction == "epsilon":
            return noise.float()
        clean = (noisy - (1 - alpha).sqrt() * noise) / alpha.sqrt()
        return (alpha.sqrt() * noise - (1 - alpha).sqrt() * clean).float()


def bundle(kind: str, prediction: Any = "epsilon") -> Bundle:
    empty = nn.Module()
    return Bundle(
        family=Gaussian(kind),  # pyright: ignore[reportArgumentType]
        source=Path(),
        unet=empty,
        vae=empty,
        text_encoder=empty,
        tokenizer=None,
        prediction=prediction,
        alphas_cumprod=alphas_cumprod(),
        latent_scale=1.0,
        latent_channels=4,
        pixels_per_latent=8,
        latent_to_rgb=torch.zeros(5, 3),
        default_size=(64, 64),
        size_step=8,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def batch(number: int, size: int = 64, seed: int = 5) -> Batch:
    # the data's spread is given as the posterior's: moments of mean 0.7 and variance 0.25
    moments = torch.cat([torch.full((size, *SHAPE), MEAN), torch.full((size, *SHAPE), SPREAD**2).log()], dim=1)
    return Batch(number, seed, tuple(map(str, range(size))), torch.full((size,), 1 / size), moments=moments)


def mean_loss(kind: str, prediction: str, settings: Loss) -> float:
    made = bundle(kind, prediction)
    return float(torch.stack([denoising_loss(made, batch(number), settings) for number in range(40)]).mean())


def test_silent_predictor_gets_one() -> None:
    assert mean_loss("silent", "epsilon", Loss()) == pytest.approx(1.0, abs=0.01)


def test_best_predictor_of_noise_gets_the_integral() -> None:
    # the noise's remaining variance at alpha-bar a is a s^2 / (a s^2 + 1 - a); averaged over all timesteps
    a = alphas_cumprod()
    expected = float((a * SPREAD**2 / (a * SPREAD**2 + 1 - a)).mean())
    assert mean_loss("best", "epsilon", Loss()) == pytest.approx(expected, rel=0.02)


def test_best_predictor_of_v_gets_the_integral() -> None:
    # v = (noise - sigma * noisy) / alpha, so its variance given noisy is the noise's divided by a
    a = alphas_cumprod()
    expected = float((SPREAD**2 / (a * SPREAD**2 + 1 - a)).mean())
    assert mean_loss("best", "v_prediction", Loss()) == pytest.approx(expected, rel=0.02)


def test_min_snr_weights_the_integral() -> None:
    a = alphas_cumprod()
    weights = torch.minimum(a / (1 - a), torch.tensor(5.0)) / (a / (1 - a))
    expected = float((weights * a * SPREAD**2 / (a * SPREAD**2 + 1 - a)).mean())
    assert mean_loss("best", "epsilon", Loss(min_snr_gamma=5)) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("alpha", "epsilon", "v"),
    [(0.5, 1.0, 0.5), (0.9, 5 / 9, 0.5), (0.99, 5 / 99, 0.05), (0.2, 1.0, 0.2), (5 / 6, 1.0, 5 / 6), (0.0, 1.0, 0.0)],
)
def test_min_snr_by_hand(alpha: float, epsilon: float, v: float) -> None:
    # SNR = a / (1 - a): 1, 9, 99, 1/4, 5, 0; gamma 5
    alphas = torch.tensor([alpha], dtype=torch.float64)
    assert float(snr_weights(alphas, 5.0, "epsilon")) == pytest.approx(epsilon)
    assert float(snr_weights(alphas, 5.0, "v_prediction")) == pytest.approx(v)


def test_noise_offset_shifts_whole_channels() -> None:
    plain, shifted = bundle("silent"), bundle("silent")
    denoising_loss(plain, batch(0), Loss())
    denoising_loss(shifted, batch(0), Loss(noise_offset=0.1))
    assert isinstance(plain.family, Gaussian)
    assert isinstance(shifted.family, Gaussian)
    difference = shifted.family.seen[0][0] - plain.family.seen[0][0]
    assert difference.abs().max() > 0
    assert torch.allclose(difference, difference[:, :, :1, :1].expand_as(difference), atol=1e-5)


def test_timesteps_stay_within_the_job() -> None:
    made = bundle("silent")
    denoising_loss(made, batch(0), Loss(min_timestep=100, max_timestep=120))
    assert isinstance(made.family, Gaussian)
    timesteps = made.family.seen[0][1]
    assert int(timesteps.min()) >= 100
    assert int(timesteps.max()) <= 120


def test_prior_is_the_sum_of_two_means() -> None:
    # DreamBooth eq. 2: the mean over the subject plus lambda times the mean over the class
    made = bundle("silent")
    both = batch(0, size=4)
    subject = [1 / 2, 1 / 2, 0, 0]
    prior = [0, 0, 1 / 2, 1 / 2]
    loss = {
        name: float(denoising_loss(made, Batch(0, 5, both.names, torch.tensor(weights), moments=both.moments), Loss()))
        for name, weights in {
            "subject": subject,
            "prior": prior,
            "together": [s + 0.3 * p for s, p in zip(subject, prior, strict=True)],
        }.items()
    }
    assert loss["together"] == pytest.approx(loss["subject"] + 0.3 * loss["prior"], rel=1e-6)


class Mirror:
    """An autoencoder that shrinks its pictures: the reconstruction is a known multiple of the original."""

    def encode_pictures(self, bundle: Bundle, pixels: Tensor) -> Tensor:
        return torch.cat([torch.full((len(pixels), 4, 2, 2), 0.5), torch.zeros(len(pixels), 4, 2, 2)], dim=1)

    def latents(self, bundle: Bundle, moments: Tensor, noise: Tensor) -> Tensor:
        return moments[:, :4]

    def decode(self, bundle: Bundle, latents: Tensor) -> Tensor:
        return torch.zeros(len(latents), 3, 4, 4)


def test_reconstruction_by_hand() -> None:
    made = bundle("silent")
    made.family = Mirror()  # pyright: ignore[reportAttributeAccessIssue]
    pixels = torch.full((2, 3, 4, 4), 0.5)
    pixels[..., 1::2] = -0.5  # columns alternate: neighbours differ by 1 across, by 0 down
    given = Batch(0, 0, ("a", "b"), torch.ones(2) / 2, pixels=pixels)
    # |x| = 0.5, x^2 = 0.25; edges 1 + 0; KL of N(0.5, 1) is 0.125 in each of 16 places
    loss = float(reconstruction_loss(made, given, Autoencoder(edge_weight=2.0, kl_weight=0.1)))
    assert loss == pytest.approx(0.5 + 0.25 + 2.0 * 1.0 + 0.1 * 16 * 0.125)
