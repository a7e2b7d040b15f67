"""How the window is started: with or without files, once or twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

import main
from app.start import has_display

PATIENCE = 60_000
ROOT = Path(__file__).parents[2]


def test_no_words_and_files_open_the_window_and_verbs_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture = tmp_path / "a cat.png"
    picture.touch()
    (tmp_path / "demo").mkdir()
    for words in ([], ["--home", "x"], ["--home=x"], [str(picture)], ["a cat.png"], ["--home", "x", "./demo"]):
        assert main._is_for_the_window(words), words
    for words in (
        ["demo"],
        ["--home", "x", "demo"],
        ["models", "list"],
        ["no such file.png"],
        ["--help"],
        ["--version"],
    ):
        assert not main._is_for_the_window(words), words


def test_a_machine_without_a_display_is_told_before_qt_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_display()


def test_a_second_start_hands_over_and_a_signal_closes_the_first_properly(tmp_path: Path, qtbot: QtBot) -> None:
    """The real program, twice; the first says by its lock file that it is open."""
    command = [sys.executable, str(ROOT / "main.py"), "--home", str(tmp_path / "Gesso")]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as first:
        qtbot.waitUntil((tmp_path / "Gesso" / ".window.lock").exists, timeout=PATIENCE)
        second = subprocess.run([*command, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=60)
        assert second.returncode == 0, second.stderr
        assert first.poll() is None
        first.terminate()
        assert first.wait(60) == 0
    home = tmp_path / "Gesso"
    assert "train" in (home / "settings.json").read_text("utf-8"), "the folder that was handed over was opened on Train"
    assert not (home / "logs" / "window-open.txt").exists()
    assert not (home / ".window.lock").exists()
