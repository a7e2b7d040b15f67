"""What the benchmarks share. Run by `packaging/dev.py bench`; GESSO_BENCHMARKS names the file for the figures."""

import os
from pathlib import Path

import pytest

from tests.benchmarks.record import Record
from trainer.home import RESOURCES

# As main.py sets it, for both sides.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def record() -> Record:
    return Record(Path(os.environ.get("GESSO_BENCHMARKS", str(ROOT / "build" / "benchmarks.json"))))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter model; until it is made, a file of its architecture with random weights, none of them zero."""
    starter = RESOURCES / "models" / "starter.safetensors"
    if starter.exists():
        return starter
    import torch

    from trainer.models.architecture import Architecture
    from trainer.models.sd import SD1

    torch.manual_seed(0)
    bundle = SD1.blank(Architecture.named("starter"), device=torch.device("cpu"), dtype=torch.float32)
    for module in bundle.unet.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear) and not module.weight.any():
            module.reset_parameters()
    path = tmp_path_factory.mktemp("model") / "starter.safetensors"
    bundle.family.save(bundle, path, dtype=None, metadata={})
    return path
