"""Which pictures of the dataset an action is about, and the short actions on them: stars, flags, tags, turns."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from app.dataset_folder import DatasetFolder
from app.pictures import PictureList
from app.widgets.dataset_grid import DatasetGrid
from trainer.dataset.edits import AddTags, RemoveTags
from trainer.dataset.marks import Flag
from trainer.dataset.mending import MoveAway


class Selection(QObject):
    """The pictures of the `folder` that are listed and selected in the `grid`, as places in the folder."""

    def __init__(self, folder: DatasetFolder, pictures: PictureList, grid: DatasetGrid, parent: QObject) -> None:
        super().__init__(parent)
        self._folder, self._pictures, self._grid = folder, pictures, grid
        grid.rated.connect(self.rate)
        grid.flagged.connect(self.flag)

    def selected(self) -> list[int]:
        return self._folder.places_of(self._grid.selected_paths())

    def listed(self) -> list[int]:
        """What the search leaves, in the order of the grid."""
        return self._folder.places_of(self._pictures.paths())

    def meant(self) -> list[int]:
        """The selected pictures; with one or none all that are listed."""
        chosen = self.selected()
        return chosen if len(chosen) > 1 else self.listed()

    def where(self) -> str:
        """In words, how far down the list the current picture stands."""
        return f"{self._grid.currentIndex().row() + 1:,} of {self._pictures.rowCount():,}"

    def go_to(self, place: int) -> bool:
        """Make a picture the current one; False if it is not listed."""
        row = self._pictures.row_of(self._folder.paths[place])
        if row >= 0:
            self._grid.go_to(row)
        return row >= 0

    def go_to_uncaptioned(self) -> bool:
        """On to the next picture without a caption, from the top again after the last; False if there is none."""
        places = self.listed()
        start = self._grid.currentIndex().row() + 1
        for step in range(len(places)):
            at = (start + step) % len(places)
            if not self._folder.rows[places[at]].caption.strip():
                self._grid.go_to(at)
                return True
        return False

    def rejects(self) -> list[int]:
        """All of the folder, listed or not."""
        return [place for place, of in enumerate(self._folder.rows) if of.flag == "reject"]

    def taking_out(self, places: Sequence[int]) -> MoveAway:
        """These pictures out of the folder, with their captions and masks."""
        paths = tuple(Path(self._folder.paths[place]) for place in places)
        what = "1 picture" if len(paths) == 1 else f"{len(paths):,} pictures"
        return MoveAway(f"Take {what} out of the folder", paths)

    @Slot(str)
    def add_tag(self, tag: str) -> None:
        self._folder.edit(f"Added {tag!r}", AddTags((tag,)), self.selected())

    @Slot(str)
    def remove_tag(self, tag: str) -> None:
        self._folder.edit(f"Removed {tag!r}", RemoveTags((tag,)), self.selected())

    @Slot(int)
    def rate(self, stars: int) -> None:
        self._folder.rate(self.selected(), stars)

    @Slot(str)
    def flag(self, flag: Flag) -> None:
        self._folder.flag(self.selected(), flag)

    def turn(self, turns: int) -> None:
        """By quarters, clockwise."""
        if chosen := self.selected():
            self._folder.preparing.turn(chosen, turns)

    def mirror(self) -> None:
        """Left and right swapped."""
        if chosen := self.selected():
            self._folder.preparing.mirror(chosen)
