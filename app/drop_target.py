"""Files dragged onto the window: what can be done with them is shown where it can be let go, and done there."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QObject, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from app.models_list import Models
from app.widgets.drop_overlay import Area, DropOverlay
from trainer.library.identity import ModelFamily

if TYPE_CHECKING:  # it reads what a picture remembers: the first paint does without
    from app.drops import Zone

ICONS = {
    "settings": "reuse",
    "show": "picture",
    "vary": "vary",
    "repaint": "repaint",
    "move": "video",
    "install": "install",
    "dataset": "dataset",
    "train": "train",
    "add": "add",
    "frames": "video",
    "tags": "tag",
}
NOT_FROM_THE_NET = "Gesso downloads nothing by itself: save the file first, then drop it here"


class DropTarget(QObject):
    """Watches a window's drags. `dropped` carries what is to be done: a tuple of `app.drops.Use`."""

    dropped = Signal(object)

    def __init__(self, window: QWidget, overlay: DropOverlay, models: Models) -> None:
        super().__init__(window)
        self._overlay, self._models = overlay, models
        self._zones: list[Zone] = []
        self.adding_to: Callable[[], Path | None] = lambda: None
        """Which dataset is open in front, and takes pictures."""
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        match event:
            case QDragEnterEvent():
                self._enter(event)
            case QDragMoveEvent():
                self._point(watched, event)
                event.acceptProposedAction()
            case QDropEvent():
                self._point(watched, event)
                self._drop(event)
            case _ if event.type() == QEvent.Type.DragLeave:
                self._overlay.hide()
            case _:
                return False
        return True

    def can_move(self) -> bool:
        """Whether there is a model that makes videos of pictures."""
        return any(
            entry.identity is not None and entry.identity.family is ModelFamily.SVD for entry in self._models.entries
        )

    def _enter(self, event: QDragEnterEvent) -> None:
        from app.drops import zones_of

        files = _files(event.mimeData())
        self._zones = []
        if files:
            self._zones = zones_of(files, self.can_move(), self.adding_to())
            self._overlay.offer([_area(zone) for zone in self._zones])
        elif event.mimeData().hasUrls():
            self._overlay.offer([Area(NOT_FROM_THE_NET, enabled=False)])
        else:
            return
        event.acceptProposedAction()

    def _point(self, watched: QObject, event: QDropEvent) -> None:
        where = event.position().toPoint()
        self._overlay.point(self._overlay.mapFrom(watched, where) if isinstance(watched, QWidget) else where)

    def _drop(self, event: QDropEvent) -> None:
        from app.drops import zones_of

        event.acceptProposedAction()
        self._overlay.hide()
        zones, self._zones = self._zones, []
        if not zones:  # let go before it was seen to enter
            zones = zones_of(_files(event.mimeData()), self.can_move(), self.adding_to())
        self.dropped.emit(zones[min(self._overlay.under, len(zones) - 1)])


def _area(zone: "Zone") -> Area:
    first = zone[0]
    words = "\n".join(use.words for use in zone)
    return Area(words, first.hint if len(zone) == 1 else "", ICONS.get(first.does, ""), first.does != "nothing")


def _files(data: QMimeData) -> list[Path]:
    """The files and folders on this machine that are being dragged."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
