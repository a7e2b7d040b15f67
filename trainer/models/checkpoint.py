"""Whole SD 1.x, 2.x and XL models in single files of the original layout."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from trainer.contract.errors import UserError
from trainer.library.header import read_tensor_bytes
from trainer.library.identify import identify, sidecar_text
from trainer.models import networks, sd_keys
from trainer.models.architecture import TEXT_PLACES, UNET, VAE, Architecture, FamilyName, TextPlace
from trainer.models.family import Prediction
from trainer.models.file_shapes import UnknownShape, architecture_of
from trainer.models.tensors import TensorFile, write_tensors
from trainer.models.tokenizer import TOKENS

Progress = Callable[[int, int], None]

_OWN_PREFIXES = (UNET, VAE, "cond_stage_model.", "conditioner.")
_IGNORED = (VAE + "loss.", VAE + "model_ema.")
"""Left over from the training of some models; no program reads them."""
V_PREDICTION, ZERO_SNR = "v_pred", "ztsnr"
"""Names of empty tensors that say of an XL model what its shapes don't: that it predicts v, on a noise schedule that
ends in pure noise (ComfyUI, comfy/supported_models.py)."""

MODELSPEC_NAMES: dict[tuple[FamilyName, Prediction], str] = {
    ("sd1", "epsilon"): "stable-diffusion-v1",
    ("sd1", "v_prediction"): "stable-diffusion-v1",
    ("sd2", "epsilon"): "stable-diffusion-v2-512",
    ("sd2", "v_prediction"): "stable-diffusion-v2-768-v",
    ("sdxl", "epsilon"): "stable-diffusion-xl-v1-base",
    ("sdxl", "v_prediction"): "stable-diffusion-xl-v1-base",
    ("sdxl_refiner", "epsilon"): "stable-diffusion-xl-v1-refiner",
    ("sdxl_refiner", "v_prediction"): "stable-diffusion-xl-v1-refiner",
}
_SIDES: dict[tuple[FamilyName, Prediction], int] = {("sd2", "v_prediction"): 768}
"""Pixels of the square that models were trained on, where the file does not tell, and it is not the usual."""

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
    file = TensorFile(source)
    architecture = _architecture(file, family)
    parts = networks.without_weights(architecture, source.name)
    entries = {
        part: sd_keys.part_entries(architecture, part, network.state_dict()) for part, network in parts.networks.items()
    }
    names = _names(file, architecture, source, ema)
    _require_known(names, entries, architecture, source)
    total = sum(len(of_part) for of_part in entries.values())
    reader = _Reader(file, names, device, dtype, total, progress)
    for part, network in parts.networks.items():
        networks.assign(network, reader.state(entries[part]), networks.LABELS[part], source.name)
    return replace(parts, metadata=dict(file.header.metadata), unused=_unused(reader, architecture))


def write(parts: networks.Parts, path: Path, *, dtype: torch.dtype | None, metadata: Mapping[str, str]) -> None:
    """Write `parts` as one file, atomically, with what modelspec asks for where `metadata` does not say it."""
    architecture = parts.architecture
    tensors: dict[str, Callable[[], Tensor]] = {}
    for part, network in parts.networks.items():
        state: dict[str, Tensor] = network.state_dict()
        entries = sd_keys.part_entries(architecture, part, state)
        tensors |= {entry.original: _joined(entry, state) for entry in entries}
    beside = {**_stand_ins(architecture, tensors), **_marks(architecture), **parts.unused}
    tensors |= {name: _fetch(tensor) for name, tensor in beside.items()}
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
    usual = 1024 if family in ("sdxl", "sdxl_refiner") else _SIDES.get((family, prediction), 512)
    size = _resolution(header.metadata.get("modelspec.resolution", "")) or (usual, usual)
    try:
        shapes = {_standard(name, TEXT_PLACES[family]): shape for name, shape in file.shapes().items()}
        architecture = architecture_of(shapes, family, prediction, size)
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


def _standard(name: str, places: Sequence[TextPlace]) -> str:
    """The name with `text_model.`, which some files lack."""
    for place in places:
        if not place.is_open_clip and name.startswith(place.prefix):
            return f"{place.prefix}text_model.{name.removeprefix(place.prefix).removeprefix('text_model.')}"
    return name


def _names(file: TensorFile, architecture: Architecture, source: Path, ema: bool) -> dict[str, str]:
    """Standard names to the names in this file, with the UNet's averaged copy in place of the plain one for `ema`."""
    stored = file.header.tensors
    places = TEXT_PLACES[architecture.family]
    marks = (V_PREDICTION, ZERO_SNR)
    names = {_standard(name, places): name for name in stored if name.startswith(_OWN_PREFIXES) or name in marks}
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
    names: Mapping[str, str], entries: Mapping[str, list[sd_keys.Entry]], architecture: Architecture, source: Path
) -> None:
    """Refuse a file with parts of a network that this architecture lacks: they would be dropped without a word.

    Beside a text encoder's layers some merged files carry leftovers of CLIP's image half, which no program reads.
    """
    wanted = {entry.original for of_part in entries.values() for entry in of_part}
    checked = (UNET, VAE, *(_layers(place) for place, _ in architecture.texts))
    extra = sorted(
        name
        for name in names
        if name.startswith(checked)
        and name not in wanted
        and not name.startswith(_IGNORED)
        and not _is_unused(name, architecture)
    )
    if extra:
        raise UserError(
            f"{source.name} has {len(extra)} tensors that a model of its family does not have.",
            "It is of a kind that Gesso can't load; choose a standard Stable Diffusion 1.x, 2.x or XL model.",
            f"The first is {extra[0]}.",
        )


