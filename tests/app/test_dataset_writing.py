"""Changes of thousands of captions on the page Dataset: worked out in the pool, shown on their way, stopped whole."""

import threading
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.dataset_folder import AT_ONCE, DatasetFolder
from app.widgets import writing_strip
from app.widgets.writing_strip import WritingStrip
from trainer.dataset import history
from trainer.dataset.edits import AddTags, SetText
from trainer.dataset.mending import Edit
from trainer.home import RESOURCES, Home

COUNT = AT_ONCE + 20


@pytest.fixture
def folder(qtbot: QtBot, tmp_path: Path) -> DatasetFolder:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(COUNT):
        (pictures / f"{number}.png").write_bytes(b"")
        (pictures / f"{number}.txt").write_bytes(b"cat\n")
    made = DatasetFolder(Home(tmp_path / "home"))
    with qtbot.waitSignals([made.read, made.examined]):
        made.open(pictures)
    return made


def texts(folder: DatasetFolder) -> set[bytes]:
    assert folder.folder is not None
    return {path.read_bytes() for path in folder.folder.glob("*.txt")}


def test_mending_many_captions_is_worked_out_in_the_pool(qtbot: QtBot, folder: DatasetFolder) -> None:
    threads: set[int] = set()
    add = AddTags(("hat",))

    def noted(text: str) -> str:
        threads.add(threading.get_ident())
        return add(text)

    with qtbot.waitSignal(folder.rested):
        folder.mend(Edit("Add a hat", tuple(range(COUNT)), noted))
    assert threads.isdisjoint({threading.get_ident()})
    assert len(threads) == 1
    assert texts(folder) == {b"cat, hat\n"}
    assert {row.caption for row in folder.rows} == {"cat, hat"}
    assert [step.title for step in folder.steps()] == ["Add a hat"]
    with qtbot.waitSignal(folder.rested):
        folder.mend(Edit("Add a hat", tuple(range(COUNT)), noted))
    assert len(folder.steps()) == 1, "where nothing changes there is no step"


def test_a_batch_shows_how_far_it_is_and_is_stopped_whole(
    qtbot: QtBot, folder: DatasetFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    strip = WritingStrip(folder)
    qtbot.addWidget(strip)
    stopped, replace = threading.Event(), history.replace_at_once

    def halfway(path: Path, data: bytes, *, sync_now: bool) -> None:
        """The second half is written only after somebody has stopped it."""
        if int(path.stem) > COUNT // 2:
            assert stopped.wait(10)
        replace(path, data, sync_now=sync_now)

    monkeypatch.setattr(history, "replace_at_once", halfway)
    assert strip.isHidden()
    folder.write("Add a hat", folder.preview(AddTags(("hat",)), range(COUNT)))
    assert {row.caption for row in folder.rows} == {"cat, hat"}
    qtbot.waitUntil(lambda: not strip.isHidden())
    with qtbot.waitSignal(folder.rested):
        strip.stop.click()
        stopped.set()
    assert strip.isHidden()
    assert texts(folder) == {b"cat\n"}
    assert {row.caption for row in folder.rows} == {"cat"}
    assert folder.steps() == ()


def test_a_few_captions_show_nothing(qtbot: QtBot, folder: DatasetFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    strip = WritingStrip(folder)
    qtbot.addWidget(strip)
    shown: list[bool] = []
    folder.progressed.connect(lambda _done, _total: shown.append(not strip.isHidden()))
    monkeypatch.setattr(writing_strip, "MANY", COUNT)
    with qtbot.waitSignal(folder.rested):
        folder.write("Add a hat", folder.preview(AddTags(("hat",)), range(COUNT)))
    assert shown
    assert not any(shown)


def test_what_ships_with_gesso_is_copied_before_it_is_written_into(qtbot: QtBot, tmp_path: Path) -> None:
    shipped, home = RESOURCES / "sample-dataset", Home(tmp_path / "home")
    before = {path.name: path.read_bytes() for path in shipped.iterdir()}
    for tag in ("hat", "scarf"):  # the second time the copy is there, with what was written
        folder = DatasetFolder(home)
        with qtbot.waitSignals([folder.read, folder.examined]):
            folder.open(shipped)
        assert folder.folder == home.datasets / "sample-dataset"
        folder.edit(f"Added {tag!r}", AddTags((tag,)), range(len(folder.rows)))
        folder.finish()
    written = [path.read_text() for path in (home.datasets / "sample-dataset").glob("*.txt")]
    assert len(written) == len(list(shipped.glob("*.txt")))
    assert all(text.endswith(", hat, scarf") for text in map(str.rstrip, written))
    assert {path.name: path.read_bytes() for path in shipped.iterdir()} == before


def test_health_is_looked_at_anew_after_a_change(qtbot: QtBot, folder: DatasetFolder) -> None:
    """What was written is no longer wrong, and what is wrong now is said."""

    def kinds() -> set[str]:
        return {kind for row in folder.rows for kind in row.problems}

    before = kinds()
    assert "repeated tag" not in before
    with qtbot.waitSignal(folder.examined):
        folder.write("", folder.preview(SetText("cat, hat, cat"), [0]))
    assert kinds() == before | {"repeated tag"}
    with qtbot.waitSignal(folder.examined):
        folder.undo()
    assert kinds() == before
