"""The pictures of two steps of a training over one another, with a divider to drag."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from app.errand import Errand
from app.pictures import read_image
from app.widgets.basics import button, calm, label, row
from app.widgets.compare import Compare

Samples = Mapping[tuple[str, int], str]
"""Paths of pictures by prompt and step."""


class PreviewPair(QWidget):
    """`left` says that the user has seen enough; `drawn` that both pictures are there."""

    left = Signal()
    drawn = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._samples: dict[tuple[str, int], str] = {}
        self._reading: Errand | None = None
        self.pictures = Compare()
        self._prompt = _box("Prompt", "Whose pictures are compared")
        self._first = _box("Step of picture A", "The step of the picture on the left")
        self._second = _box("Step of picture B", "The step of the picture on the right")
        for box in (self._prompt, self._first, self._second):
            box.activated.connect(self._read)
        back = button("Back", "Back to all previews (Esc)", self.left.emit, icon="back", kind="quiet")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        choice = (back, self._prompt, label("A"), self._first, label("B"), self._second, 0)
        layout.addWidget(row(*choice, spacing=8))
        layout.addWidget(self.pictures, 1)

    def show_steps(self, samples: Samples, first: int, second: int) -> None:
        self._samples = dict(samples)
        kept = self._prompt.currentText()
        self._prompt.clear()
        for prompt in dict.fromkeys(prompt for prompt, _ in samples):
            self._prompt.addItem(prompt or "without a prompt", prompt)
        self._prompt.setCurrentIndex(max(0, self._prompt.findText(kept)))
        for box, chosen in ((self._first, first), (self._second, second)):
            box.clear()
            for step in sorted({step for _, step in samples}):
                box.addItem(f"step {step:,}", step)
            box.setCurrentIndex(box.findData(chosen))
        self._read()
        self.pictures.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _read(self) -> None:
        """Both pictures in their full size, in the pool."""
        if self._reading is None:
            asked = self._asked()
            self._reading = Errand(asked, partial(_both, asked))
            self._reading.told.done.connect(self._take)
            self._reading.told.failed.connect(self._failed)
            self._reading.start()

    def _asked(self) -> tuple[str, str]:
        prompt = str(self._prompt.currentData())
        steps = (self._first.currentData(), self._second.currentData())
        first, second = (self._samples.get((prompt, step), "") for step in steps)
        return first, second

    @Slot(object, object)
    def _take(self, asked: object, images: tuple[QImage, QImage]) -> None:
        self._reading = None
        if asked != self._asked():  # something else was chosen meanwhile
            self._read()
            return
        self.pictures.set_images(*images)
        self.drawn.emit()

    @Slot(object, str)
    def _failed(self, _asked: object, _words: str) -> None:
        self._reading = None


def _both(paths: tuple[str, str], _errand: Errand) -> tuple[QImage, QImage]:
    first, second = paths
    return read_image(Path(first)), read_image(Path(second))


def _box(name: str, does: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(does)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    box.setMaximumWidth(360)
    calm(box)
    return box
