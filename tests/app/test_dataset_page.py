"""The page Dataset on a real folder: what is looked for, written, changed in many at once, and taken back."""

from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.pages.dataset import DatasetPage
from tests.app.dataset_page import is_quiet, names, open_folder, opened, problems, select, unopened
from tests.app.stage import Engine
from trainer.contract.caption import CaptionJob, FileName
from trainer.contract.events import Captioned
from trainer.dataset.edits import AddTags
from trainer.home import Home

CAPTIONS = {
    "1.png": "cat, red sofa, window\n",
    "2.png": "cat, garden\r\n",
    "3.png": None,
    "4.png": "dog,  garden ,hat",
}
"""Odd spaces and line ends are what must not be lost."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pets"
    made.mkdir()
    for number, (name, caption) in enumerate(CAPTIONS.items()):
        Image.new("RGB", (600, 520 if number else 300), (60 * number, 90, 120)).save(made / name)
        if caption is not None:
            (made / name).with_suffix(".txt").write_bytes(caption.encode())
    return made


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, folder: Path) -> DatasetPage:
    return opened(qtbot, home, train_engine, folder)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.txt"))}


def test_a_folder_shows_its_pictures_tags_and_what_needs_a_look(page: DatasetPage) -> None:
    assert page.filter.tags.counts() == [
        ("cat", 2),
        ("garden", 2),
        ("dog", 1),
        ("hat", 1),
        ("red sofa", 1),
        ("window", 1),
    ]
    assert problems(page) == {"No caption": 1, "Too small": 1}
    select(page, 0)
    assert page.inspector.edit.text() == "cat, red sofa, window"
    assert "600 × 300" in page.inspector.about.text()


def test_a_click_on_a_tag_or_problem_shows_its_pictures(qtbot: QtBot, page: DatasetPage) -> None:
    page.filter.tags.picked.emit("garden")
    qtbot.waitUntil(lambda: names(page) == ["2.png", "4.png"])
    page.filter.problems.picked.emit("No caption")
    qtbot.waitUntil(lambda: names(page) == [])
    page.filter.tags.picked.emit("garden")
    qtbot.waitUntil(lambda: names(page) == ["3.png"])


@pytest.mark.parametrize("tag", [r"saber \(fate\)", r"\o/", "ends\\", "what?", "a*b", "“so”", '12" record'])
def test_a_click_on_a_tag_finds_it_whatever_signs_it_has_and_another_leaves_it(
    qtbot: QtBot, page: DatasetPage, tag: str
) -> None:
    page.folder.edit("Added", AddTags((tag,)), [1])
    page.folder.edit("Added", AddTags(("whatX", "aXb", "saber (fate)")), [3])
    qtbot.waitUntil(lambda: tag in dict(page.filter.tags.counts()) and is_quiet(page))
    page.filter.tags.picked.emit(tag)
    qtbot.waitUntil(lambda: names(page) == ["2.png"])
    page.filter.tags.picked.emit(tag)
    qtbot.waitUntil(lambda: names(page) == list(CAPTIONS))
    assert page.filter.query == ""


def test_a_caption_is_written_when_it_is_left_and_undone_to_the_byte(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    before = bytes_of(folder)
    select(page, 1)
    page.inspector.edit.setFocus()
    page.inspector.edit.moveCursor(QTextCursor.MoveOperation.End)
    QTest.keyClicks(page.inspector.edit, ", sun")
    with qtbot.waitSignal(page.folder.changed):
        QTest.keyClick(page.inspector.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert (folder / "2.txt").read_text(encoding="utf-8").strip() == "cat, garden, sun"
    assert page.grid.current().endswith("3.png"), "Ctrl+Enter goes on to the next"
    with qtbot.waitSignal(page.folder.changed):
        page.undo()
    assert bytes_of(folder) == before
    with qtbot.waitSignal(page.folder.changed):
        page.redo()
    assert (folder / "2.txt").read_text(encoding="utf-8").strip() == "cat, garden, sun"


def test_what_was_typed_stays_with_its_picture_when_another_is_chosen(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    select(page, 0)
    page.inspector.edit.setPlainText("a red cat")
    with qtbot.waitSignal(page.folder.changed):
        select(page, 3)
    assert (folder / "1.txt").read_text(encoding="utf-8").strip() == "a red cat"
    assert (folder / "4.txt").read_bytes() == b"dog,  garden ,hat"
    assert page.inspector.edit.text() == "dog,  garden ,hat"


def test_several_get_a_tag_and_lose_it_as_one_step_each(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    select(page, 1, 2, 3)
    assert page.inspector.tags.tags.counts() == [("garden", 2), ("cat", 1), ("dog", 1), ("hat", 1)]
    page.inspector.tags.line.setText("sun")
    with qtbot.waitSignal(page.folder.changed):
        QTest.keyClick(page.inspector.tags.line, Qt.Key.Key_Return)
    assert [(folder / f"{n}.txt").read_text(encoding="utf-8").strip() for n in (2, 3)] == ["cat, garden, sun", "sun"]
    with qtbot.waitSignal(page.folder.changed):
        page.inspector.removed.emit("garden")
    assert (folder / "2.txt").read_text(encoding="utf-8").strip() == "cat, sun"
    assert [step.title for step in page.folder.steps()] == ["Added 'sun'", "Removed 'garden'"]


def test_a_batch_shows_what_it_would_do_and_does_what_is_ticked(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    select(page, 0)
    page.change_captions()
    page.batch.kind.setCurrentIndex(page.batch.kind.findText("Replace a tag"))
    page.batch.kind.activated.emit(page.batch.kind.currentIndex())
    page.batch._fields.first.setText("garden")
    page.batch._fields.second.setText("park")
    page.batch.look()
    table = page.batch.table.model()
    qtbot.waitUntil(lambda: table.rowCount() == 2)
    shown = [[str(table.index(row, column).data()) for column in range(3)] for row in range(2)]
    assert shown == [["2.png", "cat, garden", "cat, park"], ["4.png", "dog,  garden ,hat", "dog,  park ,hat"]]
    table.setData(table.index(0, 0), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    with qtbot.waitSignal(page.folder.changed):
        page.batch.apply()
    assert (folder / "2.txt").read_bytes() == b"cat, garden\r\n"
    assert (folder / "4.txt").read_text(encoding="utf-8").strip() == "dog,  park ,hat"
    assert page.folder.steps()[-1].title == "Replace a tag: garden → park"


def test_stars_and_flags_are_kept(
    qtbot: QtBot, page: DatasetPage, home: Home, train_engine: Engine, folder: Path
) -> None:
    select(page, 1)
    QTest.keyClick(page.grid, Qt.Key.Key_4)
    QTest.keyClick(page.grid, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: not page.folder.is_writing)
    again = unopened(qtbot, home, train_engine)
    with qtbot.waitSignal(again.folder.opened):
        again.folder.open(folder)
    assert [(row.stars, row.flag) for row in again.folder.rows] == [(0, ""), (4, "pick"), (0, ""), (0, "")]
    qtbot.waitUntil(lambda: is_quiet(again))


def test_next_without_caption(page: DatasetPage) -> None:
    select(page, 0)
    page.next_uncaptioned()
    assert page.grid.current().endswith("3.png")
    assert page.inspector.edit.isEnabled()


def test_closing_writes_what_was_typed_last(page: DatasetPage, folder: Path) -> None:
    select(page, 2)
    page.inspector.edit.setPlainText("a white cat")
    page.stop_work()
    assert (folder / "3.txt").read_text(encoding="utf-8").strip() == "a white cat"


def test_words_beyond_75_tokens_are_struck_out(qtbot: QtBot, page: DatasetPage) -> None:
    select(page, 0)
    page.inspector.edit.setPlainText("cat " * 80)
    qtbot.waitUntil(lambda: "80 tokens" in page.inspector.tokens.text())
    (mark,) = page.inspector.edit.extraSelections()
    assert mark.cursor.selectionStart() == 75 * 4


def test_a_captioner_fills_what_is_empty_and_its_words_come_to_their_pictures(
    qtbot: QtBot, page: DatasetPage, train_engine: Engine, folder: Path
) -> None:
    select(page, 0)
    assert page.captioning.bar.start.text() == "Caption 1 picture"
    page.caption()
    (job,) = train_engine.asked
    assert isinstance(job, CaptionJob)
    assert (job.folder, job.only, job.mode, job.captioner) == (str(folder), ("3.png",), "fill", FileName())
    (folder / "3.txt").write_text("three\n", encoding="utf-8")
    with qtbot.waitSignal(page.folder.changed):
        train_engine.say(Captioned(picture="3.png", text="three"))
    assert page.folder.rows[2].caption == "three"
    assert page.inspector.edit.text() == "cat, red sofa, window", "another picture is shown meanwhile"


def test_undo_leaves_what_others_changed_and_asks_about_the_rest(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    select(page, 0, 1)
    with qtbot.waitSignal(page.folder.changed):
        page.inspector.added.emit("sun")
    (folder / "1.txt").write_text("by another program", encoding="utf-8")
    with qtbot.waitSignal(page.folder.stuck):
        page.undo()
    qtbot.waitUntil(lambda: not page.folder.is_writing)
    assert page.inspector._rest.isVisible()
    assert (folder / "2.txt").read_text(encoding="utf-8").strip() == "cat, garden, sun"
    with qtbot.waitSignal(page.folder.changed):
        page.inspector.turning_the_rest.emit()
    assert (folder / "2.txt").read_bytes() == b"cat, garden\r\n"
    assert (folder / "1.txt").read_text(encoding="utf-8") == "by another program"
    assert not page.inspector._rest.isVisible()


def test_a_problem_is_mended_by_a_click_and_brought_back(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    page.filter.problems.picked.emit("Too small")
    qtbot.waitUntil(lambda: names(page) == ["1.png"] and page.strip.isVisible())
    assert "600 x 300" in page.strip._reason.text()
    ((take_out, _),) = page.strip._mendings
    with qtbot.waitSignals([page.folder.opened, page.folder.examined]):
        QTest.mouseClick(take_out, Qt.MouseButton.LeftButton)
    assert not (folder / "1.png").exists()
    assert not (folder / "1.txt").exists(), "the caption goes with its picture"
    assert [row.relative for row in page.folder.rows] == ["2.png", "3.png", "4.png"]
    qtbot.waitUntil(lambda: page.strip._back.isVisible())
    with qtbot.waitSignals([page.folder.opened, page.folder.examined]):
        QTest.mouseClick(page.strip._back, Qt.MouseButton.LeftButton)
    assert (folder / "1.txt").read_bytes() == b"cat, red sofa, window\n"
    assert (folder / "1.png").is_file()


def test_an_export_shows_what_it_will_write_and_writes_that(
    qtbot: QtBot, page: DatasetPage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Path] = []
    monkeypatch.setattr("app.widgets.export_panel.open_folder", shown.append)
    page.export()
    page.exporting.form.editor("trigger").set_value("kiki")
    page.exporting.look()
    qtbot.waitUntil(lambda: "1_pets/2.png: kiki, cat, garden" in page.exporting._preview.text())
    with qtbot.waitSignal(page.exporting.left):
        page.exporting.write()
    out = folder.with_name("pets-export")
    assert shown == [out]
    assert (out / "1_pets" / "2.txt").read_text(encoding="utf-8").strip() == "kiki, cat, garden"
    page.export()
    qtbot.waitUntil(lambda: page.exporting._working is None)
    page.exporting.write()
    qtbot.waitUntil(lambda: "exists already" in page.exporting._fault.text())


def test_what_was_typed_goes_to_the_folder_it_was_typed_in(
    qtbot: QtBot, page: DatasetPage, folder: Path, tmp_path: Path
) -> None:
    """Another folder is opened before the words are on the disk."""
    other = tmp_path / "others"
    other.mkdir()
    Image.new("RGB", (600, 600)).save(other / "1.png")
    select(page, 3)
    page.inspector.edit.setPlainText("a dog")
    open_folder(qtbot, page, other)
    assert names(page) == ["1.png"]
    assert (folder / "4.txt").read_text(encoding="utf-8").strip() == "a dog"
    assert not (other / "1.txt").exists()
    assert [row.caption for row in page.folder.rows] == [""]


def test_typing_on_before_the_first_words_are_on_the_disk(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    for text in ("a", "a red", "a red cat"):
        select(page, 0)
        page.inspector.edit.setPlainText(text)
        select(page, 2)
    qtbot.waitUntil(lambda: not page.folder.is_writing)
    assert (folder / "1.txt").read_text(encoding="utf-8").strip() == "a red cat"


def test_many_tags_in_a_hurry_and_all_of_them_taken_back(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    select(page, 2)
    for number in range(30):
        page.selection.add_tag(f"tag{number}")
    qtbot.waitUntil(lambda: not page.folder.is_writing, timeout=60_000)
    assert page.inspector.edit.text() == ", ".join(f"tag{number}" for number in range(30))
    for _ in range(30):
        page.undo()
    qtbot.waitUntil(lambda: not page.folder.is_writing, timeout=60_000)
    assert not (folder / "3.txt").exists()
    assert page.inspector.edit.text() == page.folder.rows[2].caption == ""
    assert page.folder.steps() == ()


def test_undo_without_a_folder_does_nothing(qtbot: QtBot, home: Home, train_engine: Engine) -> None:
    empty = unopened(qtbot, home, train_engine)
    empty.undo()
    empty.redo()
    assert empty.folder.steps() == ()


def test_the_caption_button_says_how_many_or_why_there_is_nothing_to_do(qtbot: QtBot, page: DatasetPage) -> None:
    bar = page.captioning.bar
    page.filter.set_query("is:captioned")
    qtbot.waitUntil(lambda: bar.start.text() == "All have captions")
    assert not bar.start.isEnabled()
    assert "write over" in bar.start.toolTip()
    bar.mode.setCurrentIndex(bar.mode.findData("replace"))
    assert bar.start.text() == "Caption 3 pictures"
    assert bar.start.isEnabled()
    page.filter.set_query("no such words")
    qtbot.waitUntil(lambda: bar.start.text() == "Caption pictures")
    assert not bar.start.isEnabled()


def test_a_picture_that_another_program_changed_is_shown_anew(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    """In its tile and large, when the page comes into sight again."""

    def stands_upright() -> bool:
        large, tile = (
            page.inspector.picture.picture_rect(),
            page._pictures.index(1).data(Qt.ItemDataRole.DecorationRole),
        )
        return large.height() > large.width() and tile is not None and tile.height() > tile.width()

    select(page, 1)
    qtbot.waitUntil(lambda: is_quiet(page) and page._pictures.index(1).data(Qt.ItemDataRole.DecorationRole) is not None)
    assert not stands_upright()
    page.hide()
    Image.new("RGB", (520, 700), (200, 0, 0)).save(folder / "2.png")
    with qtbot.waitSignal(page._pictures.renewed):
        page.show()
    qtbot.waitUntil(stands_upright)
