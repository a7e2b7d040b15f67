"""Pictures that come into the open folder: files that were dropped or chosen, and what lies on the clipboard."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.errand import Errand
from app.picture_clipboard import picture_files
from app.widgets.basics import button, label, row, surface
from trainer.dataset.adding import Added, copy_in, free_path, stems_in
from trainer.dataset.clips import CLIP_SUFFIXES, is_clip
from trainer.dataset.items import EXTENSIONS
from trainer.dataset.mending import MoveAway
from trainer.dataset.names import number_of, shown
from trainer.files import write_bytes_atomically

PASTED = "pasted"
FAULTS_SHOWN = 3
NO_FOLDER = "Open a folder first: pictures are added to the folder that is open."


class AddedStrip(QWidget):
    """Above the grid: what came into the folder last, with the way back, or how far it is. `undoing`: take it out
    again. `stopping`: copy no more."""

    undoing = Signal()
    stopping = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.words = label("")
        self.undo = button("Take them out again", "They can be brought back then", self.undoing.emit, icon="reset")
        self.stop = button("Stop", "What is copied already stays", self.stopping.emit, icon="stop")
        self.shut = button("", "Close this", self.hide, icon="close", kind="quiet")
        self.words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        for control in (self.undo, self.stop, self.shut):
            control.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 8, 16, 0)
        line = row(self.words, self.undo, self.stop, self.shut, margins=(12, 8, 8, 8))
        layout.addWidget(surface(line, "raised"))
        self.hide()

    def say(self, words: str, *, can_undo: bool = False, can_stop: bool = False) -> None:
        self.words.setText(words)
        self.undo.setVisible(can_undo)
        self.stop.setVisible(can_stop)
        self.shut.setVisible(not can_stop)
        self.setVisible(bool(words))


class Importing(QObject):
    """Copies in the pool, one thing at a time. `added`: new pictures are in the folder, which is to be read anew;
    carries their paths. `mending` carries what takes them out again, `clip` a clip that was chosen or dropped."""

    said = Signal(str)
    added = Signal(object)
    mending = Signal(object)
    clip = Signal(object)

    def __init__(self, folder: DatasetFolder, parent: QObject) -> None:
        super().__init__(parent)
        self.strip = AddedStrip()
        self._folder = folder
        self._working: Errand | None = None
        self._last: tuple[Path, ...] = ()
        self.strip.undoing.connect(self._take_out)
        self.strip.stopping.connect(self.stop)
        folder.opened.connect(self._opened)

    @property
    def is_busy(self) -> bool:
        return self._working is not None

    def choose(self, parent: QWidget) -> None:
        """Let the user choose pictures, or a clip."""
        if self._folder.folder is None:
            self.said.emit(NO_FOLDER)
            return
        endings = sorted({*(f".{ending}" for ending in EXTENSIONS), *CLIP_SUFFIXES})
        kinds = f"Pictures and clips ({' '.join(f'*{ending}' for ending in endings)});;All files (*)"
        chosen, _ = QFileDialog.getOpenFileNames(parent, "Pictures to add", "", kinds)
        if chosen:
            self.add([Path(path) for path in chosen])

    def add(self, paths: Sequence[Path]) -> None:
        """Copy pictures into the open folder. A clip alone is opened instead."""
        folder = self._folder.folder
        if folder is None:
            self.said.emit(NO_FOLDER)
        elif len(paths) == 1 and is_clip(paths[0]):
            self.clip.emit(paths[0])
        else:
            self._start(partial(_copied, tuple(paths), folder))

    def paste(self) -> None:
        """Add what lies on the clipboard: files, or a picture, which becomes a PNG."""
        clipboard, folder = QGuiApplication.clipboard(), self._folder.folder
        files = picture_files()
        if folder is None:
            self.said.emit(NO_FOLDER)
        elif files:
            self.add(files)
        elif not (image := clipboard.image()).isNull():
            self._start(partial(_pasted, image, folder))
        else:
            self.said.emit("There is no picture on the clipboard.")

    def show_added(self, paths: Sequence[Path], faults: Sequence[str] = ()) -> None:
        """Say what came in, and let the page read it."""
        self._last = tuple(paths)
        words = f"{number_of(len(paths), 'picture')} added." if paths else "Nothing was added."
        if len(paths) == 1:
            words = f"{shown(paths[0].name)} was added."
        more = f" And {len(faults) - FAULTS_SHOWN} more were left out." if len(faults) > FAULTS_SHOWN else ""
        self.strip.undo.setText("Take it out again" if len(paths) == 1 else "Take them out again")
        self.strip.say(" ".join([words, *faults[:FAULTS_SHOWN]]) + more, can_undo=bool(paths))
        if paths:
            self.added.emit(self._last)

    @Slot()
    def stop(self) -> None:
        if self._working is not None:
            self._working.cancel()

    def _start(self, work: Callable[[Errand], Added]) -> None:
        if self._working is not None:
            self.said.emit("Other pictures are still being added.")
            return
        folder = self._folder.folder
        self._working = Errand(folder, work)
        self._working.told.done.connect(self._take)
        self._working.told.failed.connect(self._fail)
        self._working.told.progressed.connect(self._progressed)
        self.strip.say("Adding pictures…", can_stop=True)
        self._working.start()

    @Slot(object, object)
    def _take(self, folder: Path, added: Added) -> None:
        self._working = None
        self.strip.say("")
        if folder == self._folder.folder:
            self.show_added(added.pictures, added.faults)
        else:
            self.said.emit(f"{number_of(len(added.pictures), 'picture')} added to {shown(folder.name)}.")

    @Slot(object, str)
    def _fail(self, _folder: object, why: str) -> None:
        self._working = None
        self.strip.say(why)

    @Slot(object, object)
    def _progressed(self, done: int, total: int) -> None:
        if self._working is not None:
            self.strip.say(f"Adding pictures: {done:,} of {total:,}", can_stop=True)

    @Slot()
    def _take_out(self) -> None:
        taken = tuple(path for path in self._last if path.exists())
        self._last = ()
        self.strip.say("")
        if taken:
            self.mending.emit(MoveAway("Take out what was added", taken))

    @Slot()
    def _opened(self) -> None:
        """Another folder has nothing to do with what was added."""
        if self._last and self._folder.folder not in self._last[0].parents:
            self._last = ()
            self.strip.say("")


def _copied(paths: tuple[Path, ...], folder: Path, errand: Errand) -> Added:
    def watch(done: int, total: int) -> bool:
        errand.progress(done, total)
        return not errand.is_cancelled

    return copy_in(paths, folder, watch)


def _pasted(image: QImage, folder: Path, _errand: Errand) -> Added:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # pyright: ignore[reportCallIssue, reportArgumentType] - the stubs forget devices
    path = free_path(folder, PASTED, ".png", stems_in(folder))
    write_bytes_atomically(path, bytes(data.data()))
    return Added((path,))
