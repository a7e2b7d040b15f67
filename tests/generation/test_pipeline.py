"""Prompts to latents to pictures, on a model of a few hundred numbers."""

import pytest
import torch
from torch import Tensor

from tests.generation.fake import fake_model, with_nan
from trainer.contract.common import SamplerName, Sampling
from trainer.contract.errors import Cancelled, UserError
from trainer.generation.pipeline import sample, to_pictures
from trainer.generation.prompts import encode
from trainer.generation.samplers import SAMPLERS
from trainer.models.family import Bundle

SIZE = (32, 24)


def latents_of(bundle: Bundle, prompts: list[str], seeds: list[int], sampling: Sampling) -> Tensor:
    return sample(bundle, prompts=prompts, negatives=["dull"] * len(prompts), size=SIZE, sampling=sampling, seeds=seeds)


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("guidance", [1.0, 7.0])
def test_a_picture_does_not_depend_on_its_company(name: SamplerName, guidance: float) -> None:
    bundle, _ = fake_model()
    sampling = Sampling(sampler=name, steps=5, eta=1.0, guidance=guidance)
    prompts, seeds = ["a cat", "a house", "rain"], [3, 11, 2**63 - 1]
    together = latents_of(bundle, prompts, seeds, sampling)
    turned = latents_of(bundle, prompts[::-1], seeds[::-1], sampling)
    assert together.shape == (3, 4, 6, 8)
    assert together.dtype == torch.float32
    torch.testing.assert_close(turned.flip(0), together, atol=0, rtol=0)
    for index in range(3):
        alone = latents_of(bundle, prompts[index : index + 1], seeds[index : index + 1], sampling)
        torch.testing.assert_close(alone[0], together[index], atol=0, rtol=0)
    assert not torch.allclose(together[0], together[1], atol=0.1)


def test_guidance_is_one_call_of_twice_the_batch_and_none_is_one_of_the_batch() -> None:
    bundle, family = fake_model()
    latents_of(bundle, ["a", "b"], [0, 1], Sampling(steps=3, guidance=7))
    assert family.batches == [4, 4, 4]
    family.batches.clear()
    latents_of(bundle, ["a", "b"], [0, 1], Sampling(steps=3, guidance=1))
    assert family.batches == [2, 2, 2]


