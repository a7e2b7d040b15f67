"""The video starter's recipe: what its clips show, what it begins from, and the loss that it is trained with."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import pretrain
from clips import FRAMES, SIZE, draw_clip, lift, random_clip
from trainer.home import RESOURCES
from trainer.models.sd import SD1
from trainer.models.svd import SVD, SVDBundle

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def blank() -> SVDBundle:
    return pretrain.blank()


def test_a_clip_hops_and_comes_back() -> None:
    clip = replace(random_clip(0, 1), motion=255)
    frames = [np.asarray(frame).astype(int) for frame in draw_clip(clip)]
    assert len(frames) == FRAMES
    assert all(frame.shape == (SIZE, SIZE, 3) for frame in frames)
    assert np.abs(frames[0] - frames[-1]).max() == 0
    assert np.abs(frames[0] - frames[FRAMES // 2]).mean() > 2
    assert [np.asarray(frame).tobytes() for frame in draw_clip(clip)] == [
        np.asarray(frame).tobytes() for frame in draw_clip(clip)
    ]


def test_motion_is_how_high_it_hops() -> None:
    assert lift(0, 255) == lift(FRAMES - 1, 0) == 0
    assert lift(2, 200) == pytest.approx(2 * lift(2, 100))


def test_the_vae_is_the_starters(blank: SVDBundle) -> None:
    """Away from the edges, where the convolution that was folded into the decoder's first saw no border."""
    starter = SD1.load(RESOURCES / "models" / "starter.safetensors", device=CPU, dtype=torch.float32)
    pixels = torch.from_numpy(np.asarray(draw_clip(random_clip(1, 1))[0]).copy()).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        moments = SVD.encode_pictures(blank, pixels)
        torch.testing.assert_close(moments, SD1.encode_pictures(starter, pixels), atol=1e-3, rtol=1e-3)
        latents = SVD.latents(blank, moments, None)
        ours = SVD.decode(blank, latents.expand(3, -1, -1, -1))
        theirs = SD1.decode(starter, latents)
    inner = slice(24, SIZE - 24)
    assert (ours[1, :, inner, inner] - theirs[0, :, inner, inner]).abs().mean() < 0.05


def test_the_loss_on_v_is_that_on_the_denoised_weighted() -> None:
    """weight (1 + sigma^2) / sigma^2 on D - x0 (Stability-AI/generative-models, VWeighting) is weight 1 on v."""
    draws = torch.Generator().manual_seed(0)
    clean, noise, output = torch.randn(3, 1000, dtype=torch.float64, generator=draws)
    for sigma in (0.05, 1.0, 40.0):
        signal, strength = 1 / math.sqrt(sigma**2 + 1), sigma / math.sqrt(sigma**2 + 1)
        on_v = (output - (signal * noise - strength * clean)).square().mean()
        denoised = signal * (signal * clean + strength * noise) - strength * output
        weighted = (1 + sigma**2) / sigma**2 * (denoised - clean).square().mean()
        torch.testing.assert_close(on_v, weighted)


def test_training_learns_from_its_clips(blank: SVDBundle) -> None:
    clips = pretrain.encoded(blank, 2, 1, lambda _done: None)
    before = {name: tensor.clone() for name, tensor in blank.unet.state_dict().items()}
    losses: list[float] = []
    pretrain.train(blank, clips, 3, lambda _step, loss: losses.append(loss))
    assert all(0 < loss < 5 for loss in losses)
    after = blank.unet.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in after)
    assert not any(parameter.requires_grad for parameter in blank.unet.parameters())
