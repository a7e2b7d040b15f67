"""The page Dataset with a folder that is read, for the tests that drive it, and what they see and select on it."""

from pathlib import Path

from PySide6.QtCore import QItemSelectionModel
from pytestqt.qtbot import QtBot

from app.models_list import Models
from app.pages.dataset import DatasetPage
from app.queue import Queue
from tests.app.stage import Engine
from trainer.home import Home


def unopened(qtbot: QtBot, home: Home, engine: Engine, size: tuple[int, int] = (1200, 760)) -> DatasetPage:
    """Shown in front of other windows, without a folder."""
    made = DatasetPage(home, Models(home), Queue(engine, home))  # pyright: ignore[reportArgumentType]
    qtbot.addWidget(made)
    made.resize(*size)
    made.show()
    made.activateWindow()
    return made


def opened(qtbot: QtBot, home: Home, engine: Engine, folder: Path) -> DatasetPage:
    """The page with this folder read."""
    made = unopened(qtbot, home, engine)
    open_folder(qtbot, made, folder)
    return made


def open_folder(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    """Its pictures are listed afterwards, with their sizes, and what needs a look is counted.

    Earlier searches find the pictures too; only the one behind the health check finds what needs a look.
    """
    signals = [page.folder.opened, page.folder.read, page.folder.examined, page.searching.found]
    with qtbot.waitSignals(signals, order="simple"):
        page.open_folder(folder)
    qtbot.waitUntil(lambda: is_quiet(page))


def is_quiet(page: DatasetPage) -> bool:
    """The folder was read, and nothing is read, searched or written any more."""
    folder = page.folder
    is_busy = page._errands or page.searching.is_due or folder._reading or folder.is_writing
    return folder.report is not None and not is_busy


def names(page: DatasetPage) -> list[str]:
    """Of the pictures that are listed, in their order."""
    return [Path(path).name for path in page._pictures.paths()]


def problems(page: DatasetPage) -> dict[str, int]:
    """What needs a look, each with how many pictures or files have it."""
    return dict(page.filter.problems.counts())


def select(page: DatasetPage, *rows: int) -> None:
    """These rows of the grid, the cursor at the first."""
    page.grid.go_to(rows[0])
    for row in rows[1:]:
        page.grid.selectionModel().select(page._pictures.index(row), QItemSelectionModel.SelectionFlag.Select)
