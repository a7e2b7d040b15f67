"""Pictures on the clipboard: put there in their full size, and found there."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, QUrl, Signal, Slot
from PySide6.QtGui import QGuiApplication, QImage

from app.errand import Errand
from app.pictures import read_image


class PictureClipboard(QObject):
    """`said` is a sentence for the status bar, `refused` one on what went wrong, and its role."""

    said = Signal(str)
    refused = Signal(str, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._reading: Errand | None = None

    def copy(self, path: Path) -> None:
        """Read in the pool. Programs that take files get the file."""
        if self._reading is None:
            self._reading = Errand(path, partial(_read_whole, path))
            self._reading.told.done.connect(self._take)
            self._reading.told.failed.connect(self._fail)
            self._reading.start()

    @Slot(object, object)
    def _take(self, path: Path, image: QImage) -> None:
        self._reading = None
        if image.isNull():
            return
        both = QMimeData()
        both.setImageData(image)
        both.setUrls([QUrl.fromLocalFile(str(path))])
        QGuiApplication.clipboard().setMimeData(both)
        self.said.emit(f"{path.name} is on the clipboard.")

    @Slot(object, str)
    def _fail(self, _path: object, why: str) -> None:
        self._reading = None
        self.refused.emit(why, "error")


def picture_files() -> list[Path]:
    """The files on the clipboard that are pictures or clips."""
    from trainer.dataset.adding import is_picture  # not before somebody pastes: the window opens without Pillow
    from trainer.dataset.clips import is_clip

    data = _on_clipboard()
    files = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()] if data is not None else []
    return [path for path in files if is_picture(path) or is_clip(path)]


def holds_picture() -> bool:
    """Whether what lies on the clipboard is a picture, or files of some, and no words for a text field."""
    data = _on_clipboard()
    return data is not None and (bool(picture_files()) or (data.hasImage() and not data.hasText()))


def _on_clipboard() -> QMimeData | None:
    """An empty clipboard may have no data at all, whatever Qt's stubs say."""
    return QGuiApplication.clipboard().mimeData()


def _read_whole(path: Path, _errand: Errand) -> QImage:
    return read_image(path)
