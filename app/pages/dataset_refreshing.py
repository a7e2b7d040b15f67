"""The page Dataset follows its folder: pictures that other programs added or took away, and a folder that is gone."""

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.dataset_outside import Outside
from app.pages.dataset_listing import Listing
from app.widgets.basics import button, label, row, surface
from app.widgets.dataset_grid import DatasetGrid
from app.widgets.dataset_inspector import DatasetInspector
from trainer.dataset.names import number_of, shown

LATER = "They are shown when you are done here."


class GoneStrip(QWidget):
    """Above the grid while the folder is gone, with the ways out."""

    opening = Signal()
    looking = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.words = label("", "warn")
        self.open = button("Open another…", "Choose a folder of pictures", self.opening.emit, icon="folder")
        self.look = button("Look again", "It may be there again", self.looking.emit, icon="again")
        self.words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 8, 16, 0)
        layout.addWidget(surface(row(self.words, self.open, self.look, margins=(12, 8, 8, 8)), "raised"))
        self.hide()


class Refreshing(QObject):
    """Where pictures came or went the folder is read anew, and the selection kept; but only while nobody types in
    the inspector and the grid is in front, or one of some panels: `front` is where they stand, and which. `said` is a
    sentence about it."""

    said = Signal(str)

    def __init__(
        self,
        folder: DatasetFolder,
        listing: Listing,
        grid: DatasetGrid,
        inspector: DatasetInspector,
        front: tuple[QStackedWidget, tuple[QWidget, ...]],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.strip = GoneStrip()
        self._folder, self._listing, self._grid, self._inspector = folder, listing, grid, inspector
        self._middle, self._calm = front
        self._is_outdated = False
        self.strip.looking.connect(folder.look_outside)
        folder.looked.connect(self._take)
        folder.opened.connect(self._opened)
        for at_rest in (self._middle.currentChanged, inspector.edit.left, grid.selected):
            at_rest.connect(self._try_again)

    @Slot(object)
    def _take(self, outside: Outside) -> None:
        folder = self._folder.folder
        if folder is None:
            return
        self.strip.words.setText(f"{shown(folder)} is gone: it was moved, renamed, or its disk was taken out.")
        self.strip.setVisible(outside.is_gone)
        if not outside.has_others:
            return
        words, is_told = in_words(outside), self._is_outdated
        self._is_outdated = self._is_in_use()
        if not self._is_outdated:
            self._listing.restoring = self._grid.view()
            self._folder.open(folder)
        if words and not is_told:
            self.said.emit(f"{words} {LATER}" if self._is_outdated else words)

    @Slot()
    def _try_again(self) -> None:
        if self._is_outdated and not self._is_in_use():
            self._is_outdated = False
            self._folder.look_outside()

    @Slot()
    def _opened(self) -> None:
        self._is_outdated = False
        self.strip.hide()

    def _is_in_use(self) -> bool:
        """Whether something is typed, painted or looked through that other pictures would disturb."""
        focus, front = QApplication.focusWidget(), self._middle.currentWidget()
        is_typed_in = isinstance(focus, QLineEdit | QPlainTextEdit) and self._inspector.isAncestorOf(focus)
        is_calm = self._middle.currentIndex() == 0 or front in self._calm
        return is_typed_in or self._inspector.is_edited or not is_calm


def in_words(outside: Outside) -> str:
    """`3 pictures came, 1 went.`"""
    came = f"{number_of(outside.came, 'picture')} came" if outside.came else ""
    went = f"{number_of(outside.went, 'picture')} went" if outside.went else ""
    if came and went:
        went = f"{outside.went:,} went"
    return ", ".join(filter(None, (came, went))) + "." if came or went else ""
