"""Reading and writing safetensors files: against the library, for odd files, and on a full disk."""

import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from trainer.contract.errors import UserError
from trainer.models.tensors import TensorFile, write_tensors

CPU = torch.device("cpu")

TENSORS: dict[str, Tensor] = {
    "half": torch.arange(6, dtype=torch.float16).reshape(2, 3),
    "brain": torch.arange(4, dtype=torch.bfloat16),
    "single": torch.linspace(0, 1, 7),
    "double": torch.linspace(0, 1, 3, dtype=torch.float64),
    "count": torch.arange(5),
    "flag": torch.tensor([True, False]),
    "eighth": torch.arange(3).to(torch.float8_e4m3fn),
    "scalar": torch.tensor(2.5),
    "nothing": torch.empty(0, 4),
    "turned": torch.arange(12.0).reshape(3, 4).T,
}


def write(path: Path, dtype: torch.dtype | None = None, metadata: dict[str, str] | None = None) -> None:
    write_tensors(path, {name: tensor.clone for name, tensor in TENSORS.items()}, dtype=dtype, metadata=metadata or {})


def test_the_file_is_the_librarys_byte_for_byte(tmp_path: Path) -> None:
    write(tmp_path / "ours.safetensors", metadata={"note": "é"})
    plain = {name: tensor.contiguous() for name, tensor in TENSORS.items()}
    safetensors.torch.save_file(plain, tmp_path / "theirs.safetensors", {"note": "é"})
    assert (tmp_path / "ours.safetensors").read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()


def test_only_floating_point_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    write(path, torch.float16)
    stored = safetensors.torch.load_file(path)
    assert {name: tensor.dtype for name, tensor in stored.items() if tensor.dtype != torch.float16} == {
        "count": torch.int64,
        "flag": torch.bool,
    }
    file = TensorFile(path)
    read = {name: file.load(name, CPU, torch.float32) for name in TENSORS}
    assert read["count"].dtype == torch.int64
    assert torch.equal(read["turned"], TENSORS["turned"])


@pytest.mark.parametrize("spaces", range(3))
def test_tensors_that_lie_askew_in_the_file_are_read_all_the_same(tmp_path: Path, spaces: int) -> None:
    """Nothing obliges a writer to pad its header: then no tensor stands at a multiple of its element's size."""
    path = tmp_path / "askew.safetensors"
    write(path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length])).encode() + b" " * spaces
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    file = TensorFile(path)
    for name, tensor in TENSORS.items():
        assert torch.equal(file.load(name, CPU, None), tensor)


def test_tensors_outlive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gone.safetensors"
    write(path)
    tensor = TensorFile(path).load("single", CPU, None)
    path.unlink()
    assert torch.equal(tensor, TENSORS["single"])


def test_what_was_handed_out_is_not_lost_with_a_neighbour_that_was_converted(tmp_path: Path) -> None:
    """They share a page of the file, and the neighbour fills whole pages of its own."""
    path = tmp_path / "neighbours.safetensors"
    values = {name: torch.full((30_000,), number, dtype=torch.float16) for number, name in enumerate("abc")}
    write_tensors(path, {name: lambda value=value: value for name, value in values.items()}, dtype=None, metadata={})
    file = TensorFile(path)
    outer = [file.load(name, CPU, None) for name in "ac"]
    for tensor in outer:
        tensor.fill_(7)
    assert torch.equal(file.load("b", CPU, torch.float32), values["b"].float())
    assert all(bool((tensor == 7).all()) for tensor in outer)
    assert torch.equal(TensorFile(path).load("a", CPU, None), values["a"])


def test_a_full_disk_is_named_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(UserError, match="no room"):
        write(tmp_path / "large.safetensors")
    assert list(tmp_path.iterdir()) == []
