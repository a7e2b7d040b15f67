"""Checkpoints: folders to resume from. Written whole or not at all, and trusted only after their hashes are checked.

    checkpoints/step-00000200/  weights.safetensors  optimizer.safetensors  state.json  manifest.json

The folder is written under another name, fsynced and renamed; the manifest, written last, holds the SHA-256 of every
other file. Resuming takes the newest checkpoint whose manifest holds, so a damaged one costs some steps, not the run.
No pickles: tensors are safetensors, everything else is JSON (whose floats come back with the same bits).
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from trainer.contract.errors import UserError
from trainer.files import folder_written_atomically, sha256, sweep_partials
from trainer.models.tensors import write_tensors_inside

_NAME = re.compile(r"step-(\d{8})$")


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run needs to go on. Taken only between optimizer steps, so no gradients are part of it."""

    step: int
    """Optimizer steps done."""
    weights: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    """The optimizer's own `state_dict()`."""
    job: Mapping[str, Any]
    """The job's tree, to notice a changed one."""
    data: Mapping[str, str]
    """Each picture's relative path and the hash of its bytes and caption, to notice changed data."""
    scaler: Mapping[str, Any]
    """State of the fp16 gradient scaler; empty otherwise."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write `folder/step-NNNNNNNN`, then remove all but the newest `keep`. Raises UserError when the disk refuses.

    Checkpoints of later steps are those that were passed over as damaged when the run was resumed: they go, too.
    """
    path = folder / f"step-{checkpoint.step:08d}"
    if path.exists() and not is_valid(path):
        shutil.rmtree(path)
    if not path.exists():
        with folder_written_atomically(path) as partial:
            tensors, tree = _split(checkpoint.optimizer)
            _write_tensors(partial / "weights.safetensors", checkpoint.weights)
            _write_tensors(partial / "optimizer.safetensors", tensors)
            state = {
                "step": checkpoint.step,
                "optimizer": tree,
                "job": checkpoint.job,
                "data": checkpoint.data,
                "scaler": checkpoint.scaler,
            }
            (partial / "state.json").write_text(json.dumps(state), encoding="utf-8")
            hashes = {file.name: sha256(file) for file in sorted(partial.iterdir())}
            (partial / "manifest.json").write_text(json.dumps(hashes), encoding="utf-8")
    found = _steps_newest_first(folder)
    place = found.index(path)
    for unwanted in (*found[:place], *found[place + keep :]):
        shutil.rmtree(unwanted)
    return path


def newest_valid(folder: Path) -> tuple[Checkpoint | None, list[Path]]:
    """The newest checkpoint whose hashes hold, and the damaged ones that were passed over."""
    sweep_partials(folder)
    damaged: list[Path] = []
    for path in _steps_newest_first(folder):
        if is_valid(path):
            return load_checkpoint(path), damaged
        damaged.append(path)
    return None, damaged


def is_valid(path: Path) -> bool:
    """Whether every file of a checkpoint is there with the hash that its manifest states."""
    try:
        hashes: dict[str, str] = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        return bool(hashes) and all(sha256(path / name) == expected for name, expected in hashes.items())
    except (OSError, ValueError):
        return False


def load_checkpoint(path: Path) -> Checkpoint:
    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    # copies: the optimizer keeps what it loads, and Windows removes no file that is mapped into memory
    tensors = {name: tensor.clone() for name, tensor in load_file(path / "optimizer.safetensors").items()}
    return Checkpoint(
        step=state["step"],
        weights=load_file(path / "weights.safetensors"),
        optimizer=_joined(tensors, state["optimizer"]),
        job=state["job"],
        data=state["data"],
        scaler=state["scaler"],
    )


def require_same_job(saved: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Raise UserError naming the first field that differs in a way that would make another run of it.

    A field that the saved job has not, since an older Gesso wrote it, was what it is by default.
    """
    before, now = _flat(saved), _flat(current)
    for field in sorted(before.keys() | now.keys()):
        was = before.get(field, _ADDED.get(field))
        if was != now.get(field) and not field.startswith(_MAY_CHANGE):
            raise UserError(
                f"The job was changed since this run began: {field} was {was!r}, now {now.get(field)!r}.",
                "Set it back to resume, or start a new run.",
            )


_MAY_CHANGE = ("steps.total", "samples.", "output.checkpoint_every", "output.keep_checkpoints")
"""Fields that may change between the parts of a run; `steps.total` so that a run can be extended."""


_ADDED = {"data.masks": True, "loss.unmasked_weight": 0.1}
"""Fields that jobs have got since runs are resumed, by default; whether pictures have masks their own hashes tell."""


def require_same_data(saved: Mapping[str, str], current: Mapping[str, str]) -> None:
    """Raise UserError naming the first picture that came, went or changed since the run began."""
    for name in sorted(saved.keys() | current.keys()):
        if saved.get(name) != current.get(name):
            what = "was added" if name not in saved else "is gone" if name not in current else "was changed"
            raise UserError(
                f"The pictures are not those that this run began with: {name} {what}.",
                "Put it back as it was to resume exactly, or start a new run.",
            )


def _steps_newest_first(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("step-*") if _NAME.search(path.name)]
    return sorted(found, key=lambda path: path.name, reverse=True)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _split(tree: Mapping[str, Any]) -> tuple[dict[str, Tensor], Any]:
    """An optimizer's state as tensors by path, and the rest as JSON with the paths in the tensors' places."""
    tensors: dict[str, Tensor] = {}

    def walk(node: Any, path: str) -> Any:
        if isinstance(node, Tensor):
            tensors[path] = node.detach().cpu().contiguous().clone()
            return {"tensor": path}
        if isinstance(node, Mapping):
            return {"keys": [[key, walk(value, f"{path}.{key}")] for key, value in node.items()]}
        if isinstance(node, list | tuple):
            kind = "list" if isinstance(node, list) else "tuple"
            return {kind: [walk(value, f"{path}.{place}") for place, value in enumerate(node)]}
        return {"value": node}

    rest = walk(tree, "optimizer")
    return tensors, rest


def _joined(tensors: Mapping[str, Tensor], node: Mapping[str, Any]) -> Any:
    match node:
        case {"tensor": path}:
            return tensors[path]
        case {"keys": pairs}:
            return {key: _joined(tensors, value) for key, value in pairs}
        case {"list": values}:
            return [_joined(tensors, value) for value in values]
        case {"tuple": values}:
            return tuple(_joined(tensors, value) for value in values)
        case _:
            return node["value"]


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    write_tensors_inside(path, {name: tensor.detach for name, tensor in tensors.items()}, dtype=None, metadata={})
