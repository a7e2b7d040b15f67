"""The Settings page, section by section, as somebody uses it by mouse and keys."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMainWindow, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.engine import EngineLink
from app.models_list import Models
from app.pages import settings_disk
from app.pages.settings import SECTIONS, SettingsPage
from app.pages.settings_disk import Use, count, empty_cache
from app.pages.settings_shortcuts import ShortcutSettings
from app.queue import Queue, Queued
from app.settings import Settings, SettingsFile
from app.theme import theme
from tests.library import layouts
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.generate import GenerateJob
from trainer.engine.protocol import Hello
from trainer.home import Home

LORA = layouts.kohya_lora({"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": (1280, 768)})
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")  # offscreen there is no window manager


@pytest.fixture
def settings() -> Settings:
    return Settings(welcomed=True)


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    """Stands for the window, whose the actions are."""
    made = QMainWindow()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def engine(home: Home, window: QMainWindow) -> EngineLink:
    """Never started."""
    return EngineLink(home, window)


@pytest.fixture
def queue(home: Home, engine: EngineLink, window: QMainWindow) -> Queue:
    return Queue(engine, home, window)


@pytest.fixture
def actions(window: QMainWindow, settings: Settings) -> Actions:
    return Actions(window, settings)


@pytest.fixture
def page(
    qtbot: QtBot,
    window: QMainWindow,
    home: Home,
    settings: Settings,
    actions: Actions,
    engine: EngineLink,
    queue: Queue,
) -> Iterator[SettingsPage]:
    """Settings are written when the page says so, as the window does it."""
    models = Models(home, window)
    made = SettingsPage(home, settings, actions, engine, queue, models)
    file = SettingsFile(home)

    def save() -> None:
        file.save(settings)

    made.changed.connect(save)
    made.folders_changed.connect(save)
    window.setCentralWidget(made)
    window.resize(1180, 680)
    window.show()
    with qtbot.waitSignal(models.changed):
        models.refresh()
    yield made
    theme().set_wish("system")


def words(widget: QWidget) -> str:
    shown = [one.text() for one in widget.findChildren(QLabel) if one.isVisibleTo(widget)]
    return "\n".join(shown).replace("\u200b", "")


def press(widget: QWidget, name: str) -> None:
    """Press the button of this accessible name."""
    found = [one for one in widget.findChildren(QPushButton) if one.accessibleName() == name and one.isEnabled()]
    found = [one for one in found if one.isVisibleTo(widget)]
    assert len(found) == 1, f"{len(found)} buttons {name}"
    found[0].click()


# --- General ------------------------------------------------------------------------------------------------------


def test_colours_and_notices_are_kept_at_once(qtbot: QtBot, page: SettingsPage, home: Home, settings: Settings) -> None:
    box = page.general._scheme
    QTest.keyClick(box, Qt.Key.Key_Down)
    box.activated.emit(box.currentIndex())
    assert theme().wish == settings.theme == "dark"
    page.general._notify.click()
    kept = SettingsFile(home).load().settings
    assert (kept.theme, kept.notify) == ("dark", False)


def test_colours_that_were_changed_elsewhere_are_shown(page: SettingsPage) -> None:
    theme().set_wish("light")
    assert page.general._scheme.currentData() == "light"


def test_the_section_comes_back(page: SettingsPage) -> None:
    for section in SECTIONS:
        page.set_view({"section": section})
        assert page.view() == {"section": section}
    page.set_view({"section": "nonsense"})
    assert page.view() == {"section": SECTIONS[-1]}


# --- Folders ------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A ComfyUI with a LoRA and a file that is none."""
    top = tmp_path / "ComfyUI"
    (top / "models" / "checkpoints").mkdir(parents=True)
    layouts.write_header_only(top / "models" / "loras" / "cat.safetensors", LORA)
    (top / "models" / "loras" / "bad.safetensors").write_bytes(b"nothing")
    return top


def test_a_folder_of_another_program_is_added_counted_and_removed(
    qtbot: QtBot, page: SettingsPage, home: Home, settings: Settings, program: Path
) -> None:
    page.show_section("Folders")
    with qtbot.waitSignal(page.folders._models.changed):
        page.folders.add(program)
    assert settings.model_folders == [str(program)]
    found = "1 model and 1 that can't be used, in models/checkpoints, models/loras"
    qtbot.waitUntil(lambda: found in words(page.folders))
    assert "cat" in [entry.name for entry in page.folders._models.entries]
    with qtbot.waitSignal(page.folders._models.changed):
        press(page.folders, f"Remove {program}")
    assert settings.model_folders == SettingsFile(home).load().settings.model_folders == []
    assert [entry.name for entry in page.folders._models.entries] == ["starter", "video-starter"]
    assert (program / "models" / "loras" / "cat.safetensors").exists()


