"""What the index remembers of each model, and the JSON file that keeps it for all who list models at the same time.

The window's threads, the engine and the command line each have an `Index` of their own over the one file. So nobody
writes what he once read: each change is laid over what the file holds at that moment, under a lock.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from trainer.files import locked, write_text_atomically
from trainer.library.identity import Identity

INDEX_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Stamp:
    """As long as these stay the same, a model is taken to be unchanged. `beside`: time of change of its `.yaml`."""

    size: int
    changed: int
    beside: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """Either `identity` is set, or `problem` and `fix` say why the model can't be used."""

    stamp: Stamp
    identity: Identity | None
    problem: str = ""
    fix: str = ""
    sha256: str | None = None
    inode: int = 0
    """Of the file when it was hashed."""


Records = Mapping[str, Record]
"""By the path of the model."""


class RecordFile:
    """The file. It can be deleted at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Record]:
        """What it holds: {} where there is none. Raises OSError, ValueError, TypeError, KeyError or RecursionError."""
        if not self._path.is_file():
            return {}
        with locked(self._path):  # Windows lets nobody replace a file that is being read
            raw = self._path.read_bytes()
        return _parse(raw)

    def change(self, put: Records, dropped: Records) -> dict[str, Record]:
        """Lay `put` over what the file holds now, and take out of it those of `dropped` that nobody renewed meanwhile.

        Returns what it holds then. Raises UserError or OSError when the disk refuses.
        """
        with locked(self._path):
            now = self._read_or_nothing()
            for path, record in dropped.items():
                if now.get(path) == record:
                    del now[path]
            for path, record in put.items():
                now[path] = _newer(record, now.get(path))
            saved = {"format": INDEX_FORMAT, "models": {path: _to_dict(record) for path, record in now.items()}}
            write_text_atomically(self._path, json.dumps(saved, separators=(",", ":")))
        return now

    def _read_or_nothing(self) -> dict[str, Record]:
        try:
            return _parse(self._path.read_bytes())
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return {}  # whoever reads it first says that it was damaged


def _newer(record: Record, there: Record | None) -> Record:
    """`record`, with the checksum that another has taken of the same file meanwhile."""
    if there is None or there.sha256 is None or record.sha256 is not None or record.stamp != there.stamp:
        return record
    return replace(record, sha256=there.sha256, inode=there.inode)


def changes(before: Records, after: Records, paths: Collection[str]) -> tuple[dict[str, Record], dict[str, Record]]:
    """What to put and what to drop among `paths`, to come from one to the other."""
    put = {path: after[path] for path in paths if path in after and before.get(path) != after[path]}
    return put, {path: before[path] for path in paths if path in before and path not in after}


def _to_dict(record: Record) -> dict[str, object]:
    return {
        "stamp": [record.stamp.size, record.stamp.changed, record.stamp.beside],
        "identity": record.identity.to_dict() if record.identity else None,
        "problem": record.problem,
        "fix": record.fix,
        "sha256": record.sha256,
        "inode": record.inode,
    }


def _parse(raw: bytes) -> dict[str, Record]:
    """What `change` wrote. Raises ValueError, TypeError or KeyError for anything else; {} for another format."""
    saved = cast("dict[str, object]", json.loads(raw))
    if saved["format"] != INDEX_FORMAT:
        return {}
    models = saved["models"]
    if not isinstance(models, dict):
        raise TypeError("the models are not a JSON object")
    return {path: _from_dict(record) for path, record in cast("dict[str, dict[str, object]]", models).items()}


def _from_dict(saved: dict[str, object]) -> Record:
    size, changed, beside = cast("list[int]", saved["stamp"])
    identity = saved["identity"]
    return Record(
        stamp=Stamp(int(size), int(changed), int(beside)),
        identity=None if identity is None else Identity.from_dict(cast("dict[str, object]", identity)),
        problem=str(saved["problem"]),
        fix=str(saved["fix"]),
        sha256=None if saved["sha256"] is None else str(saved["sha256"]),
        inode=int(cast(int, saved["inode"])),
    )
