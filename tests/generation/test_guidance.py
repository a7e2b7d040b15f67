"""What a step reads: schedules, turns and composed prompts with every sampler, in batches and alone."""

import pytest
import torch
from torch import Tensor

from tests.generation.fake import FakeFamily, fake_model
from trainer.contract.common import SamplerName, Sampling
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
    told = said("[cat:dog:0.5]", sampling)
    assert [step.tolist() for step in told] == [cat.tolist()] * 2 + [dog.tolist()] * 2
    told = said("[cat|dog]", sampling)
    assert [step.tolist() for step in told] == [cat.tolist(), dog.tolist()] * 2
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
