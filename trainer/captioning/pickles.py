"""Captioners that are published as pickles, each made into a safetensors file once, when it is installed.

These are the only pickles that Gesso opens: DeepBooru's checkpoint, and the weights of BLIP, whose base model is
published in no other way. Even they are opened only after their names have been found in the file, by torch's unpickler
held to tensors and plain containers (`weights_only`), which runs nothing; whatever else stands in the file is refused.
"""

import json
import pickle
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from trainer.captioning.deepbooru_network import DeepBooruNetwork
from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.import_model import ImportJob
from trainer.contract.run import Run
from trainer.files import PARTIAL_PREFIX, said_as_user_error
from trainer.home import Home
from trainer.library.captioner_files import (
    CONFIG,
    DEEPBOORU_FIRST,
    DEEPBOORU_LAST,
    PICKLED,
    TAGS,
    WEIGHTS,
    blip_small_files,
    may_be_deepbooru_pickle,
    may_be_pickled_blip,
    read_model_folder,
)
from trainer.library.header import read_header
from trainer.library.install import install
from trainer.library.verify import Progress
from trainer.models.tensors import write_tensors

MAX_BYTES = 4 * 1024**3
"""The largest, BLIP large, has 1.9 GB."""


def import_model(job: ImportJob, run: Run, home: Home) -> tuple[Path, ...]:
    """Install the captioner and return where it lies. Raises UserError for other files, and installs nothing then."""
    source = Path(job.source).expanduser().absolute()
    run.status(f"reading {source.name}")
    make = _blip if source.is_dir() else _deepbooru
    place = home.models / "captioners"
    with said_as_user_error(place):
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=PARTIAL_PREFIX, dir=place) as folder:
            made = make(source, Path(folder))
            run.check()
            entry = install(
                made, home, name=job.name or None, on_clash=job.on_clash, progress=_told(run), check=run.check
            )
    run.emit(events.Saved(what="model", path=str(entry.path)))
    return (entry.path,)


# --- DeepBooru ------------------------------------------------------------------------------------------------------


def _deepbooru(source: Path, folder: Path) -> Path:
    tensors, tags = read_deepbooru(source)
    made = folder / f"{source.stem}.safetensors"
    _write(made, tensors, {TAGS: json.dumps(tags, ensure_ascii=False)})
    return made


def read_deepbooru(source: Path) -> tuple[dict[str, Tensor], list[str]]:
    """The weights and the tags of the published checkpoint. Raises UserError for anything else."""
    if not may_be_deepbooru_pickle(source):
        read_header(source)  # says what it is, and why it isn't opened
        raise UserError(f"{source.name} is a safetensors file.", "Install it as it is.")
    refused = UserError(
        f"{source.name} has some names of DeepBooru's checkpoint, but it is not that file.",
        "Get model-resnet_custom_v3.pt of TorchDeepDanbooru again; Gesso opens no other pickle of this kind.",
    )
    entries = _opened(source, refused)
    tags = entries.pop(TAGS, None)
    tensors = _tensors(entries, refused)
    first, last = tensors.get(DEEPBOORU_FIRST), tensors.get(DEEPBOORU_LAST)
    if first is None or last is None or first.ndim != 4 or last.ndim != 4:
        raise refused
    with torch.device("meta"):
        network = DeepBooruNetwork(last.shape[0], first.shape[0])
    named = cast("list[object]", tags) if isinstance(tags, list) else []
    if _shapes(tensors) != _shapes(network.state_dict()) or len(named) != last.shape[0]:
        raise refused
    if not all(isinstance(tag, str) for tag in named):
        raise refused
    return tensors, cast("list[str]", named)


# --- BLIP -----------------------------------------------------------------------------------------------------------


def _blip(source: Path, folder: Path) -> Path:
    if not may_be_pickled_blip(source):
        read_model_folder(source)  # says what is the matter with it
        raise UserError(f"{source.name} has its weights as safetensors.", "Install it as it is.")
    made = folder / source.name
    made.mkdir()
    for name in (CONFIG, *blip_small_files(source)):
        shutil.copyfile(source / name, made / name)
    _write(made / WEIGHTS, read_blip(source), {"format": "pt"})
    return made


def read_blip(source: Path) -> dict[str, Tensor]:
    """The weights in a folder of BLIP, those left out that are the same as others. Raises UserError for other ones."""
    from transformers import BlipConfig, BlipForConditionalGeneration

    refused = UserError(
        f"The weights of the captioner {source.name} are not those that its {CONFIG} describes.",
        "Get the model again, with all of its files from one place.",
    )
    try:
        config = BlipConfig.from_pretrained(source, local_files_only=True)
        with torch.device("meta"):
            network = BlipForConditionalGeneration(config)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise refused from error
    expected = _shapes(network.state_dict())
    same = set(cast("Mapping[str, str]", network.all_tied_weights_keys))
    tensors = _tensors(_opened(source / PICKLED, refused), refused)
    # Older versions of transformers also kept the numbers of the places.
    tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith(".position_ids")}
    if {**expected, **_shapes(tensors)} != expected or set(expected) - set(tensors) - same:
        raise refused
    return {name: tensor for name, tensor in tensors.items() if name not in same}


# --- both -----------------------------------------------------------------------------------------------------------


def _opened(path: Path, refused: UserError) -> dict[object, object]:
    """What the pickle holds: tensors and plain containers alone."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(one.file_size for one in archive.infolist())
        held = cast(object, torch.load(path, map_location="cpu", weights_only=True)) if size <= MAX_BYTES else None
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        OSError,
        EOFError,
        ValueError,
        TypeError,
        RuntimeError,
    ) as error:
        raise refused from error
    return dict(cast("dict[object, object]", held)) if isinstance(held, dict) else {}


def _tensors(entries: Mapping[object, object], refused: UserError) -> dict[str, Tensor]:
    """All of the entries, if each is a plain tensor by a name."""
    tensors = {name: one for name, one in entries.items() if isinstance(name, str) and isinstance(one, Tensor)}
    plain = all(
        tensor.layout is torch.strided and (tensor.is_floating_point() or name.endswith(".position_ids"))
        for name, tensor in tensors.items()
    )
    if len(tensors) != len(entries) or not plain:
        raise refused
    return tensors


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    fetches: dict[str, Callable[[], Tensor]] = {name: _fetch(tensor) for name, tensor in tensors.items()}
    write_tensors(path, fetches, dtype=None, metadata=metadata)


def _fetch(tensor: Tensor) -> Callable[[], Tensor]:
    return lambda: tensor


def _told(run: Run) -> Progress:
    return lambda done, total: run.progress("bytes copied and compared", done, total)
