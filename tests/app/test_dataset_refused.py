"""The page Dataset while captions become others under somebody who types: nothing typed is lost or written over."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.dataset_reading import Opened
from app.pages.dataset import DatasetPage
from app.pages.dataset_shown import STILL_READING
from app.window import MainWindow
from tests.app.dataset_page import is_quiet, open_folder, opened, unopened
from tests.app.stage import Engine
from trainer.dataset.book import Change
from trainer.home import Home

LONG = 10_000
"""Milliseconds for what takes no time."""
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pets"
    made.mkdir()
    for number in range(4):
        Image.new("RGB", (600, 600), (60 * number, 90, 120)).save(made / f"{number}.png")
        (made / f"{number}.txt").write_text(f"cat {number}", encoding="utf-8")
    return made


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, folder: Path) -> DatasetPage:
    made = opened(qtbot, home, train_engine, folder)
    made.grid.go_to(0)
    return made


def type_behind(page: DatasetPage, words: str) -> None:
    page.edit_caption()
    page.inspector.edit.moveCursor(QTextCursor.MoveOperation.End)
    QTest.keyClicks(page.inspector.edit, words)


def text(folder: Path, number: int) -> str:
    return (folder / f"{number}.txt").read_text(encoding="utf-8").strip()


def refuse(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    """Type in the first caption, which another program changes meanwhile, and go on to the second."""
    type_behind(page, ", hat")
    (folder / "0.txt").write_text("by another program", encoding="utf-8")
    with qtbot.waitSignal(page.folder.refused):
        page.grid.go_to(1)
    qtbot.waitUntil(lambda: is_quiet(page))


def test_what_was_refused_is_shown_with_what_is_there_and_nothing_jumps(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    refuse(qtbot, page, folder)
    panel = page.inspector.refused
    assert panel.isVisible()
    assert (panel.mine.toPlainText(), panel.theirs.toPlainText()) == ("cat 0, hat", "by another program")
    assert "0.png" in panel.words.text()
    assert "changed meanwhile" in panel.words.text()
    assert page.grid.current().endswith("1.png")
    for number in (0, 2, 0):
        page.grid.go_to(number)
        page.edit_caption()
        page.grid.setFocus()
    qtbot.waitUntil(lambda: is_quiet(page))
    assert text(folder, 0) == "by another program"
    assert panel.isVisible()
    assert page.folder.rows[0].caption == "by another program"


def test_keeping_mine_is_a_step_that_can_be_undone(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    refuse(qtbot, page, folder)
    with qtbot.waitSignal(page.folder.changed):
        QTest.mouseClick(page.inspector.refused.keep, LEFT)
    assert text(folder, 0) == "cat 0, hat"
    assert not page.inspector.refused.isVisible()
    with qtbot.waitSignal(page.folder.changed):
        page.undo()
    assert text(folder, 0) == "by another program"


def test_taking_theirs_leaves_the_file(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    refuse(qtbot, page, folder)
    QTest.mouseClick(page.inspector.refused.give_up, LEFT)
    assert not page.inspector.refused.isVisible()
    assert text(folder, 0) == "by another program"
    assert page.refused.view() == []


def test_what_is_refused_for_one_picture_does_not_disturb_typing_for_the_next(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    type_behind(page, ", hat")
    (folder / "0.txt").write_text("by another program", encoding="utf-8")
    with qtbot.waitSignal(page.folder.refused):
        QTest.keyClick(page.inspector.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        type_behind(page, ", sofa")
    QTest.keyClicks(page.inspector.edit, ", sun")
    assert page.inspector.edit.text() == "cat 1, sofa, sun"
    with qtbot.waitSignal(page.folder.changed):
        page.grid.setFocus()
    qtbot.waitUntil(lambda: is_quiet(page))
    assert (text(folder, 0), text(folder, 1)) == ("by another program", "cat 1, sofa, sun")


def test_a_captioner_is_not_written_over_by_who_typed_meanwhile(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    type_behind(page, ", hat")
    (folder / "0.txt").write_text("by a captioner", encoding="utf-8")
    with qtbot.waitSignal(page.folder.changed):
        page.folder.look_again([0])
    assert page.inspector.edit.text() == "cat 0, hat"
    with qtbot.waitSignal(page.folder.refused):
        page.grid.setFocus()
    assert text(folder, 0) == "by a captioner"
    assert page.inspector.refused.mine.toPlainText() == "cat 0, hat"


def test_a_picture_stays_listed_while_its_caption_is_typed(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    page.filter.set_query("cat")
    qtbot.waitUntil(lambda: is_quiet(page))
    type_behind(page, ", hat")
    (folder / "0.txt").write_text("by a captioner", encoding="utf-8")
    with qtbot.waitSignal(page.searching.found):
        page.folder.look_again([0])
    assert page.grid.current().endswith("0.png")
    assert page.inspector.edit.text() == "cat 0, hat"
    with qtbot.waitSignal(page.searching.found):
        page.grid.setFocus()
    qtbot.waitUntil(lambda: page.grid.model().rowCount() == 3)


def test_what_was_typed_on_from_a_refused_text_takes_its_place(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    type_behind(page, ", hat")
    (folder / "0.txt").write_text("by another program", encoding="utf-8")
    page.grid.setFocus()
    type_behind(page, ", sun")  # before the first words were refused
    page.grid.setFocus()
    qtbot.waitUntil(lambda: is_quiet(page))
    assert [one["text"] for one in page.refused.view()] == ["cat 0, hat, sun"]
    assert text(folder, 0) == "by another program"


def test_what_was_refused_outlives_another_folder_and_the_window(
    qtbot: QtBot, page: DatasetPage, folder: Path, tmp_path: Path, home: Home, train_engine: Engine
) -> None:
    refuse(qtbot, page, folder)
    other = tmp_path / "others"
    other.mkdir()
    Image.new("RGB", (600, 600)).save(other / "0.png")
    open_folder(qtbot, page, other)
    assert not page.inspector.refused.isVisible()
    page.stop_work()
    again = unopened(qtbot, home, train_engine)
    again.set_view(page.view())
    open_folder(qtbot, again, folder)
    assert again.inspector.refused.mine.toPlainText() == "cat 0, hat"
    with qtbot.waitSignal(again.folder.changed):
        QTest.mouseClick(again.inspector.refused.keep, LEFT)
    assert text(folder, 0) == "cat 0, hat"


def test_what_is_refused_when_another_folder_is_opened_is_kept(
    qtbot: QtBot, page: DatasetPage, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "others"
    other.mkdir()
    Image.new("RGB", (600, 600)).save(other / "0.png")
    type_behind(page, ", hat")
    (folder / "0.txt").write_text("by another program", encoding="utf-8")
    with qtbot.waitSignals([page.folder.refused, page.folder.examined]):
        page.open_folder(other)
    assert [one["text"] for one in page.refused.view()] == ["cat 0, hat"]
    assert text(folder, 0) == "by another program"


def test_what_is_refused_while_the_window_closes_is_remembered(
    qtbot: QtBot, window: MainWindow, home: Home, folder: Path
) -> None:
    window.show_page("dataset")
    window.activateWindow()
    open_folder(qtbot, window.dataset, folder)
    window.dataset.grid.go_to(0)
    type_behind(window.dataset, ", hat")
    (folder / "0.txt").write_text("by another program", encoding="utf-8")
    window.close()
    assert text(folder, 0) == "by another program"
    later = MainWindow(home)
    qtbot.addWidget(later)
    assert [one["text"] for one in later.dataset.refused.view()] == ["cat 0, hat"]


def test_typing_goes_on_from_a_change_that_is_still_being_written(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    page.folder.write("Added 'sks'", [Change(place, f"cat {place}", f"sks, cat {place}") for place in range(4)])
    assert page.folder.is_writing
    type_behind(page, ", hat")
    page.grid.setFocus()
    qtbot.waitUntil(lambda: is_quiet(page))
    assert text(folder, 0) == "sks, cat 0, hat"
    assert page.refused.view() == []


# ---- Before everything was read


def held(
    monkeypatch: pytest.MonkeyPatch, name: str, reading: Callable[..., Opened]
) -> tuple[threading.Event, threading.Event]:
    """Let one kind of reading begin only when the second event is set; the first one says that it is due."""
    due, may_go_on = threading.Event(), threading.Event()

    def hold(*parts: object) -> Opened:
        due.set()
        assert may_go_on.wait(LONG / 1000)
        return reading(*parts)

    monkeypatch.setattr(f"app.dataset_folder.{name}", hold)
    return due, may_go_on


def test_what_is_typed_before_the_sizes_are_known_stays(
    qtbot: QtBot, home: Home, train_engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.dataset_reading import measure_pictures

    due, may_go_on = held(monkeypatch, "measure_pictures", measure_pictures)
    page = unopened(qtbot, home, train_engine)
    page.open_folder(folder)
    qtbot.waitUntil(lambda: due.is_set() and page.folder.is_read and page.grid.model().rowCount() == 4)
    page.grid.go_to(0)
    type_behind(page, ", hat")
    with qtbot.waitSignal(page.folder.examined):
        may_go_on.set()
    assert page.inspector.edit.text() == "cat 0, hat"
    with qtbot.waitSignal(page.folder.changed):
        page.grid.go_to(1)
    assert text(folder, 0) == "cat 0, hat"


def test_nothing_can_be_typed_before_the_captions_are_read(
    qtbot: QtBot, home: Home, train_engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.dataset_reading import read_captions

    due, may_go_on = held(monkeypatch, "read_captions", read_captions)
    page = unopened(qtbot, home, train_engine)
    page.open_folder(folder)
    qtbot.waitUntil(lambda: due.is_set() and page.grid.model().rowCount() == 4)
    page.grid.go_to(0)
    type_behind(page, ", hat")
    assert not page.inspector.edit.isEnabled()
    assert page.inspector.edit.text() == ""
    assert page.inspector.note.text() == STILL_READING
    with qtbot.waitSignal(page.folder.read):
        may_go_on.set()
    assert page.inspector.edit.isEnabled()
    assert page.inspector.edit.text() == "cat 0"
    assert not page.inspector.note.isVisible()
    qtbot.waitSignal(page.folder.examined).wait()


def test_what_is_typed_when_the_folder_is_read_again_is_written(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    type_behind(page, ", hat")
    assert page.folder.folder is not None
    with qtbot.waitSignal(page.folder.examined):
        page.folder.open(page.folder.folder)
        assert not page.folder.is_read
    qtbot.waitUntil(lambda: is_quiet(page))
    assert text(folder, 0) == "cat 0, hat"


def test_a_caption_that_can_not_be_edited_takes_no_words(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    (folder / "2.txt").write_bytes(b"\0binary\0")
    with qtbot.waitSignal(page.folder.changed):
        page.folder.look_again([2])
    page.grid.go_to(2)
    assert not page.inspector.edit.isEnabled()
    assert "binary" in page.inspector.note.text()
    page.grid.go_to(1)
    assert page.inspector.edit.isEnabled()
