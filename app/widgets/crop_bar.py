"""Below a picture that is cropped: the ratio to keep, turns, mirror, and back to the whole picture."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from app.widgets.basics import button, calm, label, row
from app.widgets.mask_tools import sign
from trainer.dataset.pictures import Size

RATIOS: tuple[tuple[str, float | None], ...] = (
    ("Free", None),
    ("Square", 1.0),
    ("2:3", 2 / 3),
    ("3:2", 3 / 2),
    ("3:4", 3 / 4),
    ("4:3", 4 / 3),
    ("16:9", 16 / 9),
    ("9:16", 9 / 16),
)
"""Width by height."""


class CropBar(QWidget):
    """`shaped` carries the ratio that was chosen, width by height, or None for any. `turned` carries
    quarter turns clockwise."""

    shaped = Signal(object)
    turned = Signal(int)
    mirrored = Signal()
    reset = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.ratio = QComboBox()
        for words, _ in RATIOS:
            self.ratio.addItem(words)
        self.ratio.addItem("Nearest bucket")
        self.ratio.setToolTip("The shape that the crop keeps, width by height")
        self.ratio.setAccessibleName("Ratio")
        calm(self.ratio)
        self._bucket = Size(1, 1)
        words = label("Ratio", "muted")
        words.setWordWrap(False)
        words.setBuddy(self.ratio)
        left = sign("Turn left", "Turn left by a quarter (L)", self._turn_left, "turn_left")
        right = sign("Turn right", "Turn right by a quarter (R)", self._turn_right, "turn_right")
        mirror = sign("Mirror", "Swap left and right (M)", self.mirrored.emit, "mirror")
        self.back = button("Reset", "The picture as its file has it (Delete)", self.reset.emit, icon="reset")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(row(0, words, self.ratio, 8, left, right, mirror, 8, self.back, 0))
        self.ratio.activated.connect(self._choose)

    def show_bucket(self, bucket: Size) -> None:
        """The bucket that training would choose for what is shown."""
        self._bucket = bucket
        self.ratio.setItemText(len(RATIOS), f"Bucket {bucket.width} × {bucket.height}")

    def let_bucket_go(self) -> None:
        """Training is another now, and what was the nearest bucket need be none: if it was chosen, any ratio is."""
        if self.ratio.currentIndex() == len(RATIOS):
            self.ratio.setCurrentIndex(0)
            self.shaped.emit(None)

    @Slot(int)
    def _choose(self, place: int) -> None:
        self.shaped.emit(RATIOS[place][1] if place < len(RATIOS) else self._bucket.width / self._bucket.height)

    @Slot()
    def _turn_left(self) -> None:
        self.turned.emit(-1)

    @Slot()
    def _turn_right(self) -> None:
        self.turned.emit(1)
