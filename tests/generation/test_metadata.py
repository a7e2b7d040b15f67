"""What a picture file carries: our own job, and the text that A1111 reads."""

import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from trainer.contract.a1111 import OWN_HABITS, SAMPLER_LABELS, write_infotext
from trainer.contract.common import Sampling, Size
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.generation.metadata import picture_job, read_metadata, write_picture
from trainer.generation.samplers import SAMPLERS


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
    assert info.parameters == write_infotext(made, (24, 16), model="starter")
    with Image.open(path) as image:
        assert image.size == (24, 16)
        assert image.tobytes() == picture().tobytes()


def test_the_words_of_a1111_know_our_samplers_own_spacings() -> None:
    """trainer/contract/a1111.py can't ask the table of samplers, which loads torch."""
    known = {name: OWN_HABITS.get(name, label.automatic) for name, label in SAMPLER_LABELS.items()}
    assert {name: known[name] for name in SAMPLERS} == {name: one.default_spacing for name, one in SAMPLERS.items()}


def test_the_job_of_one_picture_says_all_that_decides_it_and_no_more() -> None:
    made = GenerateJob(prompt="x", seed=7, count=9, batch_size=4, output="/home/someone/pictures")
    one = picture_job(made, 12, (48, 32))
    assert (one.seed, one.count, one.batch_size, one.output) == (12, 1, 1, "")
    assert one.size == Size(width=48, height=32)


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
