"""What is done to the files of a dataset in the window: what is no picture is named, pictures leave, and come back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.pages.dataset import DatasetPage
from app.pages.dataset_listing import ONLY_FILES
from app.pages.dataset_mending import NO_REJECTS
from app.widgets.problem_strip import NAMED
from tests.app.dataset_page import is_quiet, names, open_folder, opened, problems, select
from tests.app.stage import Engine
from trainer.home import Home

PICTURES = ["1.png", "2.png", "3.png", "4.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pets"
    made.mkdir()
    for number, name in enumerate(PICTURES):
        Image.effect_noise((600, 520 + 8 * number), 90).convert("RGB").save(made / name)
        (made / name).with_suffix(".txt").write_text(f"cat, number {number}\n", encoding="utf-8")
    return made


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, folder: Path) -> DatasetPage:
    return opened(qtbot, home, train_engine, folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def do_all(qtbot: QtBot, page: DatasetPage, *acts: Callable[[], object]) -> None:
    """One after the other, in a hurry."""
    for act in acts:
        act()
    qtbot.waitUntil(lambda: is_quiet(page), timeout=20_000)


def tag(page: DatasetPage, name: str, *rows: int) -> Callable[[], None]:
    def add() -> None:
        select(page, *rows)
        page.selection.add_tag(name)

    return add


def take(page: DatasetPage, row: int) -> Callable[[], None]:
    def out() -> None:
        select(page, row)
        page.take_out()

    return out


def test_files_that_are_no_picture_need_a_look_and_are_named(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    assert problems(page) == {}
    (folder / "IMG_0001.HEIC").write_bytes(b"no picture that Gesso reads")
    (folder / "5.png").write_bytes(b"no picture at all")
    (folder / "5.txt").write_text("cat\n", encoding="utf-8")
    (folder / "orphan.txt").write_text("a caption without a picture\n", encoding="utf-8")
    open_folder(qtbot, page, folder)
    assert problems(page) == {"Unreadable": 2, "Orphan caption": 1}
    page.filter.problems.picked.emit("Unreadable")
    qtbot.waitUntil(lambda: names(page) == ["5.png"] and page.strip.isVisible())
    _, line = page.strip._reason.text().splitlines()
    assert line.startswith("IMG_0001.HEIC: It is a HEIC picture")
    page.filter.set_query('problem:"orphan caption"')
    qtbot.waitUntil(lambda: page.strip._words.text() == "Orphan caption" and names(page) == [])
    assert page.strip._reason.text().startswith("orphan.txt: No picture has its name")
    assert page.grid._words == ONLY_FILES
    ((take_out, _),) = page.strip._mendings
    with qtbot.waitSignal(page.folder.examined):
        take_out.click()
    assert "orphan.txt" not in files(folder)
    qtbot.waitUntil(lambda: problems(page) == {"Unreadable": 2})


def test_of_many_files_some_are_named_and_the_others_counted(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    for number in range(NAMED + 2):
        (folder / f"{number}.heic").write_bytes(b"")
    open_folder(qtbot, page, folder)
    page.filter.problems.picked.emit("Unreadable")
    qtbot.waitUntil(lambda: page.strip.isVisible())
    assert page.strip._reason.text().startswith("0.heic, 1.heic, 2.heic, 3.heic, 4.heic, 5.heic and 2 more: It is a")


def test_a_long_name_does_not_widen_the_page(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    (folder / f"{'Oesterreich_' * 18}.heic").write_bytes(b"")
    open_folder(qtbot, page, folder)
    before = page.minimumSizeHint().width()
    page.filter.problems.picked.emit("Unreadable")
    qtbot.waitUntil(lambda: page.strip.isVisible())
    assert page.minimumSizeHint().width() == before


def test_delete_takes_pictures_out_with_caption_and_mask_and_they_come_back_one_after_the_other(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    Image.new("L", (600, 528)).save(folder / "2-masklabel.png")
    before = contents(folder)
    select(page, 1)
    with qtbot.waitSignal(page.folder.examined):
        QTest.keyClick(page.grid, Qt.Key.Key_Delete)
        assert names(page) == ["1.png", "3.png", "4.png"], "nobody meets it again while the folder is read anew"
        assert page.grid.current().endswith("3.png")
    assert files(folder) == ["1.png", "1.txt", "3.png", "3.txt", "4.png", "4.txt"]
    assert page.inspector.edit.text() == "cat, number 2"
    select(page, 0, 2)
    (take_out,) = (action for action in page.grid.actions() if action.text().startswith("Take out"))
    with qtbot.waitSignal(page.folder.examined):
        take_out.trigger()
    assert files(folder) == ["3.png", "3.txt"]
    for title, back in (("2 pictures", [*PICTURES[:1], *PICTURES[2:]]), ("1 picture", PICTURES)):
        qtbot.waitUntil(lambda title=title: page.strip._done.text() == f"Done: Take {title} out of the folder")
        with qtbot.waitSignal(page.folder.examined):
            QTest.mouseClick(page.strip._back, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda back=back: is_quiet(page) and names(page) == back)
    assert contents(folder) == before
    assert not page.strip.isVisible()


def test_a_held_delete_key_takes_out_one_picture(page: DatasetPage, folder: Path) -> None:
    select(page, 0)
    held = QKeyEvent(QKeyEvent.Type.KeyPress, Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier, autorep=True)
    QApplication.sendEvent(page.grid, held)
    assert names(page) == PICTURES
    assert files(folder)[:2] == ["1.png", "1.txt"]


def test_a_picture_that_could_not_be_taken_out_is_listed_again(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    (folder / ".gesso" / "removed").parent.mkdir(exist_ok=True)
    (folder / ".gesso" / "removed").write_text("a file where the folder should be")
    select(page, 1)
    with qtbot.waitSignal(page.said) as said:
        page.take_out()
    assert said.args is not None
    assert "removed" in said.args[0]
    qtbot.waitUntil(lambda: names(page) == PICTURES)
    assert page.inspector.edit.isEnabled()
    assert (folder / "2.png").is_file()


def test_all_rejects_are_taken_out_at_once_and_are_rejects_still_when_they_come_back(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    with qtbot.waitSignal(page.said) as said:
        page.take_out_rejects()
    assert said.args == [NO_REJECTS]
    select(page, 0, 2)
    QTest.keyClick(page.grid, Qt.Key.Key_X)
    qtbot.waitUntil(lambda: problems(page) == {"Rejected": 2})
    page.filter.problems.picked.emit("Rejected")
    qtbot.waitUntil(lambda: names(page) == ["1.png", "3.png"] and page.strip.isVisible())
    assert "trained on" in page.strip._reason.text()
    page.filter.set_query("")
    qtbot.waitUntil(lambda: names(page) == PICTURES)
    with qtbot.waitSignal(page.folder.examined):
        page.take_out_rejects()
    qtbot.waitUntil(lambda: names(page) == ["2.png", "4.png"] and problems(page) == {})
    assert files(folder) == ["2.png", "2.txt", "4.png", "4.txt"]
    with qtbot.waitSignal(page.folder.examined):
        page.folder.bring_back()
    qtbot.waitUntil(lambda: names(page) == PICTURES)
    assert [row.flag for row in page.folder.rows] == ["reject", "", "reject", ""]


def test_undo_brings_pictures_back_unless_captions_were_changed_since(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    for act in (tag(page, "first", 0), take(page, 0), tag(page, "second", 0)):
        do_all(qtbot, page, act)
    assert (folder / "2.txt").read_text(encoding="utf-8").strip() == "cat, number 1, second"
    with qtbot.waitSignal(page.folder.rested):
        page.undo()
    assert (folder / "2.txt").read_text(encoding="utf-8").strip() == "cat, number 1"
    assert not (folder / "1.png").exists()
    with qtbot.waitSignal(page.folder.examined):
        page.undo()
    assert (folder / "1.txt").read_text(encoding="utf-8").strip() == "cat, number 0, first"
    with qtbot.waitSignal(page.folder.rested):
        page.undo()
    assert (folder / "1.txt").read_text(encoding="utf-8").strip() == "cat, number 0"


def test_what_was_done_to_files_is_undone_and_redone_in_its_place_among_the_steps(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    for act in (tag(page, "first", 0, 1), take(page, 0), tag(page, "second", 0)):
        do_all(qtbot, page, act)
    listed = page.inspector._changes.text().split("\n")
    assert listed == ["Added 'second'", "Take 1 picture out of the folder", "Added 'first'  ·  2"]
    states = [contents(folder)]
    for act in (page.undo, page.undo, page.undo, page.redo, page.redo, page.redo, page.undo, page.undo, page.undo):
        act()
        qtbot.waitUntil(lambda: is_quiet(page))
        states.append(contents(folder))
    assert states[4:7] == states[2::-1]
    assert states[6:] == states[:4]
    assert len({str(sorted(state.items())) for state in states}) == 4
    assert not page.inspector._undo.isEnabled()
    assert page.inspector._redo.isEnabled()


def test_what_is_done_after_an_undo_ends_what_could_be_done_again_to_files(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    select(page, 0)
    for act in (page.take_out, page.undo):
        with qtbot.waitSignal(page.folder.examined):
            act()
        qtbot.waitUntil(lambda: is_quiet(page))
    assert page.inspector._redo.isEnabled()
    page.grid.go_to(0)
    with qtbot.waitSignal(page.folder.changed):
        page.selection.add_tag("new")
    assert not page.inspector._redo.isEnabled()
    page.redo()
    qtbot.waitUntil(lambda: is_quiet(page))
    assert names(page) == PICTURES


def test_the_picture_stays_shown_after_a_mending_that_finds_nothing_to_do(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    (folder / "3.txt").write_text("cat, sofa, cat\n", encoding="utf-8")
    open_folder(qtbot, page, folder)
    page.filter.problems.picked.emit("Repeated tag")
    qtbot.waitUntil(lambda: names(page) == ["3.png"] and bool(page.strip._mendings))
    ((mend, mending),) = page.strip._mendings
    with qtbot.waitSignal(page.folder.rested):
        mend.click()
    page.filter.set_query("")
    qtbot.waitUntil(lambda: names(page) == PICTURES)
    page.grid.go_to(2)
    page.strip.mending.emit(mending)
    qtbot.waitUntil(lambda: is_quiet(page))
    assert page.inspector.edit.isEnabled()
    assert page.inspector.edit.text() == "cat, sofa"


def test_undo_in_a_hurry_is_about_what_was_asked_for_last(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    states = [contents(folder)]
    for act in (tag(page, "first", 3), take(page, 0), take(page, 0)):
        do_all(qtbot, page, act)
        states.append(contents(folder))
    do_all(qtbot, page, page.undo, page.undo)
    assert contents(folder) == states[1]
    do_all(qtbot, page, page.redo, page.redo)
    assert contents(folder) == states[3]
    do_all(qtbot, page, page.undo, page.undo, page.undo)
    assert contents(folder) == states[0]
    do_all(qtbot, page, page.redo)
    assert contents(folder) == states[1]
    do_all(qtbot, page, take(page, 0), page.undo)
    assert contents(folder) == states[1]


def test_what_was_ended_is_not_done_again_by_undoing_what_ended_it(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    do_all(qtbot, page, take(page, 0))
    do_all(qtbot, page, page.undo)
    do_all(qtbot, page, tag(page, "new", 1))
    do_all(qtbot, page, page.undo)
    do_all(qtbot, page, page.redo, page.redo)
    assert names(page) == PICTURES
    assert "new" in (folder / "2.txt").read_text("utf-8")


def test_what_is_done_to_files_ends_the_steps_that_were_undone(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    do_all(qtbot, page, tag(page, "new", 3))
    do_all(qtbot, page, page.undo)
    before = contents(folder)
    do_all(qtbot, page, take(page, 0))
    assert not page.inspector._redo.isEnabled()
    do_all(qtbot, page, page.redo)
    assert "new" not in (folder / "4.txt").read_text("utf-8")
    do_all(qtbot, page, page.undo)
    assert contents(folder) == before


def test_what_the_disk_refuses_to_do_again_can_be_tried_again(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    do_all(qtbot, page, take(page, 0))
    do_all(qtbot, page, page.undo)
    removed = folder / ".gesso" / "removed"
    removed.parent.mkdir(exist_ok=True)
    removed.write_text("a file where the folder should be")
    with qtbot.waitSignal(page.said):
        page.redo()
    qtbot.waitUntil(lambda: is_quiet(page))
    assert names(page) == PICTURES
    removed.unlink()
    assert page.inspector._redo.isEnabled()
    do_all(qtbot, page, page.redo)
    assert names(page) == PICTURES[1:]


def test_a_folder_that_is_not_there_takes_no_undo_away(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    do_all(qtbot, page, take(page, 0))
    do_all(qtbot, page, lambda: page.open_folder(folder / "nowhere"))
    do_all(qtbot, page, page.undo)
    assert names(page) == PICTURES
