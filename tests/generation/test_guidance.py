"""What a step reads: schedules, turns and composed prompts with every sampler, in batches and alone."""

import pytest
import torch
from torch import Tensor

from tests.generation.fake import FakeFamily, fake_model
from trainer.contract.common import SamplerName, Sampling
from trainer.generation.guidance import rescaled
from trainer.generation.pipeline import sample
from trainer.generation.samplers import SAMPLERS
from trainer.models.family import Bundle, Conditioning

SIZE = (32, 24)


def made(prompts: list[str], sampling: Sampling, negative: str = "dull") -> Tensor:
    bundle, _ = fake_model()
    seeds = list(range(len(prompts)))
    return sample(
        bundle, prompts=prompts, negatives=[negative] * len(prompts), size=SIZE, sampling=sampling, seeds=seeds
    )


def said(prompt: str, sampling: Sampling, negative: str = "dull") -> list[Tensor]:
    """What the network was told in each step, a row for the negative and each part."""
    bundle, family = fake_model()
    sample(bundle, prompts=[prompt], negatives=[negative], size=SIZE, sampling=sampling, seeds=[0])
    return family.contexts


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_each_step_reads_its_own_text(name: SamplerName) -> None:
    sampling = Sampling(sampler=name, steps=4, guidance=3)
    cat, dog = (said(text, sampling)[0] for text in ("cat", "dog"))
    calls = [SAMPLERS[name].calls] * 3 + [1]
    if name == "pndm":
        calls = [2, 1, 1, 1]
    for prompt, texts in (("[cat:dog:0.5]", [cat, cat, dog, dog]), ("[cat|dog]", [cat, dog, cat, dog])):
        told = said(prompt, sampling)
        expected = [text.tolist() for text, count in zip(texts, calls, strict=True) for _ in range(count)]
        assert [call.tolist() for call in told] == expected
    assert not cat.equal(dog)


def test_a_negative_changes_too_and_knows_no_and() -> None:
    sampling = Sampling(steps=2, guidance=3)
    assert [step.tolist() for step in said("x", sampling, "[cat:dog:1]")] == [
        said("x", sampling, text)[0].tolist() for text in ("cat", "dog")
    ]
    assert len(said("x", sampling, "cat AND dog")[0]) == 2


def test_each_different_text_is_encoded_once_though_it_comes_in_many_steps() -> None:
    bundle, family = fake_model()
    prompts = ["[cat|dog]", "[cat|dog]", "dog"]
    sample(bundle, prompts=prompts, negatives=["", "", ""], size=SIZE, sampling=Sampling(steps=9), seeds=[0, 1, 2])
    assert family.encoded == [["", "cat", "dog"]]


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("guidance", [1.0, 6.0])
def test_parts_pull_by_their_weights(name: SamplerName, guidance: float) -> None:
    """With one step the result is affine in the network's output, so that the sum can be read off."""
    sampling = Sampling(sampler=name, steps=1, guidance=guidance)
    alone = sampling.model_copy(update={"guidance": 1.0})
    cat, dog, dull = (made([text], alone) for text in ("cat", " dog", "dull"))
    composed = made(["cat :1.5 AND dog:-0.5"], sampling)
    wanted = dull + guidance * (1.5 * (cat - dull) - 0.5 * (dog - dull))
    torch.testing.assert_close(composed, wanted, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("guidance", [1.0, 7.0])
def test_a_picture_does_not_depend_on_its_company(name: SamplerName, guidance: float) -> None:
    """Neither on that of longer prompts, nor of composed or changing ones."""
    sampling = Sampling(sampler=name, steps=4, eta=1.0, guidance=guidance)
    prompts = ["cat", "cat AND dog:0.5", "a BREAK b", "[cat:dog BREAK x:2]", "dog"]
    together = made(prompts, sampling)
    for index, prompt in enumerate(prompts):
        bundle, _ = fake_model()
        alone = sample(bundle, prompts=[prompt], negatives=["dull"], size=SIZE, sampling=sampling, seeds=[index])
        torch.testing.assert_close(alone[0], together[index], atol=1e-5, rtol=1e-5)


def test_a_text_that_grows_is_padded_from_the_first_step_on(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, _ = fake_model()
    shapes: list[tuple[int, ...]] = []
    predict = FakeFamily.predict

    def watched(
        self: FakeFamily, bundle: Bundle, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning
    ) -> Tensor:
        shapes.append(tuple(conditioning["context"].shape))
        return predict(self, bundle, noisy, timesteps, conditioning)

    monkeypatch.setattr(FakeFamily, "predict", watched)
    sample(bundle, prompts=["[a:b BREAK c:1]"], negatives=[""], size=SIZE, sampling=Sampling(steps=2), seeds=[0])
    assert shapes == [(2, 154, 4)] * 2


def test_a_second_call_in_a_step_is_asked_at_its_own_timestep() -> None:
    bundle, family = fake_model()
    sampling = Sampling(sampler="heun", steps=4, spacing="trailing")
    sample(bundle, prompts=["a"], negatives=[""], size=SIZE, sampling=sampling, seeds=[0])
    asked = [float(times[0]) for times in family.timesteps]
    assert asked == pytest.approx([999, 749, 749, 499, 499, 249, 249])


def test_rescaled_guidance_has_the_spread_of_plain_output_by_its_share() -> None:
    """arXiv 2305.08891, eq. 15 and 16, in numpy, picture by picture."""
    source = torch.Generator().manual_seed(0)
    guided = 1.0 + 3.0 * torch.randn(2, 4, 5, 6, generator=source)
    plain = torch.randn(2, 4, 5, 6, generator=source)
    for share in (0.0, 0.7, 1.0):
        for made, one, other in zip(rescaled(guided, plain, share), guided.numpy(), plain.numpy(), strict=True):
            expected = share * one * other.std() / one.std() + (1 - share) * one
            torch.testing.assert_close(made, torch.from_numpy(expected), atol=1e-5, rtol=1e-5)


def test_guidance_rescale_is_diffusers() -> None:
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

    source = torch.Generator().manual_seed(0)
    guided, plain = torch.randn(2, 2, 4, 5, 6, generator=source)
    theirs = rescale_noise_cfg(3.0 * guided, plain, guidance_rescale=0.7)
    torch.testing.assert_close(rescaled(3.0 * guided, plain, 0.7), theirs)


def test_guidance_rescale_acts_on_guided_pictures_alone() -> None:
    def plain(guidance: float) -> list[Tensor]:
        settings = [Sampling(steps=3, guidance=guidance, guidance_rescale=rescale) for rescale in (0.0, 0.7)]
        return [made(["a cat"], sampling) for sampling in settings]

    one, other = plain(7.0)
    assert not one.allclose(other)
    one, other = plain(1.0)
    assert one.equal(other)
