"""Bringing a model into the user's folder, and taking it out.

A model is identified before anything is written, is written under a temporary name, read back and compared, and only
then put in its place: a crash, a full disk or a cancel leaves the library as it was.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Literal

from trainer.contract.errors import UserError
from trainer.files import (
    PARTIAL_PREFIX,
    folder_written_atomically,
    human_size,
    require_room,
    said_as_user_error,
    sync,
    write_atomically,
    write_bytes_atomically,
)
from trainer.home import Home
from trainer.library.captioner_files import ModelFolder, is_model_folder, read_model_folder
from trainer.library.folders import model_folder
from trainer.library.identify import Identity, Kind, identify_file, sidecar
from trainer.library.index import MODEL_SUFFIX, Entry, Index
from trainer.library.names import checked_name
from trainer.library.verify import PIECE, Check, Progress, joined, never, silent

How = Literal["copy", "link"]
OnClash = Literal["ask", "replace", "keep_both"]
_REPLACED_PREFIX = ".gesso-replaced-"


def install(
    source: Path,
    home: Home,
    *,
    name: str | None = None,
    how: How = "copy",
    on_clash: OnClash = "ask",
    progress: Progress | None = None,
    check: Check | None = None,
) -> Entry:
    """Put the model `source`, a safetensors file, a diffusers folder or a captioner's, into the right folder of `home`.

    `how="link"` makes a hard link where the disk allows it, else a symbolic link, else a copy: it needs no second room,
    but a change of the one is a change of the other. A name that is taken raises UserError unless `on_clash` says what
    to do. Progress counts each byte twice: reading back to compare counts as well. Raises UserError, before anything is
    written, for what isn't a usable model.
    """
    source = source.expanduser().absolute()
    folder = read_model_folder(source) if source.is_dir() and is_model_folder(source) else None
    if folder is None and source.is_dir():
        raise UserError(
            f"{source} is not a model folder: it has no model_index.json, and is no captioner.",
            "Choose a .safetensors file, the folder of a model in diffusers layout, or that of a captioner.",
        )
    identity = folder.identity if folder else identify_file(source)
    place = home.models / _folder_for(source, identity)
    _recover(place)
    wanted = checked_name(name.removesuffix(MODEL_SUFFIX) if name else source.name if folder else source.stem)
    target_name, clashing = _settle_clash(place, wanted, source, on_clash)
    size = folder.bytes if folder else source.stat().st_size
    transfer = _Transfer(how, size, progress or silent, check or never)
    if how == "copy":
        require_room(place, size, f"{source.name} ({human_size(size)})")
    target = place / (target_name if folder else target_name + MODEL_SUFFIX)
    with _set_aside([path for path in clashing if path != target or path.is_dir()]):
        digest = transfer.folder(folder, target) if folder else transfer.file_with_config(source, target)
    return Index(home).refresh(target, digest)


def remove(entry: Entry, home: Home) -> None:
    """Move a model to the system's trash. Raises UserError for models that Gesso only reads."""
    if entry.read_only:
        raise UserError(
            f"{entry.name} is not in your Gesso folder (or came with Gesso), so it can't be removed from here.",
            "Remove it with your file manager if you want to.",
        )
    from send2trash import send2trash  # imported here: on some desktops it loads their libraries

    try:
        for path in (entry.path, sidecar(entry.path)):
            if path == entry.path or (path.exists() and not entry.is_folder):
                send2trash(path)
    except OSError as error:
        raise UserError(
            f"{entry.path} could not be moved to the trash.", "Delete it with your file manager.", str(error)
        ) from error
    Index(home).forget(entry.path)


def _folder_for(source: Path, identity: Identity) -> str:
    folder = model_folder(identity)
    if folder is not None:
        return folder
    what = identity.kind.label if identity.kind != Kind.UNKNOWN else "no model that Gesso knows"
    if identity.family.value != "unknown":
        what += f" for {identity.family.label}"
    raise UserError(
        f"{source.name} is {what}, which Gesso can't use: {identity.reasons[0]}.",
        "Gesso takes whole models, LoRAs, embeddings and VAEs for Stable Diffusion 1.x, 2.x, XL and Video; captioners.",
    )


