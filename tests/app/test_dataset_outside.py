"""What other programs do to the folder while the page Dataset shows it."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.pages.dataset import DatasetPage
from app.window import MainWindow
from trainer.dataset.masks import mask_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pets"
    made.mkdir()
    for number in range(4):
        Image.new("RGB", (600, 600), (60 * number, 90, 120)).save(made / f"{number}.png")
        (made / f"{number}.txt").write_text(f"cat {number}\n", encoding="utf-8")
    Image.new("L", (600, 600)).save(mask_path(made / "3.png"))
    return made


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow, folder: Path) -> DatasetPage:
    window.show_page("dataset")
    made = window.dataset
    with qtbot.waitSignals([made.folder.opened, made.folder.read, made.folder.examined]):
        made.open_folder(folder)
    qtbot.waitUntil(lambda: listed(made) == 4 and not made._errands)
    return made


def listed(page: DatasetPage) -> int:
    return page.grid.model().rowCount()


def come_back(window: MainWindow) -> None:
    """From another program."""
    window.activateWindow()
    QApplication.sendEvent(window, QEvent(QEvent.Type.ActivationChange))


def test_captions_masks_and_crops_of_others_are_taken_in_when_the_window_comes_back(
    qtbot: QtBot, page: DatasetPage, window: MainWindow, folder: Path
) -> None:
    (folder / "2.txt").write_text("a dog\n", encoding="utf-8")
    mask_path(folder / "3.png").unlink()
    Image.new("L", (600, 600)).save(mask_path(folder / "0.png"))
    with qtbot.waitSignals([page.folder.changed, page.folder.masked]):
        come_back(window)
    assert [row.caption for row in page.folder.rows] == ["cat 0", "cat 1", "a dog", "cat 3"]
    assert [page.folder.preparing.words(place) for place in range(4)] == ["masked", "", "", ""]


def test_pictures_that_came_and_went_are_told_of_and_what_is_selected_stays(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    page.grid.go_to(2)
    (folder / "0.png").unlink()
    for name in ("8.png", "9.png"):
        shutil.copy(folder / "1.png", folder / name)
    said: list[str] = []
    page.folder.noticed.connect(said.append)
    with qtbot.waitSignals([page.folder.noticed, page.folder.examined]):
        QTest.keyClick(page.grid, Qt.Key.Key_F5)
    assert said == ["In the folder, meanwhile: 2 pictures new, 1 picture gone."]
    qtbot.waitUntil(lambda: listed(page) == 5)
    assert page.grid.current().endswith("2.png")
    assert page.inspector.edit.text() == "cat 2"


def test_a_folder_that_is_gone_is_said_and_its_captions_stay_in_sight(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    folder.rename(folder.with_name("elsewhere"))
    with qtbot.waitSignal(page.folder.trouble) as said:
        page.look_again()
    assert "pets does not exist" in str(said.args)
    assert [row.caption for row in page.folder.rows] == ["cat 0", "cat 1", "cat 2", "cat 3"]


def test_where_a_folder_can_not_be_opened_the_one_before_stays(
    qtbot: QtBot, page: DatasetPage, folder: Path, tmp_path: Path
) -> None:
    with qtbot.waitSignals([page.folder.trouble, page.folder.read, page.folder.examined]):
        page.open_folder(tmp_path / "nowhere")
    assert page.folder.folder == folder
    page.grid.go_to(1)
    qtbot.waitUntil(lambda: page.inspector.edit.text() == "cat 1" and page.inspector.edit.isEnabled())
    page.inspector.edit.setPlainText("a red cat")
    with qtbot.waitSignal(page.folder.changed):
        page.inspector.finish()
    assert (folder / "1.txt").read_text(encoding="utf-8") == "a red cat\n"


def test_an_export_has_what_others_wrote(
    qtbot: QtBot, page: DatasetPage, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.widgets.export_panel.open_folder", lambda _: None)
    (folder / "2.txt").write_text("a dog\n", encoding="utf-8")
    page.export()
    page.exporting.where.setText(str(tmp_path / "out"))
    qtbot.waitUntil(lambda: page.exporting._working is None)
    with qtbot.waitSignal(page.exporting.left):
        page.exporting.write()
    (caption,) = (tmp_path / "out").rglob("2.txt")
    assert caption.read_text(encoding="utf-8") == "a dog\n"
