"""What a job's prompts bring in from the library, and when prompts are encoded anew."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from tests import tiny
from tests.generation.fake import fake_model
from trainer.contract import events
from trainer.contract.common import EmphasisName, Hardware, LoraUse, Sampling
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.run import Run
from trainer.generation.metadata import read_metadata
from trainer.generation.text_to_image import generate
from trainer.home import Home
from trainer.models.family import Bundle
from trainer.models.lora_file import LoraPair, write_lora
from trainer.models.opening import open_model


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def put_lora(bundle: Bundle, path: Path) -> Path:
    """A LoRA that changes every layer that one may."""
    source = torch.Generator().manual_seed(0)
    pairs: dict[str, LoraPair] = {}
    for module, name in bundle.family.lora_targets(bundle, text_encoder=True, convolutions=False).items():
        part, _, layer = module.partition(".")
        weight = getattr(bundle, part).get_submodule(layer).weight
        down = torch.randn(2, weight.shape[1], generator=source) / 10
        pairs[name] = LoraPair(down, torch.randn(weight.shape[0], 2, generator=source), 2.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_lora(path, pairs, {})
    return path


def text_encoder_calls(bundle: Bundle) -> list[int]:
    """Grows by the number of chunks with each call of the text encoder."""
    calls: list[int] = []
    forward = bundle.text_encoder.forward

    def counted(ids: Tensor, *more: object, **named: object) -> object:
        calls.append(len(ids))
        return forward(ids, *more, **named)

    bundle.text_encoder.forward = counted
    return calls


def test_a_tag_lays_a_lora_over_the_model_with_a_weight_for_each_network(home: Home) -> None:
    bundle = tiny.bundle()
    put_lora(bundle, home.models / "loras" / "mascot ü.safetensors")

    def made_with(prompt: str, *loras: LoraUse) -> bytes:
        job = GenerateJob(prompt=prompt, loras=loras, sampling=Sampling(steps=3))
        return pixels(generate(job, Run([].append), home, bundle)[0])

    without = made_with("a fox")
    full = made_with("a fox", LoraUse(name="mascot ü"))
    half = made_with("a fox", LoraUse(name="mascot ü", weight=0.5))
    assert made_with("a fox<lora:Mascot Ü>") == full
    assert made_with("<lora:mascot ü:0.5>a fox") == half
    assert made_with("a fox<lora:mascot ü:0>", LoraUse(name="mascot ü", weight=0.5)) == half
    only_unet = made_with("a fox<lora:mascot ü:0:0.5>")
    only_text = made_with("a fox<lora:mascot ü:0.5:0>")
    assert len({without, full, half, only_unet, only_text}) == 5
    assert made_with("a fox") == without


def test_a_picture_remembers_its_prompt_as_it_was_typed(home: Home) -> None:
    bundle = tiny.bundle()
    put_lora(bundle, home.models / "loras" / "mascot.safetensors")
    sampling = Sampling(steps=2, emphasis="comfyui")
    job = GenerateJob(prompt="(a fox:1.2), <lora:mascot:0.5>, [b:c:1]", negative="[x|y]", sampling=sampling)
    (path,) = generate(job, Run([].append), home, bundle)
    info = read_metadata(path)
    assert info.job is not None
    assert (info.job.prompt, info.job.negative, info.job.loras) == (job.prompt, job.negative, ())
    assert (info.parameters or "").startswith(f"{job.prompt}\nNegative prompt: [x|y]\nSteps: 2, ")
    assert "Emphasis: ComfyUI" in (info.parameters or "")
    (again,) = generate(info.job, Run([].append), home, bundle)
    assert pixels(again) == pixels(path)


def test_a_tag_that_names_no_lora_is_refused_with_names_that_come_close(home: Home) -> None:
    bundle = tiny.bundle()
    put_lora(bundle, home.models / "loras" / "mascot.safetensors")
    with pytest.raises(UserError, match='named "mascott"') as refused:
        generate(GenerateJob(prompt="a <lora:mascott:1>"), Run([].append), home, bundle)
    assert "mascot" in refused.value.fix
    assert not home.outputs.exists()


def test_what_in_a_prompt_takes_no_part_is_said(home: Home) -> None:
    bundle = tiny.bundle()
    put_lora(bundle, home.models / "loras" / "mascot.safetensors")
    prompt = "a <lora:mascot:much> <hypernet:x:1> embedding:nobody, [b|c]"
    seen: list[events.Event] = []
    job = GenerateJob(prompt=prompt, negative="<lora:mascot:1>", sampling=Sampling(steps=2))
    generate(job, Run(seen.append), home, bundle)
    said = [event.title for event in seen if isinstance(event, events.Warning)]
    for word, title in zip(('"much"', "hypernet", "negative prompt", "nobody"), said, strict=True):
        assert word in title


def test_an_embedding_that_is_a_pickle_is_said_to_be_plain_words(home: Home) -> None:
    path = home.models / "embeddings" / "Easy-Negative.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK\x03\x04 a pickle")
    seen: list[events.Event] = []
    job = GenerateJob(
        prompt="a cat", negative="(easy-negative:1.2), embedding:Easy-Negative", sampling=Sampling(steps=1)
    )
    generate(job, Run(seen.append), home, tiny.bundle())
    (said,) = [event for event in seen if isinstance(event, events.Warning)]
    assert said.title.startswith("Easy-Negative is read as plain words. ")
    assert len(said.title) > 50
    assert said.fix
    seen.clear()
    generate(job.model_copy(update={"negative": "not easy"}), Run(seen.append), home, tiny.bundle())
    assert not [event for event in seen if isinstance(event, events.Warning)]


def test_another_seed_encodes_nothing_and_another_text_lora_or_emphasis_does(home: Home) -> None:
    bundle = tiny.bundle()
    lora = put_lora(bundle, home.models / "loras" / "mascot.safetensors")
    calls = text_encoder_calls(bundle)

    def encodes(**changes: object) -> bool:
        """Whether the job encodes; either way its picture is the one that a fresh model makes."""
        job = GenerateJob.model_validate({"prompt": "a (fox:1.2)", "sampling": {"steps": 1}, **changes})
        before = len(calls)
        made = generate(job, Run([].append), home, bundle)
        done = len(calls) - before
        fresh = generate(job, Run([].append), home, tiny.bundle())
        assert [pixels(path) for path in made] == [pixels(path) for path in fresh]
        assert done <= 1
        return done == 1

    half = [{"name": "mascot", "weight": 0.5}]
    assert encodes()
    assert not encodes(seed=7)
    assert not encodes(seed=8, count=2, sampling={"steps": 2, "guidance": 3})
    assert encodes(sampling={"steps": 1, "emphasis": "comfyui"})
    assert encodes(negative="bad")
    assert encodes(loras=[{"name": "mascot"}])
    assert encodes(loras=half)
    assert not encodes(loras=half, seed=9)
    os.utime(lora, ns=(1, 1))
    assert encodes(loras=half)
    assert not encodes(prompt="a (fox:1.2)<lora:mascot:0:0.5>")
    assert not encodes()


def test_an_embedding_that_changed_is_encoded_anew(home: Home) -> None:
    bundle = tiny.bundle()
    calls = text_encoder_calls(bundle)
    path = home.models / "embeddings" / "kiki.safetensors"
    path.parent.mkdir(parents=True)
    made: set[bytes] = set()
    for fill in (1, 5, 5):
        save_file({"emb_params": torch.randn(2, 64, generator=torch.Generator().manual_seed(fill))}, path)
        os.utime(path, ns=(fill, fill))
        made.add(pixels(generate(GenerateJob(prompt="a kiki"), Run([].append), home, bundle)[0]))
    assert len(calls) == len(made) == 2


def test_prompts_of_a_few_jobs_are_kept(home: Home) -> None:
    bundle, family = fake_model()
    for number in [*range(20), 19, 0]:
        generate(GenerateJob(prompt=f"cat {number}", sampling=Sampling(steps=1)), Run([].append), home, bundle)
    assert len(bundle.kept_prompts) == 16
    assert len(family.encoded) == 21


@pytest.mark.parametrize("emphasis", ["original", "comfyui"])
def test_a_heavier_word_shows_more_and_a_lighter_one_less(home: Home, emphasis: EmphasisName) -> None:
    """On the starter model: how much of the picture is peach, in pixels."""
    bundle = open_model("starter", home, hardware=Hardware(device="cpu", precision="fp32"))

    def peach(weight: float) -> float:
        sampling = Sampling(steps=10, guidance=4, emphasis=emphasis)
        prompt = f"a blue cat on a (peach:{weight}) background"
        job = GenerateJob(prompt=prompt, sampling=sampling, seed=1, count=3, batch_size=3)
        shares: list[float] = []
        for path in generate(job, Run([].append), home, bundle):
            with Image.open(path) as image:
                distance = np.abs(np.asarray(image).astype(int) - (250, 196, 160)).sum(axis=-1)
            shares.append(float((distance < 130).mean()))
        return sum(shares) / len(shares)

    light, plain, heavy = peach(0.4), peach(1.0), peach(1.5)
    assert light < plain - 0.05
    assert plain < heavy - 0.02
