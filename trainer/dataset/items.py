"""The pictures of a dataset folder, in an order that is the same on every machine."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from trainer.contract.errors import UserError
from trainer.dataset.captions import Caption, read_caption
from trainer.dataset.findings import Finding
from trainer.dataset.names import natural_key, shown
from trainer.files import sha256

EXTENSIONS = frozenset({"png", "jpg", "jpeg", "jfif", "webp", "bmp", "tif", "tiff", "gif", "avif"})
"""Files taken for pictures; what they are is decided by their content. Of a GIF the first frame is used."""

UNREADABLE = {"heic": "HEIC", "heif": "HEIC", "jxl": "JPEG XL"}
CAPTION_EXTENSIONS = ("txt", "caption")
"""Caption files in order of preference."""

MAX_REPEATS = 1000
"""A larger number before a folder's name is a year or a date, not a count of repeats."""

_REPEATS = re.compile(r"([0-9]{1,9})_(.*)", re.DOTALL)
COMPANIONS = ("-masklabel.png", "-condlabel.png")
"""Endings of files that are about a picture: OneTrainer's masks and condition pictures."""


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a dataset.

    `head` is what stands before the names of the files in its folder: `head + name` is the text of their paths, which
    are made when they are asked for, as a hundred thousand of them take a second. `relative` is its posix path within
    the dataset folder, `caption_name` the name of its caption file in the same folder ("" without one). `repeats` (1
    or more) says how often an epoch shows it, and `class_words` what it shows; both come from a folder named
    `<repeats>_<class words>`, as kohya's trainers read.
    """

    head: str
    relative: str
    caption_name: str = ""
    repeats: int = 1
    class_words: str = ""

    @property
    def name(self) -> str:
        return self.relative.rpartition("/")[2]

    @property
    def path(self) -> Path:
        return Path(self.head + self.name)

    @property
    def caption_path(self) -> Path | None:
        return Path(self.head + self.caption_name) if self.caption_name else None

    def read_caption(self) -> Caption:
        """The caption as it is on disk now; without a caption file, the folder's class words, else the empty text."""
        path = self.caption_path
        return Caption(self.class_words) if path is None else read_caption(path)

    def content_hash(self) -> str:
        """The hex SHA-256 of the picture file, read anew at each call."""
        return sha256(self.path)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What `scan` found: items in natural order of their relative paths, and what is wrong with the folder itself.

    `orphans` are text files beside pictures that no picture bears the name of.
    """

    folder: Path
    items: tuple[Item, ...]
    findings: tuple[Finding, ...]
    orphans: tuple[Path, ...] = ()


class Captions(Protocol):
    """Where the captions of a dataset come from: a CaptionBook, or the disk."""

    def caption(self, place: int) -> Caption:
        """That of the picture at this place. Raises UserError if it can't be read."""
        ...


@dataclass(frozen=True, slots=True)
class OnDisk:
    """The captions of a dataset as they are on disk now; the folder's words where there is no file."""

    dataset: Dataset

    def caption(self, place: int) -> Caption:
        return self.dataset.items[place].read_caption()


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path
    relative: str
    repeats: int
    class_words: str


@dataclass(slots=True)
class _Scan:
    items: list[Item] = field(default_factory=list[Item])
    findings: list[Finding] = field(default_factory=list[Finding])
    orphans: list[Path] = field(default_factory=list[Path])
    seen: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])


def scan(folder: Path) -> Dataset:
    """List the pictures in `folder` and below without opening any. Raises UserError if there is no such folder.

    Left out: hidden files and folders, files still being written, masks (`-masklabel.png`, `-condlabel.png`).
    """
    if not folder.is_dir():
        is_there = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"The dataset {shown(folder)} {is_there}.", "Name the folder that holds the pictures.")
    found = _Scan()
    waiting = [_named(folder, "", None, found)]
    while waiting:
        waiting += _scan_folder(waiting.pop(), found)
    found.items.sort(key=lambda item: natural_key(item.relative))
    order = {path: natural_key(path.relative_to(folder).as_posix()) for path in {f.path for f in found.findings}}
    found.findings.sort(key=lambda finding: (order[finding.path], finding.reason))
    found.orphans.sort(key=lambda path: natural_key(path.relative_to(folder).as_posix()))
    return Dataset(folder, tuple(found.items), tuple(found.findings), tuple(found.orphans))


