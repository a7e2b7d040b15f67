"""Captions that captioners made, into their files: all of one run as one step of the dataset's history."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trainer.contract import events
from trainer.contract.caption import CaptionJob
from trainer.contract.captioners import CAPTIONERS
from trainer.contract.errors import UserError
from trainer.contract.run import Run
from trainer.dataset.book import CaptionBook, Change
from trainer.dataset.captions import encode_caption
from trainer.dataset.history import ChangedOutside
from trainer.dataset.items import Item
from trainer.dataset.names import shown
from trainer.dataset.tag_scores import Reading, new_caption

SUREST = 5
"""So many tags are told of with each picture."""


@dataclass(frozen=True, slots=True)
class _Caption:
    """What a picture is to get (`change` None: nothing is written), and what will be told of it."""

    told: events.Captioned
    change: Change | None = None


class CaptionWriter:
    """Takes what was said of some pictures at a time, writes it, and tells of each picture."""

    def __init__(self, job: CaptionJob, book: CaptionBook, run: Run, total: int) -> None:
        self._job, self._book, self._run, self._total = job, book, run, total
        self._places = {item.relative: place for place, item in enumerate(book.dataset.items)}
        self._title = f"Captions by {', '.join(CAPTIONERS[name].label for name in job.parts)}"
        self._done = self._written = self._silent = 0

    def take(self, said: Sequence[tuple[Item, Sequence[Reading]]]) -> None:
        """Give pictures their captions. What stands there is read again at this moment: it may have been edited."""
        captions = [caption for item, readings in said if (caption := self._made(item, readings)) is not None]
        refused = self._write([caption.change for caption in captions if caption.change is not None])
        for caption in captions:
            if caption.change is not None and caption.change.place in refused:
                self._left(caption.told.picture, "Another program wrote it at this moment.", "Caption it again.")
                continue
            self._written += caption.change is not None
            self._run.emit(caption.told)
        self._done += len(said)
        self._run.progress("pictures", self._done, self._total)

    def summary(self) -> str:
        nothing = f"; nothing was said of {self._silent}" if self._silent else ""
        return f"{self._written} of {self._total} captions written{nothing}"

    def _made(self, item: Item, readings: Sequence[Reading]) -> _Caption | None:
        place = self._places[item.relative]
        self._book.reread((place,))
        there = self._book.caption(place)
        if not there.complete:
            self._left(item.relative, there.note, "Move that file away.")
            return None
        text = new_caption(self._job, readings, there.text)
        surest = next((reading.surest(SUREST) for reading in readings if reading.scores), ())
        before = there.text if self._book.has_file(place) else None

        def told(outcome: Literal["written", "same", "nothing"], text: str) -> events.Captioned:
            return events.Captioned(picture=item.relative, text=text, before=before, outcome=outcome, scores=surest)

        if not text:
            self._silent += 1
            return _Caption(told("nothing", there.text))
        if text == there.text or (self._job.mode == "fill" and there.text.strip()):
            return _Caption(told("same", there.text))
        try:
            encode_caption(text)
        except UserError as error:
            self._left(item.relative, error.title, error.fix)
            return None
        return _Caption(told("written", text), Change(place, there.text, text))

    def _write(self, changes: list[Change]) -> set[int]:
        """Returns the places that other programs wrote to meanwhile, which are left to them."""
        refused: set[int] = set()
        while changes:
            try:
                self._book.apply(self._title, changes, source=self._job.model, merge="captioner")
            except ChangedOutside as error:
                outside = {change.place for change in changes if self._book.path(change.place) in error.paths}
                refused |= outside
                changes = [change for change in changes if change.place not in outside]
            else:
                break
        return refused

    def _left(self, picture: str, why: str, fix: str) -> None:
        self._run.warn(f"The caption of {shown(picture)} was left as it is. {why}", fix)
