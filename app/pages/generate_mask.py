"""Painting a mask on the page Generate: the picture with its tools, in place of the results."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.errand import Errand
from app.masks import save_mask, transparent_parts
from app.pictures import read_image
from app.widgets.basics import button, column, label, row, set_words
from app.widgets.mask_canvas import MaskCanvas
from app.widgets.mask_tools import MaskTools
from trainer.contract.errors import UserError
from trainer.home import Home

LARGEST = 4096
"""Pixels of the longer side that are painted on. A mask of a larger picture is coarser than the picture."""
NARROW = 600
"""Pixels below which the buttons are shown by their signs alone."""
EXPLAINED = "Paint over what is to be made anew. The right button erases, the wheel zooms."


class MaskPanel(QWidget):
    """`done` says that the user has finished. `saved` carries the path of the mask: "" where nothing is marked."""

    done = Signal()
    saved = Signal(str)
    failed = Signal(str)

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home
        self._source = ""
        self._is_changed = False
        self._errands: dict[str, Errand] = {}
        self.canvas = MaskCanvas()
        self._words = label(EXPLAINED, "muted")
        self._words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._tools = MaskTools(self.canvas)
        self._leave = button("Done", "Keep the mask and go back (Esc)", self.done.emit, icon="done")
        self._lay_out()
        self.canvas.changed.connect(self._edited)

    @property
    def is_changed(self) -> bool:
        """Whether there is something to be saved."""
        return self._is_changed

    def open(self, source: str, mask: str) -> None:
        """Read a picture and its mask, where it has one, in the pool, and let it be painted on."""
        self._source = source
        self._is_changed = False
        self.canvas.set_picture(QImage(), QImage())
        self._say("Opening the picture")
        self._start(f"open {source}", partial(_read, Path(source), mask), self._opened)

    def save(self) -> None:
        """Write the mask in the pool; `saved` or `failed` follows."""
        self._start("save", partial(save_mask, self.canvas.marked(), self._home), self._written)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._tools.show_names(event.size().width() >= NARROW)

    def _start(self, about: str, work: object, then: object) -> None:
        if about not in self._errands:
            errand = Errand(about, work)  # pyright: ignore[reportArgumentType]
            errand.told.done.connect(then)
            errand.told.failed.connect(self._failed)
            self._errands[about] = errand
            errand.start()

    @Slot(object, object)
    def _opened(self, about: str, read: tuple[QImage, QImage, bool]) -> None:
        self._errands.pop(about, None)
        if about != f"open {self._source}":  # another was opened meanwhile
            return
        picture, mask, is_new = read
        self._say(EXPLAINED)
        self.canvas.set_picture(picture, mask)
        self._is_changed = is_new
        self.canvas.setFocus()

    @Slot(object, object)
    def _written(self, about: str, path: Path | None) -> None:
        self._errands.pop(about, None)
        self._is_changed = False
        self.saved.emit(str(path or ""))

    @Slot(object, str)
    def _failed(self, about: str, why: str) -> None:
        self._errands.pop(about, None)
        self._say(why, "error")
        self.failed.emit(why)

    def _say(self, text: str, words: str = "muted") -> None:
        self._words.setText(text)
        set_words(self._words, words)

    @Slot()
    def _edited(self) -> None:
        self._is_changed = True

    def _lay_out(self) -> None:
        controls = self._tools
        controls.size.setFixedWidth(120)
        size = label("Size", "muted")
        size.setWordWrap(False)
        size.setBuddy(controls.size)
        tools = row(0, *controls.tools, 8, size, controls.size, 0)
        signs = (controls.undo, controls.redo, controls.clear, controls.invert, controls.fit)
        deeds = row(0, *signs, 8, self._leave, 0)
        for one in (tools, deeds):
            one.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column(self.canvas, self._words, tools, deeds, margins=(24, 24, 24, 16), spacing=12))


def _read(source: Path, mask: str, _errand: Errand) -> tuple[QImage, QImage, bool]:
    """(picture, mask, whether the mask was not known before: the picture's own transparent parts)."""
    picture = read_image(source, LARGEST)
    if picture.isNull():
        raise UserError(f"{source.name} can't be opened.", "Choose another picture.")
    kept = read_image(Path(mask)) if mask else QImage()
    own = transparent_parts(picture) if kept.isNull() else QImage()
    if kept.isNull() and mask:
        raise UserError(f"The mask {Path(mask).name} is gone.", "Forget the mask, and paint another one.")
    return picture, own if kept.isNull() else kept, not own.isNull()
