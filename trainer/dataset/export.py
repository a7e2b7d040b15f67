"""A dataset written as another program reads it: in one step, never over something, and read again at the end."""

import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from trainer.contract.errors import UserError
from trainer.contract.export import Export
from trainer.dataset.export_plan import Plan, Planned, shrunk_size
from trainer.dataset.export_read import ReadingError, Taken, read_as, read_toml
from trainer.dataset.items import Item
from trainer.dataset.masks import mask_path, read_mask
from trainer.dataset.names import shown
from trainer.dataset.pictures import PictureError, Size, glance, measure, read_bytes
from trainer.dataset.recipes import prepared
from trainer.files import folder_written_atomically, require_room

_CHECKED_SIDE = 64


@dataclass(frozen=True, slots=True)
class Exported:
    """`pictures` were written, and read again by the other program's rules with the captions of the plan."""

    folder: Path
    pictures: int
    linked: int


def export(plan: Plan, out: Path, watch: Callable[[int, int], None] | None = None) -> Exported:
    """Write the plan as the new folder `out`. `watch(done, total)` is called after each picture and may raise to stop.

    Raises UserError, with nothing left behind, where `out` exists or lies in the dataset, where there is no room, the
    disk refuses, a picture is damaged, or what was written would not be read as planned.
    """
    out = out.absolute()
    _require_place(plan, out)
    require_room(out.parent, _needed(plan), "the exported pictures")
    linked = 0
    with folder_written_atomically(out) as folder:
        for done, planned in enumerate(plan.pictures, 1):
            linked += _write(plan, planned, folder)
            if watch is not None:
                watch(done, len(plan.pictures))
        for name, text in _documents(plan, out).items():
            (folder / name).write_bytes(text.encode("utf-8"))
        _reread(plan, folder, out)
    return Exported(out, len(plan.pictures), linked)


