"""Where sampling begins: strength, masks and variations, against closed forms and formulas written out."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.generation.fake import CHANNELS, fake_model
from tests.generation.gaussian import ALPHAS_CUMPROD, exact_network, flow
from trainer.contract.common import SamplerName, Sampling
from trainer.generation import finite, pipeline
from trainer.generation.denoising import denoiser
from trainer.generation.noise import generators, noise_source
from trainer.generation.pipeline import Batch, sample, sample_batch
from trainer.generation.samplers import SAMPLERS, Sampler
from trainer.generation.schedule import ddim_schedule
from trainer.generation.start import Start, Turn, between, first_latents, keeping, steps_taken, tail

SIZE, SHAPE = (32, 24), (CHANNELS, 6, 8)
LEFT = torch.zeros(1, 1, 6, 8)
LEFT[..., :4] = 1


def batch(seeds: Sequence[int] = (3, 11), *, start: Start | None = None, turn: Turn | None = None) -> Batch:
    count = len(seeds)
    return Batch(["a cat"] * count, ["dull"] * count, seeds, SIZE, start=start, turn=turn)


def picture(seed: int = 0) -> Tensor:
    return torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("steps", "strength", "taken"),
    [(50, 0.8, 40), (25, 0.75, 18), (20, 0.01, 1), (1, 0.3, 1), (30, 1.0, 30), (100, 0.29, 29), (50, 0.58, 29)],
)
def test_so_large_a_share_of_the_steps_is_taken(steps: int, strength: float, taken: int) -> None:
    assert steps_taken(steps, strength) == taken


@pytest.mark.parametrize("strength", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in ("ddpm", "lcm")])
def test_from_a_picture_a_sampler_follows_the_exact_flow(name: SamplerName, strength: float) -> None:
    """On Gaussian data the way from the noised picture to its end is known, where no noise is fresh."""
    sampler: Sampler = SAMPLERS[name]
    whole = sampler.schedule(ALPHAS_CUMPROD, sampler.default_spacing, 400, "gesso")
    schedule = tail(whole, steps_taken(400, strength))
    clean = picture().double()
    noise = noise_source(generators([7]), SHAPE)
    latents = first_latents(Start(clean, strength), noise, schedule)
    level = schedule.alpha_bars[0]
    given = noise_source(generators([7]), SHAPE)().double()
    torch.testing.assert_close(latents, math.sqrt(level) * clean + math.sqrt(1 - level) * given)
    made = sampler.function(
        denoiser(exact_network(schedule), schedule, "epsilon"),
        latents,
        schedule,
        fresh_noise=noise,
        on_step=lambda _index, _clean: None,
        eta=0.0,
    )
    assert (made - flow(latents, level, schedule.targets[-1])).abs().max() < 0.03


def test_strength_1_is_text_to_image_whatever_the_picture() -> None:
    bundle, _ = fake_model()
    sampling = Sampling(sampler="euler", steps=5, compatibility="diffusers")  # of which the start scale is not 1
    plain = sample_batch(bundle, batch(), sampling)
    assert torch.equal(sample_batch(bundle, batch(start=Start(picture(), 1.0)), sampling), plain)
    assert not torch.equal(sample_batch(bundle, batch(start=Start(picture(), 0.8)), sampling), plain)


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_a_picture_that_begins_somewhere_does_not_depend_on_its_company(name: SamplerName) -> None:
    bundle, _ = fake_model()
    sampling = Sampling(sampler=name, steps=6, eta=1.0)
    start = Start(picture(), 0.7, LEFT, "noise")
    turn = Turn([8, 9], 0.3)
    together = sample_batch(bundle, batch(start=start, turn=turn), sampling)
    for place, seed in enumerate((3, 11)):
        alone = sample_batch(bundle, batch([seed], start=start, turn=Turn([8 + place], 0.3)), sampling)
        assert torch.equal(alone[0], together[place])


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_what_is_not_masked_is_the_source(name: SamplerName, strength: float) -> None:
    bundle, _ = fake_model()
    source = picture()
    made = sample_batch(bundle, batch(start=Start(source, strength, LEFT)), Sampling(sampler=name, steps=6, eta=1.0))
    assert torch.equal(made[..., 4:], source[..., 4:].expand(2, -1, -1, -1))
    assert not torch.isclose(made[..., :4], source[..., :4], atol=0.05).all()


@pytest.mark.parametrize("name", ["ddim", "euler", "dpmpp_2m"])
def test_outside_the_mask_each_step_sees_the_source_with_the_noise_of_its_level(name: SamplerName) -> None:
    sampler = SAMPLERS[name]
    schedule = tail(sampler.schedule(ALPHAS_CUMPROD, sampler.default_spacing, 12, "gesso"), 7)
    source, noise = picture().double(), noise_source(generators([7]), SHAPE)
    start = Start(source, 0.6, LEFT)
    seen: list[Tensor] = []

    def network(noisy: Tensor, index: int) -> Tensor:
        seen.append(noisy)
        return exact_network(schedule)(noisy, index)

    sampler.function(
        keeping(denoiser(network, schedule, "epsilon"), start, schedule),
        first_latents(start, noise, schedule),
        schedule,
        fresh_noise=noise,
        on_step=lambda _index, _clean: None,
        eta=0.0,
    )
    same = noise_source(generators([7]), SHAPE)().double()
    for level, noisy in zip(schedule.alpha_bars, seen, strict=True):
        wanted = math.sqrt(level) * source + math.sqrt(1 - level) * same
        torch.testing.assert_close(noisy[..., 4:], wanted[..., 4:], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("fill", "level"), [("noise", 1.0), ("nothing", 0.0)])
def test_a_masked_part_may_begin_as_something_else(fill: str, level: float) -> None:
    schedule = tail(ddim_schedule(ALPHAS_CUMPROD, "leading", 10), 5)
    source = torch.full((1, 4, 64, 64), 5.0)
    start = Start(source, 0.5, torch.ones(1, 1, 64, 64), "noise" if fill == "noise" else "nothing")
    latents = first_latents(start, noise_source(generators([0]), (4, 64, 64)), schedule)
    alpha_bar = schedule.alpha_bars[0]
    assert abs(latents.mean()) < 0.03
    assert latents.var() == pytest.approx(alpha_bar * level + 1 - alpha_bar, rel=0.03)


def test_a_variation_turns_each_column_along_its_arc() -> None:
    """The formula of stable-diffusion-webui, written out in numpy for one column after the other."""
    noise, other = (noise_source(generators([seed]), SHAPE)() for seed in (1, 2))
    turned = between(noise, other, 0.3)
    for channel in range(CHANNELS):
        for column in range(8):
            a, b = (each[0, channel, :, column].double().numpy() for each in (noise, other))
            angle = math.acos(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
            wanted = (math.sin(0.7 * angle) * a + math.sin(0.3 * angle) * b) / math.sin(angle)
            np.testing.assert_allclose(turned[0, channel, :, column].numpy(), wanted, atol=2e-5)


def test_the_ends_of_a_variation_are_the_two_seeds_and_between_them_noise_stays_as_strong() -> None:
    noise, other = (noise_source(generators([seed]), (4, 64, 64))() for seed in (1, 2))
    torch.testing.assert_close(between(noise, other, 0.0), noise)
    torch.testing.assert_close(between(noise, other, 1.0), other, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(between(noise, noise, 0.4), noise)
    assert between(noise, other, 0.5).std() == pytest.approx(1.0, abs=0.01)


def test_a_whole_variation_is_the_other_seed_s_picture() -> None:
    bundle, _ = fake_model()
    sampling = Sampling(sampler="ddim", steps=4)
    turned = sample_batch(bundle, batch([3], turn=Turn([77], 1.0)), sampling)
    torch.testing.assert_close(turned, sample_batch(bundle, batch([77]), sampling), atol=1e-3, rtol=1e-3)


def test_words_change_in_the_middle_of_the_steps_that_are_taken() -> None:
    bundle, family = fake_model()
    start = Start(picture(), 0.5)
    asked = Batch(["[a:z:0.5]"], [""], [0], SIZE, start=start)
    sample_batch(bundle, asked, Sampling(steps=8, guidance=1.0))
    said = [float(context.sum()) for context in family.contexts]
    assert len(said) == 4
    assert said[0] == said[1] != said[2] == said[3]


def test_the_family_is_told_the_size_once_for_all_steps_with_the_same_words() -> None:
    bundle, family = fake_model()
    sample_batch(bundle, batch(), Sampling(steps=5))
    assert [len(framings) for framings in family.framings] == [4]
    framing = family.framings[0][0]
    assert (framing.original, framing.crop, framing.target) == (SIZE, (0, 0), SIZE)


class _Waits(TorchDispatchMode):
    """Counts what would wait for a graphics card: numbers and truths fetched from tensors, and copies elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.__name__ in ("_local_scalar_dense.default", "is_nonzero.default", "nonzero.default", "equal.default"):
            self.found.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_no_step_waits_for_the_graphics_card(name: SamplerName, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking whether numbers are finite is left out: on a graphics card it is done once, behind the last step."""
    bundle, _ = fake_model()
    for place in (pipeline, finite):
        monkeypatch.setattr(place, "is_finite", lambda _tensor: True)
    waits, between_steps = _Waits(), []

    def on_step(index: int, _clean: Tensor) -> None:
        between_steps.append(len(waits.found))

    with waits:
        sampling = Sampling(sampler=name, steps=6, eta=0.5)
        sample_batch(bundle, batch(start=Start(picture(), 0.9, LEFT)), sampling, on_step=on_step)
    assert len(between_steps) == 5
    assert between_steps[0] == between_steps[-1]


def test_plain_sampling_is_a_batch_without_a_start() -> None:
    bundle, _ = fake_model()
    plain = sample(bundle, prompts=["a cat"], negatives=["dull"], size=SIZE, sampling=Sampling(steps=3), seeds=[3])
    assert torch.equal(plain, sample_batch(bundle, batch([3]), Sampling(steps=3)))
