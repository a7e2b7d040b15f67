"""What a picture remembers: our own job, and the text that A1111 reads."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from trainer.contract.common import LoraUse, Sampling, Size
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.generation.metadata import infotext, picture_job, quoted, read_metadata, short_name, write_picture

A1111_PARAMETER = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""How stable-diffusion-webui takes the last line apart."""


def picture() -> Image.Image:
    return Image.linear_gradient("L").resize((24, 16)).convert("RGB")


def job(**fields: object) -> GenerateJob:
    return GenerateJob.model_validate({"prompt": "a cat", "size": {"width": 24, "height": 16}, **fields})


@pytest.mark.parametrize(
    "prompt",
    [
        "a red cat",
        "two lines\nand a third:\n\nSteps: 3, Seed: 4, Size: 8x8",
        "Katze mit Äpfeln, 猫, 🐈, عرب, e\u0301",
        'quotes " and \\ and \t tabs',
        "",
        "long " * 3000,
    ],
)
def test_a_job_comes_back_out_of_its_picture(tmp_path: Path, prompt: str) -> None:
    path = tmp_path / "ein Ordner ü" / "1.png"
    made = job(
        prompt=prompt,
        negative=prompt[::-1],
        loras=[{"name": "mascot", "weight": 0.8}],
        sampling=Sampling(sampler="dpmpp_2m", steps=7, guidance=3.5),
        seed=2**63 - 1,
    )
    write_picture(path, picture(), made, model="starter")
    info = read_metadata(path)
    assert info.job == made
    assert info.problem == ""
    assert info.parameters == infotext(made, (24, 16), model="starter")
    with Image.open(path) as image:
        assert image.size == (24, 16)
        assert image.tobytes() == picture().tobytes()


def test_the_parameters_text_as_a1111_writes_it() -> None:
    made = job(
        prompt="a cat, sitting",
        negative="blurry",
        loras=[LoraUse(name="mascot"), LoraUse(name="C:\\my loras\\ink.safetensors", weight=0.75)],
        sampling=Sampling(eta=0.5, steps=20),
        seed=42,
    )
    assert infotext(made, (512, 768), model="starter, small", model_hash="6ce0161689") == (
        "a cat, sitting <lora:mascot:1> <lora:ink:0.75>\n"
        "Negative prompt: blurry\n"
        "Steps: 20, Sampler: DDIM, Schedule type: Automatic, CFG scale: 7.0, Seed: 42, Size: 512x768, "
        'Model hash: 6ce0161689, Model: "starter, small", RNG: CPU, Eta DDIM: 0.5, Version: Gesso'
    )


def test_without_negative_and_hash_nothing_stands_for_them() -> None:
    text = infotext(job(sampling=Sampling(sampler="dpmpp_2m", eta=0.5)), (24, 16), model="starter")
    assert text == (
        "a cat\nSteps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.0, Seed: 0, Size: 24x16, "
        "Model: starter, RNG: CPU, Version: Gesso"
    )


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
    assert f"Schedule type: {label}," in infotext(job(sampling=sampling), (24, 16), model="m")


@given(name=st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=2).map(str.strip))
def test_a1111_reads_the_last_line_whatever_the_model_is_called(name: str) -> None:
    last = infotext(job(), (24, 16), model=name).splitlines()[-1] if len(name.splitlines()) == 1 else ""
    fields = dict(A1111_PARAMETER.findall(last))
    if last and '"' not in name:
        assert fields["Model"].strip() == quoted(name)
        assert fields["Steps"] == "25"
        assert fields["Version"] == "Gesso"


@pytest.mark.parametrize(
    ("value", "text"),
    [(7.0, "7.0"), ("plain", "plain"), ("a, b", '"a, b"'), ("a: b", '"a: b"'), ("ä\nb:", '"ä\\nb:"')],
)
def test_values_are_quoted_where_a1111_needs_it(value: object, text: str) -> None:
    assert quoted(value) == text


def test_the_job_of_one_picture_says_all_that_decides_it_and_no_more() -> None:
    made = GenerateJob(prompt="x", seed=7, count=9, batch_size=4, output="/home/someone/pictures")
    one = picture_job(made, 12, (48, 32))
    assert (one.seed, one.count, one.batch_size, one.output) == (12, 1, 1, "")
    assert one.size == Size(width=48, height=32)


def test_short_names() -> None:
    assert short_name("models/a b.v2.safetensors") == "a b.v2"
    assert short_name("D:\\x\\ink.ckpt") == "ink"
    assert short_name("starter") == "starter"


def stored(path: Path, **chunks: str) -> Path:
    info = PngInfo()
    for key, text in chunks.items():
        info.add_itxt(key, text)
    picture().save(path, pnginfo=info)
    return path


def test_pictures_of_others(tmp_path: Path) -> None:
    foreign = read_metadata(stored(tmp_path / "a.png", parameters="a dog\nSteps: 20, Sampler: Euler a, Seed: 1"))
    assert (foreign.job, foreign.problem) == (None, "")
    assert foreign.parameters == "a dog\nSteps: 20, Sampler: Euler a, Seed: 1"
    picture().save(tmp_path / "b.jpg")
    assert read_metadata(tmp_path / "b.jpg").parameters is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not readable"),
        ("[1]", "not readable"),
        ("[" * 100_000, "not readable"),
        (json.dumps({"format": 99, "kind": "generate"}), "newer Gesso"),
        (json.dumps({"format": 1, "kind": "generate", "seed": -1}), "seed is -1"),
        (json.dumps({"format": 1, "kind": "convert", "model": "m"}), "does not make pictures"),
    ],
)
def test_a_job_that_can_not_be_read_is_explained_and_the_rest_kept(tmp_path: Path, text: str, words: str) -> None:
    info = read_metadata(stored(tmp_path / "a.png", gesso=text, parameters="kept"))
    assert info.job is None
    assert words in info.problem
    assert info.parameters == "kept"


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"])
def test_what_is_no_picture_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UserError, match="not a picture"):
        read_metadata(tmp_path / "a.png")


def test_a_missing_file_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be opened"):
        read_metadata(tmp_path / "none.png")
