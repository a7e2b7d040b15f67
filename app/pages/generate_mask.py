"""Painting a mask on the page Generate: the picture with its tools, in place of the results."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QPushButton, QSizePolicy, QSlider, QVBoxLayout, QWidget

from app.errand import Errand
from app.masks import save_mask, transparent_parts
from app.pictures import read_image
from app.widgets.basics import button, calm, column, label, row, set_words
from app.widgets.mask_canvas import LARGEST_BRUSH, SMALLEST_BRUSH, MaskCanvas, Tool
from trainer.contract.errors import UserError
from trainer.home import Home

LARGEST = 4096
"""Pixels of the longer side that are painted on. A mask of a larger picture is coarser than the picture."""
NARROW = 600
"""Pixels below which the buttons are shown by their signs alone."""
EXPLAINED = "Paint over what is to be made anew. The right button erases, the wheel zooms."
TOOLS: tuple[tuple[Tool, str, str, str], ...] = (
    ("brush", "Brush", "Mark with a round brush", "brush"),
    ("eraser", "Eraser", "Take marks away (E)", "eraser"),
    ("rectangle", "Rectangle", "Mark a rectangle; with the right button, clear it", "rectangle"),
    ("lasso", "Lasso", "Mark what you draw a line around; with the right button, clear it", "lasso"),
)


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
        self._tools = QButtonGroup(self)
        self._texts: list[QPushButton] = []
        for place, (_, name, does, icon) in enumerate(TOOLS):
            made = button(name, does, self.canvas.setFocus, icon=icon, kind="tool")
            made.setCheckable(True)
            made.setChecked(place == 0)
            self._tools.addButton(made, place)
            self._texts.append(made)
        self._size = QSlider(Qt.Orientation.Horizontal)
        self._undo = _sign("Undo", "Take the last stroke back (Ctrl+Z)", self.canvas.undo, "reset")
        self._redo = _sign("Redo", "Do it again (Ctrl+Shift+Z)", self.canvas.redo, "redo")
        self._clear = _sign("Clear", "Mark nothing", self.canvas.clear, "remove")
        self._invert = _sign("Invert", "Mark what is not, and the other way round", self.canvas.invert, "invert")
        self._fit = _sign("Whole picture", "Show all of the picture", self.canvas.fit, "fit")
        self._leave = button("Done", "Keep the mask and go back (Esc)", self.done.emit, icon="done")
        self._lay_out()
        self.canvas.changed.connect(self._edited)
        self.canvas.brush_changed.connect(self._show_brush)
        self.canvas.tool_changed.connect(self._show_tool)
        self._tools.idClicked.connect(self._pick_tool)
        self._size.valueChanged.connect(self.canvas.set_brush)

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
        for made, (_, name, _, _) in zip(self._texts, TOOLS, strict=True):
            made.setText(name if event.size().width() >= NARROW else "")

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
        self._undo.setEnabled(self.canvas.can_undo)
        self._redo.setEnabled(self.canvas.can_redo)

    @Slot(int)
    def _show_brush(self, size: int) -> None:
        with QSignalBlocker(self._size):
            self._size.setValue(size)
        self._size.setToolTip(f"The brush is {size} pixels of the picture across. Smaller and larger with [ and ]")

    @Slot(int)
    def _pick_tool(self, place: int) -> None:
        self.canvas.set_tool(TOOLS[place][0])

    @Slot(str)
    def _show_tool(self, tool: str) -> None:
        place = next(place for place, one in enumerate(TOOLS) if one[0] == tool)
        self._tools.button(place).setChecked(True)

    def _lay_out(self) -> None:
        self._size.setRange(SMALLEST_BRUSH, LARGEST_BRUSH)
        self._size.setAccessibleName("Size of the brush")
        self._size.setFixedWidth(120)
        calm(self._size)
        self._show_brush(self.canvas.brush)
        size = label("Size", "muted")
        size.setWordWrap(False)
        size.setBuddy(self._size)
        tools = row(0, *self._texts, 8, size, self._size, 0)
        deeds = row(0, self._undo, self._redo, self._clear, self._invert, self._fit, 8, self._leave, 0)
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


def _sign(name: str, does: str, then: object, icon: str) -> QPushButton:
    made = button("", does, then, icon=icon)  # pyright: ignore[reportArgumentType]
    made.setAccessibleName(name)
    made.setIconSize(QSize(16, 16))
    return made
