"""Undo and redo on the page Dataset: of what was typed, of many captions at once, of how a picture is prepared, and of
what was done to files."""

from PySide6.QtCore import QObject, Slot

from app.dataset_folder import DatasetFolder
from app.pages.dataset_close import CloseUp
from app.widgets.dataset_inspector import DatasetInspector
from trainer.dataset.book import Step


class Steps(QObject):
    """Lists the folder's steps in the `inspector`, and goes back and forth among them. While a picture is prepared its
    own steps come first."""

    def __init__(self, folder: DatasetFolder, inspector: DatasetInspector, close_up: CloseUp, parent: QObject) -> None:
        super().__init__(parent)
        self._folder, self._inspector, self._close_up = folder, inspector, close_up
        for changed in (folder.opened, folder.changed, folder.prepared, folder.masked):
            changed.connect(self._show_anew)
        folder.rested.connect(self._show)  # a step may be about pictures that are gone
        folder.stuck.connect(inspector.say_stuck)
        inspector.undoing.connect(self.undo)
        inspector.redoing.connect(self.redo)
        inspector.turning_the_rest.connect(folder.turn_the_rest)

    @Slot()
    def undo(self) -> None:
        self._inspector.finish()
        if not self._close_up.undo():
            self._folder.undo()

    @Slot()
    def redo(self) -> None:
        self._inspector.finish()
        if not self._close_up.redo():
            self._folder.redo()

    @Slot()
    def _show_anew(self) -> None:
        """Nothing is stuck any more."""
        self._inspector.say_stuck("")
        self._show()

    @Slot()
    def _show(self) -> None:
        folder = self._folder
        done = folder.steps()
        titles = [(step.when, _in_words(step)) for step in done]
        titles += [(one.mended.when, one.mended.title) for one in folder.mendings.done]
        can_redo = bool(folder.mendings.following(done, folder.undone()))
        self._inspector.show_steps([title for _, title in sorted(titles)], can_redo)


def _in_words(step: Step) -> str:
    return f"{step.title}  ·  {step.captions:,}" if step.captions > 1 else step.title
