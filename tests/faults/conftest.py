"""One tiny model, one LoRA for it, and a few pictures, made once for all tests of this folder."""

from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.faults import pictures
from trainer.models.lora_file import LoraPair, write_lora


@pytest.fixture(scope="session")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tiny.safetensors`, `tiny-lora.safetensors` and the pictures `subject/`, which no test changes."""
    folder = tmp_path_factory.mktemp("materials")
    bundle = tiny.single_file(folder / "tiny.safetensors")
    targets = bundle.family.lora_targets(bundle, text_encoder=False, convolutions=False)
    pairs: dict[str, LoraPair] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for path, name in targets.items():
            part, _, inner = path.partition(".")
            weight = getattr(bundle, part).get_submodule(inner).weight
            pairs[name] = LoraPair(torch.randn(2, weight[0].numel()), torch.randn(weight.shape[0], 2), 2.0)
    write_lora(folder / "tiny-lora.safetensors", pairs, {"ss_base_model_version": "sd_v1"})
    pictures.draw(folder / "subject", 3)
    return folder


@pytest.fixture(scope="session")
def model(materials: Path) -> Path:
    return materials / "tiny.safetensors"


@pytest.fixture(scope="session")
def lora(materials: Path) -> Path:
    return materials / "tiny-lora.safetensors"


@pytest.fixture(scope="session")
def subject(materials: Path) -> Path:
    """Three good pictures with captions."""
    return materials / "subject"
