"""Below a picture whose mask is painted: the tools, how hard the brush is, and how much what it paints still counts."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QLabel, QSlider, QVBoxLayout, QWidget

from app.widgets.basics import calm, column, label, row
from app.widgets.mask_canvas import MaskCanvas
from app.widgets.mask_tools import MaskTools, sign

SLIDER = 84
EXPLAINED = "Paint over what training is to leave out. The right button erases, the wheel zooms."


class MaskBar(QWidget):
    """Paints on a canvas where a mark says: leave this out, or let it count less."""

    def __init__(self, canvas: MaskCanvas) -> None:
        super().__init__()
        self._canvas = canvas
        canvas.setToolTip(EXPLAINED)
        canvas.setAccessibleName("Picture to mask")
        tools = MaskTools(canvas)
        self.hardness, self.counts = _percent(100, "Hardness"), _percent(0, "What is painted counts")
        self.hardness.setToolTip("How sharp the rim of the brush is")
        self.counts.setToolTip("How much training looks at what you paint: 0 % leaves it out, 50 % counts half")
        self._hardness, self._counts = _words(self.hardness), _words(self.counts)
        size = _words(tools.size)
        size.setText("Size")
        tools.size.setFixedWidth(SLIDER)
        fill = sign("Fill", "Paint all of it, as the brush would", canvas.fill, "fill")
        tools.clear.setToolTip("Leave nothing out: all of the picture counts")
        above = row(
            0,
            *tools.tools,
            8,
            column(size, tools.size, spacing=2),
            column(self._hardness, self.hardness, spacing=2),
            column(self._counts, self.counts, spacing=2),
            0,
        )
        below = row(0, tools.undo, tools.redo, 8, fill, tools.invert, tools.clear, tools.fit, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(above)
        layout.addWidget(below)
        tools.show_names(False)
        self.hardness.valueChanged.connect(self._set)
        self.counts.valueChanged.connect(self._set)
        self._set()

    @Slot()
    def _set(self) -> None:
        self._canvas.set_paint(round(255 * (100 - self.counts.value()) / 100), self.hardness.value() / 100)
        self._hardness.setText(f"Hard {self.hardness.value()} %")
        self._counts.setText(f"Counts {self.counts.value()} %")


def _percent(value: int, name: str) -> QSlider:
    made = QSlider(Qt.Orientation.Horizontal)
    made.setRange(0, 100)
    made.setValue(value)
    made.setAccessibleName(name)
    made.setFixedWidth(SLIDER)
    calm(made)
    return made


def _words(of: QSlider) -> QLabel:
    made = label("", "muted")
    made.setWordWrap(False)
    made.setBuddy(of)
    return made
