"""A1111's words for our settings: what we write we read back, A1111 reads it too, and texts of the wild are read."""

import json
import re
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings

from tests.contract.any_job import any_job
from tests.contract.test_infotext import A1111_SETTING
from trainer.contract.a1111 import (
    OWN_KEY,
    SAMPLER_LABELS,
    SCHEDULE_TYPES,
    read_infotext,
    sampler_of,
    write_infotext,
)
from trainer.contract.common import LoraUse, SamplerName, Sampling, SpacingName
from trainer.contract.generate import GenerateJob


def job(**fields: Any) -> GenerateJob:
    return GenerateJob.model_validate({"prompt": "a cat", "size": {"width": 24, "height": 16}, **fields})


def said(text: str) -> dict[str, str]:
    """The settings as A1111 reads them: out of the last line, and only if there are three or more."""
    last = text.strip().split("\n")[-1]
    found = A1111_SETTING.findall(last)
    assert len(found) >= 3
    return dict(found)


def a1111_prompts(text: str) -> tuple[str, str]:
    """Prompt and negative prompt as A1111 reads them: line by line, each stripped."""
    *lines, _ = text.strip().split("\n")
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        line = line.strip()
        if line.startswith("Negative prompt:"):
            into, line = negative, line[len("Negative prompt:") :].strip()
        into.append(line)
    return "\n".join(prompt), "\n".join(negative)


@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(made=any_job())
def test_what_is_written_is_read_back_to_the_same_job(made: GenerateJob) -> None:
    size = (made.size.width, made.size.height) if made.size else (512, 512)
    text = write_infotext(made, size, model=made.model, model_hash="6ce0161689")
    found = read_infotext(text)
    assert found.job == made
    assert not found.unread
    assert {"Steps", "Sampler", "Seed", "Size"} <= said(text).keys()


def test_the_text_as_a1111_writes_it() -> None:
    made = job(
        prompt="a cat, sitting",
        negative="blurry",
        loras=[LoraUse(name="mascot"), LoraUse(name="ink", weight=0.75)],
        sampling=Sampling(eta=0.5, steps=20),
        seed=42,
        model="starter, small",
    )
    text = write_infotext(made, (24, 16), model="starter, small", model_hash="6ce0161689")
    assert text == (
        "a cat, sitting <lora:mascot:1> <lora:ink:0.75>\n"
        "Negative prompt: blurry\n"
        "Steps: 20, Sampler: DDIM, Schedule type: Automatic, CFG scale: 7.0, Seed: 42, Size: 24x16, "
        'Model hash: 6ce0161689, Model: "starter, small", RNG: CPU, Eta DDIM: 0.5, Version: Gesso, '
        'Gesso: "{\\"loras\\": [{\\"name\\": \\"mascot\\", \\"weight\\": 1.0}, '
        '{\\"name\\": \\"ink\\", \\"weight\\": 0.75}]}"'
    )
    assert read_infotext(text).job == made


def test_nothing_stands_for_what_is_not_there() -> None:
    text = write_infotext(job(sampling=Sampling(sampler="dpmpp_2m")), (24, 16), model="starter")
    assert text == (
        "a cat\nSteps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.0, Seed: 0, Size: 24x16, "
        "Model: starter, RNG: CPU, Version: Gesso"
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "portrait: a, style: b, mood: c",
        "two lines\nand a third:\n\nSteps: 3, Seed: 4, Size: 8x8",
        'quotes " and \\ and \t tabs, a <lora:ink:0.5> tag: 1.2',
        "Katze mit Äpfeln, 猫, 🐈, عرب",
        "ratio 16:9",
    ],
)
def test_a1111_reads_awkward_prompts_as_they_were_meant(prompt: str) -> None:
    text = write_infotext(job(prompt=prompt, negative=prompt), (24, 16), model="starter")
    assert a1111_prompts(text) == (prompt, prompt)
    assert said(text)["Steps"] == "25"
    assert OWN_KEY not in said(text)


@pytest.mark.parametrize(
    ("sampler", "spacing", "label"),
    [
        ("ddim", "auto", "Automatic"),
        ("ddim", "leading", "Automatic"),
        ("euler", "karras", "Karras"),
        ("euler_a", "trailing", "SGM Uniform"),
        ("dpmpp_2m", "auto", "Karras"),
        ("dpmpp_2m", "linspace", "Uniform"),
    ],
)
def test_schedule_types_by_the_names_of_a1111(sampler: str, spacing: str, label: str) -> None:
    sampling = Sampling.model_validate({"sampler": sampler, "spacing": spacing})
    assert f"Schedule type: {label}," in write_infotext(job(sampling=sampling), (24, 16), model="m")


def test_every_sampler_and_spacing_has_a_name_of_its_own() -> None:
    assert set(get_args(SamplerName)) <= SAMPLER_LABELS.keys()
    assert set(get_args(SpacingName)) - {"auto"} <= SCHEDULE_TYPES.keys()
    assert len({known.label for known in SAMPLER_LABELS.values()}) == len(SAMPLER_LABELS)
    assert {known.automatic for known in SAMPLER_LABELS.values()} <= SCHEDULE_TYPES.keys()


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("DPM++ 2M Karras", ("dpmpp_2m", "Karras")),
        ("dpm++ 2m", ("dpmpp_2m", "")),
        ("DPM++ 2M SDE Exponential", ("dpmpp_2m_sde", "Exponential")),
        ("Euler a", ("euler_a", "")),
        ("Restart", None),
        ("", None),
    ],
)
def test_samplers_by_their_names_of_all_times(label: str, found: tuple[str, str] | None) -> None:
    assert sampler_of(label) == found