def test_a_folder_that_makes_no_sense_is_refused_in_place(
    qtbot: QtBot, page: SettingsPage, home: Home, settings: Settings, program: Path
) -> None:
    home.models.mkdir(parents=True)
    for folder, why in ((home.models, "lies in your Gesso folder"), (program / "gone", "There is no folder")):
        page.folders.add(folder)
        qtbot.waitUntil(lambda why=why: why in words(page.folders))
    assert settings.model_folders == []


def test_a_folder_is_not_listed_twice(qtbot: QtBot, page: SettingsPage, settings: Settings, program: Path) -> None:
    for folder, listed in (
        (program / "models" / "loras", program / "models" / "loras"),
        (program, program),
        (program / "models", program),
    ):
        page.folders.add(folder)
        qtbot.waitUntil(lambda: page.folders._adding is None)
        assert settings.model_folders == [str(listed)]
    assert f"is listed already, with {program}." in words(page.folders)


def test_a_folder_that_is_not_there_now_says_so(
    qtbot: QtBot, page: SettingsPage, settings: Settings, tmp_path: Path
) -> None:
    settings.model_folders = [str(tmp_path / "unplugged")]
    page.show_section("Folders")
    qtbot.waitUntil(lambda: "This folder is not there now." in words(page.folders))


# --- Shortcuts ----------------------------------------------------------------------------------------------------


def name_of(section: ShortcutSettings, row: int) -> str:
    return str(section._rows.index(row).data(section._rows.NAME))


def test_every_action_is_listed_and_found_by_words_or_keys(page: SettingsPage, actions: Actions) -> None:
    section = page.shortcuts
    assert section._rows.rowCount() == len(actions.all())
    section._search.setText("CTRL+K")
    assert [name_of(section, row) for row in range(section._rows.rowCount())] == ["window.find_action"]
    section._search.setText("gallery star")
    assert [name_of(section, row) for row in range(section._rows.rowCount())] == ["gallery.star_selected"]
    section._search.setText("zebra")
    assert section._rows.rowCount() == 0
    assert "No action fits." in words(section)


