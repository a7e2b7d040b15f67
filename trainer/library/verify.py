"""Checking that a model is still what it was: its header read again, and every byte hashed."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainer.contract.errors import UserError
from trainer.home import Home
from trainer.library.captioner_files import read_model_folder
from trainer.library.identify import identify_file
from trainer.library.index import Entry, Index

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""
Check = Callable[[], None]
"""Called often; raises Cancelled when the user wants to stop."""

PIECE = 8 * 1024 * 1024
"""Bytes that are read at a time: between two of them the user can stop."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found. `unchanged` is None if there was no earlier checksum to compare with."""

    sha256: str
    unchanged: bool | None
    text: str

    def to_dict(self) -> dict[str, object]:
        return {"sha256": self.sha256, "unchanged": self.unchanged, "text": self.text}


def verify(entry: Entry, home: Home, *, progress: Progress | None = None, check: Check | None = None) -> Verification:
    """Check the header of a model again, hash all of it, and compare with the checksum taken when it was installed.

    The first check of a file that was put there by hand takes the checksum for the next one. Raises UserError if the
    header is damaged, and for bytes that changed although size and time of change did not: the disk lost them.
    """
    index = Index(home)
    known = index.known_sha256(entry)
    digest = _digest(entry, progress or silent, check or never)
    if known is None:
        index.refresh(entry.path, digest)
        return Verification(digest, None, "Its header is sound. There was no earlier checksum; this one is kept.")
    if known != digest:
        raise UserError(
            f"{entry.path.name} is damaged: its bytes are not those that were installed.",
            "Remove it and install it again.",
            f"SHA-256 was {known}, is {digest}",
        )
    return Verification(digest, True, "Its header is sound, and every byte is as it was installed.")


def joined(files: Sequence[PurePosixPath], digests: Sequence[str]) -> str:
    """One SHA-256 for a folder: of the lines that sha256sum would print for its files."""
    lines = "".join(f"{digest}  {file}\n" for file, digest in zip(files, digests, strict=True))
    return hashlib.sha256(lines.encode("utf-8")).hexdigest()


def silent(done: int, total: int) -> None:
    """Progress that nobody asked for."""


def never() -> None:
    """A check that never stops."""


def _digest(entry: Entry, progress: Progress, check: Check) -> str:
    """Of the file, or of all the files of the folder that belong to the model."""
    if not entry.is_folder:
        identify_file(entry.path)
        return _digests([entry.path], progress, check)[0]
    folder = read_model_folder(entry.path)
    return joined(folder.files, _digests([folder.path / file for file in folder.files], progress, check))


def _digests(paths: Iterable[Path], progress: Progress, check: Check) -> list[str]:
    paths = list(paths)
    done, total = 0, sum(path.stat().st_size for path in paths)
    digests: list[str] = []
    for path in paths:
        taken = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                check()
                taken.update(piece)
                done += len(piece)
                progress(done, total)
        digests.append(taken.hexdigest())
    return digests