def test_guidance_extrapolates_from_negative_to_prompt() -> None:
    """With one step to the clean picture the latents are affine in the network's output, so it can be read off."""
    bundle, _ = fake_model()

    def made(prompt: str, negative: str, guidance: float) -> Tensor:
        sampling = Sampling(sampler="euler", steps=1, guidance=guidance)
        return sample(bundle, prompts=[prompt], negatives=[negative], size=SIZE, sampling=sampling, seeds=[0])

    cat, dull = made("cat", "", 1.0), made("dull", "", 1.0)
    torch.testing.assert_close(made("cat", "dull", 7.5), dull + 7.5 * (cat - dull), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(made("cat", "dull", 0.0), dull, atol=1e-4, rtol=1e-4)


def test_each_different_text_is_encoded_once() -> None:
    bundle, family = fake_model()
    latents_of(bundle, ["a cat", "a cat", "a dog"], [0, 1, 2], Sampling(steps=1))
    assert family.encoded == [["dull", "a cat", "a dog"]]
    known = encode(bundle, ["dull", "a cat"])
    family.encoded.clear()
    sampling = Sampling(steps=1)
    sample(bundle, prompts=["a cat"], negatives=["dull"], size=SIZE, sampling=sampling, seeds=[0], encoded=known)
    assert family.encoded == []


def test_automatic_spacing_is_the_sampler_s_own() -> None:
    bundle, family = fake_model()
    latents_of(bundle, ["a"], [0], Sampling(sampler="ddim", steps=4, guidance=1))
    assert [int(asked) for asked in family.timesteps] == [751, 501, 251, 1]
    assert not family.timesteps[0].is_floating_point()
    family.timesteps.clear()
    latents_of(bundle, ["a"], [0], Sampling(sampler="dpmpp_2m", steps=4, guidance=1))
    assert float(family.timesteps[0]) == pytest.approx(999)
    assert float(family.timesteps[1]) % 1 != 0


def test_v_prediction_is_taken_from_the_bundle() -> None:
    bundle, _ = fake_model()
    as_noise = latents_of(bundle, ["a"], [0], Sampling(steps=2))
    bundle.prediction = "v_prediction"
    assert not torch.allclose(as_noise, latents_of(bundle, ["a"], [0], Sampling(steps=2)))


def test_raising_in_a_step_stops_at_once() -> None:
    bundle, family = fake_model()

    def stop(index: int, _clean: Tensor) -> None:
        if index == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        sample(bundle, prompts=["a"], negatives=[""], size=SIZE, sampling=Sampling(steps=20), seeds=[0], on_step=stop)
    assert len(family.batches) == 3


@pytest.mark.parametrize(
    ("part", "call", "where"),
    [
        ("text", 1, "the text encoder"),
        ("unet", 4, "step 4 of 6, in the output of the UNet"),
        ("unet", 6, "step 6 of 6"),
    ],
)
def test_not_a_number_is_named_by_its_place(part: str, call: int, where: str) -> None:
    bundle, family = fake_model()
    family.spoil = with_nan(part, call)
    with pytest.raises(UserError, match=where):
        latents_of(bundle, ["a"], [0], Sampling(steps=6))
    assert len(family.batches) == (call if part == "unet" else 0)


@pytest.mark.parametrize(
    ("dtype", "fix"), [(torch.float16, "bf16 or fp32"), (torch.bfloat16, "to fp32"), (torch.float32, "damaged")]
)
def test_a_picture_of_not_a_number_is_refused_with_what_to_do(dtype: torch.dtype, fix: str) -> None:
    bundle, family = fake_model()
    bundle.dtype = dtype
    family.spoil = with_nan("vae", 1)
    with pytest.raises(UserError, match="in the output of the VAE") as refused:
        to_pictures(bundle, torch.zeros(1, 4, 6, 8))
    assert fix in refused.value.fix


def test_infinity_is_found_too() -> None:
    bundle, family = fake_model()
    family.spoil = lambda _part, _count, output: output * torch.inf
    with pytest.raises(UserError, match="not-a-number"):
        latents_of(bundle, ["abc"], [0], Sampling(steps=2))


def test_pixels_are_rounded_and_held_in_range() -> None:
    bundle, family = fake_model()
    values = torch.tensor([-7.0, -1.0, 0.0, 1.0, 7.0, 0.5])
    family.spoil = lambda _part, _count, _output: values.expand(1, 3, 2, 6).clone()
    (picture,) = to_pictures(bundle, torch.zeros(1, 4, 6, 8))
    assert picture.mode == "RGB"
    assert picture.size == (6, 2)
    assert [picture.getpixel((x, 1)) for x in range(6)] == [(value,) * 3 for value in (0, 0, 128, 255, 255, 191)]


@pytest.mark.parametrize(
    ("size", "fix"), [((34, 24), "width to 32"), ((32, 21), "height to 20"), ((0, 24), "width to 4")]
)
def test_a_size_that_the_latents_can_not_make_is_refused(size: tuple[int, int], fix: str) -> None:
    bundle, family = fake_model()
    with pytest.raises(UserError, match="multiples of 4") as refused:
        sample(bundle, prompts=["a"], negatives=[""], size=size, sampling=Sampling(steps=1), seeds=[0])
    assert fix in refused.value.fix
    assert family.encoded == []


def test_the_global_random_state_is_left_alone() -> None:
    bundle, _ = fake_model()
    before = torch.random.get_rng_state()
    latents_of(bundle, ["a"], [0], Sampling(sampler="euler_a", steps=3))
    assert torch.equal(before, torch.random.get_rng_state())
