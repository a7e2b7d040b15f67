"""Pictures that come into the open folder by drop, by choice and from the clipboard, and how they leave it again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from app.drops import Use, zones_of
from app.pages.dataset import DatasetPage
from app.pages.dataset_importing import NO_FOLDER
from app.window import MainWindow
from tests.app.dataset_page import names, open_folder, opened, unopened
from tests.app.stage import Engine
from trainer.home import Home


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    made = tmp_path / "outside"
    made.mkdir()
    for number, name in enumerate(("1.png", "new.png")):
        Image.new("RGB", (600, 520), (0, 80 * number, 90)).save(made / name)
    (made / "new.txt").write_text("from outside\n", encoding="utf-8")
    return made


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, tmp_path: Path) -> Iterator[DatasetPage]:
    folder = tmp_path / "pets"
    folder.mkdir()
    Image.new("RGB", (600, 520), (60, 90, 120)).save(folder / "1.png")
    (folder / "1.txt").write_text("cat\n", encoding="utf-8")
    yield opened(qtbot, home, train_engine, folder)
    QGuiApplication.clipboard().clear()


def strip_button(page: DatasetPage, words: str) -> QPushButton:
    found = [*page.views.importing.strip.findChildren(QPushButton), *page.strip.findChildren(QPushButton)]
    return next(made for made in found if made.text() == words)


def test_dropped_pictures_are_copied_under_free_names_and_selected(
    page: DatasetPage, qtbot: QtBot, outside: Path
) -> None:
    before = (page.folder.paths[0], Path(page.folder.paths[0]).read_bytes())
    with qtbot.waitSignal(page.folder.examined):
        page.views.importing.add([outside / "1.png", outside / "new.png"])
    qtbot.waitUntil(lambda: sorted(names(page)) == ["1-2.png", "1.png", "new.png"])
    assert Path(before[0]).read_bytes() == before[1]
    captions = {row.relative: row.caption for row in page.folder.rows}
    assert captions == {"1.png": "cat", "1-2.png": "", "new.png": "from outside"}
    assert [Path(path).name for path in page.grid.selected_paths()] == ["1-2.png", "new.png"]
    assert page.views.importing.strip.words.text() == "2 pictures added."
    assert (outside / "new.png").is_file()


def test_what_was_added_is_taken_out_again_and_brought_back(page: DatasetPage, qtbot: QtBot, outside: Path) -> None:
    with qtbot.waitSignal(page.folder.examined):
        page.views.importing.add([outside / "new.png"])
    assert page.views.importing.strip.words.text() == "new.png was added."
    with qtbot.waitSignal(page.folder.examined):
        strip_button(page, "Take it out again").click()
    assert page.folder.folder is not None
    assert sorted(path.name for path in page.folder.folder.iterdir() if path.is_file()) == ["1.png", "1.txt"]
    with qtbot.waitSignal(page.folder.examined):
        strip_button(page, "Bring them back").click()
    assert (page.folder.folder / "new.txt").read_text(encoding="utf-8") == "from outside\n"


def test_what_can_not_be_copied_is_named(page: DatasetPage, qtbot: QtBot, outside: Path) -> None:
    (outside / "notes.doc").write_bytes(b"x")
    with qtbot.waitSignal(page.folder.opened):
        page.views.importing.add([outside / "notes.doc", outside / "new.png", Path(page.folder.paths[0])])
    words = page.views.importing.strip.words.text()
    assert words == "new.png was added. notes.doc is no picture. 1.png lies in this folder already."


def test_a_picture_on_the_clipboard_becomes_a_png_of_the_same_pixels(page: DatasetPage, qtbot: QtBot) -> None:
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(QColor(10, 200, 30))
    for name in ("pasted.png", "pasted-2.png"):
        QGuiApplication.clipboard().setImage(image)
        with qtbot.waitSignal(page.folder.examined):
            page.paste()
        assert page.folder.folder is not None
        with Image.open(page.folder.folder / name) as written:
            assert (written.format, written.size, written.convert("RGB").getpixel((5, 5))) == (
                "PNG",
                (40, 30),
                (10, 200, 30),
            )


def test_files_on_the_clipboard_are_copied_and_no_picture_is_said(
    page: DatasetPage, qtbot: QtBot, outside: Path
) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(outside / "new.png"))])
    QGuiApplication.clipboard().setMimeData(data)
    with qtbot.waitSignal(page.folder.examined):
        page.paste()
    assert names(page) == ["1.png", "new.png"]
    QGuiApplication.clipboard().setText("words")
    with qtbot.waitSignal(page.said) as said:
        page.paste()
    assert said.args == ["There is no picture on the clipboard."]


def test_without_a_folder_the_page_says_what_to_do(qtbot: QtBot, home: Home, train_engine: Engine) -> None:
    page = unopened(qtbot, home, train_engine)
    for ask in (page.paste, page.add_pictures):
        with qtbot.waitSignal(page.said) as said:
            ask()
        assert said.args == [NO_FOLDER]


def test_chosen_pictures_come_in(
    page: DatasetPage, qtbot: QtBot, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_args: ([str(outside / "new.png")], ""))
    with qtbot.waitSignal(page.folder.examined):
        page.add_pictures()
    assert names(page) == ["1.png", "new.png"]


def test_over_an_open_dataset_pictures_are_offered_to_be_added_and_all_else_as_ever(outside: Path) -> None:
    first, second = outside / "1.png", outside / "new.png"
    folder = outside.parent
    ((use,),) = zones_of([first, second], can_move=False, adding_to=folder)
    assert use == Use("add", first, f"Add 2 pictures to {folder.name}", "The files are copied", (second,))
    assert zones_of([outside], can_move=False, adding_to=folder) == zones_of([outside], can_move=False)
    (outside / "holiday.MOV").write_bytes(b"x")
    assert zones_of([outside / "holiday.MOV"], can_move=False, adding_to=folder)[0][0].does == "frames"
    assert [zone[0].does for zone in zones_of([first], can_move=False)] == ["show", "vary", "repaint", "nothing"]


def test_pictures_let_go_over_the_window_come_into_the_dataset_in_front(
    window: MainWindow, qtbot: QtBot, outside: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pets"
    folder.mkdir()
    Image.new("RGB", (600, 520)).save(folder / "own.png")
    window.show_page("dataset")
    open_folder(qtbot, window.dataset, folder)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(outside / name)) for name in ("1.png", "new.png")])
    where, left, none = QPointF(600, 300), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(where.toPoint(), Qt.DropAction.CopyAction, data, left, none)
    QApplication.sendEvent(window, entering)
    assert window.frame.overlay.text == "Add 2 pictures to pets"
    with qtbot.waitSignal(window.dataset.views.importing.added):
        QApplication.sendEvent(window, QDropEvent(where, Qt.DropAction.CopyAction, data, left, none))
    with qtbot.waitSignal(window.dataset.folder.examined):
        pass
    assert sorted(names(window.dataset)) == ["1.png", "new.png", "own.png"]
    window.show_page("generate")
    QApplication.sendEvent(window, entering)
    assert "Add" not in window.frame.overlay.text
