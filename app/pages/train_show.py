"""Pictures that something is said about, shown in place: one large, the others beside it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.errand import Errand
from app.picture_words import Opened, open_picture
from app.pictures import PictureList
from app.widgets.basics import button, column, label, open_folder, row
from app.widgets.canvas import Canvas
from app.widgets.strip import Strip
from trainer.dataset.names import shown

SIDE = 96


class ShownPictures(QWidget):
    """`left` says that the user has seen enough."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._opening: Errand | None = None
        self._path = Path()
        self._what = label("", "heading")
        self._about = label("", "muted")
        self.canvas = Canvas("")
        self._pictures = PictureList(SIDE * 2)
        self._strip = Strip(self._pictures, SIDE, _has_star, "The pictures that this is about")
        self._strip.setAccessibleDescription("The arrow keys show the next picture.")
        self._strip.setFixedWidth(SIDE + 24)
        self._strip.picked.connect(self._open)
        back = button("Back to the plan", "Back to the plan (Esc)", self.left.emit, icon="back")
        folder = button("Show in folder", "Open the folder that holds the picture", self._show_folder, icon="folder")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 16)
        layout.setSpacing(12)
        layout.addWidget(row(back, folder, 0))
        layout.addWidget(self._what)
        layout.addWidget(row(self.canvas, self._strip, spacing=12), 1)
        layout.addWidget(column(self._about))

    def show_pictures(self, paths: Sequence[Path], what: str) -> None:
        self._what.setText(what)
        self._pictures.set_paths([str(path) for path in paths])
        self._strip.setVisible(len(paths) > 1)
        self._strip.setCurrentIndex(self._pictures.index(0))
        self._open(str(paths[0]))
        self._strip.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    @Slot(str)
    def _open(self, path: str) -> None:
        self._path = Path(path)
        if self._opening is None:
            self._opening = Errand(self._path, partial(open_picture, self._path))
            self._opening.told.done.connect(self._take)
            self._opening.told.failed.connect(self._failed)
            self._opening.start()

    @Slot(object, object)
    def _take(self, _about: object, opened: Opened) -> None:
        self._opening = None
        if opened.path != self._path:  # another was picked meanwhile
            self._open(str(self._path))
            return
        name = shown(opened.path.name)
        if opened.image.isNull():
            self.canvas.clear(f"{name} can't be shown. {opened.problem}")
        else:
            self.canvas.show_image(opened.image, f"The picture {name}")
        self._about.setText(f"{name}  ·  {opened.facts}" if opened.facts else name)

    @Slot(object, str)
    def _failed(self, _about: object, words: str) -> None:
        self._opening = None
        self.canvas.clear(words)

    @Slot()
    def _show_folder(self) -> None:
        open_folder(self._path.parent)


def _has_star(_path: str) -> bool:
    """Stars belong to pictures that were made, not to those that are trained on."""
    return False
