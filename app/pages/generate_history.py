"""What was made, newest first, beside the canvas of the page Generate."""

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.errand import Errand
from app.pictures import PictureList
from app.thumbnails import SIDE, Thumbnails
from app.videos import FIRST, SUFFIXES
from app.widgets.basics import column, label
from app.widgets.strip import Strip
from trainer.files import PARTIAL_PREFIX
from trainer.home import Home

WIDTH = 184
LONGEST = 200
"""So many are shown; the Gallery has them all."""


class History(QWidget):
    """`listed` says that the folder has been read."""

    picked = Signal(str)
    chosen = Signal(str)
    starring = Signal()
    deleting = Signal()
    listed = Signal()

    def __init__(self, home: Home, is_starred: Callable[[str], bool]) -> None:
        super().__init__()
        self._home = home
        self._looking: Errand | None = None
        self._again = False
        self._scroll = -1
        self.pictures = PictureList(SIDE, self, read=Thumbnails(home).read)
        self._strip = Strip(self.pictures, (WIDTH - 48) // 2, is_starred, "What you make stands here.")
        self._strip.picked.connect(self.picked)
        self._strip.chosen.connect(self.chosen)
        self._strip.starring.connect(self.starring)
        self._strip.deleting.connect(self.deleting)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column(label("History", "heading"), self._strip, margins=(12, 16, 4, 8)))

    @Slot()
    def refresh(self) -> None:
        """Look at the disk again, in the pool; asked again meanwhile, it looks once more afterwards."""
        if self._looking is not None:
            self._again = True
            return
        self._looking = Errand(None, partial(newest, self._home))
        self._looking.told.done.connect(self._take)
        self._looking.told.failed.connect(self._give_up)
        self._looking.start()

    def add(self, path: str) -> None:
        """Put a picture first that was just made, and the cursor on it."""
        if self.pictures.row_of(path) < 0:
            self.pictures.add(path)
        self.go_to(path)

    def drop(self, paths: Collection[str]) -> None:
        """Forget pictures that are gone."""
        self._show([path for path in self.pictures.paths() if path not in paths])

    def go_to(self, path: str) -> None:
        self._strip.go_to(path)

    def beside(self, path: str) -> str:
        """The picture that stands where this one stood, were it gone; "" where there is no other."""
        paths, row = self.pictures.paths(), self.pictures.row_of(path)
        others = paths[row + 1 : row + 2] or paths[max(0, row - 1) : row]
        return others[0] if row >= 0 and others else ""

    def scroll_place(self) -> int:
        return self._strip.verticalScrollBar().value()

    def set_scroll_place(self, place: int) -> None:
        """Taken when the pictures are listed."""
        self._scroll = place
        self._strip.verticalScrollBar().setValue(place)

    def redraw(self) -> None:
        self._strip.viewport().update()

    def focus(self) -> None:
        self._strip.setFocus()

    @Slot(object, object)
    def _take(self, _about: object, paths: list[str]) -> None:
        self._looking = None
        if self._again:
            self._again = False
            self.refresh()
            return
        self._show(paths)
        if self._scroll >= 0:
            self._strip.doItemsLayout()
            self._strip.verticalScrollBar().setValue(self._scroll)
            self._scroll = -1
        self.listed.emit()

    @Slot(object, str)
    def _give_up(self, _about: object, _why: str) -> None:
        self._looking = None  # what was shown before stays; the Gallery says what is wrong with the folder

    def _show(self, paths: list[str]) -> None:
        if paths != self.pictures.paths():
            current, place = self._strip.current(), self.scroll_place()
            self.pictures.set_paths(paths)
            self.go_to(current)
            self._strip.verticalScrollBar().setValue(place)


def is_shown(path: Path) -> bool:
    """Whether it is a picture or a video; a folder is one where it holds frames."""
    if path.name.startswith(PARTIAL_PREFIX):
        return False
    suffix = path.suffix.lower()
    return suffix == ".png" or suffix in SUFFIXES or (not suffix and (path / FIRST).is_file())


def newest(home: Home, _errand: Errand | None = None) -> list[str]:
    """The last pictures of the outputs folder, newest first. A file that goes meanwhile is left out."""
    found: list[tuple[float, str]] = []
    for path in home.outputs.glob("????-??-??/*"):
        if not is_shown(path):
            continue
        try:
            found.append((path.stat().st_mtime, str(path)))
        except OSError:
            continue
    return [path for _, path in sorted(found, reverse=True)[:LONGEST]]