def _layers(place: TextPlace) -> str:
    return place.prefix + ("transformer." if place.is_open_clip else "text_model.encoder.")


def _is_unused(name: str, architecture: Architecture) -> bool:
    """Whether it is something that generation never uses, and the file is to get back: what it holds of OpenCLIP's text
    encoders beyond the layers in use, and the empty tensors that say what an XL model predicts."""
    if name in (V_PREDICTION, ZERO_SNR):
        return architecture.prediction == "v_prediction"
    return any(
        name == place.prefix + "logit_scale"
        or (
            not place.projects
            and (name == place.prefix + "text_projection" or name.startswith(place.layer(shape.layers)))
        )
        for place, shape in architecture.texts
        if place.is_open_clip
    )


def _unused(reader: "_Reader", architecture: Architecture) -> dict[str, Tensor]:
    return {name: reader.load(name) for name in reader.names if _is_unused(name, architecture)}


def _stand_ins(architecture: Architecture, tensors: Mapping[str, Callable[[], Tensor]]) -> dict[str, Tensor]:
    """What other programs expect beside the layers in use, and use none of, for a model that came without.

    Of CLIP the numbers of its positions. Of OpenCLIP its usual scale of logits, ln(1 / 0.07); where a family leaves out
    the last layer and the projection, a copy of the layer before and no projection.
    """
    made: dict[str, Tensor] = {}
    for place, shape in architecture.texts:
        if not place.is_open_clip:
            made[sd_keys.position_ids(place)] = torch.arange(TOKENS).unsqueeze(0)
            continue
        last, spare = place.layer(shape.layers - 1), place.layer(shape.layers)
        like = tensors[place.prefix + "ln_final.weight"]()
        made[place.prefix + "logit_scale"] = torch.tensor(2.6593, dtype=like.dtype)
        if not place.projects:
            made |= {
                spare + name.removeprefix(last): fetch() for name, fetch in tensors.items() if name.startswith(last)
            }
            made[place.prefix + "text_projection"] = torch.eye(shape.width, dtype=like.dtype)
    return made


def _marks(architecture: Architecture) -> dict[str, Tensor]:
    """The empty tensors that say what the model predicts, where nothing else in its file does."""
    predicts_v = architecture.is_xl and architecture.prediction == "v_prediction"
    marks = [V_PREDICTION] if predicts_v or architecture.zero_terminal_snr else []
    marks += [ZERO_SNR] if architecture.zero_terminal_snr else []
    return {mark: torch.empty(0) for mark in marks}


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
        dtype = None if name in (V_PREDICTION, ZERO_SNR) else self.dtype
        return self.file.load(self.names[name], self.device, dtype)

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
