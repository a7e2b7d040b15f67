"""What the queue does with the pictures of the page Generate: said on its buttons and below its canvas, and stopped."""

from PySide6.QtCore import QObject, Slot

from app.pages.generate_form import GenerateForm
from app.pages.generate_results import Results
from app.queue import Queue, Queued, in_words
from trainer.contract import events
from trainer.contract.generate import GenerateJob


class Progress(QObject):
    """Follows the jobs that make pictures, wherever they were queued."""

    def __init__(self, queue: Queue, form: GenerateForm, results: Results, parent: QObject) -> None:
        super().__init__(parent)
        self._queue, self._form, self._results = queue, form, results
        queue.progressed.connect(self._advance)
        queue.ended.connect(self._end)
        queue.changed.connect(self._tell)
        self._tell()

    @property
    def running(self) -> Queued | None:
        """The pictures in progress, if it is pictures that the engine is at."""
        running = self._queue.running
        return running if running is not None and isinstance(running.job, GenerateJob) else None

    @property
    def waiting(self) -> list[Queued]:
        return [queued for queued in self._queue.waiting if isinstance(queued.job, GenerateJob)]

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
        if not isinstance(queued.job, GenerateJob) or queued.state != "running":
            return
        self._results.set_progress(queued.step, queued.total)
        if queued.is_stopping:
            self._results.say("Stopping")
            self._tell()
        else:
            made, count = len(queued.pictures), queued.job.count
            which = f"  ·  picture {made + 1} of {count}" if made < count and count > 1 else ""
            self._results.say(in_words(queued) + which)

    @Slot(object)
    def _end(self, queued: Queued) -> None:
        if not isinstance(queued.job, GenerateJob):
            return
        self._results.set_progress(0, 0)
        match queued.ending:
            case events.Failed(title=title, fix=fix):
                self._results.say(f"{title} {fix}", "error")
            case events.Stopped():
                self._results.say("Stopped.")
            case events.Finished(seconds=seconds):
                count = len(queued.pictures)
                self._results.say(f"{count} picture{'s' if count != 1 else ''} in {seconds:.1f} s")
            case _:
                pass
