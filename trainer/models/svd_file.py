"""Stable Video Diffusion in single files of the original layout."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from trainer.contract.errors import UserError
from trainer.models import networks, svd_keys
from trainer.models.file_shapes import UnknownShape
from trainer.models.sd_keys import Entry
from trainer.models.svd_architecture import DECODER, ENCODER, UNET, VISION, VideoArchitecture
from trainer.models.svd_networks import VideoParts, without_weights
from trainer.models.tensors import TensorFile, write_tensors

Progress = Callable[[int, int], None]

FRAMES_KEY = "gesso.frames"
"""Metadata key under which a model says how many frames it was trained on: no shape in it tells."""

_CHECKED = (UNET, VISION, DECODER, ENCODER + "encoder.", ENCODER + "quant_conv.")
"""Where a tensor that the networks lack means another architecture."""

_MANY = 50
"""So many tensors are loaded between two reports of progress."""


def read(
    source: Path,
    *,
    device: torch.device,
    dtype: torch.dtype,
    progress: Progress | None = None,
) -> VideoParts:
    """The model in the file `source`, its weights as `dtype` on `device`; tensors that no network uses stay on the CPU
    as they are stored.

    Raises UserError that names the part which is missing or otherwise built. Weights whose number format is already
    right are mapped, not read.
    """
    file = TensorFile(source)
    parts = without_weights(_architecture(file), source.name)
    entries = part_entries(parts)
    wanted = {entry.original for of_part in entries.values() for entry in of_part}
    _require_known(file, wanted)
    done, total = 0, len(wanted)
    for part, of_part in entries.items():
        state: dict[str, Tensor] = {}
        for entry in of_part:
            if entry.original in file.header.tensors:
                stored = file.load(entry.original, device, dtype)
                state |= zip(entry.keys, entry.split(stored), strict=True)
            done += 1
            if progress is not None and (done % _MANY == 0 or done == total):
                progress(done, total)
        networks.assign(getattr(parts, part), state, LABELS[part], source.name)
    rest = [name for name in file.header.tensors if name not in wanted]
    unused = {name: file.load(name, torch.device("cpu"), None) for name in rest}
    return replace(parts, metadata=dict(file.header.metadata), unused=unused)


def write(parts: VideoParts, path: Path, *, dtype: torch.dtype | None, metadata: Mapping[str, str]) -> None:
    """Write `parts` as one file, atomically.

    A model that came from an original file gets back all that stood in it. One that did not gets stand-ins for what
    other programs expect beside the networks, and what modelspec asks for where `metadata` does not say it.
    """
    tensors = original_tensors(parts)
    described: dict[str, str] = {}
    unused = parts.unused
    if not unused:
        joined = {name: fetch() for name, fetch in tensors.items() if name.startswith((DECODER, ENCODER))}
        unused = svd_keys.stand_ins(joined)
        described = _modelspec(parts.architecture, path.stem)
    tensors |= {name: _fetch(tensor) for name, tensor in unused.items()}
    write_tensors(path, tensors, dtype=dtype, metadata={**described, **metadata})


LABELS = {"unet": "UNet", "vae": "VAE", "image_encoder": "image encoder"}


def part_entries(parts: VideoParts) -> dict[str, list[Entry]]:
    """The names of each network's tensors in the original layout, by the network's own name."""
    architecture = parts.architecture
    return {
        "unet": svd_keys.unet_entries(architecture, parts.unet.state_dict()),
        "vae": svd_keys.vae_entries(architecture, parts.vae.state_dict()),
        "image_encoder": svd_keys.vision_entries(architecture, parts.image_encoder.state_dict()),
    }


def original_tensors(parts: VideoParts) -> dict[str, Callable[[], Tensor]]:
    """The networks' tensors under the original names."""
    tensors: dict[str, Callable[[], Tensor]] = {}
    for part, entries in part_entries(parts).items():
        state: dict[str, Tensor] = getattr(parts, part).state_dict()
        tensors |= {entry.original: _joined(entry, state) for entry in entries}
    return tensors


def _architecture(file: TensorFile) -> VideoArchitecture:
    metadata, usual = file.header.metadata, VideoArchitecture()
    size = _size(metadata.get("modelspec.resolution", "")) or usual.default_size
    try:
        return VideoArchitecture.of_single_file(file.shapes(), size, _frames(file, usual.frames))
    except UnknownShape as unknown:
        raise UserError(f"{file.path.name} {unknown.what}.", unknown.fix, unknown.detail) from unknown


def _frames(file: TensorFile, usual: int) -> int:
    """How many frames the model was trained on, as a default that every job may overrule.

    The 14 and 25 frame models have the same tensors; the published files of the latter are called `svd_xt`.
    """
    stated = file.header.metadata.get(FRAMES_KEY, "")
    if stated.isascii() and stated.isdigit() and 1 <= int(stated[:4]) <= 100:
        return int(stated)
    return 25 if "xt" in file.path.stem.lower().replace("-", "_").split("_") else usual


def _size(text: str) -> tuple[int, int] | None:
    """`1024x576` as (1024, 576); None for anything that is no size in multiples of 8."""
    width, _, height = text.lower().partition("x")
    if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        return None
    size = (int(width[:6]), int(height[:6]))
    return size if all(16 <= side <= 4096 and side % 8 == 0 for side in size) else None


def _modelspec(architecture: VideoArchitecture, title: str) -> dict[str, str]:
    width, height = architecture.default_size
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": MODELSPEC_NAME,
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.title": title,
        "modelspec.resolution": f"{width}x{height}",
        "modelspec.prediction_type": "v",
        FRAMES_KEY: str(architecture.frames),
    }


MODELSPEC_NAME = "stable-video-diffusion-img2vid-v1"


def _require_known(file: TensorFile, wanted: set[str]) -> None:
    """Refuse a file with parts of a network that this architecture lacks: they would be dropped without a word."""
    extra = sorted(name for name in file.header.tensors if name.startswith(_CHECKED) and name not in wanted)
    if extra:
        raise UserError(
            f"{file.path.name} has {len(extra)} tensors that Stable Video Diffusion does not have.",
            "It is of a kind that Gesso can't load; choose a standard Stable Video Diffusion model.",
            f"The first is {extra[0]}.",
        )


def _joined(entry: Entry, state: Mapping[str, Tensor]) -> Callable[[], Tensor]:
    return lambda: entry.join(state)


def _fetch(tensor: Tensor) -> Callable[[], Tensor]:
    return lambda: tensor
