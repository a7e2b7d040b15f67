"""ConvertJob: a model read, and written again in another layout or precision."""

from pathlib import Path
from typing import TYPE_CHECKING

from trainer.contract import events
from trainer.contract.common import Hardware, SavedPrecision
from trainer.contract.convert import ConvertJob
from trainer.contract.errors import UserError
from trainer.contract.run import Run
from trainer.files import require_room
from trainer.home import RESOURCES, Home
from trainer.library.folders import read_folder
from trainer.library.identify import identify_file

if TYPE_CHECKING:
    import torch

    from trainer.models.family import Bundle

_SUFFIX = ".safetensors"
_PRECISIONS: dict[str, SavedPrecision] = {"F16": "fp16", "BF16": "bf16"}


def convert(job: ConvertJob, run: Run, home: Home) -> tuple[Path, ...]:
    """Write the model anew and return the path of the new file or folder. The source is never changed, and nothing
    that exists is overwritten. Raises UserError when the target exists, can't be written or finds no room."""
    from trainer.models.device import SAVED
    from trainer.models.opening import open_model

    # Nothing is lost between reading and writing: weights stay as they are where all are in one format, which takes no
    # memory beside the file's pages, and else become fp32, which holds every value of fp16 and bf16.
    exact = Hardware(device="cpu", precision="fp32")
    bundle = open_model(
        job.model, home, hardware=exact, ema=job.weights == "ema", as_stored=True, run=run, makes="either"
    )
    run.check()
    precision = _source_precision(bundle.source) if job.precision == "keep" else job.precision
    target = _target(job, bundle.source, precision, home)
    dtype = SAVED[precision]
    require_room(target.parent, _bytes(bundle, dtype), target.name)
    run.status(f"writing {target.name}")
    if job.layout == "diffusers":
        bundle.family.save_folder(bundle, target, dtype=dtype)
    else:
        bundle.family.save(bundle, target, dtype=dtype, metadata=bundle.metadata)
    run.emit(events.Saved(what="model", path=str(target)))
    return (target,)


def _source_precision(source: Path) -> SavedPrecision:
    """The number format that most of the source's weights have; `fp32` for any that we do not write."""
    identity = read_folder(source).identity if source.is_dir() else identify_file(source)
    most = max(identity.precision, key=lambda name: identity.precision[name], default="F32")
    return _PRECISIONS.get(most, "fp32")


def _target(job: ConvertJob, source: Path, precision: str, home: Home) -> Path:
    """Where it goes: as asked, or beside the source as `<name>-<precision>`. Raises UserError when taken.

    What is made from a model that ships with Gesso goes to the user's own models.
    """
    suffix = _SUFFIX if job.layout == "single_file" else ""
    name = source.name if source.is_dir() else source.stem
    beside = home.models / "checkpoints" if source.is_relative_to(RESOURCES) else source.parent
    target = Path(job.output).expanduser() if job.output else beside / f"{name}-{precision}{suffix}"
    if suffix and target.suffix != suffix:
        raise UserError(f"{target} is no name for a single-file model.", f"Give a name that ends in {suffix}.")
    if target.exists():
        raise UserError(f"{target} exists already.", "Choose another output path, or remove it first.")
    return target


def _bytes(bundle: "Bundle", dtype: "torch.dtype") -> int:
    weights = (weight for network in bundle.networks.values() for weight in network.parameters())
    return sum(weight.numel() for weight in weights) * dtype.itemsize
