"""Which pictures have a star: one answer for all pages, kept in the settings by paths below the user's folder."""

import os
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.settings import Settings
from trainer.home import Home


class Favourites(QObject):
    """The window makes one, and every page asks that one. `changed` says that settings.favourites is another now:
    the window writes it down, and pages paint their stars again."""

    changed = Signal()

    def __init__(self, home: Home, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._root = _plain(home.root) + "/"
        self._names = set(settings.favourites)

    def is_starred(self, path: str | Path) -> bool:
        return self._name(path) in self._names

    def toggle(self, path: str | Path) -> bool:
        """Give the picture a star or take it away. Whether it has one now."""
        starred = not self.is_starred(path)
        self.star([path], starred)
        return starred

    def star(self, paths: Iterable[str | Path], starred: bool = True) -> None:
        """Give all of them a star, or take it from all of them."""
        names = {self._name(path) for path in paths}
        wanted = self._names | names if starred else self._names - names
        if wanted != self._names:
            self._names = wanted
            self._settings.favourites = sorted(wanted)
            self.changed.emit()

    def drop(self, paths: Iterable[str | Path]) -> None:
        """Forget pictures that are gone."""
        self.star(paths, starred=False)

    def _name(self, path: str | Path) -> str:
        """The path below the user's folder, or the whole of it for a picture that lies elsewhere."""
        return _plain(path).removeprefix(self._root)


def _plain(path: str | Path) -> str:
    text = os.fspath(path)
    return text.replace("\\", "/") if os.sep == "\\" else text
