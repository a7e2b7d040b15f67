"""The Gallery: every picture that Gesso made, to be found, looked at, compared, used again or thrown away."""

from collections.abc import Collection
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QSlider, QStackedWidget, QVBoxLayout, QWidget

from app.errand import Errand
from app.picture_index import PictureIndex
from app.picture_words import Opened, open_picture
from app.pictures import PictureList
from app.settings import Settings
from app.thumbnails import SIDE, Thumbnails
from app.widgets.basics import calm, column, label, open_folder, row, surface
from app.widgets.compare import ComparePanel
from app.widgets.full_view import FullView
from app.widgets.picture_details import PictureDetails
from app.widgets.picture_grid import PictureGrid
from trainer.contract.errors import UserError
from trainer.home import Home

DETAILS_WIDTH = 340
SMALLEST_TILE, LARGEST_TILE, TILE = 96, 256, 160
TYPING = 150
"""Milliseconds after the last letter before the search begins."""
NOTHING_YET = "Pictures that you make stand here, and the previews of your trainings too."
NOTHING_FOUND = "No picture fits. Take a word away, or show more than the favourites."


class GalleryPage(QWidget):
    """`said` is a sentence for the status bar, `reuse` the Path of a picture whose settings Generate takes.
    `starred` says that settings.favourites changed, so that it can be kept."""

    said = Signal(str)
    reuse = Signal(object)
    starred = Signal()

    def __init__(self, home: Home, settings: Settings) -> None:
        super().__init__()
        self._home, self._settings = home, settings
        self._stars = set(settings.favourites)
        self._root = home.root.as_posix() + "/"
        self._index = PictureIndex(home, self)
        self._pictures = PictureList(SIDE, self, read=Thumbnails(home).read)
        self._errands: dict[object, Errand] = {}
        self._opened: Opened | None = None
        self._first = ""
        self._pair: dict[str, Opened | None] = {}
        self._doomed: list[str] = []
        self.grid = PictureGrid(self._pictures, self.is_starred)
        self.details = PictureDetails()
        self.comparison = ComparePanel()
        self.full_view = FullView()
        self._stack = QStackedWidget()
        self._search = QLineEdit()
        self._only = QCheckBox("Favourites only")
        self._size = QSlider(Qt.Orientation.Horizontal)
        self._count = label("", "muted")
        self._typing = QTimer(self, singleShot=True, interval=TYPING)
        self._lay_out()
        self._wire()

    def is_starred(self, path: str) -> bool:
        return self._short(path) in self._stars

    @Slot()
    def refresh(self) -> None:
        """Look at the disk again, in the pool."""
        self._index.refresh()

    @Slot(str)
    def add(self, path: str) -> None:
        """Show a picture that was just made."""
        if not self._index.add(path):
            return
        if not self._is_filtered():
            at_top = self.grid.verticalScrollBar().value() == 0
            self._pictures.add(path)
            if not self.grid.current():
                self.grid.go_to(0)
            if at_top:
                self.grid.scrollToTop()
        self._say_count()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()  # files may have come or gone meanwhile
        self.grid.setFocus()

    @Slot()
    def star(self) -> None:
        """Give the selected pictures a star, or take it away when all have one."""
        paths = self.grid.selected_paths()
        names = [self._short(path) for path in paths]
        if all(name in self._stars for name in names):
            self._stars.difference_update(names)
        else:
            self._stars.update(names)
        self._settings.favourites = sorted(self._stars)
        self.starred.emit()
        if self._only.isChecked():
            self._filter()
        self.grid.viewport().update()
        self._show_selection()
        self._show_large()

    @Slot()
    def compare(self) -> None:
        """Compare the two selected pictures; with one, the next that is clicked is the other."""
        paths = self.grid.selected_paths()
        if len(paths) == 2:
            self._open_pair(paths[0], paths[1])
        elif len(paths) == 1:
            self._first = paths[0]
            self.details.ask("Now click the picture to compare it with, or go there and press Enter.")
            self.grid.setFocus()

    @Slot()
    def ask_delete(self) -> None:
        self._doomed = self.grid.selected_paths()
        if self._doomed:
            count = len(self._doomed)
            self._stack.setCurrentIndex(0)
            self.details.ask(
                f"Move {'this picture' if count == 1 else f'these {count:,} pictures'} to the trash?", "Move to trash"
            )

    @Slot()
    def delete(self) -> None:
        """The question was answered with yes."""
        doomed, self._doomed = self._doomed, []
        self.details.ask("")
        if doomed:
            errand = Errand("trash", partial(_to_trash, doomed))
            errand.told.done.connect(self._deleted)
            errand.told.failed.connect(self._failed)
            self._errands["trash"] = errand
            errand.start()

    @Slot()
    def show_full(self) -> None:
        self._stack.setCurrentWidget(self.full_view)
        self._show_large()
        self.full_view.setFocus()

    @Slot()
    def back(self) -> None:
        """To the grid: out of the full view, the comparison or an unanswered question."""
        self._first, self._doomed, self._pair = "", [], {}
        self.details.ask("")
        self._stack.setCurrentIndex(0)
        self.grid.setFocus()

    @Slot()
    def _reuse(self) -> None:
        if self._opened is not None:
            self.reuse.emit(self._opened.path)

    @Slot()
    def _show_folder(self) -> None:
        if self._opened is not None:
            open_folder(self._opened.path.parent)

    @Slot(str)
    def _picked(self, path: str) -> None:
        if not path:
            self._opened = None
            self.details.clear("")
            return
        if self._doomed:  # the question was about others
            self._doomed = []
            self.details.ask("")
        self._open(path)

    @Slot(str)
    def _chosen(self, path: str) -> None:
        if self._first and self._first != path:
            first, self._first = self._first, ""
            self.details.ask("")
            self._open_pair(first, path)

    def _open_pair(self, first: str, second: str) -> None:
        self._pair = {first: None, second: None}
        self._open(first)
        self._open(second)

    def _open(self, path: str) -> None:
        if path in self._errands:
            return
        errand = Errand(path, partial(open_picture, Path(path)))
        errand.told.done.connect(self._take)
        errand.told.failed.connect(self._failed)
        self._errands[path] = errand
        errand.start()

    @Slot(object, object)
    def _take(self, path: str, opened: Opened) -> None:
        self._errands.pop(path, None)
        if path in self._pair:
            self._pair[path] = opened
            first, second = self._pair.values()
            if first is not None and second is not None:
                self._pair = {}
                self._stack.setCurrentWidget(self.comparison)
                self.comparison.show_pair(first, second)
        if path == self.grid.current():
            self._opened = opened
            self.details.show_picture(opened, self._place(opened.path))
            self._show_selection()
            self._show_large()

    def _show_large(self) -> None:
        if self._stack.currentWidget() is self.full_view and self._opened is not None:
            row = self._pictures.row_of(str(self._opened.path))
            place = f"{row + 1:,} of {self._pictures.rowCount():,}"
            star = "  ·  ★ a favourite" if self.is_starred(str(self._opened.path)) else ""
            self.full_view.show_opened(self._opened, place + star)

    def _place(self, path: Path) -> str:
        if path.is_relative_to(self._home.runs):
            return f"A preview of the training {path.relative_to(self._home.runs).parts[0]}"
        return ""

    def _short(self, path: str) -> str:
        """As settings.favourites has it."""
        plain = path.replace("\\", "/")
        return plain.removeprefix(self._root)

    @Slot()
    def _show_selection(self) -> None:
        count = self.grid.count_selected()
        starred = all(self.is_starred(path) for path in self.grid.selected_paths()) if count < 1000 else False
        self.details.show_selection(count, starred and count > 0)

    @Slot(object, object)
    def _deleted(self, _about: object, outcome: "tuple[list[str], str]") -> None:
        self._errands.pop("trash", None)
        gone, problem = outcome
        row = self.grid.currentIndex().row()
        self._index.drop(gone)
        names = {self._short(path) for path in gone}
        if names & self._stars:
            self._stars -= names
            self._settings.favourites = sorted(self._stars)
            self.starred.emit()
        self._filter(fallback=max(0, row - len(gone) + 1))
        if problem:
            self.details.say_fault(problem)
        else:
            self.said.emit(
                f"{len(gone):,} pictures are in the trash." if len(gone) > 1 else "The picture is in the trash."
            )
        self.grid.setFocus()

    @Slot(object, str)
    def _failed(self, about: object, why: str) -> None:
        self._errands.pop(about, None)
        self.details.say_fault(why)

    def _is_filtered(self) -> bool:
        return self._only.isChecked() or bool(self._search.text().strip())

    @Slot()
    def _filter(self, fallback: int = 0) -> None:
        """Show what fits the search. Only when that is another list than before, or the grid would flicker."""
        self._typing.stop()
        wanted = self._search.text().casefold().split()
        words = self._index.words
        only = self._only.isChecked()
        fitting = [
            picture.path
            for picture in self._index.pictures
            if (not only or self.is_starred(picture.path))
            and (not wanted or all(word in words.get(picture.path, "") for word in wanted))
        ]
        if fitting != self._pictures.paths() or not fitting:
            self.grid.say(NOTHING_FOUND if self._index.pictures else NOTHING_YET)
            self.grid.set_paths(fitting, fallback=fallback)
        self._say_count()

    @Slot(object)
    def _words_came(self, paths: Collection[str]) -> None:
        if self._search.text().strip() and paths:
            self._filter()
        else:
            self._say_count()

    @Slot(object)
    def _rewritten(self, paths: list[str]) -> None:
        self._pictures.forget(paths)
        self.grid.viewport().update()
        if self.grid.current() in paths:
            self._open(self.grid.current())

    def _say_count(self) -> None:
        total, shown, unread = len(self._index.pictures), self._pictures.rowCount(), self._index.unread
        text = f"{total:,} pictures" if total != 1 else "1 picture"
        if self._is_filtered():
            text = f"{shown:,} of {text}"
        if unread:
            text += f"  ·  settings read of {total - unread:,} so far"
        self._count.setText(text)

    @Slot(int)
    def _resize_tiles(self, side: int) -> None:
        self.grid.set_tile(side)

    def _wire(self) -> None:
        self._index.listed.connect(self._filter)
        self._index.read.connect(self._words_came)
        self._index.changed.connect(self._rewritten)
        self._search.textChanged.connect(self._typing.start)
        self._typing.timeout.connect(self._filter)
        self._only.toggled.connect(self._filter)
        self._size.valueChanged.connect(self._resize_tiles)
        self.grid.picked.connect(self._picked)
        self.grid.chosen.connect(self._chosen)
        self.grid.selected.connect(self._show_selection)
        self.grid.full.connect(self.show_full)
        self.grid.starring.connect(self.star)
        self.grid.deleting.connect(self.ask_delete)
        self.details.reuse.connect(self._reuse)
        self.details.compare.connect(self.compare)
        self.details.folder.connect(self._show_folder)
        self.details.starring.connect(self.star)
        self.details.deleting.connect(self.ask_delete)
        self.details.confirmed.connect(self.delete)
        self.details.refused.connect(self.back)
        self.comparison.left.connect(self.back)
        self.full_view.left.connect(self.back)
        self.full_view.stepped.connect(self.grid.step)
        self.full_view.starring.connect(self.star)
        self.full_view.deleting.connect(self.ask_delete)
        for keys, then in ((QKeySequence(Qt.Key.Key_Escape), self.back), (QKeySequence.StandardKey.Find, self._seek)):
            made = QShortcut(keys, self)
            made.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            made.activated.connect(then)

    @Slot()
    def _seek(self) -> None:
        self._stack.setCurrentIndex(0)
        self._search.setFocus()
        self._search.selectAll()

    def _lay_out(self) -> None:
        self._search.setPlaceholderText("Search prompt, model, LoRA, seed")
        self._search.setAccessibleName("Search")
        self._search.setToolTip("Shows the pictures in whose settings all these words stand (Ctrl+F)")
        self._search.setClearButtonEnabled(True)
        self._only.setToolTip("Show only pictures with a star")
        self._size.setRange(SMALLEST_TILE, LARGEST_TILE)
        self._size.setValue(TILE)
        self._size.setFixedWidth(120)
        self._size.setAccessibleName("Size of the pictures in the grid")
        self._size.setToolTip("How large the pictures stand in the grid")
        calm(self._size)
        self._count.setWordWrap(False)
        top = row(self._search, self._only, self._size, margins=(16, 16, 16, 0), spacing=16)
        middle = column(top, row(self._count, 0, margins=(16, 0, 16, 0)), row(self.grid, margins=(16, 0, 0, 0)))
        right = surface(self.details, "panel", edge="left")
        right.setFixedWidth(DETAILS_WIDTH)
        browse = QWidget()
        across = QHBoxLayout(browse)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(middle, 1)
        across.addWidget(right)
        for page in (browse, self.full_view, self.comparison):
            self._stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)


def _to_trash(paths: list[str], _errand: Errand) -> tuple[list[str], str]:
    """Which went, and a sentence about the first that did not."""
    from send2trash import send2trash  # imported here: on some desktops it loads their libraries

    gone: list[str] = []
    for path in paths:
        try:
            send2trash(path)
        except OSError as error:
            if Path(path).exists():
                name, fix = Path(path).name, "Delete it with your file manager."
                trouble = UserError(f"{name} could not be moved to the trash.", fix, str(error))
                return gone, str(trouble)
        gone.append(path)
    return gone, ""
