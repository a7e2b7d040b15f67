"""The health of a dataset: every file opened once, the bad ones named with their reason, the rest ready to train on."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from trainer.contract.errors import UserError
from trainer.dataset.buckets import Buckets, Placement
from trainer.dataset.captions import Caption, alternatives, count_words
from trainer.dataset.findings import Finding
from trainer.dataset.items import Dataset, Item, scan
from trainer.dataset.masks import mask_path
from trainer.dataset.names import natural_key, shown
from trainer.dataset.pictures import PictureError, Size, decode, read_bytes
from trainer.dataset.recipes import AS_IT_IS, Recipe, Recipes

_THREADS = 2
"""Pillow decodes without the GIL; more threads would only hold more large pictures in memory."""

_IN_FLIGHT = 4
HEARD_TOKENS = 75
"""Of a caption: more the text encoder does not hear."""

_LEAST_KEPT = 0.6
_FORMAT_EXTENSIONS = {
    "PNG": {"png"},
    "JPEG": {"jpg", "jpeg", "jfif"},
    "WEBP": {"webp"},
    "BMP": {"bmp"},
    "GIF": {"gif"},
    "TIFF": {"tif", "tiff"},
    "AVIF": {"avif"},
}


@dataclass(frozen=True, slots=True)
class Examined:
    """A picture that can be trained on, as it was when the check read it.

    `original` is the size of the upright picture and `size` what its recipe leaves of it. `content_hash` is the hex
    SHA-256 of the file's bytes, `mask_hash` that of its mask's, "" where it has none or it is not used. `caption` is
    the text of its caption file or of what stands in for it.
    """

    item: Item
    size: Size
    content_hash: str
    caption: str
    placement: Placement
    original: Size
    recipe: Recipe = AS_IT_IS
    mask_hash: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found. `examined` has the good pictures in the order of the dataset, `total` counts all of them."""

    folder: Path
    total: int
    examined: tuple[Examined, ...]
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> tuple[Item, ...]:
        return tuple(one.item for one in self.examined)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON types, for `--json`."""
        severities = Counter(finding.severity for finding in self.findings)
        buckets = Counter(one.placement.bucket_size for one in self.examined)
        return {
            "folder": str(self.folder),
            "pictures": self.total,
            "usable": len(self.examined),
            "bad": severities["bad"],
            "warnings": severities["warning"],
            "notes": severities["note"],
            "buckets": {f"{size.width}x{size.height}": buckets[size] for size in sorted(buckets)},
            "findings": [
                {"path": str(f.path), "severity": f.severity, "reason": f.reason, "fix": f.fix} for f in self.findings
            ],
        }


def check(
    folder: Path,
    resolution: int = 512,
    *,
    buckets: Buckets | None = None,
    masks: bool = True,
    watch: Callable[[int, int], None] | None = None,
) -> Report:
    """Open every picture and caption in `folder` once and say what is wrong with it.

    `buckets` are those of the training, by default those around `resolution`. Pictures are taken as their recipes
    prepare them, and with their masks unless `masks` is False. `watch(done, total)` is called after
    each picture and may raise to stop. Raises UserError only where there is no such folder: bad files are findings.
    """
    used = buckets or Buckets.around(resolution)
    dataset = scan(folder)
    recipes = Recipes(folder)
    findings = list(dataset.findings)
    if recipes.note:
        fix = "Look at the pictures that were cropped or turned, and prepare them again."
        findings.append(Finding(recipes.path, "bad", recipes.note, fix, "unreadable"))
    examined: list[Examined] = []
    for done, (good, found) in enumerate(_examine_all(dataset, recipes, used, masks), 1):
        findings += found
        if good is not None:
            examined.append(good)
        if watch is not None:
            watch(done, len(dataset.items))
    findings += _duplicates(examined)
    if len(examined) == 1:
        fix = "Add more pictures: ten or twenty different ones teach a subject far better."
        reason = "It is the only picture to train on."
        findings.append(Finding(examined[0].item.path, "warning", reason, fix, "only picture"))
    keys = {path: natural_key(path.relative_to(folder).as_posix()) for path in {f.path for f in findings}}
    findings.sort(key=lambda finding: keys[finding.path])
    return Report(folder, len(dataset.items), tuple(examined), tuple(findings))


def require_usable(report: Report) -> tuple[Examined, ...]:
    """The pictures to train on. Raises UserError where there are none, naming the first reason if all were bad."""
    if not report.examined:
        raise nothing_usable(report.folder, [finding for finding in report.findings if finding.severity == "bad"])
    return report.examined


def nothing_usable(folder: Path, bad: Sequence[Finding]) -> UserError:
    """What to say of a folder without a good picture; `bad` are the others."""
    if not bad:
        return UserError(
            f"The folder {shown(folder)} holds no pictures.",
            "Put PNG, JPEG or WebP pictures into it, or choose another folder.",
        )
    return UserError(
        f"None of the pictures in {shown(folder)} can be used; {shown(bad[0].path.name)}: {bad[0].reason}",
        bad[0].fix,
        "\n".join(f"{shown(finding.path)}: {finding.reason}" for finding in bad),
    )


_Outcome = tuple[Examined | None, list[Finding]]


def _examine_all(dataset: Dataset, recipes: Recipes, buckets: Buckets, masks: bool) -> Iterator[_Outcome]:
    """The outcomes in the order of the items, with a few pictures at a time in the threads."""
    waiting: deque[Future[_Outcome]] = deque()
    with ThreadPoolExecutor(_THREADS, "dataset-check") as executor:
        for item in dataset.items:
            if len(waiting) == _IN_FLIGHT:
                yield waiting.popleft().result()
            waiting.append(executor.submit(_examine, item, recipes.of(item.relative), buckets, masks))
        while waiting:
            yield waiting.popleft().result()


def _examine(item: Item, recipe: Recipe, buckets: Buckets, masks: bool) -> _Outcome:
    try:
        data = read_bytes(item.path)
        decoded = decode(data, item.path)
    except PictureError as error:
        return None, [unreadable(item, error.reason, error.fix)]
    try:
        mask_hash = _mask_hash(item) if masks else ""
    except PictureError as error:
        return None, [broken_mask(item, error)]
    original = Size(*decoded.picture.size)
    size = recipe.size(original)
    placement = buckets.place(size)
    findings = [*about_file(item, decoded.format, decoded.remarks), *about_size(item, size, placement, buckets)]
    caption, of_caption = _caption(item)
    content_hash = sha256(data).hexdigest()
    good = Examined(item, size, content_hash, caption.text, placement, original, recipe, mask_hash)
    return good, findings + of_caption


def _mask_hash(item: Item) -> str:
    """The hex SHA-256 of the mask's file, "" where there is none. Raises PictureError if it is broken."""
    path = mask_path(item.path)
    if not path.is_file():
        return ""
    data = read_bytes(path)
    decode(data, path)
    return sha256(data).hexdigest()


