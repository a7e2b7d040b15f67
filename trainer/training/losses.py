"""What is minimised: the denoising loss of diffusion models, and the reconstruction loss of their autoencoder."""

import torch
from torch import Tensor
from torch.nn import functional

from trainer.contract.train import Autoencoder, Loss
from trainer.models.family import Bundle, Prediction
from trainer.training.batches import Batch
from trainer.training.randomness import stratified_timesteps


def denoising_loss(bundle: Bundle, batch: Batch, settings: Loss) -> Tensor:
    """The weighted squared error of the UNet's prediction at random timesteps; a scalar.

    Ho et al. 2020 (arXiv 2006.11239) eq. 14 for epsilon, Salimans and Ho 2022 (arXiv 2202.00512, appendix D) for v,
    weighted by min-SNR (Hang et al. 2023, arXiv 2303.09556) where asked for. Where pictures have masks each latent's
    error is multiplied by its weight, at least `unmasked_weight`, and then averaged over all latents, as in OneTrainer
    (`masked_losses`, its normalize_masked_area_loss off, the default) and sd-scripts (`apply_masked_loss`): a small
    white part makes a small loss, and each of its latents counts as it would without a mask. Every random number is
    a function of the seed and the batch's number.
    """
    family = bundle.family
    moments = batch.moments.to(bundle.device)
    clean = family.latents(bundle, moments, batch.normal("posterior", moments.shape[1] // 2, *moments.shape[2:]))
    noise = batch.normal("noise", *clean.shape[1:])
    if settings.noise_offset:
        noise = noise + settings.noise_offset * batch.normal("noise offset", clean.shape[1], 1, 1)
    low, high = settings.min_timestep, settings.max_timestep
    timesteps = stratified_timesteps(len(clean), low, high, batch.seed, batch.number)
    alphas = bundle.alphas_cumprod[timesteps]
    noise, timesteps = noise.to(bundle.device), timesteps.to(bundle.device)
    alpha = alphas.sqrt().float().to(bundle.device).view(-1, 1, 1, 1)
    sigma = (1 - alphas).sqrt().float().to(bundle.device).view(-1, 1, 1, 1)

    predicted = family.predict(bundle, alpha * clean + sigma * noise, timesteps, batch.conditioning)
    target = noise if bundle.prediction == "epsilon" else alpha * noise - sigma * clean
    errors = (predicted.float() - target.float()).square()
    if batch.mask.numel():
        errors = errors * batch.mask.to(errors).clamp(min=settings.unmasked_weight)
    errors = errors.mean(dim=(1, 2, 3))
    weights = snr_weights(alphas, settings.min_snr_gamma, bundle.prediction).to(errors)
    return (errors * weights * batch.weights.to(errors)).sum()


def snr_weights(alphas_cumprod: Tensor, gamma: float, prediction: Prediction) -> Tensor:
    """[B] min-SNR-gamma weights for the alpha-bar of each example; all ones when gamma is 0.

    min(SNR, gamma) / SNR for epsilon, min(SNR, gamma) / (SNR + 1) for v (the weight on x0 is min(SNR, gamma)).
    SNR 0, as at the end of zero-terminal schedules, weighs 1 for epsilon.
    """
    if not gamma:
        return torch.ones_like(alphas_cumprod)
    snr = alphas_cumprod / (1 - alphas_cumprod)
    if prediction == "epsilon":
        return torch.where(snr > 0, snr.clamp(max=gamma) / snr, torch.ones_like(snr))
    return snr.clamp(max=gamma) / (snr + 1)


def reconstruction_loss(bundle: Bundle, batch: Batch, settings: Autoencoder) -> Tensor:
    """How far pictures are from themselves after the VAE: absolute and squared error, edges, and the KL term.

    Rombach et al. 2022 (arXiv 2112.10752, section 3.1 and appendix G) without the perceptual and adversarial terms,
    which need networks that do not ship; the edge term (differences of neighbouring pixels) stands in for sharpness.
    """
    pixels = batch.pixels.to(bundle.device)
    moments = bundle.family.encode_pictures(bundle, pixels)
    mean, log_variance = moments.float().chunk(2, dim=1)
    log_variance = log_variance.clamp(-30, 20)
    noise = batch.normal("posterior", *mean.shape[1:]).to(bundle.device)
    latents = bundle.family.latents(bundle, moments, noise)
    rebuilt = bundle.family.decode(bundle, latents).float()
    error = functional.l1_loss(rebuilt, pixels) + functional.mse_loss(rebuilt, pixels)
    edges = sum(functional.l1_loss(rebuilt.diff(dim=axis), pixels.diff(dim=axis)) for axis in (2, 3))
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=(1, 2, 3)).mean()
    return error + settings.edge_weight * edges + settings.kl_weight * kl
