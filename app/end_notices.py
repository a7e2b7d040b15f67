"""Says that a long job has ended, through the system, when another window is in front."""

import time

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from app.queue import Queue, Queued
from app.settings import Settings
from trainer.contract import events
from trainer.contract.caption import CaptionJob
from trainer.contract.import_model import ImportJob
from trainer.contract.measure import MeasureJob
from trainer.contract.train import TrainJob

LONG = 30.0
"""Seconds; nobody leaves for a shorter job."""


class EndNotices(QObject):
    """`said` carries title and sentence of each notice."""

    said = Signal(str, str)

    def __init__(self, window: QWidget, queue: Queue, settings: Settings) -> None:
        super().__init__(window)
        self._window, self._settings = window, settings
        self._begun: dict[int, float] = {}
        self._tray: QSystemTrayIcon | None = None
        queue.happened.connect(self._on_event)
        queue.ended.connect(self._on_ended)

    @Slot(object, object)
    def _on_event(self, queued: Queued, event: events.Event) -> None:
        if isinstance(event, events.Started):
            self._begun[queued.number] = time.monotonic()

    @Slot(object)
    def _on_ended(self, queued: Queued) -> None:
        begun = self._begun.pop(queued.number, None)
        is_long = begun is not None and time.monotonic() - begun >= LONG
        if is_long and not self._window.isActiveWindow() and not isinstance(queued.ending, events.Stopped):
            self._say(*_words(queued))

    def _say(self, title: str, text: str) -> None:
        QApplication.alert(self._window)
        self.said.emit(title, text)
        if self._settings.notify and QSystemTrayIcon.isSystemTrayAvailable():
            if self._tray is None:
                self._tray = QSystemTrayIcon(QApplication.windowIcon() or QIcon(), self)
                self._tray.messageClicked.connect(self._come_to_front)
            self._tray.show()
            self._tray.showMessage(title, text)

    @Slot()
    def _come_to_front(self) -> None:
        self._window.raise_()
        self._window.activateWindow()


def _words(queued: Queued) -> tuple[str, str]:
    match queued.ending:
        case events.Failed(title=title):
            return f"{queued.title} failed", title
        case _ if isinstance(queued.job, TrainJob):
            return f"{queued.title} is trained", "It is in your models."
        case _ if isinstance(queued.job, CaptionJob):
            return f"{queued.title} are written", "They lie beside the pictures."
        case _ if isinstance(queued.job, ImportJob):
            return f"{queued.title} is installed", "It is in your models."
        case _ if isinstance(queued.job, MeasureJob):
            return "The training is measured", "Its time and memory stand in Plan."
        case _:
            count = len(queued.pictures)
            return "Your pictures are ready", f"{count} picture{'s' if count != 1 else ''} of “{queued.title[:80]}”"
