"""Beside the pictures of a training: what is the matter with them, counted; each count opens the page Dataset there."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from app.dataset_reading import examined
from app.errand import Errand
from app.widgets.basics import IconKeeper, button
from trainer.dataset.findings import Kind, Severity
from trainer.dataset.health import HealthReport
from trainer.dataset.items import OnDisk, scan
from trainer.dataset.names import number_of

LEAST_SIDE = 64
"""Of a bucket."""
MOST, ACROSS = 6, 2
"""So many badges are shown, two in a line."""
SEVERITIES: tuple[Severity, ...] = ("bad", "warning", "note")
ROLES: dict[Severity, Literal["error", "warn", "muted"]] = {"bad": "error", "warning": "warn", "note": "muted"}
UNCAPTIONED: frozenset[Kind] = frozenset({"no caption", "empty caption"})


@dataclass(frozen=True)
class Badge:
    """So many `pictures` have something the matter with them; `query` finds them on the page Dataset."""

    words: str
    pictures: int
    severity: Severity
    query: str


def badges_of(report: HealthReport) -> tuple[Badge, ...]:
    """One for each kind of problem that pictures have, the gravest first."""
    found: list[Badge] = []
    uncaptioned: set[int] = set()
    for kind, problems in report.by_kind().items():
        places = {place for problem in problems for place in problem.places}
        if kind in UNCAPTIONED:
            uncaptioned |= places
        elif places:
            gravest = min(SEVERITIES.index(problem.severity) for problem in problems)
            found.append(Badge(kind, len(places), SEVERITIES[gravest], _query(kind, report)))
    if uncaptioned:
        found.append(Badge("no caption", len(uncaptioned), "warning", "is:uncaptioned"))
    return tuple(sorted(found, key=lambda badge: SEVERITIES.index(badge.severity)))


def _query(kind: Kind, report: HealthReport) -> str:
    """Small is what is smaller than this training's pictures; the page Dataset itself counts for 512 x 512."""
    return f"size:<{report.buckets.max_area / 1e6:.6f}mp" if kind == "too small" else f'problem:"{kind}"'


class HealthBadges(QWidget):
    """`asked` carries the search that finds the pictures of a badge."""

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._badges: dict[QPushButton, Badge] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self._grid.setColumnStretch(ACROSS, 1)
        self.hide()

    @property
    def shown(self) -> tuple[Badge, ...]:
        return tuple(self._badges.values())

    def show_badges(self, badges: tuple[Badge, ...]) -> None:
        """The first of them, and one that finds the rest."""
        if len(badges) > MOST:
            kept, rest = badges[: MOST - 1], badges[MOST - 1 :]
            badges = (*kept, Badge(f"{len(rest)} kinds more", 0, "note", "is:problem"))
        if badges == self.shown:
            return
        for made in self._badges:
            made.hide()
            made.deleteLater()
        self._badges = {self._button(badge): badge for badge in badges}
        for number, made in enumerate(self._badges):
            self._grid.addWidget(made, *divmod(number, ACROSS), Qt.AlignmentFlag.AlignLeft)
        self.setVisible(bool(badges))

    def _button(self, badge: Badge) -> QPushButton:
        words = f"{badge.words[:1].upper()}{badge.words[1:]}"
        of = number_of(badge.pictures, "picture") if badge.pictures else "Pictures with any other problem"
        made = button(
            f"{words}  {badge.pictures:,}" if badge.pictures else words,
            f"{of}: show on Dataset",
            self._ask,
            kind="quiet",
        )
        IconKeeper(made, "warning" if badge.pictures else "search", ROLES[badge.severity])
        return made

    @Slot()
    def _ask(self) -> None:
        asked = self.sender()
        self.asked.emit(next(badge.query for made, badge in self._badges.items() if made is asked))


class PicturesHealth(QObject):
    """Counts what is the matter with a folder, in the pool, and shows it. What was read once is read from the cache.
    `counted` follows."""

    counted = Signal()

    def __init__(self, badges: HealthBadges, cache: Path, parent: QObject) -> None:
        super().__init__(parent)
        self._badges, self._cache = badges, cache
        self._folder: Path | None = None
        self._works: dict[object, Errand] = {}
        self._wanted: object = None

    def look(self, folder: Path, side: int) -> None:
        """Count anew, for a training at side x side pixels; meanwhile the former counts stand."""
        self.leave(folder)
        self.stop_work()
        self._folder, self._wanted = folder, object()
        work = Errand(self._wanted, partial(_counted, folder, side, self._cache))
        work.told.done.connect(self._take)
        work.told.failed.connect(self._fail)
        work.told.stopped.connect(self._forget)
        self._works[self._wanted] = work
        work.start()

    def leave(self, folder: Path) -> None:
        """What was counted of another folder than this one counts no more."""
        if folder != self._folder:
            self.stop_work()
            self._wanted = None
            self._badges.show_badges(())

    def stop_work(self) -> None:
        for work in self._works.values():
            work.cancel()

    @Slot(object, object)
    def _take(self, wanted: object, badges: tuple[Badge, ...]) -> None:
        self._forget(wanted)
        if wanted is self._wanted:
            self._badges.show_badges(badges)
            self.counted.emit()

    @Slot(object, str)
    def _fail(self, wanted: object, _why: str) -> None:
        self._forget(wanted)  # what is wrong with the folder stands in its field already

    @Slot(object)
    def _forget(self, wanted: object) -> None:
        self._works.pop(wanted, None)


def _counted(folder: Path, side: int, cache: Path, errand: Errand) -> tuple[Badge, ...]:
    dataset = scan(folder)
    return badges_of(examined(dataset, OnDisk(dataset), cache, errand, max(LEAST_SIDE, side)))
