"""What a crash, a power cut or a damaged journal leaves of the captions and of their history."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dataset.keep_editing import caption, version_of
from trainer.contract.errors import UserError
from trainer.dataset import history as history_module
from trainer.dataset.book import CaptionBook
from trainer.dataset.edits import AddTags
from trainer.dataset.history import FEW, ChangedOutside
from trainer.dataset.items import scan
from trainer.dataset.journal import FileChange, Journal, Record
from trainer.files import PARTIAL_PREFIX

COUNT = 60
WHEN = "2026-01-01T00:00:00+00:00"


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    for place in range(COUNT):
        (folder / f"{place}.png").write_bytes(b"")
        (folder / f"{place}.txt").write_text(caption(place, 0), encoding="utf-8")
    return folder


def opened(folder: Path) -> CaptionBook:
    return CaptionBook(scan(folder))


def texts(folder: Path) -> list[str]:
    return [(folder / f"{place}.txt").read_bytes().decode().rstrip("\n") for place in range(COUNT)]


def edit(book: CaptionBook, tag: str, places: range = range(COUNT)) -> None:
    book.apply(f"Add {tag}", book.preview(AddTags((tag,)), places))


def journal_of(folder: Path) -> Path:
    return folder / ".gesso" / "history" / "journal"


def kill_and_look(folder: Path, kills: int, chance: random.Random) -> int:
    """Kill an editing process again and again; returns how often a batch was really interrupted."""
    interrupted = 0
    for _ in range(kills):
        command = [sys.executable, str(Path(__file__).with_name("keep_editing.py")), str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(chance.uniform(0.0, 0.25))
            child.kill()
        left = texts(folder)
        versions = {version_of(text) for text in left}
        assert max(versions) - min(versions) <= 1
        assert left == [caption(place, version_of(text)) for place, text in enumerate(left)]
        book = opened(folder)
        interrupted += bool(book.notes)
        after = texts(folder)
        version = version_of(after[0])
        assert after == [caption(place, version) for place in range(COUNT)]
        assert all(abs(version - before) <= 1 for before in versions)
        assert [book.caption(place).text for place in range(COUNT)] == after
        assert not list(folder.glob(PARTIAL_PREFIX + "*"))
    return interrupted


def test_captions_survive_being_killed(folder: Path) -> None:
    kill_and_look(folder, 12, random.Random(5))
    book = opened(folder)
    while book.undo():
        pass
    assert texts(folder) == [caption(place, 0) for place in range(COUNT)]


@pytest.mark.slow
def test_captions_survive_200_kills(folder: Path) -> None:
    assert kill_and_look(folder, 200, random.Random(6)) >= 10
    book = opened(folder)
    while book.undo():
        pass
    assert texts(folder) == [caption(place, 0) for place in range(COUNT)]


@pytest.mark.parametrize("direction", ["apply", "undo", "redo"])
@pytest.mark.parametrize("count", [FEW, COUNT])
def test_what_was_begun_is_completed_by_the_next_to_open(
    folder: Path, direction: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = opened(folder)
    old = texts(folder)
    if direction != "apply":
        edit(book, "new", range(count))
    if direction == "redo":
        book.undo()
    write = history_module.replace_at_once
    left = [count // 2]

    def die(path: Path, data: bytes, *, sync_now: bool) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        write(path, data, sync_now=sync_now)

    monkeypatch.setattr(history_module, "replace_at_once", die)
    with pytest.raises(Killed):
        {"apply": lambda: edit(book, "new", range(count)), "undo": book.undo, "redo": book.redo}[direction]()
    monkeypatch.undo()
    half = texts(folder)
    assert 0 < sum(text.endswith(", new") for text in half) < count
    (folder / f"{PARTIAL_PREFIX}1-1").write_bytes(b"litter")

    book = opened(folder)
    (note,) = book.notes
    assert "“Add new” was interrupted" in note
    new = [f"{text}, new" if place < count else text for place, text in enumerate(old)]
    assert texts(folder) == (old if direction == "undo" else new)
    assert not (folder / f"{PARTIAL_PREFIX}1-1").exists()
    assert (len(book.done), len(book.undone)) == ((0, 1) if direction == "undo" else (1, 0))
    assert opened(folder).notes == ()
    (book.redo if direction == "undo" else book.undo)()
    assert texts(folder) == (new if direction == "undo" else old)


def test_completing_leaves_what_others_wrote_since(folder: Path) -> None:
    opened(folder)
    journal = Journal(folder)
    assert list(journal.read_new()) == []
    changes = tuple(
        FileChange(f"{place}.txt", caption(place, 0).encode(), caption(place, 1).encode() + b"\n") for place in range(3)
    )
    journal.append(Record("step", 1, "Begun", "hand", WHEN, 3), changes)
    (folder / "1.txt").write_bytes(b"by another")
    opened(folder)
    assert texts(folder)[:3] == [caption(0, 1), "by another", caption(2, 1)]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.99])
def test_a_step_cut_short_in_the_journal_was_never_begun(folder: Path, share: float) -> None:
    journal = Journal(folder)
    assert list(journal.read_new()) == []
    changes = tuple(FileChange(f"{place}.txt", caption(place, 0).encode(), b"new\n") for place in range(COUNT))
    journal.append(Record("step", 1, "Begun", "hand", WHEN, COUNT), changes)
    data = journal_of(folder).read_bytes()
    journal_of(folder).write_bytes(data[: 50 + int(share * (len(data) - 50))])
    book = opened(folder)
    assert (book.notes, book.done) == ((), ())
    assert texts(folder) == [caption(place, 0) for place in range(COUNT)]
    edit(book, "more")
    assert [step.title for step in opened(folder).done] == ["Add more"]


@pytest.mark.parametrize("end", [b"", b"\0" * 5000, b'{"kind":"st', b"\n\n\n"])
def test_a_torn_end_does_no_harm(folder: Path, end: bytes) -> None:
    edit(opened(folder), "one")
    with journal_of(folder).open("ab") as file:
        file.write(end)
    book = opened(folder)
    assert book.notes == ()
    edit(book, "two")
    assert [step.title for step in opened(folder).done] == ["Add one", "Add two"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"no journal\n" + data,
        lambda data: data.replace(b'"format":1', b'"format":9'),
        lambda data: data.replace(b'"kind":"step"', b'"kind":"stop"', 1),
        lambda data: data.replace(b'"number":1', b'"number":[', 1),
        lambda data: data.replace(b'"kind":"undo","number":2', b'"kind":"undo","number":1'),
    ],
)
def test_a_damaged_journal_is_set_aside_and_said(folder: Path, damage: Any) -> None:
    book = opened(folder)
    edit(book, "one")
    edit(book, "two")
    book.undo()
    before = texts(folder)
    damaged = damage(journal_of(folder).read_bytes())
    journal_of(folder).write_bytes(damaged)
    book = opened(folder)
    (note,) = book.notes
    assert "journal.damaged-1" in note
    assert journal_of(folder).with_name("journal.damaged-1").read_bytes() == damaged
    assert texts(folder) == before
    edit(book, "three")
    assert [step.title for step in opened(folder).done] == ["Add three"]


def test_a_step_whose_bytes_are_damaged_is_refused(folder: Path) -> None:
    edit(opened(folder), "one")
    data = bytearray(journal_of(folder).read_bytes())
    data[len(data) // 2] ^= 1
    journal_of(folder).write_bytes(data)
    before = texts(folder)
    book = opened(folder)
    with pytest.raises(UserError, match="damaged"):
        book.undo()
    assert texts(folder) == before


@pytest.mark.parametrize("path", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "run.sh", "x.desktop", "a.bak"])
def test_a_journal_from_elsewhere_writes_nothing_but_captions_within(folder: Path, path: str) -> None:
    journal = Journal(folder)
    assert list(journal.read_new()) == []
    journal.append(Record("step", 1, "Evil", "hand", WHEN, 1), (FileChange(path, None, b"x"),))
    before = sorted(folder.parent.rglob("*"))
    opened(folder)
    assert {file for file in folder.parent.rglob("*") if file not in before} <= {
        journal_of(folder).with_suffix(".lock")
    }


def test_what_a_power_cut_emptied_comes_back(folder: Path) -> None:
    """Only files that are empty or all zeros: what others wrote or removed since is left alone."""
    book = opened(folder)
    edit(book, "one")
    edit(book, "two")
    wanted = texts(folder)
    (folder / "0.txt").write_bytes(b"")
    (folder / "1.txt").write_bytes(b"\0" * 300)
    (folder / "2.txt").write_bytes(b"by another")
    (folder / "3.txt").unlink()
    book = opened(folder)
    assert "2 files" in book.notes[0]
    assert [book.caption(place).text for place in range(4)] == [wanted[0], wanted[1], "by another", ""]
    (folder / "0.txt").write_bytes(b"")
    assert opened(folder).notes == ()
    assert (folder / "0.txt").read_bytes() == b""


def test_two_books_of_one_folder_know_each_other(folder: Path) -> None:
    one, two = opened(folder), opened(folder)
    changes = two.preview(AddTags(("two",)), range(COUNT))
    edit(one, "one")
    with pytest.raises(ChangedOutside):
        two.apply("Add two", changes)
    edit(two, "two")
    assert [step.title for step in two.done] == ["Add one", "Add two"]
    one.undo()
    assert [step.title for step in one.done] == ["Add one"]
    assert all(text.endswith(", one") for text in texts(folder))
