"""What most trainings of the tests begin with: a tiny model, and a few drawn pictures with captions."""

from pathlib import Path

import pytest

from tests import tiny
from tests.training.drawings import draw


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    tiny.single_file(path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return draw(tmp_path / "pictures", 5)
