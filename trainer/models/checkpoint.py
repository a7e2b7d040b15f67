"""Whole SD 1.x and 2.x models in single files of the original layout."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from trainer.contract.errors import UserError
from trainer.library.header import read_tensor_bytes
from trainer.library.identify import identify, sidecar_text
from trainer.models import networks, sd_keys
from trainer.models.architecture import CLIP, OPEN_CLIP, UNET, VAE, Architecture, FamilyName, UnknownShape
from trainer.models.family import Prediction
from trainer.models.tensors import TensorFile, write_tensors
from trainer.models.tokenizer import TOKENS

Progress = Callable[[int, int], None]

OWN_PREFIXES = (UNET, VAE, "cond_stage_model.")
_CHECKED = (UNET, VAE, CLIP + "text_model.encoder.", OPEN_CLIP + "transformer.")
"""Where a tensor that the networks lack means another architecture. Beside a text encoder's layers some merged files
carry leftovers of CLIP's image half, which no program reads."""
_IGNORED = (VAE + "loss.", VAE + "model_ema.")
"""Left over from the training of some models; no program reads them."""

MODELSPEC_NAMES: dict[tuple[FamilyName, Prediction], str] = {
    ("sd1", "epsilon"): "stable-diffusion-v1",
    ("sd1", "v_prediction"): "stable-diffusion-v1",
    ("sd2", "epsilon"): "stable-diffusion-v2-512",
    ("sd2", "v_prediction"): "stable-diffusion-v2-768-v",
}

_MANY = 50
"""So many tensors are loaded between two reports of progress."""


def read(
    source: Path,
    *,
    family: FamilyName,
    device: torch.device,
    dtype: torch.dtype,
    ema: bool = False,
    progress: Progress | None = None,
) -> networks.Parts:
    """The model in the file `source`, its weights as `dtype` on `device`.

    Raises UserError that names the part which is missing or otherwise built. Weights whose number format is already
    right are mapped, not read.
    """
    with TensorFile(source) as file:
        architecture = _architecture(file, family)
        parts = networks.without_weights(architecture, source.name)
        entries = [
            sd_keys.unet_entries(architecture, parts.unet.state_dict()),
            sd_keys.vae_entries(architecture, parts.vae.state_dict()),
            sd_keys.text_entries(architecture, parts.text_encoder.state_dict()),
        ]
        names = _names(file, source, ema)
        _require_known(names, entries, architecture, source)
        reader = _Reader(file, names, device, dtype, sum(len(part) for part in entries), progress)
        networks.assign(parts.unet, reader.state(entries[0]), "UNet", source.name)
        networks.assign(parts.vae, reader.state(entries[1]), "VAE", source.name)
        networks.assign(parts.text_encoder, reader.state(entries[2]), "text encoder", source.name)
        return replace(parts, metadata=dict(file.header.metadata), unused=_unused(reader, architecture))


def write(parts: networks.Parts, path: Path, *, dtype: torch.dtype | None, metadata: Mapping[str, str]) -> None:
    """Write `parts` as one file, atomically, with what modelspec asks for where `metadata` does not say it."""
    architecture = parts.architecture
    tensors: dict[str, Callable[[], Tensor]] = {}
    for network, entries in (
        (parts.unet, sd_keys.unet_entries),
        (parts.vae, sd_keys.vae_entries),
        (parts.text_encoder, sd_keys.text_entries),
    ):
        state: dict[str, Tensor] = network.state_dict()
        tensors |= {entry.original: _joined(entry, state) for entry in entries(architecture, state)}
    if architecture.family == "sd1":
        tensors[sd_keys.POSITION_IDS] = _fetch(torch.arange(TOKENS).unsqueeze(0))
    else:
        extra = {**_stand_ins(architecture, tensors), **parts.unused}
        tensors |= {name: _fetch(tensor) for name, tensor in extra.items()}
    if architecture.zero_terminal_snr:
        tensors |= {mark: _fetch(torch.empty(0)) for mark in ("v_pred", "ztsnr")}
    width, height = architecture.default_size
    described = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": MODELSPEC_NAMES[architecture.family, architecture.prediction],
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.title": path.stem,
        "modelspec.resolution": f"{width}x{height}",
        "modelspec.prediction_type": "v" if architecture.prediction == "v_prediction" else "epsilon",
    }
    write_tensors(path, tensors, dtype=dtype, metadata={**described, **metadata})


def _architecture(file: TensorFile, family: FamilyName) -> Architecture:
    header = file.header
    identity = identify(header, lambda name: read_tensor_bytes(file.path, header, name), sidecar_text(file.path))
    prediction: Prediction = "v_prediction" if family == "sd2" else "epsilon"  # what most models of the family predict
    if identity.prediction != "unknown":
        prediction = identity.prediction
    usual = 768 if family == "sd2" and prediction == "v_prediction" else 512
    size = _resolution(header.metadata.get("modelspec.resolution", "")) or (usual, usual)
    try:
        architecture = Architecture.of_single_file(_with_text_model(file.shapes()), family, prediction, size)
    except UnknownShape as unknown:
        raise UserError(f"{file.path.name} {unknown.what}.", unknown.fix, unknown.detail) from unknown
    # A model that predicts noise could tell nothing from pure noise: the mark can only be a mistake there.
    return replace(architecture, zero_terminal_snr=identity.zero_terminal_snr and prediction == "v_prediction")


