"""A journal that has grown too large lets its oldest steps go, and nothing else."""

import os
import random
from pathlib import Path

import pytest

from trainer.contract.errors import UserError
from trainer.dataset import history as history_module
from trainer.dataset import journal as journal_module
from trainer.dataset.book import CaptionBook, Change
from trainer.dataset.items import scan

COUNT, STEPS, MOST = 8, 30, 30_000
"""Each step writes 8 captions of 200 letters that compress little: some 2 kB."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(history_module, "MOST_BYTES", MOST)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # nothing here depends on it, and it takes long
    for place in range(COUNT):
        (tmp_path / f"{place}.png").write_bytes(b"")
        (tmp_path / f"{place}.txt").write_bytes(b"the first\r\n")
    return tmp_path


def journal_of(folder: Path) -> Path:
    return folder / ".gesso" / "history" / "journal"


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.txt")}


def edited(book: CaptionBook, folder: Path, steps: int, seed: int = 1) -> list[dict[str, bytes]]:
    """What the files were before each of the steps, and after the last."""
    chance = random.Random(seed)
    states = [bytes_of(folder)]
    for step in range(steps):
        changes = [Change(place, book.caption(place).text, chance.randbytes(100).hex()) for place in range(COUNT)]
        book.apply(f"Step {step}", changes)
        states.append(bytes_of(folder))
    return states


def opened(folder: Path) -> CaptionBook:
    return CaptionBook(scan(folder))


def test_a_journal_of_the_usual_size_keeps_every_step(folder: Path) -> None:
    states = edited(opened(folder), folder, 10)
    before = journal_of(folder).read_bytes()
    book = opened(folder)
    assert book.notes == ()
    assert journal_of(folder).read_bytes() == before
    while book.undo():
        pass
    assert bytes_of(folder) == states[0]


def test_the_oldest_steps_go_and_the_others_are_undone_and_redone_to_the_byte(folder: Path) -> None:
    book = opened(folder)
    states = edited(book, folder, STEPS)
    for _ in range(3):
        book.undo()
    assert journal_of(folder).stat().st_size > MOST
    book = opened(folder)
    (note,) = book.notes
    assert journal_of(folder).stat().st_size <= MOST
    titles = [step.title for step in book.done]
    assert 3 <= len(titles) < STEPS - 3
    assert titles == [f"Step {step}" for step in range(STEPS - 3 - len(titles), STEPS - 3)]
    assert f"oldest {STEPS - 3 - len(titles)} steps" in note
    assert [step.title for step in book.undone] == ["Step 29", "Step 28", "Step 27"]
    assert bytes_of(folder) == states[-4]
    for state in reversed(states[STEPS - 3 - len(titles) : -4]):
        book.undo()
        assert bytes_of(folder) == state
    assert book.undo() is None
    book = opened(folder)
    assert book.notes == (), "it is not cut again before it has grown again"
    while book.redo():
        pass
    assert bytes_of(folder) == states[-1]


def test_the_last_step_stays_however_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = edited(opened(folder), folder, 3)
    monkeypatch.setattr(history_module, "MOST_BYTES", 100)
    book = opened(folder)
    assert [step.title for step in book.done] == ["Step 2"]
    book.undo()
    assert bytes_of(folder) == states[2]


def test_a_book_that_was_open_meanwhile_goes_on(folder: Path) -> None:
    book = opened(folder)
    states = edited(book, folder, STEPS)
    other = opened(folder)
    book.undo()
    assert bytes_of(folder) == states[-2]
    assert book.notes == ()
    assert [step.title for step in book.done] == [step.title for step in other.done][:-1]
    assert [change.after for change in book.done[0].changes] != []
    later = edited(book, folder, 2, seed=2)
    other.look_again()
    assert [step.title for step in other.done[-2:]] == ["Step 0", "Step 1"]
    other.undo()
    other.undo()
    assert bytes_of(folder) == later[0]


def test_where_the_disk_refuses_every_step_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = edited(opened(folder), folder, STEPS)
    before = journal_of(folder).read_bytes()

    def refuse(path: Path, _data: bytes) -> None:
        raise UserError(f"There is no room for {path}.", "Make some.")

    monkeypatch.setattr(journal_module, "write_bytes_atomically", refuse)
    book = opened(folder)
    assert book.notes == ()
    assert journal_of(folder).read_bytes() == before
    while book.undo():
        pass
    assert bytes_of(folder) == states[0]
