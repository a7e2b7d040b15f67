"""Pictures moved to the trash of the system."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.errand import Errand
from trainer.contract.errors import UserError


class Trash(QObject):
    """`gone` carries the paths that went, `refused` a sentence on one that did not, and its role."""

    gone = Signal(object)
    refused = Signal(str, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._moving: Errand | None = None

    def throw(self, path: str) -> None:
        """In the pool."""
        if self._moving is None:
            self._moving = Errand(path, partial(move_to_trash, [path]))
            self._moving.told.done.connect(self._take)
            self._moving.told.failed.connect(self._fail)
            self._moving.start()

    @Slot(object, object)
    def _take(self, _about: object, outcome: tuple[list[str], str]) -> None:
        self._moving = None
        gone, problem = outcome
        if problem:
            self.refused.emit(problem, "error")
        else:
            self.gone.emit(gone)

    @Slot(object, str)
    def _fail(self, _about: object, why: str) -> None:
        self._moving = None
        self.refused.emit(why, "error")


def move_to_trash(paths: list[str], _errand: Errand) -> tuple[list[str], str]:
    """Which went, and a sentence about the first that did not."""
    from send2trash import send2trash  # imported here: on some desktops it loads their libraries

    gone: list[str] = []
    for path in paths:
        try:
            send2trash(path)
        except OSError as error:
            if Path(path).exists():
                name, fix = Path(path).name, "Delete it with your file manager."
                trouble = UserError(f"{name} could not be moved to the trash.", fix, str(error))
                return gone, str(trouble)
        gone.append(path)
    return gone, ""
