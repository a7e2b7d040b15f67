"""The list of all models: what lies in the user's folder and what ships with Gesso, each identified once.

Identities are kept in one JSON file in the cache folder, by path, size and time of change, so that the second listing
only asks the disk for those. The file can be deleted at any time.
"""

import difflib
import os
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from trainer.contract.errors import UserError
from trainer.files import PARTIAL_PREFIX, sha256
from trainer.home import RESOURCES, Home
from trainer.library.captioner_files import is_model_folder, read_model_folder
from trainer.library.identify import Identity, Kind, identify_file, sidecar
from trainer.library.other_programs import named_folders, shelves
from trainer.library.records import Record, RecordFile, Stamp, changes

SHIPPED_MODELS = RESOURCES / "models"

MODEL_SUFFIX = ".safetensors"
PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth")
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One model in the list. Either `identity` is set, or `problem` and `fix` say why it can't be used."""

    name: str
    path: Path
    size: int
    """Bytes; of a folder, all the files that belong to the model."""
    read_only: bool
    is_folder: bool
    identity: Identity | None
    problem: str = ""
    fix: str = ""
    sha256: str | None = None
    """Known only after the file was hashed, and only as long as it hasn't changed since."""

    def to_dict(self) -> dict[str, object]:
        """Plain JSON types, for `--json`."""
        return {
            "name": self.name,
            "path": str(self.path),
            "size": self.size,
            "read_only": self.read_only,
            "is_folder": self.is_folder,
            "identity": self.identity.to_dict() if self.identity else None,
            "problem": self.problem,
            "fix": self.fix,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class Listing:
    """All models by name, and what the user should know about the listing itself."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


_NEVER = Stamp(-1, 0)
"""The stamp of no file: what could not be read, for now, is looked at again each time."""


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    stamp: Stamp
    read_only: bool
    is_folder: bool


class Index:
    """The models below `home`, and in the folders `read_only` that Gesso only reads: if not given, those of other
    programs that the settings name, and what ships."""

    def __init__(self, home: Home, read_only: Sequence[Path] | None = None) -> None:
        if read_only is None:
            read_only = [*(shelf for folder in named_folders(home) for shelf in shelves(folder)), SHIPPED_MODELS]
        self._kept = RecordFile(home.cache / "models.json")
        self._roots = [(home.models, False), *((folder, True) for folder in read_only)]
        self._records: dict[str, Record] | None = None
        self._notes: list[str] = []

    def models(self) -> Listing:
        """All models, sorted by name. A file that can't be used is listed with its problem and stops nothing."""
        records = self._load()
        entries: list[Entry] = []
        # What is known of models that lie elsewhere (their checksums, above all) is kept as long as they are there.
        fresh = {key: record for key, record in records.items() if self._is_elsewhere(Path(key))}
        for place in self._places():
            key = str(place.path)
            record = records.get(key)
            if record is None or record.stamp != place.stamp:
                record = _examine(place, record)
            fresh[key] = record
            entries.append(_entry(place, record))
        if fresh != records:
            self._change(*changes(records, fresh, {**records, **fresh}.keys()))
        entries.sort(key=lambda entry: (folded(entry.name), entry.read_only, str(entry.path)))
        return Listing(tuple(entries), tuple(self._notes))

    def find(self, name_or_path: str | Path, kinds: Collection[Kind] = ()) -> Entry:
        """The model of that name in the list, or at that path; of one of `kinds`, if any are given.

        Names are compared without regard to case and ending; the user's own model wins over one that ships.
        Raises UserError if there is none (with names that come close), if several fit, if it is of another kind,
        or if the file can't be used.
        """
        text = str(name_or_path)
        looks_like_path = isinstance(name_or_path, Path) or "/" in text or os.sep in text
        entries = () if looks_like_path else self.models().entries
        named = [entry for entry in entries if folded(text) in (folded(entry.name), folded(entry.path.name))]
        fitting = [entry for entry in named if not kinds or (entry.identity and entry.identity.kind in kinds)]
        found = _preferred(text, fitting or named)
        if found is None:
            found = self._at_path(Path(text).expanduser(), entries, kinds)
        if found.identity is None:
            raise UserError(found.problem, found.fix)
        if kinds and found.identity.kind not in kinds:
            wanted = " or ".join(kind.label for kind in sorted(kinds))
            raise UserError(
                f"{found.path.name} is {found.identity.kind.label}, and {wanted} is needed here.",
                "Choose another file.",
            )
        return found

    def refresh(self, path: Path, sha256: str | None = None) -> Entry:
        """Look at the one model at `path` again, note its checksum if given, and keep both in the index."""
        place = self._place(path)
        record = _examine(place, None)
        if sha256 is not None:
            record = replace(record, sha256=sha256, inode=_inode(path))
        self._change({str(place.path): record}, {})
        return _entry(place, record)

    def sha256(self, entry: Entry) -> str:
        """The SHA-256 of a model file (not a folder), from the index if the file hasn't changed since it was taken."""
        return self.known_sha256(entry) or cast(str, self.refresh(entry.path, sha256(entry.path)).sha256)

    def known_sha256(self, entry: Entry) -> str | None:
        """The SHA-256 in the index, if it is of the file as it is now (by size, time of change and inode)."""
        record = self._load().get(str(entry.path))
        return record.sha256 if record and record == _still(record, self._place(entry.path)) else None

    def forget(self, path: Path) -> None:
        """Drop what is kept about `path`."""
        records = self._load()
        if str(path) in records:
            self._change({}, {str(path): records[str(path)]})

    def _at_path(self, path: Path, entries: Sequence[Entry], kinds: Collection[Kind]) -> Entry:
        if _exists(path):
            place = self._place(path)
            record = self._load().get(str(place.path))
            if record is None or record.stamp != place.stamp:
                record = _examine(place, None)
            return _entry(place, record)
        if path.name != str(path):
            raise UserError(f"There is no model at {path}.", "Check the spelling of the path.")
        usable = [entry.name for entry in entries if entry.identity and (not kinds or entry.identity.kind in kinds)]
        close = difflib.get_close_matches(folded(str(path)), [folded(name) for name in usable], n=3, cutoff=0.5)
        meant = [name for name in usable if folded(name) in close]
        fix = (
            f"Did you mean {' or '.join(meant)}?" if meant else "Look in the list of your models, or install it first."
        )
        what = "LoRA" if set(kinds) == {Kind.LORA} else "model"
        raise UserError(f'There is no {what} named "{path}".', fix)

    def _place(self, path: Path) -> _Place:
        path = path.absolute()
        read_only = not any(path.is_relative_to(root) for root, locked in self._roots if not locked)
        try:
            if path.is_dir():
                return _Place(path, _folder_stamp(path), read_only, True)
            return _Place(
                path, _file_stamp(path.stat(), sidecar(path) if sidecar(path).exists() else None), read_only, False
            )
        except OSError as error:
            raise UserError(
                f"{path} can't be read.", "Check that it is there and you may read it.", str(error)
            ) from error

    def _is_elsewhere(self, path: Path) -> bool:
        return not any(path.is_relative_to(root) for root, _ in self._roots) and _exists(path)

    def _places(self) -> Iterator[_Place]:
        seen: set[tuple[int, int]] = set()
        for root, read_only in self._roots:
            yield from _walk(root, read_only, seen, _MAX_DEPTH)

    def _load(self) -> dict[str, Record]:
        if self._records is None:
            try:
                self._records = self._kept.read()
            except (OSError, ValueError, TypeError, KeyError, RecursionError):
                self._notes.append("The list of models was damaged and has been made anew.")
                self._records = {}
        return self._records

    def _change(self, put: Mapping[str, Record], dropped: Mapping[str, Record]) -> None:
        """Take over what changed, and keep it beside what others have kept meanwhile."""
        left = {path: record for path, record in self._load().items() if path not in dropped}
        self._records = {**left, **put}
        try:
            self._records = self._kept.change(put, dropped)
        except (UserError, OSError) as error:
            self._notes.append(f"The list of models could not be kept, so the next listing takes longer. {error}")


def _walk(folder: Path, read_only: bool, seen: set[tuple[int, int]], depth: int) -> Iterator[_Place]:
    """The model files and folders that are models below `folder`; links that lead in a circle are followed once."""
    try:
        here = folder.stat()
        if (here.st_dev, here.st_ino) in seen and here.st_ino:
            return
        seen.add((here.st_dev, here.st_ino))
        with os.scandir(folder) as scan:
            items = {item.name: item for item in scan if not item.name.startswith((".", PARTIAL_PREFIX))}
    except OSError:  # not there yet, or not ours to read: nothing to list
        return
    for name, item in items.items():
        stem, suffix = os.path.splitext(name)
        try:
            if item.is_dir():
                path = folder / name
                if is_model_folder(path):
                    yield _Place(path, _folder_stamp(path), read_only, True)
                elif depth > 0:
                    yield from _walk(path, read_only, seen, depth - 1)
            elif suffix.lower() in (MODEL_SUFFIX, *PICKLE_SUFFIXES):
                beside = items.get(stem + ".yaml")
                yield _Place(folder / name, _file_stamp(item.stat(), beside), read_only, False)
        except OSError:  # it vanished, or is a link to nothing
            continue


def _file_stamp(found: os.stat_result, beside: "os.DirEntry[str] | Path | None") -> Stamp:
    return Stamp(found.st_size, found.st_mtime_ns, beside.stat().st_mtime_ns if beside else 0)


def _folder_stamp(folder: Path) -> Stamp:
    """Of a model that is a folder: the sizes of the files in it and its components together, and the latest change."""
    files = [file.stat() for pattern in ("*", "*/*") for file in folder.glob(pattern) if file.is_file()]
    return Stamp(sum(file.st_size for file in files), max((file.st_mtime_ns for file in files), default=0))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long for the disk, or a folder that is closed to us
        return False


def _inode(path: Path) -> int:
    return path.stat().st_ino


def _still(record: Record, place: _Place) -> Record:
    """`record` as it would be for the file that is there now."""
    return replace(record, stamp=place.stamp, inode=_inode(place.path))


def _examine(place: _Place, before: Record | None) -> Record:
    """Identify what is at `place`. A checksum `before` is kept only while the bytes are the same."""
    try:
        identity = read_model_folder(place.path).identity if place.is_folder else identify_file(place.path)
    except UserError as error:
        refused_by_disk = isinstance(error.__cause__, OSError)
        return Record(_NEVER if refused_by_disk else place.stamp, None, error.title, error.fix)
    same = before and (before.stamp.size, before.stamp.changed) == (place.stamp.size, place.stamp.changed)
    if before and same:
        return Record(place.stamp, identity, sha256=before.sha256, inode=before.inode)
    return Record(place.stamp, identity)


def _entry(place: _Place, record: Record) -> Entry:
    return Entry(
        name=place.path.name if place.is_folder else place.path.stem,
        path=place.path,
        size=place.stamp.size,
        read_only=place.read_only,
        is_folder=place.is_folder,
        identity=record.identity,
        problem=record.problem,
        fix=record.fix,
        sha256=record.sha256,
    )


def _preferred(text: str, entries: list[Entry]) -> Entry | None:
    """The one that is meant: the user's own before those of other programs, and these before what ships.

    Raises UserError if that leaves several.
    """
    own = [entry for entry in entries if not entry.read_only]
    own = own or [entry for entry in entries if not entry.path.is_relative_to(SHIPPED_MODELS)] or entries
    if len(own) > 1:
        paths = ", ".join(str(entry.path) for entry in own)
        raise UserError(f'Several models are named "{text}": {paths}.', "Give the path of the one you mean.")
    return own[0] if own else None


def folded(name: str) -> str:
    """A name as names are compared: without regard to case, and to how its accents are written."""
    return unicodedata.normalize("NFC", name).casefold()