def _require_place(plan: Plan, out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise UserError(f"{shown(out)} exists already; an export never writes over something.", "Name a new folder.")
    dataset = plan.dataset.folder.resolve()
    if dataset == out.resolve() or dataset in out.resolve().parents:
        raise UserError(
            f"{shown(out)} lies in the dataset itself, of which it would become a part.", "Name a folder elsewhere."
        )


def _needed(plan: Plan) -> int:
    """Bytes. Of pictures that are written anew a PNG is taken to need three for each pixel, the others one."""
    needed = 0
    for planned in plan.pictures:
        if planned.format:
            needed += planned.size.width * planned.size.height * (3 if planned.format == "PNG" else 1)
        elif plan.options.pictures == "copy":
            needed += plan.dataset.items[planned.place].path.stat().st_size
    return needed


def _write(plan: Plan, planned: Planned, folder: Path) -> bool:
    """Picture, caption and mask. Returns whether the picture was linked."""
    item = plan.dataset.items[planned.place]
    target = folder / planned.name
    target.parent.mkdir(parents=True, exist_ok=True)
    linked = False
    size = planned.size
    if planned.format:
        picture = rendered(item, planned, plan.options)
        size = Size(*picture.size)
        target.write_bytes(_encoded(picture, planned.format, plan.options.quality))
    else:
        glance(read_bytes(item.path), item.path, _CHECKED_SIDE)  # a damaged file ends the training elsewhere
        linked = plan.options.pictures == "link" and _linked(item.path, target)
        if not linked:
            shutil.copyfile(item.path, target)
    if plan.options.to != "imagefolder":
        # a file without a line would end sd-scripts' training
        target.with_suffix(".txt").write_bytes(("\n".join(planned.captions) + "\n").encode("utf-8"))
    if planned.mask is not None:
        _write_mask(item, planned, size, mask_path(target))
    return linked


def _linked(source: Path, target: Path) -> bool:
    """False where the disk knows no links, or `target` lies on another one."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES):
            return False
        raise
    return True


def rendered(item: Item, planned: Planned, options: Export) -> Image.Image:
    """The picture as training sees it, after its recipe, shrunk to the longest side. Raises PictureError."""
    picture = prepared(item.path, planned.recipe)
    size = shrunk_size(Size(*picture.size), options.longest)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def _write_mask(item: Item, planned: Planned, size: Size, target: Path) -> None:
    """A mask of a picture that is taken as it is stays as it is too."""
    if not planned.format:
        shutil.copyfile(mask_path(item.path), target)
        return
    mask = read_mask(item.path, measure(item.path))
    if mask is None:
        raise PictureError(mask_path(item.path), "it has disappeared", "Put it back, or look at the folder again.")
    grey = planned.recipe(mask)
    if grey.size != size:
        grey = grey.resize(size, Image.Resampling.BILINEAR)
    target.write_bytes(_encoded(grey, "PNG", 100))


def _encoded(picture: Image.Image, format: str, quality: int) -> bytes:
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": quality} if format in ("JPEG", "WEBP") else {}
    if format == "JPEG":
        options["subsampling"] = 0
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def _documents(plan: Plan, out: Path) -> dict[str, str]:
    """What the other program reads beside pictures and captions, by name."""
    match plan.options.to:
        case "kohya":
            return {"dataset.toml": _toml(plan, out)}
        case "onetrainer":
            return {"concepts.json": json.dumps(_concepts(plan, out), indent=4, ensure_ascii=False) + "\n"}
        case "imagefolder":
            rows = ({"file_name": one.name, "text": plan.seen(one)[0]} for one in plan.pictures)
            return {"metadata.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}
        case "plain":
            return {}


def _folders(plan: Plan) -> dict[str, Item]:
    """Each folder of the export, with one of the items in it."""
    return {one.name.partition("/")[0]: plan.dataset.items[one.place] for one in plan.pictures}


def _toml(plan: Plan, out: Path) -> str:
    """sd-scripts' dataset config (docs/config_README-en.md): the default caption extension there is `.caption`."""
    import tomlkit  # not above: the window starts without it

    subsets = [
        {"image_dir": str(out / name), "class_tokens": name.partition("_")[2], "num_repeats": item.repeats}
        for name, item in _folders(plan).items()
    ]
    dataset = {"resolution": plan.options.resolution, "enable_bucket": True, "subsets": subsets}
    return tomlkit.dumps({"general": {"caption_extension": ".txt"}, "datasets": [dataset]})


def _concepts(plan: Plan, out: Path) -> list[dict[str, Any]]:
    """OneTrainer's concepts (ConceptConfig, version 1); what is not named there has its default."""
    return [
        {
            "__version": 1,
            "name": name.partition("_")[2],
            "path": (out / name).as_posix(),
            "enabled": True,
            "include_subdirectories": False,
            "balancing": float(item.repeats),
            "balancing_strategy": "REPEATS",
            "text": {"prompt_source": "sample"},
        }
        for name, item in _folders(plan).items()
    ]


def _reread(plan: Plan, folder: Path, out: Path) -> None:
    """Compare what the other program would take with what the preview showed."""
    try:
        readings = [read_as(plan.options.to, folder)]
        if plan.options.to == "kohya":
            readings.append(read_toml(folder, out))
    except ReadingError as error:
        raise _unlike(str(error)) from error
    for taken in readings:
        if taken.keys() != {planned.name for planned in plan.pictures}:
            raise _unlike(f"{len(taken)} pictures would be read, and there are {len(plan.pictures)}")
        for planned in plan.pictures:
            fault = _difference(plan, planned, taken[planned.name])
            if fault:
                raise _unlike(f"{shown(planned.name)}: {fault}")


def _difference(plan: Plan, planned: Planned, taken: Taken) -> str:
    item = plan.dataset.items[planned.place]
    if taken.captions != plan.seen(planned):
        return f"the caption would be {taken.captions!r}, not {plan.seen(planned)!r}"
    if (planned.format or plan.options.to != "plain") and taken.size != planned.size:
        return f"the size would be {taken.size}, not {planned.size}"
    if plan.options.to in ("kohya", "onetrainer") and taken.repeats != item.repeats:
        return f"there would be {taken.repeats} repeats, not {item.repeats}"
    if plan.options.to == "onetrainer" and (taken.mask is None) != (planned.mask is None):
        return "its mask would not be found"
    return ""


def _unlike(detail: str) -> UserError:
    return UserError(
        "The exported folder would not be read as planned, so it was not kept.",
        "Look at the files that are named in the details, then export again.",
        detail,
    )
