"""Undo and redo on the page Dataset: of what was typed, of many captions at once, of how a picture is prepared, and
undo of what was done to files."""

from PySide6.QtCore import QObject, Slot

from app.dataset_folder import DatasetFolder
from app.pages.dataset_close import CloseUp
from app.widgets.dataset_inspector import DatasetInspector


class Steps(QObject):
    """Lists the folder's steps in the `inspector`, and goes back and forth among them. While a picture is prepared its
    own steps come first."""

    def __init__(self, folder: DatasetFolder, inspector: DatasetInspector, close_up: CloseUp, parent: QObject) -> None:
        super().__init__(parent)
        self._folder, self._inspector, self._close_up = folder, inspector, close_up
        for changed in (folder.opened, folder.changed, folder.prepared, folder.masked):
            changed.connect(self._show)
        folder.stuck.connect(inspector.say_stuck)
        inspector.undoing.connect(self.undo)
        inspector.redoing.connect(self.redo)
        inspector.turning_the_rest.connect(folder.turn_the_rest)

    @Slot()
    def undo(self) -> None:
        is_typed = self._inspector.is_edited
        self._inspector.finish()
        if self._close_up.undo():
            return
        if self._is_mended_last() and not is_typed:
            self._folder.bring_back()
        else:
            self._folder.undo()

    def _is_mended_last(self) -> bool:
        """Whether something was done to files since the last step, as when pictures were taken out."""
        mended, steps = self._folder.mended, self._folder.steps()
        if mended is None or self._folder.is_writing:
            return False
        return not steps or steps[-1].when < mended.when

    @Slot()
    def redo(self) -> None:
        self._inspector.finish()
        if not self._close_up.redo():
            self._folder.redo()

    @Slot()
    def _show(self) -> None:
        self._inspector.show_steps(self._folder.steps(), self._folder.can_redo)
