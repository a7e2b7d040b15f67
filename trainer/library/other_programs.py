"""Model folders of other programs, used in place and never written to: which ones the user named, what lies where.

    AUTOMATIC1111, Forge    models/Stable-diffusion  models/Lora  models/LyCORIS  models/VAE  embeddings
    ComfyUI                 models/checkpoints  models/loras  models/embeddings  models/vae  models/diffusers
    StabilityMatrix         Models/StableDiffusion  Models/Lora  Models/Embeddings  Models/VAE

Folders of kinds that Gesso has no use for (hypernetworks, ControlNet, upscalers) are left out.
"""

import json
from pathlib import Path
from typing import cast

from trainer.contract.errors import UserError
from trainer.home import Home

_TOPS = ("", "models", "webui", "webui/models", "comfyui", "comfyui/models", "data", "data/models")
"""Where the shelves may stand below what the user chose: the program, its models, or what its archive unpacks to."""
_WHOLE_MODELS = ("stable-diffusion", "stablediffusion", "checkpoints")
_SHELVES = (*_WHOLE_MODELS, "diffusers", "lora", "loras", "lycoris", "embeddings", "vae", "textualinversion")


def named_folders(home: Home) -> tuple[Path, ...]:
    """The folders in the settings of the window, as they stand there. A missing or damaged file names none."""
    for name in ("settings.json", "settings.last-good.json"):
        try:
            saved = cast(object, json.loads((home.root / name).read_text(encoding="utf-8")))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError):  # the window says so, and sets it aside
            continue
        named = cast("dict[str, object]", saved).get("model_folders") if isinstance(saved, dict) else None
        folders = cast("list[object]", named) if isinstance(named, list) else []
        return tuple(Path(folder) for folder in folders if isinstance(folder, str) and folder)
    return ()


def shelves(folder: Path) -> tuple[Path, ...]:
    """The folders of models in what the user chose: those of a program whose layout it has, else `folder` itself."""
    found: dict[str, Path] = {}
    for top in _TOPS:
        place = _below(folder, top)
        for shelf in _folders_in(place) if place else ():
            if shelf.name.casefold() in _SHELVES:
                found[shelf.name.casefold()] = shelf
    if len(found) > 1 and any(name in found for name in _WHOLE_MODELS):
        return tuple(found.values())
    return (folder,)


def require_other_folder(folder: Path, home: Home) -> Path:
    """`folder` as it is kept. Raises UserError for one that isn't there, or has to do with Gesso's own."""
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.", "Choose another one.")
    here, own = folder.resolve(), home.root.resolve()
    if here.is_relative_to(own):
        raise UserError(f"{folder} lies in your Gesso folder, whose models are listed already.", "Choose another one.")
    if own.is_relative_to(here):
        raise UserError(f"{folder} holds your Gesso folder itself.", "Choose a folder of models beside it.")
    return folder


def _below(folder: Path, path: str) -> Path | None:
    """`folder / path` whatever the case in which its parts are written; None if it isn't there."""
    place: Path | None = folder
    for part in filter(None, path.split("/")):
        if place is not None:
            place = next((one for one in _folders_in(place) if one.name.casefold() == part), None)
    return place


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if one.is_dir())
    except (OSError, ValueError):  # gone, a drive that is not plugged in, not ours to read, or no path at all
        return []
