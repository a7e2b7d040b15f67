"""Keys on the page Dataset in the whole window: those of text belong to the field that has the keyboard."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QImage, QTextCursor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.pages.dataset import DatasetPage
from app.window import MainWindow
from tests.app.dataset_page import open_folder
from trainer.contract.caption import CaptionJob

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pets"
    made.mkdir()
    for number in range(3):
        Image.new("RGB", (600, 600), (60 * number, 90, 120)).save(made / f"{number}.png")
    return made


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow, folder: Path) -> DatasetPage:
    window.show_page("dataset")
    window.activateWindow()
    made = window.dataset
    open_folder(qtbot, made, folder)
    made.grid.go_to(0)
    made.edit_caption()
    qtbot.waitUntil(made.inspector.edit.hasFocus)
    return made


@pytest.fixture
def asked(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The jobs that were asked for."""
    jobs: list[object] = []
    monkeypatch.setattr(window.queue, "add", jobs.append)
    return jobs


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))}


def rests(page: DatasetPage) -> Callable[[], bool]:
    return lambda: not page.folder.is_writing


def test_ctrl_enter_in_the_caption_goes_on_and_elsewhere_asks_the_captioner(
    qtbot: QtBot, page: DatasetPage, folder: Path, asked: list[object]
) -> None:
    edit = page.inspector.edit
    for number in range(2):
        QTest.keyClicks(edit, f"cat {number}")
        with qtbot.waitSignal(page.folder.changed):
            QTest.keyClick(edit, Qt.Key.Key_Return, CONTROL)
        assert page.grid.current().endswith(f"{number + 1}.png")
        assert edit.hasFocus()
    assert texts(folder) == {"0.txt": "cat 0\n", "1.txt": "cat 1\n"}
    assert asked == []
    page.grid.setFocus()
    QTest.keyClick(page.grid, Qt.Key.Key_Return, CONTROL)
    (job,) = asked
    assert isinstance(job, CaptionJob)


def test_words_are_pasted_where_one_types(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    QGuiApplication.clipboard().setText("pasted words")
    QTest.keyClick(page.inspector.edit, Qt.Key.Key_V, CONTROL)
    assert page.inspector.edit.text() == "pasted words"
    page.search()
    qtbot.waitUntil(page.filter.search.hasFocus)
    QTest.keyClick(page.filter.search, Qt.Key.Key_V, CONTROL)
    assert page.filter.search.text() == "pasted words"
    QGuiApplication.clipboard().clear()


@pytest.mark.parametrize("is_file", [True, False])
def test_a_picture_is_pasted_into_the_folder_wherever_one_types(
    qtbot: QtBot, page: DatasetPage, folder: Path, tmp_path: Path, is_file: bool
) -> None:
    clipboard = QGuiApplication.clipboard()
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    if is_file:
        assert image.save(str(tmp_path / "new.png"))
        files = QMimeData()
        files.setUrls([QUrl.fromLocalFile(str(tmp_path / "new.png"))])
        clipboard.setMimeData(files)
    else:
        clipboard.setImage(image)
    with qtbot.waitSignal(page.folder.examined):
        QTest.keyClick(page.inspector.edit, Qt.Key.Key_V, CONTROL)
    assert len(list(folder.glob("*.png"))) == 4
    assert page.inspector.edit.text() == ""
    clipboard.clear()


def test_undo_in_a_text_field_is_that_fields_own(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    QTest.keyClicks(page.inspector.edit, "a cat")
    with qtbot.waitSignal(page.folder.changed):
        page.search()
    QTest.keyClicks(page.filter.search, "cat")
    with qtbot.assertNotEmitted(page.folder.changed):
        QTest.keyClick(page.filter.search, Qt.Key.Key_Z, CONTROL)
        QTest.keyClick(page.filter.search, Qt.Key.Key_Z, CONTROL)
        qtbot.waitUntil(rests(page))
    assert page.filter.search.text() == ""
    assert texts(folder) == {"0.txt": "a cat\n"}


def test_undo_in_the_caption_takes_back_what_was_typed_then_the_steps_before(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    edit = page.inspector.edit
    QTest.keyClicks(edit, "a cat")
    with qtbot.waitSignal(page.folder.changed):
        QTest.keyClick(edit, Qt.Key.Key_Return, CONTROL)
    QTest.keyClicks(edit, "a dog")
    with qtbot.assertNotEmitted(page.folder.changed):
        QTest.keyClick(edit, Qt.Key.Key_Z, CONTROL)
        qtbot.waitUntil(rests(page))
    assert edit.text() == ""
    with qtbot.waitSignal(page.folder.changed):
        QTest.keyClick(edit, Qt.Key.Key_Z, CONTROL)
    assert texts(folder) == {}
    with qtbot.waitSignal(page.folder.changed):
        page.folder.redo()
    assert texts(folder) == {"0.txt": "a cat\n"}


def test_each_visit_to_a_caption_is_a_step(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    edit = page.inspector.edit
    for words in ("a cat", " on a sofa"):
        page.edit_caption()
        edit.moveCursor(QTextCursor.MoveOperation.End)
        QTest.keyClicks(edit, words)
        with qtbot.waitSignal(page.folder.changed):
            page.grid.setFocus()
    assert texts(folder) == {"0.txt": "a cat on a sofa\n"}
    with qtbot.waitSignal(page.folder.changed):
        QTest.keyClick(page.grid, Qt.Key.Key_Z, CONTROL)
    assert texts(folder) == {"0.txt": "a cat\n"}


def test_where_no_captioner_is_installed_a_button_leads_to_the_models(page: DatasetPage, window: MainWindow) -> None:
    get = page.captioning.bar.get
    assert get.isVisible()
    get.click()
    assert window.models_page.isVisible()
