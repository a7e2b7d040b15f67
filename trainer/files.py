"""Writing to disk so that a crash, a full disk or a pulled plug leaves the old file or the new one, never a mixture."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from trainer.contract.errors import UserError

PARTIAL_PREFIX = ".gesso-partial-"
"""Names of files and folders still being written start so; whatever still bears such a name is litter of a crash."""


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with a temporary path beside `path`, then fsync it and rename it over `path`.

    Raises UserError when the disk is full or the folder can't be written; the old file is intact then.
    """
    with said_as_user_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=PARTIAL_PREFIX, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        partial = Path(name)
        try:
            write(partial)
            sync(partial)
            os.chmod(partial, 0o666 & ~_UMASK)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync(path.parent)


def write_bytes_atomically(path: Path, data: bytes) -> None:
    write_atomically(path, lambda partial: _write_bytes(partial, data))


def write_text_atomically(path: Path, text: str) -> None:
    """Write UTF-8 without a byte order mark, newlines as they stand in `text`."""
    write_bytes_atomically(path, text.encode("utf-8"))


def replace_at_once(path: Path, data: bytes, *, sync_now: bool = True) -> None:
    """As `write_bytes_atomically`; without `sync_now` thirty times as quick, and then whoever calls has to see to it
    that a pulled plug does no harm: some file systems put the new name on the disk before the content.

    Raises OSError.
    """
    partial = path.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{threading.get_native_id()}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            if sync_now:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if sync_now:
        sync(path.parent)


@contextlib.contextmanager
def folder_written_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; when the block ends well, fsync all of it and rename it to `path`.

    `path` must not exist yet. If the block raises, nothing is left behind.
    """
    with said_as_user_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=path.parent))
        try:
            yield partial
            for file in sorted(partial.rglob("*")):
                sync(file)
            sync(partial)
            os.chmod(partial, 0o777 & ~_UMASK)
            os.replace(partial, path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync(path.parent)


def sweep_partials(folder: Path) -> None:
    """Remove what a killed process left half-written directly inside `folder`."""
    for litter in folder.glob(PARTIAL_PREFIX + "*"):
        if litter.is_dir():
            shutil.rmtree(litter, ignore_errors=True)
        else:
            litter.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Ask the disk to hold what was written to `path`, a file or a folder. Windows has no handle for folders."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def set_aside(path: Path) -> str:
    """Give a damaged file another name, `marks.damaged-1.json` for `marks.json`, and say so in a sentence."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    try:
        os.replace(path, aside)
    except OSError:
        return "It could not be set aside; it will be replaced when something new is saved."
    return f"It was set aside as {aside.name}."


Stamp = tuple[int, int]
"""When a file was changed, in nanoseconds, and how many bytes it has. As long as both stay the same, it is taken to be
unchanged."""


def stamp_of(path: Path | str) -> Stamp | None:
    """None where no file can be asked for."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def sha256(path: Path) -> str:
    """The hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_room(folder: Path, needed: int, what: str) -> None:
    """Raise UserError unless `folder`'s disk has `needed` bytes free and a little to spare."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed + 16 * 1024 * 1024:
        raise UserError(
            f"There is no room for {what}: it needs {human_size(needed)}, and {existing} has {human_size(free)} free.",
            "Free some space on that disk, or choose a folder on another one.",
        )


def human_size(count: int) -> str:
    """`1536` as `1.5 kB`: sizes as people read them, in powers of 1024."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


_LOCKS: dict[Path, threading.RLock] = {}


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """Keep other threads and processes that ask for the same lock waiting. Without leave to write it locks nothing.

    The lock is a file beside `path`, ending in `.lock`; a process that ends gives it back.
    """
    with _LOCKS.setdefault(path, threading.RLock()), contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            pass
        else:
            stack.callback(os.close, handle)  # closing gives the lock back
            with contextlib.suppress(OSError):  # disks of a network that know no locks
                _wait_for_lock(handle)
        yield


if os.name == "nt":
    import msvcrt

    def _wait_for_lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _wait_for_lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)


_PLAIN_WORDS = {
    errno.ENOSPC: ("The disk is full", "Free some space, then try again."),
    errno.EDQUOT: ("Your disk quota is used up", "Free some space, then try again."),
    errno.EROFS: ("The disk is read-only", "Choose a folder that you can write to."),
    errno.EACCES: ("Writing there is not allowed", "Choose a folder that you can write to."),
    errno.EPERM: ("Writing there is not allowed", "Choose a folder that you can write to."),
    errno.EFBIG: ("The file is too large for that disk", "Choose a disk that takes files over 4 GB (not FAT32)."),
    errno.EEXIST: ("A file stands where a folder is needed", "Choose another folder."),
    errno.ENOTDIR: ("A file stands where a folder is needed", "Choose another folder."),
    errno.EIO: ("The disk reported an error", "Check the disk, and write to another one meanwhile."),
}


@contextlib.contextmanager
def said_as_user_error(path: Path) -> Iterator[None]:
    """Turn the disk's refusals into a UserError that names `path`; anything else passes through."""
    try:
        yield
    except OSError as error:
        words = _PLAIN_WORDS.get(error.errno or 0)
        if words is None:
            raise
        raise UserError(f"{words[0]}: {path} was not written.", words[1], detail=str(error)) from error


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


_UMASK = os.umask(0)
"""Of the process, asked once: asking means setting it for a moment, which two threads must not do at a time."""
os.umask(_UMASK)
