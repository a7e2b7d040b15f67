"""The middle of the page Generate: the picture as it forms, what is going on, and what can be done with the result."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.theme import theme
from app.widgets.basics import button, column, label, row, set_words
from app.widgets.canvas import Canvas
from app.widgets.player import Player

if TYPE_CHECKING:
    from app.picture_words import Opened

NARROW = 600
"""Pixels below which the buttons are shown by their signs alone."""
NOTHING_YET = "Say what you want to see, and press Generate. The picture forms here, step by step."


class Results(QWidget):
    """Signals say what was asked for; `confirmed` comes after the question about the trash was answered with yes."""

    starring = Signal()
    vary = Signal()
    start_from = Signal()
    repainting = Signal()
    enlarge = Signal()
    animate = Signal()
    reuse = Signal()
    compare = Signal()
    copy = Signal()
    folder = Signal()
    deleting = Signal()
    confirmed = Signal()
    refused = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.canvas = Canvas(NOTHING_YET)
        self.player = Player(self.canvas)
        self._line = QProgressBar()
        self._line.setTextVisible(False)
        self._line.setFixedHeight(4)
        self._line.setAccessibleName("Progress")
        keeps_its_room = self._line.sizePolicy()
        keeps_its_room.setRetainSizeWhenHidden(True)
        self._line.setSizePolicy(keeps_its_room)
        self._words = label("", "muted")
        self._words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._star = button("Keep", "Give the picture a star", self.starring.emit)
        self._vary = button("New seed", "Make it again with another seed", self.vary.emit, icon="again")
        self._enlarge = button(
            "Enlarge",
            "Make it again, twice as large: it is gone over once more for detail",
            self.enlarge.emit,
            icon="enlarge",
        )
        self._starts = [
            button("Vary it", "Begin from it: new pictures near this one", self.start_from.emit, icon="vary"),
            button("Repaint a part", "Mark a part that is made anew", self.repainting.emit, icon="repaint"),
            self._enlarge,
            button("Make it move", "A short video that begins with it", self.animate.emit, icon="video"),
        ]
        self._reuse = button(
            "Use these settings", "Fill the form with this picture's settings", self.reuse.emit, icon="reuse"
        )
        self._texts = [
            self._star,
            self._vary,
            self._reuse,
            button("Compare", "Lay it over another picture of the history", self.compare.emit, icon="compare"),
        ]
        self._signs = [
            _sign("Copy", "Put the picture on the clipboard", self.copy.emit, "copy"),
            _sign("Show in folder", "Open the folder that holds this picture", self.folder.emit, "folder"),
            _sign("Move to trash", "Move it to the trash; you are asked first", self.deleting.emit, "remove"),
        ]
        self._names = {one: one.text() for one in (*self._texts, *self._starts)}
        self._actions = column(row(0, *self._starts, 0), row(0, *self._texts, *self._signs, 0))
        self._question = label()
        self._question.setWordWrap(False)
        self._yes = button("Move to trash", "It can be brought back from there", self.confirmed.emit, icon="remove")
        self._no = button("Keep it", "Change nothing (Esc)", self.refused.emit)
        self._asking = row(0, self._question, self._no, self._yes, 0)
        self._starred = False
        self._lay_out()
        theme().changed.connect(self._draw_star)
        self._draw_star()
        self.set_progress(0, 0)
        self.allow(False, False)

    @property
    def words(self) -> str:
        return self._words.text()

    def say(self, text: str, words: str = "muted") -> None:
        self._words.setText(text)
        set_words(self._words, words)

    def set_progress(self, step: int, total: int) -> None:
        """`total` 0 is nothing in progress."""
        self._line.setVisible(total > 0)
        self._line.setRange(0, max(1, total))
        self._line.setValue(step)

    def show_preview(self, image: QImage, words: str) -> None:
        self.player.clear()
        self.canvas.show_image(image, words, is_preview=True)
        self.allow(False, False)

    def show_video_preview(self, frames: Sequence[QImage], rate: float, words: str) -> None:
        """A video that is still forming, which plays meanwhile."""
        self.player.show_frames(frames, rate, words, is_preview=True)
        self.allow(False, False)

    def show_opened(self, opened: "Opened") -> None:
        self.player.clear()
        if opened.image.isNull():
            self.canvas.clear(opened.problem)
            self.say(f"{opened.path.name}: {opened.problem}", "error")
        elif opened.frames:
            self.player.show_frames(opened.frames, opened.rate, f"The video {opened.path.name}")
        else:
            self.canvas.show_image(opened.image, f"The picture {opened.path.name}")
        self.allow(not opened.image.isNull(), opened.job is not None)
        for one in self._starts:
            one.setEnabled(one.isEnabled() and not opened.frames)

    def clear(self) -> None:
        """No picture."""
        self.player.clear()
        self.canvas.clear(NOTHING_YET)
        self.say("")
        self.allow(False, False)

    def allow(self, can: bool, has_settings: bool) -> None:
        """Whether there is a picture to do something with, and whether it remembers how it was made."""
        for one in (*self._texts, *self._signs, *self._starts):
            one.setEnabled(can)
        for one in (self._vary, self._reuse, self._enlarge):
            one.setEnabled(can and has_settings)

    def set_starred(self, starred: bool) -> None:
        self._starred = starred
        self._draw_star()

    def ask(self, question: str, *, yes: bool = False) -> None:
        """Put a question in place of the buttons; without `yes` it can only be left; an empty one ends it."""
        self._question.setText(question)
        self._yes.setVisible(yes)
        self._no.setText("Keep it" if yes else "Cancel")
        self._no.setAccessibleName(self._no.text())
        self._asking.setVisible(bool(question))
        self._actions.setVisible(not question)
        if yes:
            self._yes.setFocus()

    @property
    def question(self) -> str:
        return self._question.text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for one, name in self._names.items():
            one.setText(name if event.size().width() >= NARROW else "")

    @Slot()
    def _draw_star(self) -> None:
        self._star.setIcon(theme().icon("starred" if self._starred else "star", "accent" if self._starred else "text"))
        does = "Take the star away" if self._starred else "Give the picture a star: it stands among the favourites"
        self._star.setToolTip(does)
        self._star.setAccessibleDescription(does)

    def _lay_out(self) -> None:
        self._asking.hide()
        for one in (self._actions, self._asking):
            one.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            column(
                self.canvas,
                self.player,
                self._line,
                self._words,
                self._actions,
                self._asking,
                margins=(24, 24, 24, 16),
                spacing=12,
            )
        )


def _sign(name: str, does: str, then: Callable[[], object], icon: str) -> QPushButton:
    made = button("", does, then, icon=icon)
    made.setAccessibleName(name)
    return made
