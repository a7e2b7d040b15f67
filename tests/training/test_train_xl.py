"""SDXL through the loop that knows no family: what it is told of each picture, and the files that come out."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from tests import tiny
from tests.training.test_train import Recorded, make_job
from trainer.contract import events
from trainer.contract.common import Sampling
from trainer.contract.train import Full, Lora, Samples
from trainer.dataset.buckets import Placement
from trainer.dataset.check import Examined
from trainer.dataset.items import Item
from trainer.dataset.pictures import Size
from trainer.home import Home
from trainer.models.lora_file import merged, read_lora
from trainer.training.examples import framing, piece
from trainer.training.train import train


@pytest.fixture(scope="module")
def xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "xl.safetensors"
    tiny.single_file(path, "sdxl")
    return path


def test_a_lora_of_both_text_encoders_trains_and_is_used(xl: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    samples = Samples(prompts=("a square",), every=4, sampling=Sampling(steps=2))
    job = make_job(xl, pictures, method=Lora(rank=2, text_encoder=True), samples=samples)
    recorded = Recorded(tmp_path / "run")
    path, _ = train(job, recorded.run, home)
    assert all(event.loss is not None and event.loss > 0 for event in recorded.of(events.Step))
    with safe_open(path, "pt") as file:
        metadata, names = file.metadata(), set(file.keys())
    assert metadata["ss_base_model_version"] == "sdxl_base_v1-0"
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert metadata["modelspec.implementation"] == "https://github.com/Stability-AI/generative-models"
    assert "lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha" in names
    assert "lora_unet_input_blocks_3_1_transformer_blocks_1_attn2_to_k.lora_up.weight" in names
    lora = read_lora(path)
    # the last layer of the first text encoder comes behind what is taken of it
    moved = {name for name, pair in lora.pairs.items() if pair.up.any()}
    assert {name for name in lora.pairs if name not in moved} == {
        name for name in lora.pairs if name.startswith("lora_te_text_model_encoder_layers_1_")
    }
    bundle = tiny.bundle("sdxl")
    with merged(bundle, [(lora, 1.0)]):
        changed = bundle.family.encode_text(bundle, ["a square"])
    assert not torch.equal(changed["pooled"], bundle.family.encode_text(bundle, ["a square"])["pooled"])


@pytest.mark.parametrize("change", [{}, {"data": {"crop": "piece", "flip": True}}])
def test_all_weights_train_and_the_file_is_a_model_again(
    xl: Path, pictures: Path, tmp_path: Path, home: Home, change: dict[str, Any]
) -> None:
    job = make_job(xl, pictures, total=2, method=Full(text_encoder=True), **change)
    path, _ = train(job, Recorded(tmp_path / "run").run, home)
    made = tiny.FAMILIES["sdxl"].load(path, device=torch.device("cpu"), dtype=torch.float32)
    before = tiny.bundle("sdxl")
    for part in ("unet", "text_encoder", "text_encoder_2"):
        weight = next(iter(made.networks[part].parameters()))
        assert not torch.equal(weight, next(iter(before.networks[part].parameters())))


def example(size: Size, placement: Placement) -> Examined:
    return Examined(Item("", "a.png"), size, "", "", placement, size)


def test_a_crop_is_told_as_it_lies_in_the_scaled_and_mirrored_picture() -> None:
    placement = Placement(Size(64, 64), Size(97, 64), (16, 0, 80, 64))
    one = example(Size(970, 640), placement)
    assert framing(one, placement, False).crop == (16, 0)
    told = framing(one, placement, True)
    assert (told.original, told.crop, told.target) == ((970, 640), (17, 0), (64, 64))


def test_a_piece_lies_at_the_picture_s_own_scale() -> None:
    placement = Placement(Size(64, 64), Size(97, 64), (16, 0, 80, 64))
    one = example(Size(970, 640), placement)
    chosen = piece(one, placement, random.Random(3))
    assert chosen.resized_size == one.size
    left, top, right, bottom = chosen.crop_box
    assert (right - left, bottom - top) == (64, 64)
    assert framing(one, chosen, False).crop == (left, top)
    assert piece(example(Size(97, 60), placement), placement, random.Random(3)) == placement
