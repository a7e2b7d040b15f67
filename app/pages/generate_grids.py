"""From the form and the panel of a grid to its job."""

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QStackedWidget

from app.models_list import Models
from app.pages.generate_form import GenerateForm
from app.pages.generate_progress import seconds_of_one
from app.queue import Queue
from app.remember import NONSENSE
from trainer.contract.generate import GenerateJob

if TYPE_CHECKING:  # the first paint does without
    from app.pages.generate_grid import GridPanel


class Grids(QObject):
    """`wanted` carries the GridJob that is to be queued; `left` says that the panel is done with."""

    wanted = Signal(object)
    left = Signal()

    def __init__(self, form: GenerateForm, queue: Queue, models: Models, middle: QStackedWidget) -> None:
        super().__init__(middle)
        self._form, self._queue, self._models, self._middle = form, queue, models, middle
        self._draft: Any = []

    @cached_property
    def panel(self) -> "GridPanel":
        from app.pages.generate_grid import GridPanel

        made = GridPanel(self._models)
        with suppress(*NONSENSE):  # another version may have written it
            made.set_draft(self._draft)
        made.made.connect(self._make)
        made.left.connect(self.left)
        self._middle.addWidget(made)
        return made

    def draft(self) -> Any:
        return self.panel.draft() if "panel" in vars(self) else self._draft

    def set_draft(self, draft: Any) -> None:
        self._draft = draft
        if "panel" in vars(self):
            self.panel.set_draft(draft)

    def open(self) -> None:
        """Ask which fields change, where the form makes pictures and nothing in it is wrong."""
        if self._take_base():
            self._middle.setCurrentWidget(self.panel)
            self.panel.axes[0].first_field.setFocus()

    def _take_base(self) -> bool:
        base = self._form.job()
        if not isinstance(base, GenerateJob):
            return False
        self.panel.set_base(base, seconds_of_one(self._queue))
        return True

    @Slot()
    def _make(self) -> None:
        job = self.panel.job() if self._take_base() else None
        if job is not None:
            self.wanted.emit(job)
