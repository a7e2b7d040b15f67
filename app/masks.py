"""Masks that were painted, kept as PNG under the user's folder, where the job of a picture finds them again."""

import hashlib
from datetime import date
from pathlib import Path
from typing import cast

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage

from app.errand import Errand
from trainer.files import write_bytes_atomically
from trainer.home import Home

DIGITS = 16
"""Of the checksum in a mask's name: enough to tell all that anybody ever paints apart."""


def folder(home: Home) -> Path:
    return home.root / "masks"


def save_mask(mask: QImage, home: Home, _errand: Errand | None = None) -> Path | None:
    """Write a mask under a name made of the day and its content; one that is there already stays. None where nothing
    is marked. To be called in a thread of the pool. Raises UserError if the disk refuses."""
    if not marks_anything(mask):
        return None
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    mask.save(buffer, "PNG")  # pyright: ignore[reportCallIssue, reportArgumentType] - the stubs forget devices
    buffer.close()
    content = bytes(data.data())
    checksum = hashlib.sha256(content).hexdigest()[:DIGITS]
    known = next(folder(home).glob(f"????-??-??-{checksum}.png"), None)
    if known is not None:
        return known
    path = folder(home) / f"{date.today().isoformat()}-{checksum}.png"
    write_bytes_atomically(path, content)
    return path


def marks_anything(mask: QImage) -> bool:
    """Whether any pixel of an image in 8 bits of grey is other than black."""
    width = mask.width()
    lines = (cast(memoryview, mask.constScanLine(line)) for line in range(mask.height()))
    return any(bytes(line[:width]).strip(b"\0") for line in lines)


def transparent_parts(picture: QImage) -> QImage:
    """White where a picture is transparent; null where it is nowhere."""
    if not picture.hasAlphaChannel():
        return QImage()
    mask = picture.convertToFormat(QImage.Format.Format_Alpha8)
    mask.reinterpretAsFormat(QImage.Format.Format_Grayscale8)
    mask.invertPixels()
    return mask if marks_anything(mask) else QImage()
