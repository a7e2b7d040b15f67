"""The current picture of the page Dataset in place of the grid: alone in full view, or being prepared."""

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QStackedWidget

from app.dataset_folder import DatasetFolder
from app.pages.dataset_selection import Selection
from app.pages.dataset_shown import ShownPicture
from app.widgets.dataset_grid import DatasetGrid
from app.widgets.full_view import FullView
from app.widgets.prepare_panel import PreparePanel


class CloseUp(QObject):
    """Brings `large` or `preparing` to the front of the `middle`, and takes the next picture along while it
    is there."""

    def __init__(
        self,
        folder: DatasetFolder,
        grid: DatasetGrid,
        selection: Selection,
        shown: ShownPicture,
        large: FullView,
        preparing: PreparePanel,
        middle: QStackedWidget,
    ) -> None:
        super().__init__(middle)
        self._folder, self._grid, self._selection, self._shown = folder, grid, selection, shown
        self._large, self._preparing, self._middle = large, preparing, middle
        shown.another.connect(self._go_along)
        for panel in (large, preparing):
            panel.stepped.connect(grid.step)
        large.rated.connect(selection.rate)

    @property
    def is_full(self) -> bool:
        return self._middle.currentWidget() is self._large

    @property
    def is_preparing(self) -> bool:
        return self._middle.currentWidget() is self._preparing

    def show_full(self) -> None:
        if self._grid.current():
            self._middle.setCurrentWidget(self._large)
            self._large.setFocus()
            self._shown.show_picture()

    def prepare(self) -> None:
        place = self._folder.place_of(self._grid.current())
        if place >= 0:
            self._preparing.open(place, self._selection.where())
            self._middle.setCurrentWidget(self._preparing)
            self._preparing.take_focus()

    def undo(self) -> bool:
        """Whether there was a step of preparing to take back."""
        return self.is_preparing and self._preparing.undo()

    def redo(self) -> bool:
        return self.is_preparing and self._preparing.redo()

    @Slot(int)
    def _go_along(self, place: int) -> None:
        if self.is_preparing:
            self._preparing.open(place, self._selection.where())