def unreadable(item: Item, reason: str, fix: str) -> Finding:
    """`reason` and `fix` are those of a PictureError."""
    return Finding(item.path, "bad", f"{reason[0].upper()}{reason[1:]}.", fix, "unreadable")


def broken_mask(item: Item, error: PictureError) -> Finding:
    """Without its mask a picture would teach what was to be left out."""
    reason = f"This mask of {shown(item.path.name)} can't be used, nor the picture without it: {error.reason}."
    return Finding(mask_path(item.path), "bad", reason, error.fix, "unreadable")


def about_file(item: Item, format: str, remarks: tuple[str, ...]) -> Iterator[Finding]:
    """What is odd about a good picture's file: the remarks of its decoding, and a name that does not fit its format."""
    for remark in remarks:
        yield Finding(item.path, "note", remark, "Nothing, if that is what you want.", "several frames")
    extension = item.name.rpartition(".")[2].lower()
    if extension not in _FORMAT_EXTENSIONS[format]:
        reason = f"It is a {format} picture named .{extension}; that works here, and not in every program."
        fix = f"Rename it to end in .{true_extension(format)}."
        yield Finding(item.path, "note", reason, fix, "file format")


def true_extension(format: str) -> str:
    """`jpg` for Pillow's `JPEG`: the extension, without a dot, that every program takes for the format."""
    return {"JPEG": "jpg", "TIFF": "tif"}.get(format, format.lower())


def about_size(item: Item, size: Size, placement: Placement, buckets: Buckets) -> Iterator[Finding]:
    """What a picture loses on its way into its bucket."""
    if size.width * size.height < buckets.max_area:
        done = "trained at its small size" if buckets.no_upscale else "enlarged and blurred"
        reason = f"It is small, {size.width} x {size.height}; it will be {done}."
        fix = "Use a larger original, or train at a lower resolution."
        yield Finding(item.path, "warning", reason, fix, "too small")
    if placement.kept < _LEAST_KEPT:
        reason = (
            f"It is so long and narrow, {size.width} x {size.height}, that {placement.kept:.0%} of it will be seen."
        )
        yield Finding(item.path, "warning", reason, "Crop it to the part that matters.", "too narrow")


def _caption(item: Item) -> tuple[Caption, list[Finding]]:
    try:
        caption = item.read_caption()
    except UserError as error:
        reason = f"{error.title} An empty one will be used."
        return Caption(""), [Finding(item.path, "warning", reason, error.fix, "no caption")]
    return caption, [] if item.caption_path is None else list(about_caption(item.caption_path, caption))


def about_caption(path: Path, caption: Caption) -> Iterator[Finding]:
    """What is wrong with a caption file as text."""
    if caption.note:
        yield Finding(path, "warning", caption.note, "Save the caption as UTF-8 text.", "encoding")
    elif not caption.text.strip():
        fix = "Say in it what the picture shows."
        yield Finding(path, "warning", "The caption is empty.", fix, "empty caption")
    longest = max(count_words(line) for line in alternatives(caption.text))
    if longest > HEARD_TOKENS:
        reason = f"The caption has some {longest} words and marks; the model hears the first {HEARD_TOKENS} or so."
        yield Finding(path, "note", reason, "Put what matters first.", "long caption")


def _duplicates(examined: list[Examined]) -> Iterator[Finding]:
    """Two parts of one picture are two pictures."""
    first: dict[tuple[str, Recipe], Item] = {}
    for one in examined:
        original = first.setdefault((one.content_hash, one.recipe), one.item)
        if original is not one.item:
            reason = f"It is the same file as {shown(original.relative)}, so this picture counts twice."
            fix = "Remove one of them; use repeats to weigh a picture more."
            yield Finding(one.item.path, "warning", reason, fix, "same file")
