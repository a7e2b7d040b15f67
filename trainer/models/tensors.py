"""Tensors in and out of safetensors files, one at a time, so that a model never stands in memory twice.

Reading maps the file; where another number format is wanted it converts tensor by tensor and lets go of the pages.
Files are mapped only after trainer.library.header has checked every offset. Writing keeps to the order of the
safetensors library (larger number formats first, then by name), so that the same tensors always make the same file.
"""

import json
import math
import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from trainer.files import require_room, write_atomically
from trainer.library.header import Header, read_header

DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I16": torch.int16,
    "U16": torch.uint16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I32": torch.int32,
    "U32": torch.uint32,
    "F32": torch.float32,
    "I64": torch.int64,
    "U64": torch.uint64,
    "F64": torch.float64,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


class TensorFile:
    """A checked safetensors file, mapped for reading until nothing refers to it: not this, and no tensor of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Header = read_header(path)
        with path.open("rb") as file:
            # A private mapping: writing to a tensor changes the page in memory, never the file.
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tensor.shape for name, tensor in self.header.tensors.items()}

    def load(self, name: str, device: torch.device, dtype: torch.dtype | None) -> Tensor:
        """Tensor `name` on `device`; floating point ones as `dtype` (None: as stored). KeyError if there is none."""
        info = self.header.tensors[name]
        stored = DTYPES[info.dtype]
        wanted = dtype if dtype is not None and stored.is_floating_point else stored
        start = self.header.data_start + info.begin
        if math.prod(info.shape) == 0:
            return torch.empty(info.shape, dtype=wanted, device=device)
        if start % stored.itemsize:
            data = bytearray(self._map[start : start + info.end - info.begin])
            return torch.frombuffer(data, dtype=stored).reshape(info.shape).to(device, wanted)
        count = (info.end - info.begin) // stored.itemsize
        tensor = torch.frombuffer(self._map, dtype=stored, count=count, offset=start).reshape(info.shape)
        placed = tensor.to(device, wanted)
        if placed is not tensor:
            self._forget(start, self.header.data_start + info.end)
        return placed

    def _forget(self, start: int, end: int) -> None:
        """Let go of the file's whole pages between two places: else they would count beside the copy.

        Pages that reach beyond them are kept, since a tensor next to it may have been handed out, and written to.
        """
        if not hasattr(mmap, "MADV_DONTNEED"):  # Windows; it takes back such pages where memory is short
            return
        first, last = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE
        if last > first:
            self._map.madvise(mmap.MADV_DONTNEED, first, last - first)


def write_tensors(
    path: Path,
    tensors: Mapping[str, Callable[[], Tensor]],
    *,
    dtype: torch.dtype | None,
    metadata: Mapping[str, str],
) -> None:
    """Write a safetensors file atomically, after making sure that there is room.

    Each tensor is fetched twice, once for its shape, so fetching must be cheap. Floating point ones are written as
    `dtype` (None: as they are).
    """
    layout = _Layout.of(tensors, dtype, metadata)
    require_room(path.parent, layout.size, path.name)
    write_atomically(path, lambda temporary: layout.write(temporary, tensors))


def write_tensors_inside(
    path: Path,
    tensors: Mapping[str, Callable[[], Tensor]],
    *,
    dtype: torch.dtype | None,
    metadata: Mapping[str, str],
) -> None:
    """The same for a file of a folder that is itself written atomically. Raises OSError as the disk does (from the
    safetensors library a full disk comes as an exception of its own)."""
    _Layout.of(tensors, dtype, metadata).write(path, tensors)


@dataclass(frozen=True)
class _Layout:
    """Where in a file each tensor goes, and as what."""

    header: bytes
    order: tuple[tuple[str, torch.dtype], ...]
    size: int
    """Bytes of the whole file."""

    @classmethod
    def of(
        cls, tensors: Mapping[str, Callable[[], Tensor]], dtype: torch.dtype | None, metadata: Mapping[str, str]
    ) -> "_Layout":
        described = {name: _description(fetch(), dtype) for name, fetch in tensors.items()}
        ordered = sorted(described, key=lambda name: (-described[name][0].itemsize, name))
        header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
        offset = 0
        for name in ordered:
            stored, shape = described[name]
            size = math.prod(shape) * stored.itemsize
            header[name] = {"dtype": _NAMES[stored], "shape": list(shape), "data_offsets": [offset, offset + size]}
            offset += size
        raw = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
        raw += b" " * (-len(raw) % 8)
        return cls(raw, tuple((name, described[name][0]) for name in ordered), 8 + len(raw) + offset)

    def write(self, path: Path, tensors: Mapping[str, Callable[[], Tensor]]) -> None:
        with path.open("wb") as file:
            file.write(len(self.header).to_bytes(8, "little") + self.header)
            for name, stored in self.order:
                file.write(tensor_bytes(tensors[name](), stored))


def tensor_bytes(tensor: Tensor, dtype: torch.dtype) -> memoryview:
    """The bytes of a tensor as `dtype`, little-endian, in row-major order."""
    plain = tensor.detach().to("cpu", dtype).contiguous()
    return plain.reshape(-1).view(torch.uint8).numpy().data


def _description(tensor: Tensor, dtype: torch.dtype | None) -> tuple[torch.dtype, tuple[int, ...]]:
    stored = dtype if dtype is not None and tensor.dtype.is_floating_point else tensor.dtype
    return stored, tuple(tensor.shape)
