"""settings.json: kept whole, recovered from its last good copy, never silently reset."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.settings import Settings, SettingsFile
from app.window import MainWindow
from trainer.contract.errors import UserError
from trainer.home import Home


def test_first_start_has_the_defaults_and_writes_nothing(home: Home) -> None:
    loaded = SettingsFile(home).load()
    assert (loaded.settings, loaded.note) == (Settings(), "")
    assert not home.root.exists()


def test_what_was_saved_is_there_again(home: Home) -> None:
    SettingsFile(home).save(Settings(theme="light", page="settings", views={"train": {"tab": 1}}))
    assert SettingsFile(home).load().settings == Settings(theme="light", page="settings", views={"train": {"tab": 1}})


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe\x00", b'{"theme": "mauve"}', b"[]"])
def test_damaged_settings_are_set_aside_and_the_last_good_copy_is_used(home: Home, damage: bytes) -> None:
    file = SettingsFile(home)
    file.save(Settings(theme="light"))
    file.path.write_bytes(damage)
    loaded = file.load()
    assert loaded.settings.theme == "light"
    assert "last good copy" in loaded.note
    assert (home.root / "settings.damaged-1.json").read_bytes() == damage


def test_without_a_good_copy_the_note_says_that_everything_stands_as_at_first(home: Home) -> None:
    home.root.mkdir(parents=True)
    (home.root / "settings.json").write_text("nonsense")
    loaded = SettingsFile(home).load()
    assert loaded.settings == Settings()
    assert "as at first" in loaded.note
    assert (home.root / "settings.damaged-1.json").read_text() == "nonsense"


def test_keys_of_a_newer_gesso_survive(home: Home) -> None:
    home.root.mkdir(parents=True)
    file = SettingsFile(home)
    file.path.write_text('{"version": 9, "theme": "dark", "hologram": {"depth": 3}}')
    loaded = file.load()
    assert "newer" in loaded.note
    file.save(loaded.settings)
    assert '"hologram"' in file.path.read_text()


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError):
        SettingsFile(Home(tmp_path / "file" / "home")).save(Settings())


@pytest.mark.parametrize("nonsense", ["abc", "ü", "====", "AAAA"])
def test_a_place_of_the_window_that_makes_no_sense_is_passed_over(nonsense: str, home: Home, qtbot: QtBot) -> None:
    SettingsFile(home).save(Settings(geometry=nonsense, views={"train": {"scroll": 10**12}}, page="train"))
    window = MainWindow(home)
    qtbot.addWidget(window)
    assert window.settings.page == "train"
    assert window.width() >= 1024
