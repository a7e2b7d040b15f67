"""What a search on the page Dataset gives, worked out in the pool."""

import itertools
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.dataset_folder import DatasetFolder
from app.errand import Errand, Errands
from app.widgets.dataset_filter import DatasetFilter
from trainer.contract.errors import UserError
from trainer.dataset.health import HealthReport
from trainer.dataset.query import Query, Row, compile_query
from trainer.dataset.tags import counts

OF_CAPTIONS = frozenset({"no caption", "empty caption"})
"""What the health check says too, but is counted anew at each change."""
GATHERED = 150
"""Milliseconds in which changes of the folder are gathered, to be searched once."""


@dataclass(frozen=True)
class Found:
    """Places in order; of the whole folder how often each tag comes, how many pictures have no caption, how many are
    rejects, and how many pictures, and files that are none, each kind of problem has. `number` tells one search from
    the next."""

    number: int
    places: list[int]
    tags: list[tuple[str, int]]
    uncaptioned: int
    rejected: int
    problems: list[tuple[str, int]]


def search(number: int, query: Query, rows: list[Row], report: HealthReport | None, errand: Errand) -> Found:
    places = [place for place, of in enumerate(rows) if query(of)]
    errand.check()
    tags = counts(of.caption for of in rows)
    errand.check()
    uncaptioned = sum(1 for of in rows if not of.caption.strip())
    rejected = sum(1 for of in rows if of.flag == "reject")
    return Found(number, places, tags, uncaptioned, rejected, needing_a_look(report) if report is not None else [])


def needing_a_look(report: HealthReport) -> list[tuple[str, int]]:
    """How many pictures each kind of problem has; a file that is no picture, as a HEIC is none, counts as one."""
    found: list[tuple[str, int]] = []
    for kind, problems in report.by_kind().items():
        pictures = {place for problem in problems for place in problem.places}
        files = sum(1 for problem in problems if not problem.places)
        if kind not in OF_CAPTIONS:
            found.append((kind, len(pictures) + files))
    return found


class Searching(QObject):
    """Searches the `folder` for what the filter says. `found` carries a Found; one that a later search has overtaken
    is dropped."""

    found = Signal(object)

    def __init__(self, folder: DatasetFolder, filtered: DatasetFilter, errands: Errands, parent: QObject) -> None:
        super().__init__(parent)
        self._folder, self._filter, self._errands = folder, filtered, errands
        self._numbers = itertools.count(1)
        self._latest = 0
        self._soon = QTimer(self, singleShot=True, interval=GATHERED)
        self._soon.timeout.connect(self.search)
        filtered.changed.connect(self.search)
        folder.examined.connect(self.search)
        for changed in (folder.changed, folder.prepared, folder.trouble):  # what could not be done is listed again
            changed.connect(self._search_soon)

    @Slot()
    def search(self) -> None:
        try:
            query = compile_query(self._filter.query)
        except UserError as error:
            self._filter.say_fault(str(error))
            return
        self._filter.say_fault("")
        self._latest = next(self._numbers)
        work = partial(search, self._latest, query, self._folder.rows, self._folder.report)
        self._errands.run(("search", self._latest), work, self._take)

    @Slot()
    def _search_soon(self) -> None:
        self._soon.start()

    @property
    def is_due(self) -> bool:
        """Whether the folder changed, and is about to be searched anew."""
        return self._soon.isActive()

    @Slot()
    def know_buckets(self) -> None:
        """Pictures can be found by other buckets now."""
        if "bucket:" in self._filter.query:
            self.search()

    @Slot(object, object)
    def _take(self, _about: object, found: Found) -> None:
        if found.number == self._latest:
            self.found.emit(found)