def _settle_clash(place: Path, wanted: str, source: Path, on_clash: OnClash) -> tuple[str, list[Path]]:
    """The name to install under, and the models of that name that will be replaced."""
    taken: dict[str, list[Path]] = {}
    if place.is_dir():
        for path in sorted(place.iterdir()):
            if path.is_dir() or path.suffix.lower() == MODEL_SUFFIX:
                taken.setdefault((path.name if path.is_dir() else path.stem).casefold(), []).append(path)
    clashing = taken.get(wanted.casefold(), [])
    # A link whose model was deleted or moved away still takes up its name.
    same = next((path for path in clashing if path.exists() and path.samefile(source)), None)
    if same is not None:
        raise UserError(f"{source.name} is in your library already ({same}).", "There is nothing to do.")
    if not clashing or on_clash == "replace":
        return wanted, clashing
    if on_clash == "ask":
        raise UserError(
            f"There is a model named {wanted} already ({clashing[0]}).",
            "Choose --replace to put the new one in its place, --keep-both to number it, or another --name.",
        )
    number = next(number for number in range(2, 1 << 30) if f"{wanted} {number}".casefold() not in taken)
    return f"{wanted} {number}", []


def _recover(place: Path) -> None:
    """Put back, or clear away, what a crash left set aside: the model, if nothing had taken its place yet."""
    for aside in place.glob(_REPLACED_PREFIX + "*"):
        path = aside.with_name(aside.name.removeprefix(_REPLACED_PREFIX))
        if path.exists():
            _delete(aside)
        else:
            with said_as_user_error(path):
                os.replace(aside, path)


@contextlib.contextmanager
def _set_aside(paths: list[Path]) -> Generator[None]:
    """Rename `paths` for the length of the block: deleted after it ends well, put back if it doesn't.

    A single file is simply written over, which is safer still; this is for folders and for names in another case.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        for path in paths:
            aside = path.with_name(_REPLACED_PREFIX + path.name)
            with said_as_user_error(path):
                os.replace(path, aside)
            moved.append((path, aside))
        yield
    except BaseException:
        for path, aside in moved:
            os.replace(aside, path)
        raise
    for _, aside in moved:
        _delete(aside)


def _delete(aside: Path) -> None:
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)


class _Transfer:
    """Copying or linking files with progress, and reading back what was copied."""

    def __init__(self, how: How, size: int, progress: Progress, check: Check) -> None:
        self._how = how
        self._done = 0
        self._total = 2 * size  # once written, once read back
        self._progress = progress
        self._check = check

    def file_with_config(self, source: Path, target: Path) -> str | None:
        """Bring a single file and the `.yaml` beside it. Returns the SHA-256 if the file was read."""
        config, replacing = sidecar(source), target.exists()
        text = config.read_bytes() if config.is_file() and config.stat().st_size <= 1_000_000 else None
        digests: list[str] = []
        if self._how == "copy" or not _linked(source, target):
            write_atomically(target, lambda partial: digests.append(self.copy(source, partial)))
        if text is not None:
            write_bytes_atomically(sidecar(target), text)
        elif replacing:
            sidecar(target).unlink(missing_ok=True)
        return digests[0] if digests else None

    def folder(self, source: ModelFolder, target: Path) -> str | None:
        """Bring the files of a folder. Returns its digest, as `verify` computes it, if all were read."""
        digests: list[str | None] = []
        with folder_written_atomically(target) as partial:
            for file in source.files:
                to = partial / file
                to.parent.mkdir(parents=True, exist_ok=True)
                linked = self._how == "link" and _linked(source.path / file, to)
                digests.append(None if linked else self.copy(source.path / file, to))
        known = [digest for digest in digests if digest is not None]
        return joined(source.files, known) if len(known) == len(digests) else None

    def copy(self, source: Path, partial: Path) -> str:
        """Copy the bytes, flush them to the disk, read them back and compare. Returns their SHA-256."""
        written = hashlib.sha256()
        with source.open("rb") as reader, partial.open("wb") as writer:
            while piece := reader.read(PIECE):
                written.update(piece)
                writer.write(piece)
                self._advance(len(piece))
        sync(partial)
        read = hashlib.sha256()
        with partial.open("rb") as reader:
            while piece := reader.read(PIECE):
                read.update(piece)
                self._advance(len(piece))
        if read.digest() != written.digest() or partial.stat().st_size != source.stat().st_size:
            raise UserError(
                f"{source.name} changed while it was copied, or the disk did not keep it.",
                "Try again; if it happens again, check the disk.",
            )
        return written.hexdigest()

    def _advance(self, count: int) -> None:
        self._check()
        self._done += count
        self._progress(self._done, self._total)


def _linked(source: Path, target: Path) -> bool:
    """Make `target` a hard link to `source`, or else a symbolic one. False if the disk allows neither."""
    with said_as_user_error(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(PARTIAL_PREFIX + target.name)
        for link in (os.link, os.symlink):
            try:
                partial.unlink(missing_ok=True)
                link(source.resolve(), partial)
                os.replace(partial, target)
                return True
            except OSError:  # another disk, FAT, no right to link: the next way is tried, the last is to copy
                continue
    return False
