"""What other programs do to the folder of the page Dataset is taken in when the page is looked at again."""

import shutil
import threading
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app import dataset_outside
from app.dataset_reading import Opened
from app.errand import Errand
from app.pages.dataset import DatasetPage
from app.window import MainWindow
from tests.app.dataset_page import is_quiet, names, open_folder, opened, select
from tests.app.stage import Engine
from trainer.dataset.items import scan
from trainer.home import Home

COUNT = 5


def fill(folder: Path) -> Path:
    folder.mkdir()
    for number in range(COUNT):
        Image.new("RGB", (600, 520), (40 * number, 90, 120)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_bytes(b"cat\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "pets")


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, folder: Path) -> DatasetPage:
    return opened(qtbot, home, train_engine, folder)


def test_a_caption_that_another_program_wrote_is_shown(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    select(page, 1)
    (folder / "1.txt").write_bytes(b"dog, hat\n")
    (folder / "4.txt").unlink()
    with qtbot.waitSignals([page.folder.looked, page.folder.changed]):
        page.look_again()
    assert (page.folder.rows[1].caption, page.folder.rows[1].tags) == ("dog, hat", ("dog", "hat"))
    assert page.inspector.edit.text() == "dog, hat"
    assert page.folder.rows[4].caption == ""


def test_what_is_being_typed_is_left_alone(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    select(page, 1)
    page.inspector.edit.setPlainText("a cat with")
    (folder / "1.txt").write_bytes(b"dog\n")
    (folder / "0.png").unlink()
    said: list[str] = []
    page.said.connect(said.append)
    with qtbot.waitSignals([page.folder.looked, page.folder.changed]):
        page.look_again()
    assert page.inspector.edit.text() == "a cat with"
    assert said == ["1 picture went. They are shown when you are done here."]
    assert len(names(page)) == COUNT


def test_pictures_that_came_and_went_are_said_and_the_selection_stays(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    select(page, 2, 3)
    said: list[str] = []
    page.said.connect(said.append)
    for number in (0, 1):
        (folder / f"{number}.png").unlink()
        (folder / f"{number}.txt").unlink()
    shutil.copy(folder / "2.png", folder / "new.png")
    with qtbot.waitSignals([page.folder.opened, page.folder.read, page.folder.examined]):
        page.look_again()
    qtbot.waitUntil(lambda: names(page) == ["2.png", "3.png", "4.png", "new.png"])
    assert said == ["1 picture came, 2 went."]
    assert {Path(path).name for path in page.grid.selected_paths()} == {"2.png", "3.png"}
    qtbot.waitUntil(lambda: is_quiet(page))
    with qtbot.assertNotEmitted(page.folder.opened), qtbot.waitSignal(page.folder.looked):
        page.look_again()


def test_pictures_that_came_while_captions_were_changed_are_shown_afterwards(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    page.change_captions()
    shutil.copy(folder / "2.png", folder / "new.png")
    with qtbot.waitSignal(page.folder.looked):
        page.look_again()
    assert page._middle.currentWidget() is page.batch
    with qtbot.waitSignals([page.folder.opened, page.folder.read, page.folder.examined]):
        page.back()
    qtbot.waitUntil(lambda: len(names(page)) == COUNT + 1)


def test_what_gesso_wrote_itself_is_no_news(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    (folder / "3.txt").unlink()
    open_folder(qtbot, page, folder)
    select(page, 3)
    with qtbot.waitSignal(page.folder.changed):
        page.selection.add_tag("hat")
    qtbot.waitUntil(lambda: is_quiet(page))
    with qtbot.waitSignal(page.folder.looked) as looked:
        page.look_again()
    assert looked.args == [dataset_outside.Outside(page.folder.book)]


def test_a_folder_that_is_gone_is_said_and_its_captions_stay(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    with qtbot.waitSignal(page.folder.looked):
        page.look_again()
    strip = page.refreshing.strip
    assert strip.isVisible()
    assert "pets is gone" in strip.words.text()
    assert {row.caption for row in page.folder.rows} == {"cat"}
    folder.with_name("elsewhere").rename(folder)
    with qtbot.waitSignal(page.folder.looked):
        strip.look.click()
    assert not strip.isVisible()


def test_masks_that_came_and_went_and_pictures_that_were_changed(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    Image.new("L", (600, 520)).save(folder / "1-masklabel.png")
    with qtbot.waitSignal(page.folder.masked, check_params_cb=lambda places, _painted: places == (1,)):
        page.look_again()
    assert page.folder.preparing.words(1) == "masked"
    Image.new("L", (60, 52), 99).save(folder / "1-masklabel.png")
    with qtbot.waitSignal(page.folder.masked, check_params_cb=lambda places, _painted: places == (1,)):
        page.look_again()
    (folder / "1-masklabel.png").unlink()
    with qtbot.waitSignal(page.folder.masked):
        page.look_again()
    assert page.folder.preparing.words(1) == ""
    Image.new("RGB", (700, 300)).save(folder / "2.png")
    with qtbot.waitSignal(page.folder.prepared, check_params_cb=lambda places: places == (2,)):
        page.look_again()
    assert (page.folder.rows[2].width, page.folder.rows[2].height) == (700, 300)


def test_the_folder_is_looked_at_in_the_pool(qtbot: QtBot, page: DatasetPage, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()

    def noted(folder: Path) -> object:
        threads.add(threading.get_ident())
        return scan(folder)

    monkeypatch.setattr(dataset_outside, "scan", noted)
    with qtbot.waitSignal(page.folder.looked):
        page.look_again()
    assert threads
    assert threading.get_ident() not in threads


def test_an_export_and_a_batch_read_the_disk_first(
    qtbot: QtBot, page: DatasetPage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.widgets.export_panel.open_folder", lambda _folder: None)
    page.export()
    qtbot.waitUntil(lambda: page.exporting._working is None and is_quiet(page))
    (folder / "0.txt").write_bytes(b"dog\n")
    with qtbot.waitSignal(page.exporting.left):
        page.exporting.write()
    assert (folder.with_name("pets-export") / "1_pets" / "0.txt").read_bytes() == b"dog\n"
    (folder / "1.txt").write_bytes(b"bird\n")
    page.change_captions()
    page.batch.fields[0].first.setText("hat")
    page.batch.look()
    table = page.batch.table.model()
    qtbot.waitUntil(lambda: table.rowCount() == COUNT)
    assert [table.index(row, 1).data() for row in range(3)] == ["dog", "bird", "cat"]


def test_the_window_looks_when_it_becomes_active_again(qtbot: QtBot, window: MainWindow, folder: Path) -> None:
    window.show_page("dataset")
    page = window.dataset
    open_folder(qtbot, page, folder)
    (folder / "1.txt").write_bytes(b"dog\n")
    other = QWidget()
    qtbot.addWidget(other)
    other.show()
    other.activateWindow()
    qtbot.waitUntil(lambda: not window.isActiveWindow())
    with qtbot.waitSignal(page.folder.changed):
        window.activateWindow()
    assert page.folder.rows[1].caption == "dog"
    assert page.isVisible()


def test_where_a_folder_can_not_be_opened_the_one_before_stays(
    qtbot: QtBot, page: DatasetPage, folder: Path, tmp_path: Path
) -> None:
    with qtbot.waitSignals([page.folder.trouble, page.folder.read, page.folder.examined]):
        page.open_folder(tmp_path / "nowhere")
    assert page.folder.folder == folder
    select(page, 2)
    qtbot.waitUntil(page.inspector.edit.isEnabled)
    page.inspector.edit.setPlainText("a red cat")
    with qtbot.waitSignal(page.folder.changed):
        page.inspector.finish()
    assert (folder / "2.txt").read_text(encoding="utf-8").strip() == "a red cat"


def test_nothing_begins_any_more_where_reading_was_cut_off(
    qtbot: QtBot, page: DatasetPage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_found: Opened, errand: Errand) -> Opened:
        while True:
            errand.check()

    monkeypatch.setattr("app.dataset_folder.read_captions", endless)
    with qtbot.waitSignal(page.folder.opened):
        page.open_folder(folder)
    page.folder.finish()
    qtbot.waitUntil(lambda: not page.folder._reading)
    assert not page.folder._examine_soon.isActive()
