"""Embedding files in every layout, and those that are refused."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from trainer.contract.errors import UserError
from trainer.models.embedding_file import read_embedding


def written(path: Path, tensors: dict[str, Tensor]) -> Path:
    save_file(tensors, path)
    return path


VECTORS = torch.arange(24, dtype=torch.float32).reshape(3, 8)
LAYOUTS = {
    "kohya": {"emb_params": VECTORS},
    "A1111": {"string_to_param.*": VECTORS, "step": torch.tensor([7])},
    "diffusers": {"<cat-toy>": VECTORS},
    "diffusers, one vector each": {
        f"<cat>{end}": row for end, row in zip(("", "_1", "_2"), VECTORS.clone(), strict=True)
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_vectors_come_in_order_from_every_layout(tmp_path: Path, layout: str) -> None:
    assert read_embedding(written(tmp_path / "a.safetensors", LAYOUTS[layout])).equal(VECTORS)


def test_many_vectors_of_their_own_are_ordered_by_number(tmp_path: Path) -> None:
    tensors = {f"t_{index}" if index else "t": torch.full((4,), float(index)) for index in range(12)}
    assert read_embedding(written(tmp_path / "a.safetensors", tensors))[:, 0].tolist() == list(range(12))


def test_those_for_xl_hold_the_vectors_of_both_text_encoders_side_by_side(tmp_path: Path) -> None:
    other = torch.full((3, 5), 7.0)
    vectors = read_embedding(written(tmp_path / "a.safetensors", {"clip_g": other, "clip_l": VECTORS}))
    assert vectors.equal(torch.cat([VECTORS, other], dim=1))


def test_half_precision_is_read_as_fp32(tmp_path: Path) -> None:
    vectors = read_embedding(written(tmp_path / "a.safetensors", {"emb_params": VECTORS.half()}))
    assert vectors.dtype == torch.float32
    assert vectors.equal(VECTORS)


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(3, 1280)}, "not an embedding"),
        ({"emb_params": torch.full((1, 8), torch.nan)}, "not numbers"),
        ({"emb_params": torch.zeros(76, 8)}, "76 vectors"),
        ({"emb_params": torch.zeros(0, 8)}, "0 vectors"),
        ({"emb_params": torch.zeros(1, 2, 8)}, "not an embedding"),
        ({"a": torch.zeros(1, 8), "b": torch.zeros(1, 9)}, "not an embedding"),
    ],
)
def test_what_is_no_embedding_is_refused(tmp_path: Path, tensors: dict[str, Tensor], why: str) -> None:
    with pytest.raises(UserError, match=why):
        read_embedding(written(tmp_path / "a.safetensors", tensors))
