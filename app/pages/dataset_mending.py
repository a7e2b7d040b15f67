"""What is done to the files of the page Dataset: problems are mended, pictures taken out of the folder, and brought
back."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal, Slot

from app.dataset_folder import DatasetFolder
from app.pages.dataset_listing import Listing
from app.pages.dataset_selection import Selection
from app.widgets.problem_strip import ProblemStrip
from trainer.dataset.mending import Mending, MoveAway

NONE_SELECTED = "Select the pictures that are to leave the folder."
NO_REJECTS = "No picture is flagged as a reject (X)."


class FileMending(QObject):
    """Does what the `strip` offers, and takes out what is selected or rejected. `finish` hands in what was typed and
    painted, which a mending is to find on the disk. `said`: a sentence."""

    said = Signal(str)

    def __init__(
        self,
        folder: DatasetFolder,
        selection: Selection,
        listing: Listing,
        strip: ProblemStrip,
        finish: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._folder, self._selection, self._listing, self._finish = folder, selection, listing, finish
        strip.mending.connect(self.mend)
        strip.bringing_back.connect(folder.bring_back)

    @Slot(object)
    def mend(self, mending: Mending) -> None:
        self._finish()
        self._folder.mend(mending)
        if isinstance(mending, MoveAway):
            self._listing.leave_out(mending.paths)

    def take_out(self) -> None:
        """The selected pictures."""
        self._take_out(self._selection.selected(), NONE_SELECTED)

    def take_out_rejects(self) -> None:
        """Of the whole folder, whether they are listed or not."""
        self._take_out(self._selection.rejects(), NO_REJECTS)

    def _take_out(self, places: Sequence[int], nothing: str) -> None:
        if places:
            self.mend(self._selection.taking_out(places))
        else:
            self.said.emit(nothing)
