"""A video clip in place of the grid: it is looked at, marked from here to there, and its frames become pictures."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QHideEvent, QImage, QKeyEvent
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.errand import Errand
from app.widgets.basics import button, calm, column, label, row
from app.widgets.canvas import Canvas
from app.widgets.player import FASTEST, Player
from trainer.dataset.clips import MOST_TAKEN, Clip, FrameKind, evenly, every, frames_at, open_clip, take_frames
from trainer.dataset.names import number_of, shown

MOST_SHOWN, SHOWN_SIDE = 240, 480
"""Frames that are held at once to look at, and their longer side in pixels."""
KINDS: tuple[tuple[str, FrameKind], ...] = (("PNG", "png"), ("JPEG", "jpg"))
Look = tuple[Clip, list[float], list[QImage]]
"""A clip, and frames of it with their moments."""
Work = Callable[[Errand], object]


class ClipPanel(QWidget):
    """`left`: back to the grid. `taken` carries the paths of the pictures that were written. `read`: the frames of a
    clip, or of its marked part, are there to be looked at."""

    left = Signal()
    taken = Signal(object)
    read = Signal()

    def __init__(self, folder: DatasetFolder) -> None:
        super().__init__()
        self._folder = folder
        self._clip: Clip | None = None
        self._moments: list[float] = []
        self._marks = (0.0, 0.0)
        self._errands: dict[object, Errand] = {}
        self._reading: object = None
        self._taking: object = None
        self.canvas = Canvas("")
        self.player = Player(self.canvas)
        self.name = label("", "heading")
        self.about = label("", "muted")
        self.words = label("", "muted")
        self.part = label("", "muted")
        self.count, self.seconds, self.kind = QSpinBox(), QDoubleSpinBox(), QComboBox()
        self.one = button("Take this frame", "Make a picture of what is shown", self.take_shown, icon="picture")
        self.first = button("From here", "What is taken begins with this frame", self.mark_first)
        self.last = button("To here", "What is taken ends with this frame", self.mark_last)
        self.closer = button("Look closer", "Show every frame between the marks", self.look_closer, icon="search")
        self.whole = button("All of it", "Take the marks away", self.look_at_all, icon="reset")
        self.spread = button("Take evenly", "So many, spread over the marked part", self.take_evenly, icon="add")
        self.paced = button("Take one every", "One after the other, so many seconds apart", self.take_every, icon="add")
        self.stop = button("Stop", "What was taken already stays", self.stop_taking, icon="stop")
        self._lay_out()

    # ---- Looking

    def open(self, path: Path) -> None:
        """Look at a clip; what was being read of another is left."""
        self._clip = None
        self.player.clear()
        self.canvas.clear("Reading the clip…")
        self.name.setText(shown(path.name))
        self.about.setText("")
        self._show_marks()
        self._say("")
        self._look(partial(_opened, path))

    @Slot()
    def look_closer(self) -> None:
        if self._clip is not None:
            self._look(partial(_looked, self._clip, *self._marks))

    @Slot()
    def look_at_all(self) -> None:
        if self._clip is not None:
            self._marks = 0.0, self._clip.seconds
            self._look(partial(_looked, self._clip, *self._marks))
            self._show_marks()

    @Slot()
    def mark_first(self) -> None:
        self._marks = self._moment(), max(self._moment_after(), self._marks[1])
        self._show_marks()

    @Slot()
    def mark_last(self) -> None:
        self._marks = min(self._moment(), self._marks[0]), self._moment_after()
        self._show_marks()

    @property
    def marks(self) -> tuple[float, float]:
        """From which second to which what is taken lies."""
        return self._marks

    def stop_work(self) -> None:
        """Nobody looks at it any more."""
        for errand in self._errands.values():
            errand.cancel()
        self.player.pause()

    # ---- Taking

    @Slot()
    def take_shown(self) -> None:
        self._take_at((self._moment(),))

    @Slot()
    def take_evenly(self) -> None:
        self._take_at(evenly(*self._marks, self.count.value()))

    @Slot()
    def take_every(self) -> None:
        self._take_at(every(*self._marks, self.seconds.value()))

    @Slot()
    def stop_taking(self) -> None:
        if self._taking in self._errands:
            self._errands[self._taking].cancel()

    def _take_at(self, moments: tuple[float, ...]) -> None:
        if self._clip is None or self._folder.folder is None or self._taking is not None:
            return
        self.player.pause()
        kind = KINDS[self.kind.currentIndex()][1]
        self._taking = self._send(partial(_taken, self._clip, self._folder.folder, moments, kind), self._written)
        self._errands[self._taking].told.progressed.connect(self._progressed)
        self._say("Taking frames…")

    @Slot(object, object)
    def _written(self, about: object, paths: tuple[Path, ...]) -> None:
        self._forget(about)
        words = f"{number_of(len(paths), 'picture')} taken"
        self._say(f"{words}: {shown(paths[0].name)}{' and on' if len(paths) > 1 else ''}." if paths else f"{words}.")
        if paths and self._folder.folder in paths[0].parents:
            self.taken.emit(paths)

    @Slot(object, object)
    def _progressed(self, done: int, total: int) -> None:
        if self._taking is not None:
            self._say(f"Taking frames: {done:,} of {total:,}")

    # ---- How what was read is shown

    def _look(self, work: Work) -> None:
        if self._reading in self._errands:
            self._errands[self._reading].cancel()
        self._reading = self._send(work, self._show)
        self._errands[self._reading].told.progressed.connect(self._progressed_reading)

    @Slot(object, object)
    def _show(self, about: object, look: Look) -> None:
        is_wanted = about is self._reading
        self._forget(about)
        if not is_wanted:
            return
        clip, self._moments, images = look
        if clip is not self._clip:
            self._clip, self._marks = clip, (0.0, clip.seconds)
        size = f"{clip.size.width} × {clip.size.height}"
        self.about.setText(f"{size}, {_clock(clip.seconds)} long, {clip.frames:,} frames, {clip.rate:.4g} in a second")
        pace = len(images) / max(self._moments[-1] - self._moments[0], 1 / clip.rate) if images else 1.0
        self.player.show_frames(images, min(FASTEST, max(1.0, min(pace, clip.rate))), shown(clip.path.name))
        self.player.pause()
        self._show_marks()
        self.read.emit()

    @Slot(object, object)
    def _progressed_reading(self, done: int, total: int) -> None:
        if self._reading is not None and self._clip is None:
            self.canvas.clear(f"Reading the clip: {round(100 * done / total)} %")

    def _show_marks(self) -> None:
        clip = self._clip
        first, last = self._marks
        whole = clip is not None and (first, last) == (0.0, clip.seconds)
        words = "All of it is taken" if whole else f"{_clock(first)} to {_clock(last)} is taken"
        self.part.setText(words if clip is not None else "")
        self.closer.setVisible(clip is not None and (last - first) * clip.rate > 1 and not whole)
        self.whole.setVisible(clip is not None and not whole)
        for control in (self.one, self.first, self.last, self.spread, self.paced):
            control.setEnabled(clip is not None and self._taking is None)

    def _say(self, words: str) -> None:
        self.words.setText(words)
        self.stop.setVisible(self._taking is not None)
        self._show_marks()

    def _moment(self) -> float:
        return self._moments[self.player.place] if self._moments else 0.0

    def _moment_after(self) -> float:
        """Where the frame that is shown ends."""
        return min(self._clip.seconds, self._moment() + 1 / self._clip.rate) if self._clip is not None else 0.0

    # ---- The pool

    def _send(self, work: Work, then: Callable[..., None]) -> object:
        about = object()
        errand = self._errands[about] = Errand(about, work)
        errand.told.done.connect(then)
        errand.told.failed.connect(self._fail)
        errand.told.stopped.connect(self._forget)
        errand.start()
        return about

    @Slot(object, str)
    def _fail(self, about: object, why: str) -> None:
        was_reading = about is self._reading
        self._forget(about)
        if was_reading and self._clip is None:
            self.canvas.clear(why)
        else:
            self._say(why)

    @Slot(object)
    def _forget(self, about: object) -> None:
        self._errands.pop(about, None)
        if about is self._taking:
            self._taking = None
        if about is self._reading:
            self._reading = None

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.player.pause()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Space | Qt.Key.Key_Comma | Qt.Key.Key_Period:
                self.player.keyPressEvent(event)
            case Qt.Key.Key_I:
                self.mark_first()
            case Qt.Key.Key_O:
                self.mark_last()
            case Qt.Key.Key_T:
                self.take_shown()
            case _:
                super().keyPressEvent(event)

    def _lay_out(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("A video clip")
        self.setAccessibleDescription("Space plays, comma and full stop go by one frame, I and O mark, T takes a frame")
        self.count.setRange(1, MOST_TAKEN)
        self.count.setValue(20)
        self.count.setSuffix(" frames")
        self.count.setAccessibleName("How many frames")
        self.seconds.setRange(0.05, 600)
        self.seconds.setValue(1)
        self.seconds.setDecimals(2)
        self.seconds.setSuffix(" s")
        self.seconds.setAccessibleName("Seconds between two frames")
        self.kind.addItems([words for words, _ in KINDS])
        self.kind.setAccessibleName("Kind of file")
        self.kind.setToolTip("PNG loses nothing; JPEG is a fifth of the size")
        for field in (self.count, self.seconds, self.kind):
            calm(field)
        back = button("Back", "Back to the pictures (Esc)", self.left.emit, icon="back")
        for words in (self.name, self.part, self.words):
            words.setWordWrap(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.addWidget(row(self.name, 0, back))
        layout.addWidget(self.about)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.player)
        layout.addWidget(row(self.first, self.last, self.part, 0, self.closer, self.whole))
        layout.addWidget(row(self.one, 0, self.kind))
        layout.addWidget(row(self.spread, self.count, self.paced, self.seconds, 0))
        layout.addWidget(row(column(self.words), self.stop))


def _clock(seconds: float) -> str:
    """`1:05.2`, minutes and seconds."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _opened(path: Path, errand: Errand) -> Look:
    clip = open_clip(path)
    return _looked(clip, 0.0, clip.seconds, errand)


def _looked(clip: Clip, start: float, end: float, errand: Errand) -> Look:
    """As many frames as are held at once, small; all of them where they are no more."""
    count = max(1, min(MOST_SHOWN, round((end - start) * clip.rate)))
    moments: list[float] = []
    images: list[QImage] = []
    for frame in frames_at(clip.path, evenly(start, end, count), SHOWN_SIDE):
        errand.check()
        errand.progress(len(images), count)
        width, height = frame.picture.size
        pixels = frame.picture.tobytes()
        images.append(QImage(pixels, width, height, 3 * width, QImage.Format.Format_RGB888).copy())
        moments.append(frame.moment)
    return clip, moments, images


def _taken(clip: Clip, folder: Path, moments: tuple[float, ...], kind: FrameKind, errand: Errand) -> tuple[Path, ...]:
    def watch(done: int, total: int) -> bool:
        errand.progress(done, total)
        return not errand.is_cancelled

    return take_frames(clip, folder, moments, kind, watch)