def _resolution(text: str) -> tuple[int, int] | None:
    """`512x768` as (512, 768); None for anything that is no size in multiples of 8."""
    width, _, height = text.lower().partition("x")
    if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        return None
    size = (int(width[:6]), int(height[:6]))
    return size if all(16 <= side <= 4096 and side % 8 == 0 for side in size) else None


def _with_text_model(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {_standard(name): shape for name, shape in shapes.items()}


def _standard(name: str) -> str:
    """The name with `text_model.`, which some files lack."""
    if name.startswith(CLIP) and not name.startswith(CLIP + "text_model."):
        return f"{CLIP}text_model.{name.removeprefix(CLIP)}"
    return name


def _names(file: TensorFile, source: Path, ema: bool) -> dict[str, str]:
    """Standard names to the names in this file, with the UNet's averaged copy in place of the plain one for `ema`."""
    stored = file.header.tensors
    names = {_standard(name): name for name in stored if name.startswith(OWN_PREFIXES)}
    if not ema:
        return names
    averaged = {name: sd_keys.ema_name(name) for name in names if name.startswith(UNET)}
    lacking = [name for name in averaged.values() if name not in stored]
    if lacking:
        raise UserError(
            f"{source.name} has no averaged (EMA) weights of its UNet.",
            "Use its plain weights.",
            f"{len(lacking)} tensors are missing, the first is {lacking[0]}.",
        )
    return {**names, **averaged}


def _require_known(
    names: Mapping[str, str], entries: list[list[sd_keys.Entry]], architecture: Architecture, source: Path
) -> None:
    """Refuse a file with parts of a network that this architecture lacks: they would be dropped without a word."""
    wanted = {entry.original for part in entries for entry in part}
    extra = sorted(
        name
        for name in names
        if name.startswith(_CHECKED)
        and name not in wanted
        and not name.startswith(_IGNORED)
        and not _is_unused(name, architecture)
    )
    if extra:
        raise UserError(
            f"{source.name} has {len(extra)} tensors that a model of its family does not have.",
            "It is of a kind that Gesso can't load; choose a standard Stable Diffusion 1.x or 2.x model.",
            f"The first is {extra[0]}.",
        )


def _is_unused(name: str, architecture: Architecture) -> bool:
    """Whether it belongs to what the file of SD 2.x holds of its text encoder and generation never uses."""
    last = sd_keys.open_clip_layer(architecture.text.layers)
    return name.startswith(last) or name in (OPEN_CLIP + "text_projection", OPEN_CLIP + "logit_scale")


def _unused(reader: "_Reader", architecture: Architecture) -> dict[str, Tensor]:
    if architecture.family == "sd1":
        return {}
    return {name: reader.load(name) for name in reader.names if _is_unused(name, architecture)}


def _stand_ins(architecture: Architecture, tensors: Mapping[str, Callable[[], Tensor]]) -> dict[str, Tensor]:
    """What OpenCLIP's file has beside the layers in use, for a model that came without: a copy of the last layer, no
    projection, and CLIP's usual scale of logits, ln(1 / 0.07). Other programs expect the keys and use none of them."""
    last = sd_keys.open_clip_layer(architecture.text.layers - 1)
    spare = sd_keys.open_clip_layer(architecture.text.layers)
    copied = {spare + name.removeprefix(last): fetch() for name, fetch in tensors.items() if name.startswith(last)}
    like = next(iter(copied.values()))
    return {
        **copied,
        OPEN_CLIP + "text_projection": torch.eye(architecture.text.width, dtype=like.dtype),
        OPEN_CLIP + "logit_scale": torch.tensor(2.6593, dtype=like.dtype),
    }


def _joined(entry: sd_keys.Entry, state: Mapping[str, Tensor]) -> Callable[[], Tensor]:
    return lambda: entry.join(state)


def _fetch(tensor: Tensor) -> Callable[[], Tensor]:
    return lambda: tensor


class _Reader:
    """Loads tensors by standard name, and says how far it is."""

    def __init__(
        self,
        file: TensorFile,
        names: Mapping[str, str],
        device: torch.device,
        dtype: torch.dtype,
        total: int,
        progress: Progress | None,
    ) -> None:
        self.file, self.names, self.device, self.dtype = file, names, device, dtype
        self._total, self._done, self._progress = total, 0, progress

    def load(self, name: str) -> Tensor:
        return self.file.load(self.names[name], self.device, self.dtype)

    def state(self, entries: list[sd_keys.Entry]) -> dict[str, Tensor]:
        """The tensors of one network under our names. Those that the file lacks are left out."""
        state: dict[str, Tensor] = {}
        for entry in entries:
            if entry.original in self.names:
                state |= zip(entry.keys, entry.split(self.load(entry.original)), strict=True)
            self._done += 1
            if self._progress is not None and (self._done % _MANY == 0 or self._done == self._total):
                self._progress(self._done, self._total)
        return state
