"""What the queue does with the pictures of the page Generate: said on its buttons and below its canvas, and stopped."""

import math

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from app.pages.generate_form import GenerateForm
from app.pages.generate_results import Results
from app.queue import PICTURE_JOBS, Queue, Queued, in_words
from app.videos import filmstrip
from trainer.contract import events
from trainer.contract.generate import GenerateJob
from trainer.contract.grid import GridJob
from trainer.contract.video import VideoJob


class Progress(QObject):
    """Follows the jobs that make pictures, wherever they were queued. `forming`: a preview is on the canvas; `made`
    carries the path of a picture or video that is complete."""

    forming = Signal()
    made = Signal(str)

    def __init__(self, queue: Queue, form: GenerateForm, results: Results, parent: QObject) -> None:
        super().__init__(parent)
        self._queue, self._form, self._results = queue, form, results
        queue.preview.connect(self._preview)
        queue.happened.connect(self._look_for_files)
        queue.progressed.connect(self._advance)
        queue.ended.connect(self._end)
        queue.changed.connect(self._tell)
        self._tell()

    @property
    def running(self) -> Queued | None:
        """The pictures in progress, if it is pictures that the engine is at."""
        running = self._queue.running
        return running if running is not None and isinstance(running.job, PICTURE_JOBS) else None

    @property
    def waiting(self) -> list[Queued]:
        return [queued for queued in self._queue.waiting if isinstance(queued.job, PICTURE_JOBS)]

    def stop(self) -> None:
        """Ask the pictures in progress to stop; where they do not react, end the engine under them. Where none are in
        progress, take the last that wait out of the queue."""
        running, waiting = self.running, self.waiting
        if running is None:
            if waiting:
                self._queue.cancel(waiting[-1])
        elif running.is_stuck:
            self._queue.stop_now()
        elif not running.is_stopping:
            self._queue.cancel(running)
        self._tell()

    @Slot()
    def _tell(self) -> None:
        """Let the two buttons below the form say what the queue does."""
        running, waiting = self.running, len(self.waiting)
        words = "Generate" if self._queue.running is None else "Generate next"
        many = f"{waiting} more wait" if waiting > 1 else "1 more waits"
        self._form.show_queue(words, f"{many} in the queue" if waiting else "")
        if running is None:
            self._form.show_stop("Take back" if waiting else "", "Take the last that waits out of the queue (Esc)")
        elif not running.is_stopping:
            self._form.show_stop("Stop", "Stop the pictures in progress (Esc)")
        elif not running.is_stuck:
            self._form.show_stop("Stopping", "It ends with the step that it is at", enabled=False)
        else:
            self._form.show_stop("Stop now", "End the engine under its job; it starts anew by itself (Esc)")
            self._results.say("It does not react. Stop now ends the engine, which starts anew by itself.", "warn")

    @Slot(object)
    def _advance(self, queued: Queued) -> None:
        if not isinstance(queued.job, PICTURE_JOBS) or queued.state != "running":
            return
        self._results.set_progress(queued.step, queued.total)
        if queued.is_stopping:
            self._results.say("Stopping")
            self._tell()
        else:
            made, count = len(queued.pictures), count_of(queued)
            which = f"  ·  {_noun(queued)} {made + 1} of {count}" if made < count and count > 1 else ""
            self._results.say(in_words(queued) + which)

    @Slot(object, object, QImage)
    def _preview(self, queued: Queued, preview: events.Preview, image: QImage) -> None:
        if not isinstance(queued.job, PICTURE_JOBS):
            return
        self.forming.emit()
        words = f"Preview after step {preview.step} of {preview.total}"
        if preview.frames > 1:
            rate = queued.job.motion.fps if isinstance(queued.job, VideoJob) else 1
            self._results.show_video_preview(filmstrip(image, preview.frames), rate, words)
        else:
            self._results.show_preview(image, words)

    @Slot(object, object)
    def _look_for_files(self, queued: Queued, event: events.Event) -> None:
        if not isinstance(queued.job, PICTURE_JOBS) or not isinstance(event, events.Saved):
            return
        if event.what in ("picture", "video"):
            self.made.emit(event.path)

    @Slot(object)
    def _end(self, queued: Queued) -> None:
        if not isinstance(queued.job, PICTURE_JOBS):
            return
        self._results.set_progress(0, 0)
        match queued.ending:
            case events.Failed(title=title, fix=fix):
                self._results.say(f"{title} {fix}", "error")
            case events.Stopped():
                self._results.say("Stopped.")
            case events.Finished(seconds=seconds):
                count = len(queued.pictures)
                self._results.say(f"{count} {_noun(queued)}{'s' if count != 1 else ''} in {seconds:.1f} s")
            case _:
                pass


def count_of(queued: Queued) -> int:
    """How many pictures or videos a job makes; 0 for other jobs."""
    match queued.job:
        case GridJob():
            return math.prod(len(axis.values) for axis in queued.job.axes)
        case GenerateJob() | VideoJob():
            return queued.job.count
        case _:
            return 0


def seconds_of_one(queue: Queue) -> float:
    """How long the last picture took; 0 where none was made since the start."""
    for queued in reversed(queue.jobs):
        if isinstance(queued.job, GenerateJob | GridJob) and isinstance(queued.ending, events.Finished):
            return queued.ending.seconds / max(1, len(queued.pictures))
    return 0.0


def _noun(queued: Queued) -> str:
    return "video" if isinstance(queued.job, VideoJob) else "picture"