def test_a_picture_of_a1111_1_10() -> None:
    """Key order and values as that version writes them, with what Gesso has no field for."""
    found = read_infotext(
        "masterpiece, (a cat:1.2) <lora:ink:0.8>\nNegative prompt: blurry, [bad]\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.5, Seed: 3158405362, Size: 512x768, "
        "Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, VAE hash: 235745af8d, VAE: sdxl_vae.safetensors, "
        'Face restoration: CodeFormer, Lora hashes: "ink: 4d5c6a5a4f9b", Version: v1.10.1'
    )
    assert found.job == GenerateJob(
        prompt="masterpiece, (a cat:1.2) <lora:ink:0.8>",
        negative="blurry, [bad]",
        model="v1-5-pruned-emaonly",
        size={"width": 512, "height": 768},  # pyright: ignore[reportArgumentType]
        sampling=Sampling(sampler="dpmpp_2m", steps=20, guidance=5.5, noise="nv"),
        seed=3158405362,
    )
    assert [key for key, _ in found.unread] == ["VAE hash", "VAE", "Face restoration"]
    assert (found.model_name, found.model_hash) == ("v1-5-pruned-emaonly", "6ce0161689")
    assert found.lora_hashes == {"ink": "4d5c6a5a4f9b"}
    assert found.notes == ()


def test_a_picture_of_version_1_6() -> None:
    """From the tests of StabilityMatrix (GenerationParametersTests.cs): a size that is no multiple of 8, extensions."""
    found = read_infotext(
        "test123\nNegative prompt: test, easy negative\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 3589107295, "
        "Size: 1024x1028, Model hash: 9aa0c3e54d, Model: nightvisionXL_v0770_BakedVAE, VAE hash: 235745af8d, "
        "VAE: sdxl_vae.safetensors, Style Selector Enabled: True, Style Selector Randomize: False, "
        "Style Selector Style: base, Version: 1.6.0"
    )
    assert (found.job.prompt, found.job.negative, found.job.seed) == ("test123", "test, easy negative", 3589107295)
    assert found.job.sampling == Sampling(sampler="euler_a", steps=20, noise="nv")
    assert found.job.size is not None
    assert (found.job.size.width, found.job.size.height) == (1024, 1032)
    assert "1024x1028 was taken as 1024x1032" in found.notes[0]
    assert "Style Selector Style" in dict(found.unread)


def test_before_schedules_had_names_one_without_was_even() -> None:
    old = "x\nSteps: 20, Sampler: {}, CFG scale: 7, Seed: 1, Size: 512x512"
    assert read_infotext(old.format("DPM++ 2M")).job.sampling.spacing == "linspace"
    assert read_infotext(old.format("DPM++ 2M Karras")).job.sampling.spacing == "auto"
    assert read_infotext(old.format("Euler")).job.sampling.spacing == "auto"


def test_a_text_of_another_program() -> None:
    """From the tests of krita-ai-diffusion (tests/test_text.py)."""
    found = read_infotext(
        "Steps: 20, Sampler: Euler - euler_a, CFG scale: 7.5, Seed: 12345, Size: 512x768, Model hash: unknown, "
        "Model: model.ckpt, Denoising strength: 0.8"
    )
    assert dict(found.unread) == {"Sampler": "Euler - euler_a", "Denoising strength": "0.8"}
    assert "no sampler named Euler - euler_a" in found.notes[0]
    assert "another picture" in found.notes[1]
    assert (found.job.seed, found.job.sampling.guidance) == (12345, 7.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0",
        "Steps: 1e999, Seed: -1, CFG scale: nan, Size: 0x99999999999999999999999999, Sampler: , Model: ",
        "Steps: " + "9" * 5000 + ", Seed: true, Size: x, Emphasis: loud, RNG: dice",
        "x" * 30_000 + "\nSteps: 1, Seed: 1, Size: 8x8",
        'Steps: 1, Seed: 2, Gesso: "' + "[" * 5000,
        'Steps: 1, Seed: 2, Gesso: "{\\"sampling\\": 5, \\"a.b\\": 1}"',
        'Steps: 1, Seed: 2, Gesso: "{\\"loras\\": [5]}"',
        'Steps: 1, Seed: 2, Model: "\\ud800"',
    ],
)
def test_nonsense_is_listed_and_never_raises(text: str) -> None:
    found = read_infotext(text)
    assert found.job.sampling.steps in (1, 25)
    assert all(len(value) <= 301 for _, value in found.unread)


def test_a_hand_may_change_what_a1111_words() -> None:
    text = write_infotext(job(loras=[LoraUse(name="x", weight=1 / 3)], seed=5), (24, 16), model="starter")
    edited = re.sub("Seed: 5", "Seed: 6", text)
    assert read_infotext(edited).job == job(loras=[LoraUse(name="x", weight=1 / 3)], seed=6, model="starter")


def test_what_a_newer_gesso_wrote_is_said() -> None:
    rest = json.dumps(json.dumps({"telepathy": True}))
    found = read_infotext(f"a cat\nSteps: 3, Seed: 4, Size: 24x16, RNG: CPU, Gesso: {rest}")
    assert found.job == job(seed=4, sampling=Sampling(steps=3))
    assert "newer version" in found.notes[0]
