"""The one picture of the dataset that is shown large: read, put into the inspector, its caption written down."""

import itertools
from collections import Counter
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from app.dataset_folder import DatasetFolder
from app.errand import Errand, Errands
from app.pages.dataset_selection import Selection
from app.prepared import prepared_image
from app.widgets.dataset_grid import DatasetGrid
from app.widgets.dataset_inspector import DatasetInspector
from app.widgets.full_view import FullView
from trainer.dataset.book import Change
from trainer.dataset.recipes import Recipe

STILL_READING = "The captions are still being read."
SHOWN_LARGE = 1024
"""Pixels of the longer side of the picture in the inspector."""


class ShownPicture(QObject):
    """Fills the `inspector` and the `large` view from the selection.

    `another` carries the place of a picture that was not shown before; `selected` the place of the only selected
    picture, or -1, each time that the selection was looked at.
    """

    another = Signal(int)
    selected = Signal(int)

    def __init__(
        self,
        folder: DatasetFolder,
        grid: DatasetGrid,
        selection: Selection,
        inspector: DatasetInspector,
        large: FullView,
        errands: Errands,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._folder, self._grid, self._selection = folder, grid, selection
        self._inspector, self._large, self._errands = inspector, large, errands
        self._place = -1
        self._visits = itertools.count(1)
        self._visit = 0
        """What is typed in one visit to the caption of a picture is one step."""
        grid.selected.connect(self.show_selection)
        grid.picked.connect(self._picked)
        inspector.written.connect(self._write)
        inspector.edit.entered.connect(self._begin_visit)
        inspector.added.connect(selection.add_tag)
        inspector.removed.connect(selection.remove_tag)
        folder.changed.connect(self._changed)
        folder.ahead.connect(self._show_ahead)
        folder.read.connect(self._read)
        for prepared in (folder.prepared, folder.masked):
            prepared.connect(self._prepared)

    def edited(self) -> int:
        """The place of the picture whose caption is being typed, or -1."""
        return self._place if self._inspector.is_edited else -1

    def forget(self) -> None:
        """Whatever is selected next is shown anew."""
        self._place = -1

    def show_none(self) -> None:
        self.forget()
        self._inspector.show_none()

    @Slot(object)
    def _changed(self, places: tuple[int, ...]) -> None:
        """Captions or marks are others now. What is being typed stays in its field."""
        if self._place in places:
            self._show_caption()
        self.show_selection()

    @Slot(object)
    def _show_ahead(self, places: tuple[int, ...]) -> None:
        """Whoever types now goes on from what is being written."""
        if self._place in places:
            self._show_caption()

    @Slot()
    def _read(self) -> None:
        """Captions, or sizes, are known now."""
        if self._place >= 0:
            self._show_caption()
        self.show_selection()

    @Slot(object)
    def _prepared(self, places: tuple[int, ...]) -> None:
        """Recipes, or masks, are others now."""
        if self._place in places:
            self._show_size(self._place)
            self.show_picture()

    @Slot()
    def show_selection(self) -> None:
        chosen = self._selection.selected()
        if chosen != [self._place]:
            self._inspector.finish()
        rows = [self._folder.rows[place] for place in chosen]
        if len(chosen) == 1:
            self._show_one(chosen[0])
        elif chosen:
            self.forget()
            self._inspector.show_many(len(chosen))
        else:
            self.show_none()
        numbers = Counter(tag for of in rows for tag in dict.fromkeys(of.tags))
        self._inspector.tags.show_tags(sorted(numbers.items(), key=lambda one: (-one[1], one[0])), len(rows))
        self.selected.emit(self._place)

    @Slot(str)
    def _picked(self, path: str) -> None:
        if not path:  # nothing is listed any more, which Qt does not call another selection
            self.show_selection()

    def _show_one(self, place: int) -> None:
        if place != self._place:
            self._place = place
            self._inspector.show_one(Path(self._folder.paths[place]))
            self._show_caption()
            self.show_picture()
            self.another.emit(place)
        self._show_size(place)

    def _show_caption(self) -> None:
        """As it stands in the rows. What is being typed stays in its field."""
        place, folder = self._place, self._folder
        if folder.is_read and self._inspector.is_edited:
            return
        caption = folder.book.caption(place) if folder.is_read else None
        self._inspector.show_caption(
            folder.rows[place].caption,
            STILL_READING if caption is None else caption.note,
            can_edit=caption is not None and caption.complete,
        )

    def _show_size(self, place: int) -> None:
        preparing, of = self._folder.preparing, self._folder.rows[place]
        size, whole = preparing.size(place), preparing.own_size(place)
        own = f" of {whole.width} × {whole.height}" if preparing.recipe(place).crop else ""
        words = f"{size.width} × {size.height}{own}  ·  " if size.width else ""
        self._inspector.about.setText(f"{words}{of.relative}")

    def show_picture(self) -> None:
        """Read the current picture, and show it as it is prepared."""
        path = self._grid.current()
        place = self._folder.place_of(path)
        if place >= 0:
            recipe = self._folder.preparing.recipe(place)
            self._errands.run(("picture", path, recipe), partial(_image, path, recipe), self._take_picture)

    @Slot(object)
    def show_renewed(self, paths: list[str]) -> None:
        """Another program changed these pictures."""
        if self._grid.current() in paths:
            self.show_picture()

    @Slot(object, object)
    def _take_picture(self, about: tuple[str, str, Recipe], image: QImage) -> None:
        if about[1] == self._grid.current() and about[2] == self._folder.recipe_of(Path(about[1])):
            name = Path(about[1]).name
            self._inspector.show_image(image, name)
            self._large.show_image(image, name, self._selection.where())

    @Slot()
    def _begin_visit(self) -> None:
        self._visit = next(self._visits)

    @Slot(str, str)
    def _write(self, before: str, text: str) -> None:
        """The caption in the inspector is done with. `before` is what whoever typed has seen: where something else is
        there by now, nothing is written over it."""
        before, text = before.rstrip("\n"), text.rstrip("\n")
        if text != before:
            name = Path(self._folder.paths[self._place]).name
            self._folder.write(f"Edited {name}", (Change(self._place, before, text),), merge=f"typed {self._visit}")


def _image(path: str, recipe: Recipe, _errand: Errand) -> QImage:
    return prepared_image(Path(path), recipe, SHOWN_LARGE)
