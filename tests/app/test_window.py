"""The window with its real engine: opened, used by clicks and keys, closed, opened again."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.pages.generate import GeneratePage
from app.window import PAGES, MainWindow
from trainer.contract.common import Sampling
from trainer.contract.generate import GenerateJob
from trainer.home import Home

ROOT = Path(__file__).parents[2]
STAGED = ROOT / "tests" / "engine" / "staged.py"
PATIENCE = 120_000
PROMPT = "a red cat on the left of a mint background"


def child(page: GeneratePage, kind: type, name: str) -> QPushButton:
    return next(one for one in page.findChildren(kind) if one.accessibleName() == name)


def test_a_picture_is_made_shown_kept_and_its_settings_come_back(qtbot: QtBot, home: Home) -> None:
    window = MainWindow(home)
    window.show()
    with qtbot.waitSignals([window.engine.state_changed, window.models.changed], timeout=PATIENCE):
        window.start_work()
    window.show_page("generate")
    page = window.generate
    page._form.set_job(GenerateJob(prompt="", seed=7, sampling=Sampling(steps=2)))
    prompt = page.findChildren(QPlainTextEdit)[0]
    prompt.setFocus()
    qtbot.keyClicks(prompt, PROMPT)
    previews: list[QImage] = []
    window.queue.preview.connect(lambda _queued, _preview, image: previews.append(image))
    with qtbot.waitSignal(window.queue.ended, timeout=PATIENCE):
        qtbot.keyClick(prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert previews  # at most eight a second, so not one for each step
    assert not any(image.isNull() for image in previews)
    (picture,) = home.outputs.glob("*/*.png")
    assert not page._results.canvas.is_empty
    prompt.setPlainText("something else")
    again_button = child(page, QPushButton, "Use these settings")
    qtbot.waitUntil(again_button.isEnabled, timeout=PATIENCE)
    qtbot.mouseClick(again_button, Qt.MouseButton.LeftButton)
    assert prompt.toPlainText() == PROMPT
    window.close()
    again = MainWindow(home)
    assert again.generate.findChildren(QPlainTextEdit)[0].toPlainText() == PROMPT
    again.show()
    qtbot.waitUntil(lambda: again.generate._history.pictures.paths() == [str(picture)], timeout=PATIENCE)
    for one in (window, again):
        one.deleteLater()


def test_the_first_start_offers_a_picture_with_one_click_and_only_once(
    window: MainWindow, qtbot: QtBot, home: Home
) -> None:
    offer = next(one for one in window.findChildren(QPushButton) if one.text() == "Make a picture")
    with qtbot.waitSignal(window.queue.ended, timeout=PATIENCE):
        qtbot.mouseClick(offer, Qt.MouseButton.LeftButton)
    (queued,) = window.queue.jobs
    assert isinstance(queued.job, GenerateJob)
    assert "cat" in queued.job.prompt
    assert window._stack.currentWidget() is window.generate
    window.close()
    assert MainWindow(home).settings.welcomed


def test_pages_change_by_keys_and_the_last_one_is_remembered(window: MainWindow, qtbot: QtBot, home: Home) -> None:
    window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    names = PAGES
    assert window.settings.page == names[1]
    window.close()
    assert MainWindow(home).settings.page == names[1]


def test_escape_stops_the_running_job(window: MainWindow, qtbot: QtBot) -> None:
    page = window.generate
    page._form.set_job(GenerateJob(prompt="waits"))
    with qtbot.waitSignal(window.queue.progressed, timeout=PATIENCE):
        page.generate()
    with qtbot.waitSignal(window.queue.ended, timeout=PATIENCE):
        page.stop()
    assert window.queue.jobs[-1].state == "stopped"


def test_a_fault_is_shown_in_place_and_queues_nothing(window: MainWindow) -> None:
    page = window.generate
    page._form._seed.setText("not a number")
    page.generate()
    assert window.queue.jobs == []
    assert "seed" in page._form._fault.text()


def test_a_page_out_of_sight_has_the_new_colours_when_it_comes_back(window: MainWindow) -> None:
    window.show_page("train")
    window.show_page("queue")
    before = window.train.styleSheet()
    window.change_scheme()
    assert window.queue_page.styleSheet() != before
    assert window.train.styleSheet() == before, "nobody sees it, so nobody waits for it"
    window.show_page("train")
    assert window.train.styleSheet() == window.queue_page.styleSheet()


def test_a_list_of_tags_that_comes_is_read_and_remembered(
    window: MainWindow, qtbot: QtBot, home: Home, tmp_path: Path
) -> None:
    tags = tmp_path / "danbooru.csv"
    tags.write_text('long_hair,0,4350000,"longhair"\n', encoding="utf-8")
    with qtbot.waitSignal(window.dataset.completing.said) as said:
        window.take([tags])
    assert said.args == ["1 tag of danbooru.csv can be chosen while you type."]
    assert window.settings.page == "dataset"
    assert window.dataset.view()["tag_list"] == str(tags)
