"""How the video starter is trained: the recipe of Stable Video Diffusion, at a size that two cores can bear.

The VAE is the starter's own, its decoder as one for single pictures: what its blocks over time add stays at zero. The
image encoder stays as it was drawn, and so is a fixed code of the picture. The UNet learns from noise, with the
preconditioning of Karras et al. 2022 (arXiv 2206.00364) for sigma_data 1: the network predicts v, and the loss on v
with weight 1 is that on the denoised latents with weight (1 + sigma^2) / sigma^2. Noise levels are
ln sigma ~ N(0.7, 1.6^2), and the noise on the picture ln sigma ~ N(-3, 0.5^2), as published trainings of these models
have them.
"""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clips import FPS, FRAMES, SIZE, draw_clip, random_clip
from trainer.home import RESOURCES
from trainer.models.architecture import VAEShape
from trainer.models.family import LATENT_TO_RGB_KEY
from trainer.models.sd import SD1
from trainer.models.svd import SVD, SVDBundle
from trainer.models.svd_architecture import VideoArchitecture, VideoUNetShape, VisionShape

ARCHITECTURE = VideoArchitecture(
    unet=VideoUNetShape((64, 96), (False, True), 1, context_width=64, time_id_width=64),
    vae=VAEShape((32, 32, 64, 128), 1),
    vision=VisionShape(width=80, layers=2, intermediate=160, projection=64, patch=28),
    default_size=(SIZE, SIZE),
    frames=FRAMES,
)
CPU = torch.device("cpu")

LEARNING_RATE, WARMUP, FLOOR = 1e-3, 100, 0.02
BATCH = 8
EMA = 0.995
DROPOUT = 0.1
"""Share of clips that are learned without the picture, for guidance to have something to steer away from."""
LEVELS = (0.7, 1.6)
"""Mean and standard deviation of ln(sigma)."""
PICTURE_LEVELS = (-3.0, 0.5)


def blank() -> SVDBundle:
    """The model before it is trained: the starter's VAE, and random weights."""
    torch.manual_seed(0)
    bundle = SVD.blank(ARCHITECTURE, device=CPU, dtype=torch.float32)
    starter = SD1.load(RESOURCES / "models" / "starter.safetensors", device=CPU, dtype=torch.float32)
    state: dict[str, Tensor] = bundle.vae.state_dict()
    weights: dict[str, Tensor] = starter.vae.state_dict()
    for name, tensor in weights.items():
        state[_video_name(name, state)] = tensor
    # These models have no convolution before the decoder: it is folded into the decoder's first.
    before = weights["post_quant_conv.weight"].flatten(1)
    first = weights["decoder.conv_in.weight"]
    state["decoder.conv_in.weight"] = torch.einsum("ochw,ci->oihw", first, before)
    offset = torch.einsum("ochw,c->o", first, weights["post_quant_conv.bias"])
    state["decoder.conv_in.bias"] = weights["decoder.conv_in.bias"] + offset
    bundle.vae.load_state_dict({name: state[name] for name in bundle.vae.state_dict()})
    bundle.metadata[LATENT_TO_RGB_KEY] = json.dumps(starter.latent_to_rgb.tolist())
    return bundle


def _video_name(name: str, state: dict[str, Tensor]) -> str:
    """A weight of the starter's VAE as the video one calls it: its decoder's blocks are the halves in space."""
    head, found, tail = name.partition(".resnets.")
    number, _, inner = tail.partition(".")
    video = f"{head}{found}{number}.spatial_res_block.{inner}"
    return video if video in state else name


