"""What concerns the whole program is said above the page, over it, in the status bar, or by the system."""

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app import end_notices, queue
from app.engine import EngineLink
from app.window import MainWindow
from tests.app.pictures import write_png
from trainer.contract import events
from trainer.contract.generate import GenerateJob
from trainer.home import Home

ROOT = Path(__file__).parents[2]
STAGED = ROOT / "tests" / "engine" / "staged.py"
PATIENCE = 60_000


def test_a_silent_engine_is_told_of_with_a_way_out(window: MainWindow, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.queue.progressed, timeout=PATIENCE):
        window.queue.add(GenerateJob(prompt="is deaf"))
    silence = events.Warning(title="The engine has not answered for 10 seconds.", fix="Wait.", cause="silence")
    window.engine.happened.emit(silence)
    assert "has not answered" in window.notice.text
    with qtbot.waitSignal(window.queue.ended, timeout=PATIENCE) as ended:
        qtbot.mouseClick(window.notice.action, Qt.MouseButton.LeftButton)
    assert ended.args is not None
    assert ended.args[0].state == "stopped"
    assert window.notice.text == ""


def test_what_is_heard_of_the_engine_again_ends_the_notice(window: MainWindow, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.queue.progressed, timeout=PATIENCE):
        window.queue.add(GenerateJob(prompt="waits"))
    window.engine.happened.emit(events.Warning(title="Silent.", cause="silence"))
    assert window.notice.text
    window.engine.happened.emit(events.Status(text="working"))
    assert window.notice.text == ""
    with qtbot.waitSignal(window.queue.ended, timeout=PATIENCE):
        window.stop_job()


def test_a_job_that_does_not_stop_can_be_ended_from_the_status_bar(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "STOP_PATIENCE", 50)
    with qtbot.waitSignal(window.queue.progressed, timeout=PATIENCE):
        window.queue.add(GenerateJob(prompt="is deaf"))
    (stop,) = (one for one in window.frame.status.findChildren(QPushButton) if one.text() == "Stop")
    qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: stop.text() == "Stop now", timeout=PATIENCE)
    with qtbot.waitSignal(window.queue.ended, timeout=PATIENCE):
        qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)


def test_an_engine_that_does_not_start_is_told_of_with_its_last_words(home: Home, qtbot: QtBot) -> None:
    script = "print('no such card'); raise SystemExit(3)"
    window = MainWindow(home, EngineLink(home, command=(sys.executable, "-c", script)))
    qtbot.addWidget(window)
    window.show()
    with qtbot.waitSignal(window.engine.state_changed, timeout=PATIENCE):
        window.start_work()
    assert "did not start" in window.notice.text
    copy = next(one for one in window.notice.findChildren(QPushButton) if one.text() == "Copy")
    qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert "no such card" in QGuiApplication.clipboard().text()
    window.close()


@pytest.mark.parametrize("is_long", [True, False])
def test_the_end_of_a_long_job_is_told_when_another_window_is_in_front(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, is_long: bool
) -> None:
    monkeypatch.setattr(end_notices, "LONG", 0.0 if is_long else 3600.0)
    monkeypatch.setattr(MainWindow, "isActiveWindow", lambda _self: False)
    said: list[str] = []
    window.end_notices.said.connect(lambda title, _text: said.append(title))
    with qtbot.waitSignal(window.queue.ended, timeout=PATIENCE):
        window.queue.add(GenerateJob(prompt="steps"))
    assert said == (["Your pictures are ready"] if is_long else [])


def test_what_is_dragged_over_the_window_is_told_before_it_is_dropped(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    picture = write_png(tmp_path / "made.png", GenerateJob(prompt="a green boat", seed=5))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(picture))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(9, 9), copy, data, left, none)
    QGuiApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    zones = window.frame.overlay.text.splitlines()
    assert zones == ["Use the settings of made.png", "Vary it", "Repaint a part", "Make it move"]
    QGuiApplication.sendEvent(window, QDragLeaveEvent())
    assert window.frame.overlay.text == ""
    QGuiApplication.sendEvent(window, QDragEnterEvent(QPoint(9, 9), copy, data, left, none))
    QGuiApplication.sendEvent(window, QDropEvent(QPointF(9, 9), copy, data, left, none))
    assert window.frame.overlay.text == ""
    assert window.generate.draft()["job"]["prompt"] == "a green boat"


def test_what_changed_is_written_down_before_the_window_closes(window: MainWindow, qtbot: QtBot, home: Home) -> None:
    window.generate.try_prompt("kept over a crash")
    window.show_page("queue")
    qtbot.waitUntil(lambda: "kept over a crash" in _settings(home), timeout=PATIENCE)
    assert '"page": "queue"' in _settings(home)


def _settings(home: Home) -> str:
    path = home.root / "settings.json"
    return path.read_text("utf-8") if path.exists() else ""
