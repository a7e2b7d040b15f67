"""How long a training will take and how much memory it needs, in words; and the button that measures it."""

from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.pages.train_advice import Change, less_memory
from app.pages.train_disk import Earlier, Looked, seconds_for
from app.pages.train_measure import seconds_of
from app.queue import Queued, duration
from app.widgets.basics import button, column, label, row, set_words
from app.widgets.lines import Lines
from trainer.contract import events
from trainer.contract.measure import MeasureJob
from trainer.contract.train import TrainJob
from trainer.files import human_size

WHAT_IT_DOES = "Measuring loads the model and takes a few real steps: half a minute mostly. Nothing of it is kept."


def estimate(
    job: TrainJob, looked: Looked | None, earlier: tuple[Earlier, ...], measured: events.Measured | None
) -> tuple[str, str]:
    """(time and memory, where that is known from): measured, else going by an earlier run, else not at all."""
    if measured is not None:
        pictures = len(looked.report.usable) if looked is not None else 0
        pictures += len(looked.prior.usable) if looked is not None and looked.prior is not None else 0
        time = duration(seconds_of(job, measured, pictures))
        memory = f"{human_size(measured.memory)} of {human_size(measured.memory_total)}"
        each = f"{measured.step_seconds:.2g} s a step" if measured.step_seconds < 100 else "minutes a step"
        where = "" if measured.device_name == "cpu" else f" on {measured.device_name}"
        return f"About {time}  ·  {memory}", f"Measured on this machine{where}: {each}."
    seconds = seconds_for(job, earlier)
    if seconds is not None:
        return f"About {duration(seconds)} for the steps", "Going by your last training of this model."
    return "How long will it take?", WHAT_IT_DOES


class Estimate(QWidget):
    """`asked` is said when the user wants a measurement, or wants the one in progress to end."""

    asked = Signal()
    changing = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._words = label("", "heading")
        self._source = label("", "muted")
        self._known = ("", "")
        self._button = button("Measure", WHAT_IT_DOES, self.asked.emit, icon="measure")
        self._line = QProgressBar()
        self._line.setTextVisible(False)
        self._line.setFixedHeight(4)
        self._line.setAccessibleName("Progress of the measurement")
        self._line.hide()
        self._help = Lines()
        top = QWidget()
        across = QHBoxLayout(top)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(16)
        across.addWidget(column(self._words, self._source, spacing=2), 1)
        across.addWidget(self._button)
        down = QVBoxLayout(self)
        down.setContentsMargins(16, 12, 12, 12)
        down.setSpacing(8)
        for one in (top, self._line, self._help):
            down.addWidget(one)

    @property
    def words(self) -> str:
        return f"{self._words.text()} {self._source.text()}"

    @property
    def button_words(self) -> str:
        return self._button.text()

    def offers(self) -> dict[str, QPushButton]:
        """The buttons that help after a failure, by their words."""
        return {one.text(): one for one in self._help.findChildren(QPushButton)}

    def show_words(self, words: str, source: str) -> None:
        """What is known; "" where nothing can be measured now. A measurement in progress stays in sight, and so does
        why one failed, until something is changed."""
        if (words, source) == self._known:
            return
        self._known = words, source
        if self._line.isHidden():
            self._rest()

    def follow(self, queued: Queued) -> None:
        """Show how far a measurement is."""
        self._help.clear()
        self._line.setRange(0, queued.total)
        self._line.setValue(queued.step)
        self._line.show()
        waits = queued.state == "waiting"
        doing = queued.status or ("step" if queued.total else "loading the model")
        count = f" {queued.step} of {queued.total}" if queued.total else ""
        self._words.setText("Waits in the queue" if waits else f"Measuring: {doing}{count}")
        set_words(self._source, "muted")
        self._source.setText(WHAT_IT_DOES)
        self._button.setText("Cancel")
        self._button.setEnabled(True)

    def show_end(self, queued: Queued) -> None:
        """The measurement is over, however it ended."""
        self._rest()
        match queued.ending, queued.job:
            case events.Failed(title=title, fix=fix, cause=cause), MeasureJob(train=job):
                offers = less_memory(job) if cause == "out_of_memory" else ()
                self._words.setText(title)
                self._source.setText("Less at a time needs less." if offers else fix)
                set_words(self._source, "error")
                if offers:
                    self._help.add(row(*(self._offered(offer) for offer in offers), 0))
            case _:
                pass

    def _offered(self, offer: Change) -> QWidget:
        return button(offer.words, offer.does, partial(self.changing.emit, offer.fields))

    @Slot()
    def _rest(self) -> None:
        self._help.clear()
        self._line.hide()
        self._words.setText(self._known[0])
        self._source.setText(self._known[1])
        set_words(self._source, "muted")
        self._button.setEnabled(bool(self._known[0]))
        self._button.setText("Measure again" if self._known[1].startswith("Measured") else "Measure")