@torch.no_grad()
def encoded(bundle: SVDBundle, count: int, seed: int, progress: Callable[[int], None]) -> dict[str, Tensor]:
    """`count` clips: the first frames [N, 3, H, W], latents of all frames [N, F, C, h, w], and motion [N]."""
    firsts, latents, motions = [], [], []
    for index in range(count):
        clip = random_clip(index, seed)
        frames = np.stack([np.asarray(frame) for frame in draw_clip(clip)])
        pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
        # The way down is the way up once more.
        half = SVD.latents(bundle, SVD.encode_pictures(bundle, pixels[: FRAMES // 2]), None)
        firsts.append((pixels[0] * 127.5 + 127.5).round().to(torch.uint8))
        latents.append(torch.cat([half, half.flip(0)]))
        motions.append(clip.motion)
        progress(index + 1)
    return {"first": torch.stack(firsts), "latents": torch.stack(latents), "motion": torch.tensor(motions)}


def train(bundle: SVDBundle, clips: dict[str, Tensor], steps: int, report: Callable[[int, float], None]) -> None:
    """Train the UNet in place; at the end it holds the average of its weights."""
    unet: Any = bundle.unet
    unet.requires_grad_(True).train()
    optimizer = torch.optim.AdamW(unet.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.0)
    average = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    for step, rows in enumerate(_batches(len(clips["motion"]), steps)):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * _schedule(step, steps)
        loss = _loss(bundle, {name: tensor[rows] for name, tensor in clips.items()}, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        keep = min(EMA, step / (step + 10))
        with torch.no_grad():
            for name, tensor in unet.state_dict().items():
                average[name].lerp_(tensor, 1 - keep)
        report(step + 1, float(loss.detach()))
    unet.load_state_dict(average)
    unet.requires_grad_(False).eval()


def _batches(count: int, steps: int) -> Iterator[Tensor]:
    for step in range(steps):
        yield torch.randint(count, (BATCH,), generator=torch.Generator().manual_seed(step))


def _schedule(step: int, steps: int) -> float:
    if step < WARMUP:
        return (step + 1) / WARMUP
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / max(steps - WARMUP, 1)))


def _loss(bundle: SVDBundle, batch: dict[str, Tensor], step: int) -> Tensor:
    draws = torch.Generator().manual_seed(1_000_000 + step)
    count = len(batch["motion"])
    # One level from each slice of the distribution: the loss then varies less from step to step.
    even = (torch.arange(count) + torch.rand(count, generator=draws)) / count
    sigma = torch.exp(LEVELS[0] + LEVELS[1] * torch.special.ndtri(even.clamp(1e-4, 1 - 1e-4)))
    noise = torch.randn(batch["latents"].shape, generator=draws)
    signal = (1 / torch.sqrt(sigma**2 + 1))[:, None, None, None, None]
    strength = sigma[:, None, None, None, None] * signal
    noisy = signal * batch["latents"] + strength * noise
    target = signal * noise - strength * batch["latents"]
    given = conditioning(bundle, batch, draws)
    times = 0.25 * torch.log(sigma)
    with torch.autocast("cpu", torch.bfloat16):
        velocity = SVD.predict(bundle, noisy, times, given)
    return (velocity.float() - target).square().mean()


@torch.no_grad()
def conditioning(bundle: SVDBundle, batch: dict[str, Tensor], draws: torch.Generator) -> dict[str, Tensor]:
    pixels = batch["first"].float() / 127.5 - 1
    count = len(pixels)
    augment = torch.exp(PICTURE_LEVELS[0] + PICTURE_LEVELS[1] * torch.randn(count, generator=draws))
    noisy = pixels + augment[:, None, None, None] * torch.randn(pixels.shape, generator=draws)
    mean = SVD.encode_pictures(bundle, noisy).chunk(2, dim=1)[0]
    kept = (torch.rand(count, generator=draws) >= DROPOUT).float()
    return {
        "context": SVD.encode_image(bundle, pixels) * kept[:, None, None],
        "concat": (mean * kept[:, None, None, None])[:, None].expand(-1, FRAMES, -1, -1, -1),
        "time_ids": torch.stack([torch.full((count,), FPS - 1.0), batch["motion"].float(), augment], dim=1),
    }
