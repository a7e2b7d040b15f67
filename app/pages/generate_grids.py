"""From the form and the panel of a grid to its job."""

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QStackedWidget

from app.pages.generate_form import GenerateForm
from app.pages.generate_grid import GridPanel
from app.pages.generate_progress import seconds_of_one
from app.queue import Queue
from trainer.contract.generate import GenerateJob


class Grids(QObject):
    """`wanted` carries the GridJob that is to be queued."""

    wanted = Signal(object)

    def __init__(self, form: GenerateForm, queue: Queue, panel: GridPanel, middle: QStackedWidget) -> None:
        super().__init__(middle)
        self._form, self._queue, self._panel, self._middle = form, queue, panel, middle
        panel.made.connect(self._make)

    def open(self) -> None:
        """Ask which fields change, where the form makes pictures and nothing in it is wrong."""
        if self._take_base():
            self._middle.setCurrentWidget(self._panel)
            self._panel.axes[0].first_field.setFocus()

    def _take_base(self) -> bool:
        base = self._form.job()
        if not isinstance(base, GenerateJob):
            return False
        self._panel.set_base(base, seconds_of_one(self._queue))
        return True

    @Slot()
    def _make(self) -> None:
        job = self._panel.job() if self._take_base() else None
        if job is not None:
            self.wanted.emit(job)
