"""What a sampler is given: a denoiser made from the network, fresh noise, and whom to tell of each step."""

import math
from collections.abc import Callable
from typing import Literal, Protocol

from torch import Tensor

from trainer.generation.schedule import Schedule, sigma_of

FreshNoise = Callable[[], Tensor]
"""Standard normal noise in the shape of the latents, new at each call."""

OnStep = Callable[[int, Tensor], None]
"""Called once in each step with its index and the predicted clean latents. May raise, to stop."""


class Predict(Protocol):
    def __call__(self, noisy: Tensor, index: int, timestep: float | None = None, /) -> Tensor:
        """The network's output for noisy latents [B, C, h, w] in the step of that index, which says what of the prompt
        is read; asked at the step's own timestep unless another is given."""
        ...


class Denoiser(Protocol):
    def __call__(self, noisy: Tensor, index: int, alpha_bar: float | None = None, /) -> tuple[Tensor, Tensor]:
        """(predicted clean latents, predicted noise) of noisy latents, in the step of that index; they are as noisy as
        where the step begins unless another level is given."""
        ...


class SamplerFunction(Protocol):
    def __call__(
        self,
        denoise: Denoiser,
        latents: Tensor,
        schedule: Schedule,
        *,
        fresh_noise: FreshNoise,
        on_step: OnStep,
        eta: float,
    ) -> Tensor:
        """Clean latents from noisy ones. `eta` is how much of the noise is drawn anew, 0 (none) to 1."""
        ...


def denoiser(
    predict: Callable[..., Tensor], schedule: Schedule, prediction: Literal["epsilon", "v_prediction"]
) -> Denoiser:
    """A denoiser from a network that predicts noise, or v (Salimans and Ho 2022, arXiv 2202.00512, appendix D).

    `predict` is a `Predict`; one that takes no timestep will do for samplers of one call in each step.
    """

    def denoise(noisy: Tensor, index: int, alpha_bar: float | None = None, /) -> tuple[Tensor, Tensor]:
        if alpha_bar is None:
            alpha_bar = schedule.alpha_bars[index]
            output = predict(noisy, index)
        else:
            output = predict(noisy, index, schedule.timestep_at(alpha_bar))
        signal, noise = math.sqrt(alpha_bar), math.sqrt(1.0 - alpha_bar)
        if prediction == "epsilon":
            return (noisy - noise * output) / signal, output
        return signal * noisy - noise * output, signal * output + noise * noisy

    return denoise


def half_log_snr(alpha_bar: float) -> float:
    """lambda of the DPM-Solver papers: log(sqrt(alpha_bar) / sqrt(1 - alpha_bar))."""
    return math.inf if alpha_bar == 1.0 else -math.log(sigma_of(alpha_bar))
