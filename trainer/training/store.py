"""A store of tensors by key, kept on disk in memory-mapped packs: what was encoded once is not encoded again.

Keys are made from content (the bytes of the picture, the words of the caption, the weights of the encoder), so a stale
entry can't be found: an edited picture has another key. Each process appends to a pack of its own, and two may write at
the same time. A line in the pack's index stands only once its bytes are in the pack, so a killed process leaves at
worst bytes that nothing points to. Everything here can be deleted at any time.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
import torch
from torch import Tensor

from trainer.files import said_as_user_error

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class _Place:
    pack: Path
    offset: int
    shape: tuple[int, ...]


class TensorStore:
    """float32 tensors by key. Open it with `with`: the pack being written is closed at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, dict[str, _Place]] = {}
        self._maps: dict[Path, np.memmap] = {}
        self._pack: IO[bytes] | None = None
        self._index: IO[str] | None = None
        self._read_indexes()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for file in (self._pack, self._index):
            if file is not None:
                file.close()
        self._pack = self._index = None
        self._maps.clear()

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def get(self, key: str) -> Tensors:
        """The tensors put under `key`. They are views of the disk's pages: copy before changing them."""
        return {name: self._mapped(place) for name, place in self._places[key].items()}

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep `tensors` under `key` on disk. Raises UserError when the disk is full."""
        kept = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in tensors.items()}
        with said_as_user_error(self.folder):
            try:
                self._places[key] = self._append(key, kept)
            except OSError:
                self._abandon()
                raise

    def _append(self, key: str, kept: Tensors) -> dict[str, _Place]:
        pack, index = self._writers()
        places: dict[str, _Place] = {}
        for name, tensor in kept.items():
            places[name] = _Place(Path(pack.name), pack.tell(), tuple(tensor.shape))
            pack.write(tensor.numpy().tobytes())
        pack.flush()
        entry = {name: {"offset": place.offset, "shape": place.shape} for name, place in places.items()}
        index.write(json.dumps({"key": key, "tensors": entry}) + "\n")
        index.flush()
        return places

    def _abandon(self) -> None:
        """Close what the disk refused to take; closing tries to write the rest once more, and fails again."""
        for file in (self._pack, self._index):
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()
        self._pack = self._index = None

    def _writers(self) -> tuple[IO[bytes], IO[str]]:
        if self._pack is None or self._index is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            number = 0
            while True:
                path = self.folder / f"pack-{os.getpid()}-{number}.bin"
                try:
                    self._pack = path.open("xb")
                    break
                except FileExistsError:
                    number += 1
            self._index = path.with_suffix(".jsonl").open("x", encoding="utf-8")
        return self._pack, self._index

    def _read_indexes(self) -> None:
        for index in sorted(self.folder.glob("pack-*.jsonl")):
            pack = index.with_suffix(".bin")
            size = pack.stat().st_size if pack.exists() else 0
            for line in index.read_text(encoding="utf-8").splitlines():
                entry = _parsed(line, pack, size)
                if entry is not None:
                    self._places[entry[0]] = entry[1]

    def _mapped(self, place: _Place) -> Tensor:
        count = int(np.prod(place.shape, dtype=np.int64))
        end = place.offset + 4 * count
        pages = self._maps.get(place.pack)
        if pages is None or len(pages) < end:  # not mapped yet, or our own pack has grown since
            # mode c: copy on write, since torch warns of memory that it could not write to
            pages = self._maps[place.pack] = np.memmap(place.pack, dtype=np.uint8, mode="c")
        flat = pages[place.offset : end].view(np.float32)
        return torch.from_numpy(flat).view(place.shape)


def _parsed(line: str, pack: Path, size: int) -> tuple[str, dict[str, _Place]] | None:
    """An index line, or None when it was cut off by a kill or points beyond its pack."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    places = {name: _Place(pack, place["offset"], tuple(place["shape"])) for name, place in entry["tensors"].items()}
    ends = [place.offset + 4 * int(np.prod(place.shape, dtype=np.int64)) for place in places.values()]
    return (entry["key"], places) if max(ends, default=0) <= size else None
