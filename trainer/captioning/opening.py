"""From a captioner's options to a captioner in memory: the one table of them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from trainer.captioning.captioner import Captioner
from trainer.contract.caption import Blip, FileName, Florence, Single
from trainer.contract.captioners import CAPTIONERS, KNOWN, CaptionerName, label
from trainer.contract.common import Hardware
from trainer.contract.errors import UserError
from trainer.contract.run import Run
from trainer.home import Home
from trainer.library.identity import Kind
from trainer.library.index import Entry, Index
from trainer.models.device import choose


@dataclass(frozen=True, slots=True)
class Opened:
    """A captioner in memory. `key` stands for the model's files, how it computes, and what changes what it says."""

    captioner: Captioner
    model: str
    key: str


Open = Callable[[Path, Single, torch.device, torch.dtype], Captioner]


def _blip(path: Path, options: Single, device: torch.device, dtype: torch.dtype) -> Captioner:
    from trainer.captioning import blip

    assert isinstance(options, Blip)
    return blip.Blip(path, options, device, dtype)


def _florence(path: Path, options: Single, device: torch.device, dtype: torch.dtype) -> Captioner:
    from trainer.captioning import florence

    assert isinstance(options, Florence)
    return florence.Florence(path, options, device, dtype)


def _wd(path: Path, _options: Single, _device: torch.device, _dtype: torch.dtype) -> Captioner:
    from trainer.captioning import wd

    return wd.Wd(path)


def _deepbooru(path: Path, _options: Single, device: torch.device, dtype: torch.dtype) -> Captioner:
    from trainer.captioning import deepbooru

    return deepbooru.DeepBooru(path, device, dtype)


OPENERS: Mapping[CaptionerName, Open] = {"blip": _blip, "florence": _florence, "wd": _wd, "deepbooru": _deepbooru}
"""Every captioner that needs a model, by the name that trainer.library gives it."""


def find_captioner(options: Single, home: Home) -> Entry:
    """The model that is asked for, or the only one of its kind. Raises UserError if there is none, or several."""
    assert not isinstance(options, FileName)
    index, kind = Index(home), options.kind
    if options.model:
        entry = index.find(options.model, kinds=(Kind.CAPTIONER,))
        assert entry.identity is not None  # `find` gives nothing that could not be identified
        if entry.identity.variant != kind:
            found = label(entry.identity.variant)
            raise UserError(
                f"{entry.name} is a captioner of another kind: {found}, not {CAPTIONERS[kind].label}.",
                f"Choose it as {entry.identity.variant}.",
            )
        return entry
    of_kind = [entry for entry in index.models().entries if entry.identity and entry.identity.variant == kind]
    of_kind = [entry for entry in of_kind if entry.identity and entry.identity.kind is Kind.CAPTIONER]
    if not of_kind:
        known = next(one for one in KNOWN if one.captioner == kind)
        raise UserError(
            f"You have no {CAPTIONERS[kind].label} model.",
            f"Get one, such as {known.name} ({known.source}), and install it: {CAPTIONERS[kind].needs}.",
        )
    if len(of_kind) > 1:
        names = ", ".join(entry.name for entry in of_kind)
        raise UserError(f"You have several {CAPTIONERS[kind].label} models: {names}.", "Choose one by its name.")
    return of_kind[0]


def open_captioner(options: Single, home: Home, hardware: Hardware, run: Run) -> Opened:
    """The captioner on the device and in the precision of `hardware`. Raises UserError if it can't be had."""
    entry = find_captioner(options, home)
    device, dtype = choose(hardware, run)
    # Scores are compared with thresholds: on a processor they are worth fp32, and bf16 is too coarse for them anywhere.
    if hardware.precision == "auto":
        dtype = torch.float32 if device.type == "cpu" else torch.float16
    run.status(f"loading {entry.name}")
    captioner = OPENERS[options.kind](entry.path, options, device, dtype)
    return Opened(captioner, entry.name, _key(entry, options, dtype))


def _key(entry: Entry, options: Single, dtype: torch.dtype) -> str:
    """Changes with the model's files, the number format, and the options that change what is said."""
    files = sorted(entry.path.glob("*")) if entry.is_folder else [entry.path]
    stamps = [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files if file.is_file()]
    asked = options.model_dump_json(exclude={"model"}) if isinstance(options, Blip | Florence) else options.kind
    return hashlib.sha256("\n".join((*stamps, str(dtype), asked)).encode()).hexdigest()[:16]
