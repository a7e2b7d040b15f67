"""What Gesso takes of the disk, and the cache emptied. All of it is called in a thread of the pool."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.files import PARTIAL_PREFIX, said_as_user_error
from trainer.home import Home

Check = Callable[[], None]
CHECK_EVERY = 500
"""Files between two looks at whether the user has left."""
EMPTIED = ("thumbnails", "encoded", "health", "pictures.sqlite", "pictures.sqlite-journal")
"""What can be made again. The list of models stays: in it are the checksums that were taken at installation."""


@dataclass(frozen=True)
class Use:
    """Of one folder."""

    files: int = 0
    bytes: int = 0


def folders(home: Home) -> dict[str, Path]:
    """What is counted, by its name on the page."""
    return {
        "Models": home.models,
        "Runs": home.runs,
        "Pictures": home.outputs,
        "Datasets": home.datasets,
        "Cache": home.cache,
    }


def count_all(home: Home, check: Check) -> dict[str, Use]:
    return {name: count(folder, check) for name, folder in folders(home).items()}


def count(folder: Path, check: Check) -> Use:
    """Each file once: what is linked twice takes no second room. Links that lead elsewhere count as nothing."""
    seen: set[tuple[int, int]] = set()
    files = size = 0
    for state in _states(folder):
        if files % CHECK_EVERY == 0:
            check()
        files += 1
        if state.st_nlink > 1 and state.st_ino:
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
        size += state.st_size
    return Use(files, size)


def free_bytes(home: Home) -> int:
    existing = next(parent for parent in (home.root, *home.root.parents) if parent.exists())
    return shutil.disk_usage(existing).free


def empty_cache(home: Home, check: Check) -> Use:
    """Take thumbnails, encoded pictures and the index of pictures away. Returns what was there.

    They are first moved aside in one step each, so that nobody finds a half of them. Raises UserError where the disk
    refuses.
    """
    before = Use()
    for name in EMPTIED:
        check()
        path = home.cache / name
        if not path.exists():
            continue
        size = count(path, check) if path.is_dir() else Use(1, path.stat().st_size)
        before = Use(before.files + size.files, before.bytes + size.bytes)
        with said_as_user_error(path):
            aside = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=home.cache))
            os.replace(path, aside / name)
    for litter in home.cache.glob(PARTIAL_PREFIX + "*"):
        shutil.rmtree(litter, ignore_errors=True)
    return before


def _states(folder: Path) -> Iterator[os.stat_result]:
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _states(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield entry.stat(follow_symlinks=False)
        except OSError:  # gone meanwhile
            continue