def _scan_folder(folder: _Folder, found: _Scan) -> list[_Folder]:
    """Add the pictures directly in `folder` to `found`; give the folders in it that are still to be scanned."""
    try:
        # A link may lead back up, or to a folder that was listed already.
        status = os.stat(folder.path)
        if (status.st_dev, status.st_ino) in found.seen:
            return []
        found.seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder.path) as listing:
            entries = [entry for entry in listing if not entry.name.startswith(".")]
    except OSError as error:
        reason = f"The folder can't be read ({error.strerror or error})."
        found.findings.append(Finding(folder.path, "bad", reason, "Check that you may open it.", "unreadable"))
        return []
    kinds = {entry.name: _kind(entry) for entry in entries}
    files = [name for name, kind in kinds.items() if kind == "file"]
    if folder.repeats > 0:
        _add_pictures(folder, files, found)
    for name in (name for name, kind in kinds.items() if kind == "broken link"):
        reason = "It is a link to a file that does not exist."
        found.findings.append(Finding(folder.path / name, "bad", reason, "Remove the link, or mend it.", "unreadable"))
    inner = [name for name, kind in kinds.items() if kind == "folder" and name != "__MACOSX"]
    # The last is scanned next: real folders before links, then by name, so that the same one of two paths wins.
    return [
        _named(folder.path / name, f"{folder.relative}{name}/", folder, found)
        for name in sorted(
            inner, key=lambda name: (os.path.islink(folder.path / name), natural_key(name)), reverse=True
        )
    ]


def _kind(entry: os.DirEntry[str]) -> Literal["file", "folder", "broken link", "other"]:
    try:
        if entry.is_file():
            return "file"
        if entry.is_dir():
            return "folder"
    except OSError:
        # A link that leads to itself.
        return "broken link"
    return "broken link" if entry.is_symlink() else "other"


def _named(path: Path, relative: str, parent: _Folder | None, found: _Scan) -> _Folder:
    """Repeats and class words from a folder's own name, else those of the folder around it."""
    match = _REPEATS.fullmatch(path.absolute().name)
    if match and int(match[1]) <= MAX_REPEATS:
        repeats = int(match[1])
        if repeats == 0:
            reason = "Its name begins with 0, so its pictures are left out."
            fix = "Rename it to train on them, for example 1_name."
            found.findings.append(Finding(path, "note", reason, fix, "folder name"))
        return _Folder(path, relative, repeats, match[2].strip())
    if match:
        reason = f"The {match[1]} in its name is too large for a number of repeats and is not taken for one."
        fix = f"For repeats, begin its name with 1 to {MAX_REPEATS}."
        found.findings.append(Finding(path, "note", reason, fix, "folder name"))
    return _Folder(path, relative, *((parent.repeats, parent.class_words) if parent else (1, "")))


def _add_pictures(folder: _Folder, files: list[str], found: _Scan) -> None:
    sidecars: dict[str, dict[str, str]] = {extension: {} for extension in CAPTION_EXTENSIONS}
    pictures: dict[str, list[str]] = {}
    for name in sorted(files):
        stem, _, extension = name.rpartition(".")
        extension = extension.lower()
        if extension in sidecars:
            sidecars[extension].setdefault(stem, name)
        elif extension in EXTENSIONS and stem and not name.lower().endswith(COMPANIONS):
            pictures.setdefault(stem, []).append(name)
        elif extension in UNREADABLE:
            reason = f"It is a {UNREADABLE[extension]} picture, which Gesso does not read."
            fix = "Open it in an image editor and save it as PNG or JPEG."
            found.findings.append(Finding(folder.path / name, "bad", reason, fix, "unreadable"))
    if pictures:
        for texts in sidecars.values():
            found.orphans += [folder.path / name for stem, name in texts.items() if stem not in pictures]
    head = str(folder.path / "x")[:-1]
    for stem, names in pictures.items():
        texts = [of_kind[stem] for of_kind in sidecars.values() if stem in of_kind]
        for name in names:
            relative, caption = folder.relative + name, texts[0] if texts else ""
            found.items.append(Item(head, relative, caption, folder.repeats, folder.class_words))
        if len(names) != 1 or len(texts) != 1:
            _note_sidecars(folder, names, texts, found)


def _note_sidecars(folder: _Folder, names: list[str], texts: list[str], found: _Scan) -> None:
    """Missing captions, one caption for several pictures, several captions for one picture. Of `texts` the first is
    used."""
    for name in names if not texts else ():
        words = f"the folder's words, {folder.class_words!r}" if folder.class_words else "an empty caption"
        reason = f"It has no caption file; {words} will be used."
        fix = f"Write one, {name.rpartition('.')[0]}.txt, beside it."
        found.findings.append(Finding(folder.path / name, "warning", reason, fix, "no caption"))
    if texts and len(names) > 1:
        reason = f"It shares the caption {texts[0]} with {', '.join(names[:-1])}."
        fix = "Give the pictures different names, each with a caption of its own."
        found.findings.append(Finding(folder.path / names[-1], "warning", reason, fix, "shared caption"))
    if len(texts) > 1:
        reason = f"It has two caption files; {texts[0]} is used and {texts[1]} is not."
        found.findings.append(Finding(folder.path / names[0], "note", reason, "Keep one of them.", "two captions"))
