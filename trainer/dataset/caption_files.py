"""The caption files of an open dataset as they were read, and whether others changed them since."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trainer.dataset.captions import MAX_CAPTION_BYTES, Caption, decode_caption
from trainer.dataset.items import Item

_MOST = MAX_CAPTION_BYTES + 1
"""Bytes that are read of a file: one more tells that it is too large."""

_Stamp = tuple[int, int, int]


@dataclass(slots=True)
class ReadCaption:
    """A caption as it was read. `digest`: of the file's bytes, None without a file, b"" if it can't be read.

    As long as `stamp` stays the same, the file is taken to be unchanged.
    """

    caption: Caption
    digest: bytes | None
    stamp: _Stamp | None

    def is_read_from(self, data: bytes | None) -> bool:
        """Whether the file had these bytes; None: there was no file."""
        return self.digest == digest(None if data is None else data[:_MOST])


class CaptionFiles:
    """By paths relative to the dataset's folder. Each file is read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._root = os.fspath(folder)
        self._read: dict[str, ReadCaption] = {}

    def known(self, path: str) -> ReadCaption:
        """Never raises. Where the file can't be read the caption is not `complete`, and its `note` says why."""
        known = self._read.get(path)
        if known is None:
            known = self._read[path] = self._load(path)
        return known

    def read_anew(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._read[path] = self._load(path)

    def is_another(self, path: str) -> bool:
        """Whether it has another time or size than when it was read. It is not read."""
        known = self._read.get(path)
        return known is not None and self._stamp_of(path) != known.stamp

    def changed(self, path: str) -> bool:
        """Whether others changed it since it was read; it is read anew then. What was not read yet is not read now."""
        if not self.is_another(path):
            return False
        before = self._read[path].digest
        self.read_anew([path])
        return self._read[path].digest != before

    def _load(self, path: str) -> ReadCaption:
        try:
            with open(f"{self._root}/{path}", "rb") as file:
                data = file.read(_MOST)
                stamp = _stamp(os.fstat(file.fileno()))
        except (FileNotFoundError, NotADirectoryError):
            return ReadCaption(Caption(""), None, None)
        except OSError as error:
            note = f"It can't be read: {error.strerror or error}."
            return ReadCaption(Caption("", "binary", note=note, complete=False), b"", None)
        return ReadCaption(decode_caption(data), digest(data), stamp)

    def _stamp_of(self, path: str) -> _Stamp | None:
        try:
            return _stamp(os.stat(f"{self._root}/{path}"))
        except OSError:
            return None


def caption_path_of(item: Item, extension: str = "txt") -> str:
    """Relative to the dataset. A picture that has none yet gets one with this extension."""
    folder, slash, name = item.relative.rpartition("/")
    own = item.caption_name or f"{name.rpartition('.')[0]}.{extension}"
    return f"{folder}{slash}{own}"


def digest(data: bytes | None) -> bytes | None:
    """SHA-256; None of None."""
    return None if data is None else hashlib.sha256(data).digest()


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino
