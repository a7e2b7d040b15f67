"""From a model's name or path to its networks in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch

from trainer.contract.common import Hardware
from trainer.contract.errors import UserError
from trainer.contract.run import Run
from trainer.home import Home
from trainer.library.identity import Identity, Kind, ModelFamily
from trainer.library.index import Index
from trainer.models.architecture import Architecture
from trainer.models.device import choose
from trainer.models.family import Bundle, Family
from trainer.models.networks import LABELS
from trainer.models.sd import SD1, SD2, StableDiffusion
from trainer.models.sdxl import SDXL, SDXL_REFINER
from trainer.models.svd import SVD

FAMILIES: dict[str, StableDiffusion] = {"sd1": SD1, "sd2": SD2, "sdxl": SDXL, "sdxl_refiner": SDXL_REFINER}
"""Every family that Gesso can load and that makes pictures, by the name that trainer.library.identify gives it."""
VIDEO_FAMILIES: dict[str, Family] = {"svd": SVD}
"""The same of those that make videos."""

Makes = Literal["pictures", "videos", "either"]
"""What a model is wanted for."""

BLANK = "blank:"
VARIANTS = ("standard", "inpainting")
SAMPLED = 4096
"""Every so many numbers of a weight are looked at first, to see whether it holds any."""


def open_model(
    source: str,
    home: Home,
    *,
    hardware: Hardware,
    ema: bool = False,
    as_stored: bool = False,
    run: Run | None = None,
    makes: Makes = "pictures",
) -> Bundle:
    """The model `source`, a name in the library or a path, on the device and in the precision of `hardware`.

    `blank:NAME` is resources/architectures/NAME.json with random weights; the caller seeds torch before. `ema` takes
    the averaged weights of a file that has both. `as_stored` leaves weights in half precision as they are where all of
    the file is in one format: for writing them again, not for computing.

    Raises UserError when there is no such model, when it is not one that can be loaded, and when something is missing
    in it.
    """
    device, dtype = choose(hardware, run)
    if source.startswith(BLANK):
        architecture = Architecture.named(source.removeprefix(BLANK))
        return FAMILIES[architecture.family].blank(architecture, device=device, dtype=dtype)
    entry = Index(home).find(source, kinds=(Kind.CHECKPOINT,))
    assert entry.identity is not None  # `find` gives nothing that could not be identified
    family = _family(entry.path, entry.identity.family, entry.identity.variant, makes)
    if as_stored:
        dtype = _stored(entry.identity, dtype)
    if run is not None:
        run.status(f"loading {entry.name}")
    bundle = family.load(entry.path, device=device, dtype=dtype, ema=ema, progress=_progress(run))
    _require_written(bundle)
    return bundle


def nan_tensors(bundle: Bundle) -> list[str]:
    """Names of weights that hold something that is not a finite number, as `unet.conv_in.weight`. Reads all of them.

    Such a model makes black pictures, and nothing can be trained on it.
    """
    return [
        f"{part}.{name}"
        for part, network in bundle.networks.items()
        for name, weight in network.state_dict().items()
        if not torch.isfinite(weight).all()
    ]


def _stored(identity: Identity, otherwise: torch.dtype) -> torch.dtype:
    """The half precision that all weights are in; position numbers are whole and don't count."""
    formats = [name for name in identity.precision if name != "I64"]
    return {"F16": torch.float16, "BF16": torch.bfloat16}.get(formats[0], otherwise) if len(formats) == 1 else otherwise


def _family(path: Path, family: ModelFamily, variant: str, makes: Makes) -> Family:
    known = {**FAMILIES, **VIDEO_FAMILIES}
    if family in VIDEO_FAMILIES and makes == "pictures":
        raise UserError(
            f"{path.name} belongs to {family.label}: it makes videos from a picture, and reads no prompt.",
            "Choose a model that makes pictures; main.py animate makes a video with this one.",
        )
    if family in FAMILIES and makes == "videos":
        raise UserError(
            f"{path.name} belongs to {family.label}, which makes single pictures.",
            "Choose a Stable Video Diffusion model to make a video.",
        )
    if family not in known:
        raise UserError(
            f"{path.name} belongs to {family.label}, which Gesso can't load yet.",
            "Choose a Stable Diffusion 1.x, 2.x or XL model.",
        )
    if variant not in VARIANTS:
        raise UserError(
            f"{path.name} is a {variant} model of {family.label}, a kind that Gesso can't load yet.",
            "Choose a standard Stable Diffusion 1.x, 2.x or XL model.",
        )
    return known[family]


def _require_written(bundle: Bundle) -> None:
    """Refuse a file of the right size whose tensors were never written: a download that was broken off, or a power
    failure, leaves zeros. One weight of each part tells, the largest."""
    for part, network in bundle.networks.items():
        largest: torch.Tensor = max(network.parameters(), key=torch.numel)
        if not (largest.flatten()[::SAMPLED].any() or largest.any()):  # to read all of it takes a tenth of a second
            raise UserError(
                f"{bundle.source.name} is incomplete: its {LABELS[part]} holds only zeros.",
                "Download or copy the file again.",
            )


def _progress(run: Run | None) -> Callable[[int, int], None] | None:
    if run is None:
        return None

    def tell(done: int, total: int) -> None:
        run.check()
        run.progress("tensors", done, total)

    return tell
