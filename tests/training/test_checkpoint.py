"""Checkpoints: whole or not there, and never trusted when damaged."""

import json
from pathlib import Path

import pytest
import torch

from trainer.contract.errors import UserError
from trainer.training.checkpoint import (
    Checkpoint,
    is_valid,
    newest_valid,
    require_same_data,
    require_same_job,
    save_checkpoint,
)


def checkpoint(step: int) -> Checkpoint:
    state = {
        "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.randn(2, 2)}, 1: {}},
        "param_groups": [{"lr": 0.1 + 0.2, "betas": (0.9, 0.999), "params": [0, 1], "foreach": None}],
    }
    return Checkpoint(step, {"w": torch.randn(3)}, state, {"steps": {"total": 5}}, {"a.png": "1"}, {})


def test_round_trip_keeps_every_bit_and_type(tmp_path: Path) -> None:
    saved = checkpoint(7)
    save_checkpoint(tmp_path, saved, keep=2)
    found, damaged = newest_valid(tmp_path)
    assert found is not None
    assert damaged == []
    assert found.step == 7
    assert torch.equal(found.weights["w"], saved.weights["w"])
    group = found.optimizer["param_groups"][0]
    assert group == saved.optimizer["param_groups"][0]
    assert isinstance(group["betas"], tuple)
    assert torch.equal(found.optimizer["state"][0]["exp_avg"], saved.optimizer["state"][0]["exp_avg"])
    assert found.optimizer["state"][0]["step"].shape == ()


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10, 11):
        save_checkpoint(tmp_path, checkpoint(step), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010", "step-00000011"]


@pytest.mark.parametrize("damage", ["flip", "cut", "manifest", "missing"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    save_checkpoint(tmp_path, checkpoint(1), keep=5)
    newest = save_checkpoint(tmp_path, checkpoint(2), keep=5)
    weights = newest / "weights.safetensors"
    data = weights.read_bytes()
    match damage:
        case "flip":
            weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "cut":
            weights.write_bytes(data[:-1])
        case "manifest":
            (newest / "manifest.json").write_text('{"weights')
        case _:
            (newest / "optimizer.safetensors").unlink()
    assert not is_valid(newest)
    found, damaged = newest_valid(tmp_path)
    assert found is not None
    assert found.step == 1
    assert damaged == [newest]


def test_half_written_folders_are_swept(tmp_path: Path) -> None:
    litter = tmp_path / ".gesso-partial-abc"
    litter.mkdir()
    (litter / "weights.safetensors").write_bytes(b"x")
    assert newest_valid(tmp_path) == (None, [])
    assert not litter.exists()


def test_the_manifest_names_every_other_file(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, checkpoint(1), keep=1)
    manifest = json.loads((path / "manifest.json").read_text())
    assert set(manifest) == {file.name for file in path.iterdir()} - {"manifest.json"}


def test_a_changed_job_is_refused_by_field() -> None:
    before = {"loss": {"min_snr_gamma": 5.0}, "steps": {"total": 10, "seed": 1}, "samples": {"every": 0}}
    require_same_job(before, {**before, "steps": {"total": 20, "seed": 1}, "samples": {"every": 5}})
    with pytest.raises(UserError, match=r"loss\.min_snr_gamma was 5\.0, now 1\.0"):
        require_same_job(before, {**before, "loss": {"min_snr_gamma": 1.0}})


def test_a_run_from_before_masks_goes_on_with_what_they_are_by_default() -> None:
    before = {"data": {"flip": False}, "loss": {"min_snr_gamma": 5.0}}
    now = {"data": {"flip": False, "masks": True}, "loss": {"min_snr_gamma": 5.0, "unmasked_weight": 0.1}}
    require_same_job(before, now)
    with pytest.raises(UserError, match=r"loss\.unmasked_weight was 0\.1, now 0\.5"):
        require_same_job(before, {**now, "loss": {"min_snr_gamma": 5.0, "unmasked_weight": 0.5}})


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"a": "1"}, "b is gone"),
        ({"a": "1", "b": "2", "c": "3"}, "c was added"),
        ({"a": "1", "b": "9"}, "b was changed"),
    ],
)
def test_changed_pictures_are_refused_by_name(now: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        require_same_data({"a": "1", "b": "2"}, now)


def damage(path: Path) -> Path:
    (path / "weights.safetensors").write_bytes(b"x")
    return path


def test_a_damaged_checkpoint_is_written_anew_when_its_step_is_reached_again(tmp_path: Path) -> None:
    damage(save_checkpoint(tmp_path, checkpoint(2), keep=1))
    assert is_valid(save_checkpoint(tmp_path, checkpoint(2), keep=1))


def test_a_damaged_newer_checkpoint_never_takes_the_place_of_a_sound_one(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1), keep=2)
    damage(save_checkpoint(tmp_path, checkpoint(4), keep=2))
    path = save_checkpoint(tmp_path, checkpoint(2), keep=1)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert is_valid(path)