def test_new_keys_are_recorded_by_pressing_them(
    page: SettingsPage, actions: Actions, home: Home, window: QMainWindow
) -> None:
    page.show_section("Shortcuts")
    section = page.shortcuts
    section.choose("generate.vary")
    QTest.keyClick(section._list, Qt.Key.Key_Return)
    assert section._edit.hasFocus()
    QTest.keyClick(section._edit, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert actions.keys("generate.vary") == QKeySequence("Ctrl+Y")
    assert SettingsFile(home).load().settings.shortcuts == {"generate.vary": "Ctrl+Y"}
    press(section, "Usual keys")
    assert actions.keys("generate.vary") == actions.usual("generate.vary")
    assert SettingsFile(home).load().settings.shortcuts == {}


def test_escape_leaves_the_keys_as_they_are(page: SettingsPage, actions: Actions, settings: Settings) -> None:
    page.show_section("Shortcuts")
    section = page.shortcuts
    section.choose("generate.vary")
    section.record()
    QTest.keyClick(section._edit, Qt.Key.Key_Escape)
    assert settings.shortcuts == {}
    assert section._edit.keySequence() == actions.usual("generate.vary")


def test_keys_that_another_action_has_are_refused_with_its_name(page: SettingsPage, actions: Actions) -> None:
    section = page.shortcuts
    section.choose("generate.vary")
    section._edit.setKeySequence(actions.keys("window.find_action"))
    section._edit.editingFinished.emit()
    taker = next(action for action in actions.all() if action.objectName() == "window.find_action")
    assert taker.text() in section._answer.text()
    assert actions.keys("generate.vary") == actions.usual("generate.vary")


def test_keys_can_be_taken_away_and_all_of_them_reset_even_where_two_were_exchanged(
    page: SettingsPage, actions: Actions, settings: Settings
) -> None:
    section = page.shortcuts
    vary, keep = actions.usual("generate.vary"), actions.usual("generate.keep")
    section.choose("generate.keep")
    press(section, "No keys")
    assert settings.shortcuts == {"generate.keep": ""}
    assert actions.set_keys("generate.vary", keep) == ""
    assert actions.set_keys("generate.keep", vary) == ""
    press(section, "Reset all")
    assert settings.shortcuts == {}
    assert (actions.keys("generate.vary"), actions.keys("generate.keep")) == (vary, keep)


# --- Storage ------------------------------------------------------------------------------------------------------


def written(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def never() -> None:
    """A check that never stops."""


def test_what_is_linked_twice_counts_once_and_links_elsewhere_count_nothing(tmp_path: Path) -> None:
    one = written(tmp_path / "a" / "deep" / "one", 1000)
    os.link(one, tmp_path / "a" / "two")
    (tmp_path / "a" / "away").symlink_to(written(tmp_path / "elsewhere", 5000))
    (tmp_path / "a" / "circle").symlink_to(tmp_path)
    assert count(tmp_path / "a", never) == Use(2, 1000)
    assert count(tmp_path / "gone", never) == Use(0, 0)


def test_a_count_can_be_stopped(tmp_path: Path) -> None:
    written(tmp_path / "a", 1)

    def check() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        count(tmp_path, check)


def test_storage_says_how_large_everything_is(qtbot: QtBot, page: SettingsPage, home: Home) -> None:
    written(home.outputs / "day" / "a.png", 3 * 1024 * 1024)
    written(home.cache / "thumbnails" / "ab" / "x", 2048)
    page.show_section("Storage")
    qtbot.waitUntil(lambda: page.storage._sizes["Pictures"].text() == "3.0 MB")
    assert page.storage._sizes["Runs"].text() == "empty"
    assert "are free on that disk" in words(page.storage)


def test_emptying_the_cache_keeps_checksums_and_everything_outside(
    qtbot: QtBot, page: SettingsPage, home: Home
) -> None:
    gone = [home.cache / "thumbnails" / "ab" / "x", home.cache / "encoded" / "pack", home.cache / "pictures.sqlite"]
    stays = [home.cache / "models.json", home.outputs / "day" / "a.png"]
    before = home.cache / "models.json"
    kept = before.read_bytes()
    for path in (*gone, stays[1]):
        written(path, 100)
    page.show_section("Storage")
    with qtbot.waitSignal(page.said) as told:
        press(page.storage, "Empty the cache")
    assert told.args == ["The cache is empty; 300 bytes are free again."]
    assert [path.exists() for path in (*gone, *stays)] == [False, False, False, True, True]
    assert before.read_bytes() == kept
    assert [path.name for path in home.cache.iterdir() if path.suffix != ".lock"] == ["models.json"]


def test_the_cache_is_not_emptied_while_a_job_runs(page: SettingsPage, home: Home, queue: Queue) -> None:
    thumbnail = written(home.cache / "thumbnails" / "ab" / "x", 100)
    queue.jobs.append(Queued(GenerateJob(prompt="a cat"), state="running"))
    queue.changed.emit()
    page.show_section("Storage")
    assert "once no job is running" in words(page.storage)
    page.storage.empty()
    assert page.storage._emptying is None
    assert thumbnail.exists()
    queue.jobs.clear()
    queue.changed.emit()
    assert page.storage._empty.isEnabled()


def test_a_cache_that_the_disk_refuses_to_empty_is_said_in_place(
    qtbot: QtBot, page: SettingsPage, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(home.cache / "thumbnails" / "ab" / "x", 100)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(settings_disk.os, "replace", refuse)
    with pytest.raises(UserError):
        empty_cache(home, never)
    page.show_section("Storage")
    press(page.storage, "Empty the cache")
    qtbot.waitUntil(lambda: "Writing there is not allowed" in words(page.storage))


# --- About --------------------------------------------------------------------------------------------------------


def test_about_says_what_the_engine_said_and_copies_it(page: SettingsPage, engine: EngineLink) -> None:
    page.show_section("About")
    assert ("Engine", "still starting") in page.about.facts()
    engine._greeted(
        Hello(pid=1, torch="2.13.0", device="cuda", device_name="RTX 4090", precision="bf16", memory=24 * 2**30)
    )
    assert "RTX 4090, NVIDIA card (CUDA)" in words(page.about)
    press(page.about, "Copy")
    copied = QGuiApplication.clipboard().text()
    assert "Gesso: 0." in copied
    assert "torch: 2.13.0" in copied
    assert "Memory: 24.0 GB" in copied


def test_every_control_has_a_name_and_says_what_it_does(page: SettingsPage) -> None:
    for control in page.findChildren(QPushButton):
        assert control.accessibleName(), control.text()
        assert control.toolTip(), control.text()
