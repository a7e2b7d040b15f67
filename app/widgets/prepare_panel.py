"""Preparing pictures on the page Dataset: one of them large, to be cropped, turned and mirrored, or to have its mask
painted. The files of the pictures stay as they are."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QImage, QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QPushButton, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.dataset_preparing import Mode, Painted, Shown, read_shown
from app.dataset_reading import TRAINING_SIDE
from app.errand import Errand
from app.prepared import turned_size
from app.widgets.basics import button, column, label, row, set_words
from app.widgets.crop_bar import CropBar
from app.widgets.crop_canvas import CropCanvas
from app.widgets.mask_bar import EXPLAINED, MaskBar
from app.widgets.mask_canvas import MaskCanvas
from app.widgets.mask_tools import sign
from app.widgets.training_view import fit_in_words
from trainer.dataset.buckets import Buckets
from trainer.dataset.masks import mask_path
from trainer.dataset.pictures import Size
from trainer.dataset.recipes import AS_IT_IS
from trainer.dataset.seen import Fit

REST = 30_000
"""Milliseconds after the first stroke that is not written until it is. The history holds each mask that was written."""


class PreparePanel(QWidget):
    """`stepped`: to the next picture, or the one before; `left`: back to the grid. `selected` gives the places that
    turns and mirroring are for."""

    left = Signal()
    stepped = Signal(int)

    def __init__(self, folder: DatasetFolder, selected: Callable[[], list[int]]) -> None:
        super().__init__()
        self._folder, self._selected = folder, selected
        self._mode: Mode = "crop"
        self._place = -1
        self._recipe, self._size = AS_IT_IS, Size(0, 0)
        self._is_shown = False
        """Whether the canvas shows the picture of this place by this recipe, and not what was there before."""
        self._is_painted = False
        self._longest = 0
        """Pixels of the longer side of the last picture that was painted on."""
        self._unwritten: dict[Path, Painted] = {}
        """Masks on their way to the disk, or refused by it, by the paths of their files: pictures may share one."""
        self._errands: dict[int, Errand] = {}
        self._numbers = itertools.count(1)
        self._shown_as = 0
        """The number of the errand that reads, or read, what is shown: what is painted on it is one step."""
        self.crop_canvas, self.mask_canvas = CropCanvas(Fit(Buckets.around(TRAINING_SIDE))), MaskCanvas()
        self.crop_bar, self.mask_bar = CropBar(), MaskBar(self.mask_canvas)
        self._name, self._words = label("", "muted"), label("", "muted")
        self._modes: dict[Mode, QPushButton] = {}
        self._canvases, self._bars = QStackedWidget(), QStackedWidget()
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._lay_out()
        self._rest.timeout.connect(self._write_mask)
        self.crop_canvas.changing.connect(self._say_crop)
        self.crop_canvas.changed.connect(self._cropped)
        self.mask_canvas.changed.connect(self._painted)
        self.crop_bar.shaped.connect(self.crop_canvas.set_ratio)
        self.crop_bar.turned.connect(self.turn)
        self.crop_bar.mirrored.connect(self.mirror)
        self.crop_bar.reset.connect(self.reset)
        folder.prepared.connect(self._prepared)
        folder.masked.connect(self._masked)
        folder.opening.connect(self._let_go)
        folder.opened.connect(self._forget)
        folder.read.connect(self._go_on)

    @Slot(object)
    def fit_by(self, fit: Fit) -> None:
        """Say from now on how a crop fits this training."""
        if fit == self.crop_canvas.fit:
            return
        self.crop_canvas.fit_by(fit)
        self.crop_bar.let_bucket_go()
        if self._mode == "crop" and self._is_shown:
            self._say_crop()

    # ---- Which picture

    def open(self, place: int, where: str) -> None:
        """Show this picture of the folder; what was done to the one before is kept."""
        self.finish()
        is_there = place == self._place and self._is_shown and self.isVisible()
        self._place = place
        name = self._path.name
        metrics = self._name.fontMetrics()
        shown = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, 180)
        self._name.setText(f"{shown}  ·  {where}")
        self._name.setToolTip(name)
        if not is_there:  # else its strokes could not be undone any more
            self._read()

    @Slot()
    def finish(self) -> None:
        """What was drawn so far is meant, and written in the pool."""
        self.crop_canvas.settle()
        self._write_mask()

    def set_mode(self, mode: Mode) -> None:
        if mode != self._mode:
            self.finish()
            self._mode = mode
            self._modes[mode].setChecked(True)
            self._canvases.setCurrentIndex(0 if mode == "crop" else 1)
            self._bars.setCurrentIndex(0 if mode == "crop" else 1)
            self._clear("")
            self._read()
        self.take_focus()

    def take_focus(self) -> None:
        (self.crop_canvas if self._mode == "crop" else self.mask_canvas).setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.finish()

    @property
    def _path(self) -> Path:
        return Path(self._folder.paths[self._place])

    @Slot()
    def _let_go(self) -> None:
        """The folder is about to be read, and what would be drawn meanwhile be about none of its pictures."""
        self.finish()
        self._clear("")

    @Slot()
    def _go_on(self) -> None:
        """Where it could not be read, the picture is still there."""
        if self._place >= 0 and not self._is_shown and self.isVisible():
            self._read()

    @Slot()
    def _forget(self) -> None:
        """Another folder is open: what its places mean is another now."""
        self._place = -1
        self._unwritten.clear()
        self._clear("")

    def _clear(self, words: str) -> None:
        """No picture: what is drawn now is about none."""
        self._is_shown = self._is_painted = False
        self.crop_canvas.clear(words)
        self.mask_canvas.set_picture(QImage(), QImage())

    def _read(self) -> None:
        """The picture, in the pool; `_show` follows."""
        if self._place < 0:
            return
        self._is_shown = False
        self._recipe = self._folder.preparing.recipe(self._place)
        painted = self._unwritten.get(mask_path(self._path))
        for errand in self._errands.values():
            errand.cancel()
        self._shown_as = number = next(self._numbers)
        errand = Errand(number, partial(read_shown, self._path, self._recipe, self._mode, painted))
        errand.told.done.connect(self._show)
        errand.told.failed.connect(self._failed)
        errand.told.stopped.connect(self._ended)
        self._errands[number] = errand
        errand.start()

    @Slot(object, object)
    def _show(self, number: int, shown: Shown) -> None:
        if not self._ended(number) or self._place < 0:
            return
        self._size = shown.size
        whole = turned_size(shown.size, self._recipe)
        if self._mode == "crop":
            self.crop_canvas.set_picture(shown.picture, whole, self._recipe.crop and self._recipe.box(shown.size))
            self._say_crop()
            self._is_shown = True
            return
        brush = self.mask_canvas.brush
        self.mask_canvas.set_picture(shown.picture, shown.left_out)
        longest = max(shown.picture.width(), shown.picture.height())
        if self._longest:
            self.mask_canvas.set_brush(round(brush * longest / self._longest))
        self._longest = longest
        self._frame()
        self._say(EXPLAINED)
        self._is_shown = True

    @Slot(object)
    def _ended(self, number: int) -> bool:
        """Whether it is the picture that is wanted now."""
        is_last = number == max(self._errands)
        self._errands.pop(number, None)
        return is_last

    @Slot(object, str)
    def _failed(self, number: int, why: str) -> None:
        if self._ended(number):
            self._clear(why)
            self._say(why, "error")

    # ---- Its recipe

    @Slot()
    def _cropped(self) -> None:
        if self._is_shown:
            self._recipe = replace(self._recipe, crop=self.crop_canvas.crop)
            self._folder.preparing.change(f"Cropped {self._path.name}", {self._place: self._recipe})

    @Slot(int)
    def turn(self, turns: int) -> None:
        """Quarter turns clockwise, of all that are selected."""
        self.finish()
        if self._place >= 0:
            self._folder.preparing.turn(self._selected() or [self._place], turns)

    @Slot()
    def mirror(self) -> None:
        """Left and right, of all that are selected."""
        self.finish()
        if self._place >= 0:
            self._folder.preparing.mirror(self._selected() or [self._place])

    @Slot()
    def reset(self) -> None:
        """The shown picture as its file has it. Its mask stays."""
        self.finish()
        if self._place >= 0:
            self._folder.preparing.change(f"Reset {self._path.name}", {self._place: AS_IT_IS})

    @Slot(object)
    def _prepared(self, places: tuple[int, ...]) -> None:
        """It may have been prepared from elsewhere, or a step was undone."""
        if self._place not in places or not self.isVisible():
            return
        recipe = self._folder.preparing.recipe(self._place)
        if recipe == self._recipe:
            return
        self._write_mask()
        self._read()

    @Slot()
    def _say_crop(self) -> None:
        canvas = self.crop_canvas
        placed = canvas.placed
        self.crop_bar.show_bucket(placed.bucket_size)
        words = fit_in_words(placed, canvas.size_of_crop, is_piece=canvas.fit.is_piece)
        self._say(words, "warn" if canvas.is_too_small() else "muted")

    # ---- Its mask

    @Slot()
    def _painted(self) -> None:
        if self._is_shown:
            self._is_painted = True
            if not self._rest.isActive():
                self._rest.start()

    @Slot()
    def _write_mask(self) -> None:
        self._rest.stop()
        if self._is_painted:
            self._is_painted = False
            painted = Painted(self.mask_canvas.marked(), self._recipe, self._size)
            self._unwritten[mask_path(self._path)] = painted
            self._folder.preparing.write_mask(self._place, painted, f"mask {self._shown_as}")

    @Slot(object, object)
    def _masked(self, places: tuple[int, ...], painted: Painted | None) -> None:
        """Painted here and written; or another mask for any other reason, as when a step is undone."""
        for path in {mask_path(Path(self._folder.paths[place])) for place in places}:
            if painted is None or self._unwritten.get(path) is painted:
                self._unwritten.pop(path, None)
        is_shown = self._place in places and self._mode == "mask" and self.isVisible()
        if painted is None and is_shown and not self._is_painted:
            self._read()

    def undo(self) -> bool:
        """Take the last stroke back. False where that is not what undo is about; what was drawn is written then."""
        if self._mode == "mask" and self._is_shown and self.mask_canvas.can_undo:
            self.mask_canvas.undo()
            return True
        self.finish()
        return False

    def redo(self) -> bool:
        if self._mode == "mask" and self._is_shown and self.mask_canvas.can_redo:
            self.mask_canvas.redo()
            return True
        self.finish()
        return False

    def _frame(self) -> None:
        """What the crop leaves out needs no mask."""
        if self._recipe.crop is None:
            return
        whole = turned_size(self._size, self._recipe)
        scale = self.mask_canvas.marked().width() / whole.width
        left, top, right, bottom = (scale * side for side in self._recipe.box(self._size))
        self.mask_canvas.set_frame(QRectF(left, top, right - left, bottom - top))

    # ---- Keys, and how it is put together

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(event)
            return
        match event.key():
            case Qt.Key.Key_PageUp:
                self.stepped.emit(-1)
            case Qt.Key.Key_PageDown:
                self.stepped.emit(1)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self.stepped.emit(1)
            case Qt.Key.Key_C:
                self.set_mode("crop")
            case Qt.Key.Key_B:
                self.set_mode("mask")
            case Qt.Key.Key_L:
                self.turn(-1)
            case Qt.Key.Key_R:
                self.turn(1)
            case Qt.Key.Key_M:
                self.mirror()
            case Qt.Key.Key_Delete:
                self.reset()
            case _:
                super().keyPressEvent(event)

    @Slot()
    def _step_back(self) -> None:
        self.stepped.emit(-1)

    @Slot()
    def _step_on(self) -> None:
        self.stepped.emit(1)

    @Slot()
    def _pick_crop(self) -> None:
        self.set_mode("crop")

    @Slot()
    def _pick_mask(self) -> None:
        self.set_mode("mask")

    def _say(self, text: str, words: str = "muted") -> None:
        self._words.setText(text)
        set_words(self._words, words)

    def _lay_out(self) -> None:
        crop = button("Crop", "Crop, turn and mirror (C)", self._pick_crop, icon="crop", kind="tool")
        mask = button("Mask", "Paint what training is to leave out (B)", self._pick_mask, icon="mask", kind="tool")
        self._modes = {"crop": crop, "mask": mask}
        group = QButtonGroup(self)
        for made in self._modes.values():
            made.setCheckable(True)
            group.addButton(made)
        crop.setChecked(True)
        before = sign("The picture before", "The picture before (Page Up)", self._step_back, "left")
        after = sign("The next picture", "The next picture (Page Down, Enter)", self._step_on, "folded")
        leave = button("Done", "Back to the pictures; all of it is kept (Esc)", self.left.emit, icon="done")
        self._name.setWordWrap(False)
        self._words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        for canvas, bar in ((self.crop_canvas, self.crop_bar), (self.mask_canvas, self.mask_bar)):
            self._canvases.addWidget(canvas)
            self._bars.addWidget(bar)
        self._bars.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        top = row(crop, mask, 0, self._name, before, after, leave)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column(top, self._canvases, self._words, self._bars, margins=(16, 12, 16, 12), spacing=8))
