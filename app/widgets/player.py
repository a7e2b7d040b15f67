"""The controls below the canvas while it shows a video: play, step, scrub, loop, speed."""

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Slot
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QSlider, QSpinBox, QVBoxLayout, QWidget

from app.theme import theme
from app.widgets.basics import button, calm, label, row
from app.widgets.canvas import Canvas

FASTEST = 60


class Player(QWidget):
    """Shows frames on a canvas, one after the other. Space plays and pauses, `,` and `.` go by one frame."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        self._canvas = canvas
        self._frames: list[QImage] = []
        self._about = ""
        self._is_preview = False
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._advance)
        self._play = _sign("Play", "Play or pause (Space)", self.toggle)
        self._back = _sign("One frame back", "One frame back ( , )", self.step_back, "previous")
        self._on = _sign("One frame on", "One frame on ( . )", self.step_on, "next")
        self._loop = _sign("Loop", "Begin again at the end", self._say_loop, "loop")
        self._place = QSlider(Qt.Orientation.Horizontal)
        self._words = label("", "muted")
        self._rate = QSpinBox()
        self._lay_out()
        self._place.valueChanged.connect(self._show)
        self._place.sliderPressed.connect(self.pause)
        self._rate.valueChanged.connect(self._change_rate)
        theme().changed.connect(self._draw)
        self.clear()

    @property
    def is_playing(self) -> bool:
        return self._clock.isActive()

    @property
    def place(self) -> int:
        """The number of the frame that is shown, from 0."""
        return self._place.value()

    @property
    def count(self) -> int:
        return len(self._frames)

    def show_frames(self, frames: Sequence[QImage], rate: float, about: str, *, is_preview: bool = False) -> None:
        """Play them. Of a video that is still forming the next preview takes the place of the last, wherever it is."""
        goes_on = self._is_preview and is_preview and len(frames) == len(self._frames)
        was_playing, place = self.is_playing, self.place
        self._frames, self._about, self._is_preview = list(frames), about, is_preview
        with QSignalBlocker(self._place), QSignalBlocker(self._rate):
            self._place.setRange(0, max(0, len(self._frames) - 1))
            self._place.setValue(place if goes_on else 0)
            if not goes_on:
                self._rate.setValue(round(rate))
        self.setVisible(bool(self._frames))
        self._show()
        if self._frames and (was_playing or not goes_on) and len(self._frames) > 1:
            self.play()

    def clear(self) -> None:
        """No video. What the canvas shows stays."""
        self.pause()
        self._frames, self._is_preview = [], False
        self.hide()

    @Slot()
    def toggle(self) -> None:
        if self.is_playing:
            self.pause()
        else:
            self.play()

    @Slot()
    def play(self) -> None:
        if self._frames:
            if self.place == self.count - 1 and not self._loop.isChecked():
                self._place.setValue(0)
            self._clock.start(round(1000 / self._rate.value()))
            self._draw()

    @Slot()
    def pause(self) -> None:
        self._clock.stop()
        self._draw()

    @Slot()
    def step_on(self) -> None:
        self._step(1)

    @Slot()
    def step_back(self) -> None:
        self._step(-1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Space:
                self.toggle()
            case Qt.Key.Key_Comma:
                self.step_back()
            case Qt.Key.Key_Period:
                self.step_on()
            case _:
                super().keyPressEvent(event)

    def _step(self, by: int) -> None:
        self.pause()
        if self._frames:
            self._place.setValue((self.place + by) % self.count)

    @Slot()
    def _advance(self) -> None:
        if self.place + 1 < self.count:
            self._place.setValue(self.place + 1)
        elif self._loop.isChecked():
            self._place.setValue(0)
        else:
            self.pause()

    @Slot()
    def _show(self) -> None:
        if self._frames:
            self._canvas.show_image(self._frames[self.place], self._about, is_preview=self._is_preview)
            self._words.setText(f"{self.place + 1} / {self.count}")

    @Slot(int)
    def _change_rate(self, rate: int) -> None:
        if self.is_playing:
            self._clock.start(round(1000 / rate))

    @Slot()
    def _say_loop(self) -> None:
        self._loop.setAccessibleDescription("On" if self._loop.isChecked() else "Off")

    @Slot()
    def _draw(self) -> None:
        self._play.setIcon(theme().icon("pause" if self.is_playing else "play"))
        self._play.setAccessibleName("Pause" if self.is_playing else "Play")

    def _lay_out(self) -> None:
        self._loop.setCheckable(True)
        self._loop.setChecked(True)
        self._loop.setProperty("kind", "tool")
        self._place.setAccessibleName("Frame")
        self._place.setToolTip("Drag to go through the frames; Space plays, comma and full stop go by one frame")
        calm(self._place)
        self._words.setWordWrap(False)
        self._words.setMinimumWidth(48)
        self._words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._rate.setRange(1, FASTEST)
        self._rate.setSuffix(" frames/s")
        self._rate.setAccessibleName("Speed")
        self._rate.setToolTip("How fast it is shown here; the file stays as it is")
        calm(self._rate)
        self._rate.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            row(self._play, self._back, self._on, self._place, self._words, self._loop, self._rate, spacing=6)
        )
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)


def _sign(name: str, does: str, then: object, icon: str = "") -> QPushButton:
    made = button("", does, then, icon=icon)  # pyright: ignore[reportArgumentType]
    made.setAccessibleName(name)
    return made
