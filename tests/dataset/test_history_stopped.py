"""A large step that is stopped on its way: every file is what it was, and the history as if it had never begun."""

from pathlib import Path

import pytest

from trainer.contract.errors import Cancelled
from trainer.dataset.book import CaptionBook
from trainer.dataset.edits import AddTags
from trainer.dataset.history import FEW
from trainer.dataset.items import scan

COUNT = 4 * FEW
"""More than are written one by one."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place in range(COUNT):
        (tmp_path / f"{place}.png").write_bytes(b"")
        (tmp_path / f"{place}.txt").write_bytes(b"cat,  number %d\r\n" % place)
    return tmp_path


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.txt")}


@pytest.mark.parametrize("files", [1, COUNT // 2, COUNT])
@pytest.mark.parametrize("direction", ["apply", "undo", "redo"])
def test_all_files_are_what_they_were(folder: Path, direction: str, files: int) -> None:
    book = CaptionBook(scan(folder))
    changes = book.preview(AddTags(("new",)), range(COUNT))
    if direction != "apply":
        book.apply("Add new", changes)
    if direction == "redo":
        book.undo()
    before, steps = bytes_of(folder), (len(book.done), len(book.undone))
    seen: list[int] = []

    def watch(done: int, total: int) -> None:
        assert total == COUNT
        seen.append(done)
        if done == files:
            raise Cancelled

    turn = {"apply": lambda: book.apply("Add new", changes, watch=watch)}
    with pytest.raises(Cancelled):
        turn.get(direction, lambda: (book.undo if direction == "undo" else book.redo)(watch=watch))()
    assert seen == [*range(1, files + 1)]
    assert bytes_of(folder) == before
    assert (len(book.done), len(book.undone)) == steps
    again = CaptionBook(scan(folder))
    assert (again.notes, len(again.done), len(again.undone)) == ((), *steps)
    if direction == "apply":
        book.apply("Add new", changes)
    else:
        (book.undo if direction == "undo" else book.redo)()
    assert bytes_of(folder) != before
