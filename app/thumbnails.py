"""Thumbnails kept on disk below the cache folder, so that thousands of pictures are decoded once. Safe to delete."""

import contextlib
import hashlib
import itertools
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage

from app.pictures import read_image
from trainer.files import PARTIAL_PREFIX
from trainer.home import Home

if TYPE_CHECKING:
    from trainer.dataset.recipes import Recipe  # which brings Pillow: the first paint does without

SIDE = 256
"""Pixels of the longer side as kept. Smaller ones are made from these."""
QUALITY = 88

_END = b"GESSO-TH"
"""What a kept thumbnail ends with, after its picture's path and recipe, and the length of both in four bytes: so it is
known whose it is, and that all of it was written."""
_TAIL = len(_END) + 4

SWEEP_EVERY = 24 * 3600
"""Seconds between two sweeps."""
SWEEP_AT_MOST = 4000
"""Thumbnails looked at in one sweep; the next begins elsewhere."""


class Thumbnails:
    """The cache. `read` may be called from any number of threads at once; so may `recipe_of`, which says how a picture
    is prepared."""

    def __init__(self, home: Home, recipe_of: "Callable[[Path], Recipe] | None" = None) -> None:
        self._folder = home.cache / "thumbnails"
        self._recipe_of = recipe_of

    def read(self, path: Path, side: int = SIDE) -> QImage:
        """The prepared picture at most `side` pixels large: from the cache, else decoded and kept. Null if it can't be
        read."""
        recipe = self._recipe_of(path) if self._recipe_of is not None else None
        try:
            kept = self.place(path, recipe)
        except OSError:
            return QImage()
        image = _read_whole(kept)
        if image.isNull():
            image = read_image(path, SIDE) if recipe is None else _prepared(path, recipe)
            if not image.isNull():
                _keep(image, kept, path.absolute(), recipe)
        return _within(image, side)

    def sweep(self, check: Callable[[], None]) -> int:
        """Take away thumbnails of pictures that are gone, or were changed: at most once a day, and not all at a time.

        Returns how many went. To be called in a thread of the pool.
        """
        stamp = self._folder / "swept"
        if not self._folder.is_dir() or time.time() - _changed(stamp) < SWEEP_EVERY:
            return 0
        with contextlib.suppress(OSError):
            stamp.touch()
            os.utime(stamp)
        gone = 0
        for kept in itertools.islice(self._shuffled(), SWEEP_AT_MOST):
            check()
            told = _told(kept)
            if told is None or not self._is_of(kept, *told):
                with contextlib.suppress(OSError):
                    kept.unlink()
                    gone += 1
        return gone

    def _shuffled(self) -> Iterator[Path]:
        """All thumbnails, folder by folder, beginning anywhere."""
        shelves = [shelf for shelf in self._folder.iterdir() if shelf.is_dir()]
        random.shuffle(shelves)
        for shelf in shelves:
            with contextlib.suppress(OSError):
                yield from shelf.iterdir()

    def _is_of(self, kept: Path, source: Path, recipe: str) -> bool:
        """Those of earlier recipes stay: an undo brings them back."""
        try:
            return self._place(source, recipe) == kept
        except OSError:
            return False

    def place(self, path: Path, recipe: "Recipe | None" = None) -> Path:
        """Where the thumbnail of this state of the file is kept: a changed file, or recipe, has another. Raises
        OSError."""
        return self._place(path, _in_words(recipe))

    def _place(self, path: Path, recipe: str) -> Path:
        state = path.stat()
        text = f"{path.absolute()}\n{state.st_size}\n{state.st_mtime_ns}\n{SIDE}{recipe}"
        key = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:40]
        return self._folder / key[:2] / key


def _read_whole(kept: Path) -> QImage:
    """The kept image; null where there is none, or only the beginning of one."""
    try:
        data = kept.read_bytes()
    except OSError:
        return QImage()
    return QImage.fromData(data) if data.endswith(_END) else QImage()


def _prepared(path: Path, recipe: "Recipe") -> QImage:
    from app.prepared import prepared_image

    return prepared_image(path, recipe, SIDE)


def _in_words(recipe: "Recipe | None") -> str:
    """ "" for a picture as it is; else begins with a null byte, which no path holds."""
    return "" if recipe is None or recipe.changes_nothing else f"\0{recipe.turns} {recipe.mirrored} {recipe.crop}"


def _told(kept: Path) -> tuple[Path, str] | None:
    """Whose thumbnail this is, and how that was prepared; None where that can't be told."""
    try:
        with kept.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            tail = file.read(_TAIL)
            length = int.from_bytes(tail[:4], "little")
            if not tail.endswith(_END) or length + _TAIL > size:
                return None
            file.seek(size - _TAIL - length)
            name, null, recipe = os.fsdecode(file.read(length)).partition("\0")
            return Path(name), null + recipe
    except (OSError, ValueError):
        return None


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _keep(image: QImage, kept: Path, source: Path, recipe: "Recipe | None") -> None:
    """Write beside and rename, as trainer.files does, but without waiting for the disk, thousands of times. What a
    crash leaves torn is noticed by its missing end and made again. No room is no fault: it is only a cache."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if image.hasAlphaChannel():
        image.save(buffer, "PNG")  # pyright: ignore[reportCallIssue, reportArgumentType] - the stubs forget devices
    else:
        image.save(buffer, "JPG", QUALITY)  # pyright: ignore[reportCallIssue, reportArgumentType]
    buffer.close()
    partial = ""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(prefix=PARTIAL_PREFIX, dir=kept.parent)
        with os.fdopen(handle, "wb") as file:
            name = os.fsencode(source) + _in_words(recipe).encode()
            file.write(bytes(data.data()) + name + len(name).to_bytes(4, "little") + _END)
        os.replace(partial, kept)
    except OSError:
        if partial:
            Path(partial).unlink(missing_ok=True)


def _within(image: QImage, side: int) -> QImage:
    if image.isNull() or max(image.width(), image.height()) <= side:
        return image
    return image.scaled(
        QSize(side, side), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
