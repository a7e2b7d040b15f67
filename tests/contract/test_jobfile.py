"""Job files: what is written is read again, and what is wrong is refused by path, value and what is allowed."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.contract import jobfile
from trainer.contract.common import LoraUse, Size
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.jobfile import job_from_tree, job_to_toml, read_job, read_tree, with_overrides
from trainer.contract.optimize import Prodigy
from trainer.contract.train import Data, Full, Prior, Samples, TrainJob

TRAIN: dict[str, Any] = {"kind": "train", "data": {"folder": "pictures"}}


def refused(tree: dict[str, Any]) -> UserError:
    with pytest.raises(UserError) as caught:
        job_from_tree(tree, "job.toml")
    return caught.value


def test_round_trip_through_a_file(tmp_path: Path) -> None:
    job = TrainJob(
        data=Data(folder="Büro/猫 🐈", prior=Prior(folder='quo"ted\\path', caption="a cat\nof mine")),
        method=Full(ema=0.1 + 0.2),
        optimizer=Prodigy(),
        samples=Samples(prompts=("a", "b # c"), every=5),
    )
    path = tmp_path / "job.toml"
    path.write_text(job_to_toml(job), encoding="utf-8")
    assert read_job(path) == job


@given(
    prompt=st.text(st.characters(exclude_categories=("Cs",)), max_size=50),
    seed=st.integers(0, 2**63 - 1),
    weight=st.floats(-4, 4),
)
def test_any_text_and_number_survives(prompt: str, seed: int, weight: float) -> None:
    job = GenerateJob(prompt=prompt, seed=seed, loras=(LoraUse(name="x", weight=weight),))
    assert job_from_tree(jobfile.tomllib.loads(job_to_toml(job))) == job


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_bytes(b"\xef\xbb\xbfkind = 'generate'\r\nprompt = 'a cat'\r\n")
    assert read_job(path) == GenerateJob(prompt="a cat")


@pytest.mark.parametrize(
    ("change", "path", "given_value", "allowed"),
    [
        ({"method": {"kind": "lora", "rank": -8}}, "method.rank", "-8", "greater than or equal to 1"),
        ({"method": {"kind": "zora"}}, "method", "zora", "'lora', 'full'"),
        ({"optimizer": {"kind": "lion", "learning_rate": "fast"}}, "optimizer.learning_rate", "'fast'", "valid number"),
        ({"steps": {"batch_size": 0}}, "steps.batch_size", "0", "greater than or equal to 1"),
        ({"hardware": {"precision": "fp8"}}, "hardware.precision", "'fp8'", "'auto', 'fp32', 'bf16' or 'fp16'"),
        ({"loss": {"noise_offset": float("nan")}}, "loss.noise_offset", "nan", "finite number"),
        ({"loss": {"min_timestep": 9, "max_timestep": 3}}, "loss", "", "must not be above"),
    ],
)
def test_refusals_name_path_value_and_what_is_allowed(
    change: dict[str, Any], path: str, given_value: str, allowed: str
) -> None:
    error = refused({**TRAIN, **change})
    assert error.title.startswith(f"job.toml: {path} is ")
    assert given_value in error.title
    assert allowed in error.fix


def test_unknown_and_missing_fields_are_named() -> None:
    assert "there is no field method.runk" in refused({**TRAIN, "method": {"kind": "lora", "runk": 8}}).title
    assert "the field data is missing" in refused({"kind": "train"}).title
    assert "'bake'" in refused({"kind": "bake"}).title
    assert "train" in refused({}).fix


def test_several_faults_are_counted_and_kept_as_detail() -> None:
    error = refused({**TRAIN, "steps": {"batch_size": 0, "total": -1}})
    assert "(and 1 more)" in error.title
    assert "steps." in error.detail


def test_newer_format_is_refused_and_older_ones_are_upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "newer Gesso" in refused({**TRAIN, "format": jobfile.FORMAT + 1}).title
    assert "format is 'x'" in refused({**TRAIN, "format": "x"}).title

    def renamed(tree: dict[str, Any]) -> dict[str, Any]:
        return {**{key: value for key, value in tree.items() if key != "text"}, "prompt": tree["text"]}

    monkeypatch.setattr(jobfile, "UPGRADES", (renamed,))
    monkeypatch.setattr(jobfile, "FORMAT", 2)
    assert job_from_tree({"kind": "generate", "format": 1, "text": "a cat"}) == GenerateJob(prompt="a cat")


@pytest.mark.parametrize(
    ("sampling", "eta"),
    [
        ({"sampler": "euler_a", "eta": 0.0}, 1.0),
        ({"sampler": "euler_a", "eta": 0.5}, 1.0),
        ({"sampler": "ddim", "eta": 0.0}, 0.0),
        ({"eta": 0.6}, 0.6),
        ({"sampler": "dpmpp_2m", "eta": 0.0}, 0.0),
        ({}, 0.0),
    ],
)
def test_samplers_of_the_first_format_take_the_eta_that_they_had(sampling: dict[str, Any], eta: float) -> None:
    """It was written with all of them; DDIM alone had it, and Euler ancestral took all noise anew."""
    old = {"kind": "generate", "format": 1, "sampling": sampling}
    job = job_from_tree(old)
    assert isinstance(job, GenerateJob)
    assert job.sampling.eta_or_usual == eta
    assert old["sampling"] is sampling
    training = job_from_tree({**TRAIN, "format": 1, "samples": {"sampling": sampling}})
    assert isinstance(training, TrainJob)
    assert training.samples.sampling == job.sampling
    now = job_from_tree({"kind": "generate", "sampling": {"sampler": "euler_a", "eta": 0.0}})
    assert isinstance(now, GenerateJob)
    assert now.sampling.eta_or_usual == 0.0


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"kind = ", "not valid TOML"), (b"\xff\xfe\x00", "not a text file in UTF-8")],
)
def test_files_that_are_no_toml(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "job.toml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_tree(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no job file"):
        read_tree(tmp_path / "none.toml")
    with pytest.raises(UserError, match="could not be read"):
        read_tree(tmp_path)


def test_overrides_set_values_of_every_type_and_leave_the_tree_alone() -> None:
    tree: dict[str, Any] = {"kind": "generate", "sampling": {"steps": 5}}
    changed = with_overrides(
        tree, ["sampling.steps=30", "prompt=a cat = nice", "size={width=64, height=128}", "seed = 7"]
    )
    job = job_from_tree(changed)
    assert isinstance(job, GenerateJob)
    assert (job.sampling.steps, job.prompt, job.size, job.seed) == (30, "a cat = nice", Size(width=64, height=128), 7)
    assert tree == {"kind": "generate", "sampling": {"steps": 5}}


@pytest.mark.parametrize("override", ["steps", "=5", "kind.x=5"])
def test_bad_overrides_are_refused(override: str) -> None:
    with pytest.raises(UserError, match="--set"):
        with_overrides({"kind": "train"}, [override])


def test_numbers_too_long_to_read_are_the_users_fault(tmp_path: Path) -> None:
    digits = "9" * 5000
    assert with_overrides({}, [f"seed={digits}"]) == {"seed": digits}
    path = tmp_path / "job.toml"
    path.write_text(f"seed = {digits}\n", encoding="utf-8")
    with pytest.raises(UserError, match="not valid TOML"):
        read_job(path)
