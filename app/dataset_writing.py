"""What is written in the pool of the dataset that is open: captions, steps back and forth, marks.

Each piece of work says which places are others now."""

from collections.abc import Callable, Sequence

from app.dataset_preparing import Prepared, Preparing
from app.errand import Errand
from trainer.dataset.book import CaptionBook, Change, Step
from trainer.dataset.edits import Operation
from trainer.dataset.history import ChangedOutside, Watch
from trainer.dataset.marks import Marks

PAUSE = 300.0
"""Seconds after which typing in the same caption is another step."""


def apply(book: CaptionBook, title: str, changes: Sequence[Change], merge: str, errand: Errand) -> tuple[int, ...]:
    return _places(book.apply(title, changes, merge=merge, pause=PAUSE, watch=_watch(errand)))


def edit(book: CaptionBook, title: str, operation: Operation, places: Sequence[int], errand: Errand) -> tuple[int, ...]:
    changes = book.preview(checked(operation, errand), places)
    return _places(book.apply(title, changes, watch=_watch(errand))) if changes else ()


def checked(operation: Operation, errand: Errand) -> Operation:
    """The same operation, which the errand can be cancelled in the midst of."""

    def edit(text: str) -> str:
        errand.check()
        return operation(text)

    return edit


def turn(
    take: Callable[..., Step | None], preparing: Preparing, errand: Errand, *, leave_changed: bool = False
) -> tuple[int, ...] | Prepared | ChangedOutside:
    """Undo or redo what is next: a change of recipes, or of captions."""
    try:
        step = take(leave_changed=leave_changed, watch=_watch(errand))
    except ChangedOutside as error:
        return error
    return _places(step) if step is None or step.captions else Prepared(preparing.reread())


def look_again(book: CaptionBook, places: Sequence[int], _errand: Errand) -> tuple[int, ...]:
    book.look_again()
    return book.reread(places)


def reread(preparing: Preparing, _errand: Errand) -> Prepared:
    return Prepared(preparing.reread())


def save(marks: Marks, _errand: Errand) -> tuple[int, ...]:
    marks.save()
    return ()


def _places(step: Step | None) -> tuple[int, ...]:
    return tuple(change.place for change in step.changes) if step is not None else ()


def _watch(errand: Errand) -> Watch:
    def watch(done: int, total: int) -> None:
        errand.check()
        errand.progress(done, total)

    return watch
