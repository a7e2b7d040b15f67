"""Thumbnails kept on disk below the cache folder, so that thousands of pictures are decoded once. Safe to delete."""

import hashlib
import os
import tempfile
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage

from app.pictures import read_image
from trainer.files import PARTIAL_PREFIX
from trainer.home import Home

SIDE = 256
"""Pixels of the longer side as kept. Smaller ones are made from these."""
QUALITY = 88

_JPEG_END, _PNG_END = b"\xff\xd9", b"IEND\xaeB`\x82"


class Thumbnails:
    """The cache. `read` may be called from any number of threads at once."""

    def __init__(self, home: Home) -> None:
        self._folder = home.cache / "thumbnails"

    def read(self, path: Path, side: int = SIDE) -> QImage:
        """The picture at most `side` pixels large: from the cache, else decoded and kept. Null if it can't be read."""
        try:
            kept = self.place(path)
        except OSError:
            return QImage()
        image = _read_whole(kept)
        if image.isNull():
            image = read_image(path, SIDE)
            if not image.isNull():
                _keep(image, kept)
        return _within(image, side)

    def place(self, path: Path) -> Path:
        """Where the thumbnail of this state of the file is kept: a changed file has another. Raises OSError."""
        state = path.stat()
        text = f"{path.absolute()}\n{state.st_size}\n{state.st_mtime_ns}\n{SIDE}"
        key = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:40]
        return self._folder / key[:2] / key


def _read_whole(kept: Path) -> QImage:
    """The kept image; null where there is none, or only the beginning of one."""
    try:
        data = kept.read_bytes()
    except OSError:
        return QImage()
    if not data.endswith((_JPEG_END, _PNG_END)):
        return QImage()
    return QImage.fromData(data)


def _keep(image: QImage, kept: Path) -> None:
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
            file.write(data.data())
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
