"""The parts that frame the page Dataset: the line above the grid, the line at the bottom, the three columns."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from app.widgets.basics import ElidedLabel, button, column, row, surface
from app.widgets.caption_bar import CaptionBar

WIDTHS = (220, 640, 340)
LEAST_SIDES, MOST_SIDES = 200, 520


class Head(QWidget):
    """Which folder is open and how much of it is listed, and the buttons that bring something in."""

    comparing = Signal()
    preparing = Signal()
    adding = Signal()
    opening = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._title, self._count = ElidedLabel("heading"), ElidedLabel("muted")
        self._compare = button("Compare", "The two pictures side by side (V)", self.comparing.emit, icon="compare")
        prepare = "Crop, turn and mask the picture; its file stays as it is (C)"
        add = "Copy pictures into this folder, or take frames from a clip"
        line = row(
            column(self._title, self._count, spacing=0),
            self._compare,
            button("Prepare", prepare, self.preparing.emit, icon="crop"),
            button("Add pictures…", add, self.adding.emit, icon="add"),
            button("Open a folder…", "Choose a folder of pictures", self.opening.emit, icon="folder"),
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 0)
        layout.addWidget(line)

    def say_folder(self, folder: Path | None) -> None:
        self._title.setText(folder.name if folder else "Dataset")
        self._title.setToolTip(str(folder) if folder else "")

    def say_count(self, total: int, listed: int, selected: int, *, is_searched: bool) -> None:
        """What is selected comes first, as what comes last is cut short where there is no room."""
        about = f"{listed:,} of {total:,} pictures" if is_searched else f"{total:,} pictures"
        words = f"{selected:,} selected  ·  {about}" if selected > 1 else about
        self._count.setText(words)
        self._count.setToolTip(words)
        self._compare.setVisible(selected == 2)


class Foot(QWidget):
    """The captioner, and what is done with many pictures or all."""

    changing = Signal()
    exporting = Signal()
    training = Signal()

    def __init__(self, bar: CaptionBar) -> None:
        super().__init__()
        self._bar = bar
        change = "Add, remove, replace, sort: in many at once"
        line = row(
            bar,
            button("Change captions…", change, self.changing.emit, icon="tag"),
            button("Export…", "A copy as other programs read it", self.exporting.emit, icon="save"),
            button("Train on these", "Open Train with this folder", self.training.emit, icon="train"),
            margins=(16, 8, 16, 8),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(bar.options)
        layout.addWidget(line)

    @Slot(int)
    def make_room(self, panel: int) -> None:
        """For a panel that stands in place of the grid, which is the first."""
        self._bar.give_room(panel == 0)


class Columns(QSplitter):
    """Two sides on panels, which may be drawn wider, and the middle, which takes what room there is."""

    def __init__(self, left: QWidget, middle: QWidget, right: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        sides = surface(left, "panel", edge="right"), surface(right, "panel", edge="left")
        for side in sides:
            side.setMinimumWidth(LEAST_SIDES)
            side.setMaximumWidth(MOST_SIDES)
        for part in (sides[0], middle, sides[1]):
            self.addWidget(part)
        self.setStretchFactor(1, 1)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)
        self.setSizes(list(WIDTHS))

    def set_view(self, sizes: object) -> None:
        """The widths as `sizes` gave them; anything else is passed over."""
        if isinstance(sizes, list) and len(sizes) == 3:
            self.setSizes([int(str(size)) for size in sizes])
