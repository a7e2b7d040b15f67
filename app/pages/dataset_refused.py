"""Captions that were typed on the page Dataset and could not be written: kept until somebody has chosen."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from PySide6.QtCore import QObject, Slot

from app.dataset_folder import DatasetFolder
from app.widgets.dataset_grid import DatasetGrid
from app.widgets.refused_caption import RefusedCaption
from trainer.dataset.book import Change
from trainer.dataset.names import shown


@dataclass(frozen=True)
class _Typed:
    """What was typed for a picture, by its whole path, and why it could not be written."""

    picture: str
    text: str
    why: str


class Refused(QObject):
    """Shows in the `panel` what was refused in the open folder: of the current picture first, else the oldest. What was
    typed in another folder waits until that one is open again, over the end of the window too."""

    def __init__(self, folder: DatasetFolder, grid: DatasetGrid, panel: RefusedCaption, parent: QObject) -> None:
        super().__init__(parent)
        self._folder, self._grid, self._panel = folder, grid, panel
        self._waiting: list[_Typed] = []
        self._shown: _Typed | None = None
        self._numbers = itertools.count(1)
        for asked in (folder.opened, folder.read, folder.changed, grid.selected):
            asked.connect(self._show)
        folder.refused.connect(self._take)
        panel.keeping.connect(self._keep)
        panel.giving_up.connect(self._forget)

    def view(self) -> list[dict[str, str]]:
        """What is still to be chosen."""
        return [{"picture": one.picture, "text": one.text, "why": one.why} for one in self._waiting]

    def set_view(self, view: object) -> None:
        """As `view` gave it."""
        kept = cast("list[Mapping[str, object]]", view) if isinstance(view, list) else []
        self._waiting = [_Typed(str(one["picture"]), str(one["text"]), str(one["why"])) for one in kept]
        self._show()

    @Slot(str, object, str)
    def _take(self, picture: str, change: Change, why: str) -> None:
        """Where somebody typed on from a text that was refused before, that one goes with it."""
        rest = [one for one in self._waiting if (one.picture, one.text) != (picture, change.before)]
        self._waiting = [*rest, _Typed(picture, change.after or "", why)]
        self._show()

    def _next(self) -> _Typed | None:
        folder, current = self._folder.folder, self._grid.current()
        if folder is None or not self._folder.is_read:
            return None
        here = [one for one in self._waiting if Path(one.picture).is_relative_to(folder)]
        return min(here, key=lambda one: one.picture != current, default=None)

    @Slot()
    def _show(self) -> None:
        self._shown = one = self._next()
        if one is None:
            self._panel.hide()
            return
        place = self._folder.place_of(one.picture)
        self._panel.show_texts(
            f"What you typed for {shown(Path(one.picture).name)} is not written. {one.why}",
            one.text,
            self._folder.rows[place].caption if place >= 0 else "",
            can_keep=place >= 0,
        )

    @Slot()
    def _keep(self) -> None:
        one = self._shown
        if one is None or not self._folder.is_read:
            return
        self._forget()
        place = self._folder.place_of(one.picture)
        there = self._folder.rows[place].caption
        if one.text != there:
            title = f"Edited {Path(one.picture).name}"
            self._folder.write(title, (Change(place, there, one.text),), merge=f"kept {next(self._numbers)}")

    @Slot()
    def _forget(self) -> None:
        if self._shown is not None:
            self._waiting.remove(self._shown)
        self._show()
