"""Pictures on disk as the window needs them: thumbnails decoded small in the pool of threads, what a PNG remembers."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRunnable,
    QSize,
    QStringListModel,
    Qt,
    QThreadPool,
    Signal,
    Slot,
)
from PySide6.QtGui import QImage, QImageReader, QPixmap

from app.errand import Errand, Errands
from app.priority import step_back
from trainer.contract.generate import GenerateJob
from trainer.contract.video import VideoJob
from trainer.files import Stamp, stamp_of

KEPT = 400
"""Thumbnails kept in memory: about 100 MB at 256 pixels, some screens full."""
WAITING = 200
"""Thumbnails that may wait to be decoded. Who scrolls on no longer wants what was asked for before these."""
AHEAD = 1
"""Thumbnails go before other work in the pool: somebody is looking."""

PictureJob = GenerateJob | VideoJob
"""What a picture or video may remember."""
Index = QModelIndex | QPersistentModelIndex
Read = Callable[[Path, int], QImage]


def read_job(path: Path) -> PictureJob | None:
    """The job that makes this picture or video again; None where the file carries none. Of the sheet of a grid, what
    its pictures have in common. Raises UserError when it is damaged."""
    from app.videos import is_video, video_job
    from trainer.library.pictures.reading import OWN, read_settings  # the first paint does without

    if is_video(path):
        return video_job(path)
    found = read_settings(path)
    return found.job if found is not None and found.source == OWN else None


def read_image(path: Path, side: int = 0) -> QImage:
    """The picture, upright; with `side` at most that many pixels large, while it is decoded. Null if it can't be.

    Of a video, its first frame.
    """
    if path.suffix.lower() == ".mp4":
        from app.videos import first_frame

        return first_frame(path, side)
    if not path.suffix and path.is_dir():
        path = path / "0001.png"
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if side and size.isValid() and max(size.width(), size.height()) > side:
        reader.setScaledSize(size.scaled(QSize(side, side), Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()


def _changed(known: Sequence[tuple[str, Stamp | None]], errand: Errand) -> list[str]:
    """Those that are another file now. To be called in the pool: a disk may be far away."""
    found: list[str] = []
    for path, stamp in known:
        errand.check()
        if stamp_of(path) != stamp:
            found.append(path)
    return found


class _Decoder(QObject):
    """What is to be decoded. The last asked for comes first: that is what is on the screen now.

    `done` carries the path, the file's stamp from before it was read, and the picture.
    """

    done = Signal(str, object, QImage)

    def __init__(self, read: Read, side: int) -> None:
        super().__init__()
        self._read, self._side = read, side
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._busy: set[str] = set()
        self._outdated: set[str] = set()
        """What changed while it was decoded."""
        self._lock = threading.Lock()

    def ask(self, path: str) -> None:
        with self._lock:
            if path in self._busy:
                return
            is_new = path not in self._waiting
            self._waiting[path] = None
            self._waiting.move_to_end(path)
            if len(self._waiting) > WAITING:
                self._waiting.popitem(last=False)
        if is_new:
            QThreadPool.globalInstance().start(_Decode(self), AHEAD)

    def forget(self, path: str) -> None:
        """It is another now: what is being decoded of it is not to be shown."""
        with self._lock:
            if path in self._busy:
                self._outdated.add(path)

    def decode_next(self) -> None:
        """In a thread of the pool. Often there is nothing left to do: it was dropped meanwhile."""
        with self._lock:
            if not self._waiting:
                return
            path, _ = self._waiting.popitem()
            self._busy.add(path)
        stamp, image = stamp_of(path), self._read(Path(path), self._side)
        with self._lock:
            self._busy.discard(path)
            is_outdated = path in self._outdated
            self._outdated.discard(path)
        if is_outdated:
            self.ask(path)
        else:
            self.done.emit(path, stamp, image)


class _Decode(QRunnable):
    def __init__(self, decoder: _Decoder) -> None:
        super().__init__()
        self._decoder = decoder

    def run(self) -> None:
        step_back()
        self._decoder.decode_next()


class PictureList(QStringListModel):
    """Paths of pictures, newest first, with thumbnails that are decoded when a view asks for them.

    `read` decodes one, in any thread: `Thumbnails.read` keeps them on disk. It is a model of strings because a view
    that lays 20,000 pictures out asks for the count of rows as often, and one that selects them for the flags of each:
    a call of Python each time would take long. Strings can be edited: its views have no edit triggers.

    `renewed` carries the paths that other programs changed since they were decoded; their thumbnails come anew.
    """

    renewed = Signal(object)

    PATH = Qt.ItemDataRole.UserRole
    BROKEN = Qt.ItemDataRole.UserRole + 1
    """True where the file can't be shown."""

    def __init__(self, side: int, parent: QObject | None = None, *, read: Read = read_image) -> None:
        super().__init__(parent)
        self._paths: list[str] = []
        self._rows: dict[str, int] = {}
        self._pixmaps: OrderedDict[str, QPixmap] = OrderedDict()
        self._broken: set[str] = set()
        self._stamps: dict[str, Stamp | None] = {}
        """Of the files as they were decoded, and of the broken ones."""
        self._errands = Errands(self)
        self._decoder = _Decoder(read, side)  # without a parent: a thread may still hold it when the list is gone
        self._decoder.done.connect(self._take)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        path = self._paths[index.row()]
        match role:
            case Qt.ItemDataRole.DecorationRole:
                return self._thumbnail(path)
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleTextRole:
                return Path(path).name
            case self.PATH:
                return path
            case self.BROKEN:
                return path in self._broken
            case _:
                return None

    def paths(self) -> list[str]:
        return list(self._paths)

    def row_of(self, path: str) -> int:
        """Its row, or -1."""
        return self._rows.get(path, -1)

    def set_paths(self, paths: Sequence[str]) -> None:
        self._paths = list(paths)
        self._count()
        self.setStringList(self._paths)

    def add(self, path: str) -> None:
        """Put a new picture first."""
        self._paths.insert(0, path)
        self._count()
        self.insertRows(0, 1)

    def forget(self, paths: Collection[str]) -> None:
        """These files changed: their thumbnails are read again."""
        for path in paths:
            self._pixmaps.pop(path, None)
            self._broken.discard(path)
            self._stamps.pop(path, None)
            self._decoder.forget(path)

    @Slot()
    def look_again(self) -> None:
        """Other programs may have changed the files: those whose thumbnails are there are compared, in the pool."""
        if not self._errands:
            self._errands.run("stamps", partial(_changed, list(self._stamps.items())), self._renew)

    @Slot(object, object)
    def _renew(self, _about: object, paths: list[str]) -> None:
        self.forget(paths)
        for path in paths:
            self._draw(path)
        if paths:
            self.renewed.emit(paths)

    def _count(self) -> None:
        self._rows = {path: row for row, path in enumerate(self._paths)}

    def _thumbnail(self, path: str) -> QPixmap | None:
        found = self._pixmaps.get(path)
        if found is not None:
            self._pixmaps.move_to_end(path)
        elif path not in self._broken:
            self._decoder.ask(path)
        return found

    @Slot(str, object, QImage)
    def _take(self, path: str, stamp: Stamp | None, image: QImage) -> None:
        self._stamps[path] = stamp
        if image.isNull():
            self._broken.add(path)
        else:
            self._pixmaps[path] = QPixmap.fromImage(image)
            if len(self._pixmaps) > KEPT:
                oldest, _ = self._pixmaps.popitem(last=False)
                del self._stamps[oldest]
        self._draw(path)

    def _draw(self, path: str) -> None:
        row = self._rows.get(path)
        if row is not None:
            place = self.index(row)
            self.dataChanged.emit(place, place, [Qt.ItemDataRole.DecorationRole])
