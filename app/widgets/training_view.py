"""In the inspector: what training will see of the picture, and one of the captions that it will read."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.widgets.basics import button, column, label, row, set_words
from trainer.dataset.buckets import Placement
from trainer.dataset.pictures import Size
from trainer.dataset.seen import Box, Showing, kept_box, scale_of

LITTLE = 0.005
"""A share of the picture that is not worth a word."""


def fit_in_words(placed: Placement, size: Size, *, is_piece: bool = False) -> str:
    """`Bucket 576 × 448, scaled by 0.56; 4 % are cut off`, of a picture of this size."""
    bucket, scale = placed.bucket_size, scale_of(placed, size)
    cut = round(100 * (1 - placed.kept))
    scaled = f"scaled by {scale:.2f}" if abs(scale - 1) > LITTLE else "at its own scale"
    lost = f"{cut} % are cut off" if cut else "nothing is cut off"
    elsewhere = ", each time elsewhere" if is_piece and cut else ""
    return f"Bucket {bucket.width} × {bucket.height}, {scaled}; {lost}{elsewhere}"


def placement_in_words(seen: Showing, size: Size, times: int, *, is_piece: bool = False) -> str:
    """`Bucket 576 × 448, scaled by 0.56; 4 % are cut off. Shown 10 times in an epoch.`"""
    mirrored = "Mirrored this time. " if seen.is_mirrored else ""
    often = "once" if times == 1 else f"{times:,} times"
    return f"{fit_in_words(seen.placement, size, is_piece=is_piece)}. {mirrored}Shown {often} in an epoch."


def kept_shares(seen: Showing, size: Size) -> Box | None:
    """The part of the picture that is left, as shares of its sides; None where that is all of it."""
    left, top, right, bottom = kept_box(seen.placement, size)
    box = left / size.width, top / size.height, right / size.width, bottom / size.height
    return None if (box[2] - box[0]) * (box[3] - box[1]) > 1 - LITTLE else box


class TrainingView(QWidget):
    """`rolling`: the dice are to be rolled again. `opening`: all buckets are asked for."""

    rolling = Signal()
    opening = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.placement = label("", "muted")
        self.caption = label("")
        self.caption.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.settings = label("", "muted")
        for words in (self.placement, self.caption, self.settings):
            words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.roll = button(
            "Roll the dice again",
            "Another time that it is shown: order, dropout, mirror",
            self.rolling.emit,
            icon="dice",
        )
        self.all = button("Buckets…", "How many pictures lie in each bucket", self.opening.emit, icon="grid")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._title = label("It will read", "muted")
        read = column(self._title, self.caption, spacing=2)
        layout.addWidget(column(self.placement, read, row(self.roll, self.all, 0), self.settings))

    def show_seen(self, placement: str, seen: Showing, *, can_differ: bool) -> None:
        self.placement.setText(placement)
        words = seen.caption or ("nothing: the caption is dropped this time" if seen.is_dropped else "nothing")
        self.caption.setText(words)
        set_words(self.caption, "" if seen.caption else "warn")
        self._title.setText("One of the captions that it reads" if can_differ else "It reads")
        self.roll.setVisible(can_differ)
        self._show_parts(there=True)

    def show_unknown(self) -> None:
        """While the size of the picture is not known, or it can't be read."""
        self.placement.setText("Its size is not known yet.")
        self._show_parts(there=False)
        self.roll.hide()

    def say_settings(self, words: str) -> None:
        """Which settings this is worked out from."""
        self.settings.setText(words)

    def _show_parts(self, *, there: bool) -> None:
        for part in (self._title, self.caption):
            part.setVisible(there)
