"""One window for each user's folder."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from app import single
from app.single import SingleWindow, hand_over, socket_name
from trainer.home import Home

ROOT = Path(__file__).parents[2]
SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app import single
from app.single import SingleWindow, hand_over
from trainer.home import Home

application = QCoreApplication(sys.argv)
home = Home(Path(sys.argv[1]))
print(SingleWindow(home).claim(), hand_over(home, [Path(one) for one in sys.argv[2:]]))
"""

CRASHES = """
import os
import sys
from pathlib import Path
from app.single import SingleWindow
from trainer.home import Home

window = SingleWindow(Home(Path(sys.argv[1])))
assert window.claim()
os._exit(1)
"""


@pytest.fixture
def first(home: Home, qtbot: QtBot) -> SingleWindow:
    made = SingleWindow(home)
    assert made.claim()
    made.listen()
    return made


def test_a_second_start_hands_its_files_to_the_first(first: SingleWindow, home: Home, qtbot: QtBot) -> None:
    command = [sys.executable, "-c", SECOND, str(home.root), "pictures/a cat.png"]
    with (
        qtbot.waitSignal(first.asked, timeout=30_000) as asked,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as second,
    ):
        pass_events_until_ended(second, qtbot)
        assert second.stdout is not None
        assert second.stdout.read() == "False True\n"
    assert asked.args == [[ROOT / "pictures" / "a cat.png"]]
    first.release()


def test_when_the_first_has_closed_the_next_one_is_the_first(first: SingleWindow, home: Home) -> None:
    assert not SingleWindow(home).claim()
    first.release()
    again = SingleWindow(home)
    assert again.claim()
    again.release()


def test_what_a_crash_left_does_not_lock_the_folder(home: Home) -> None:
    subprocess.run([sys.executable, "-c", CRASHES, str(home.root)], check=False, cwd=ROOT)
    assert (home.root / ".window.lock").exists()
    again = SingleWindow(home)
    assert again.claim()
    again.listen()
    again.release()


def test_nonsense_on_the_socket_is_refused_and_the_window_goes_on_listening(
    first: SingleWindow, home: Home, qtbot: QtBot
) -> None:
    for nonsense in (b"\xff\n", b"[]\n", b'{"files": 7}\n'):
        socket = QLocalSocket()
        with qtbot.assertNotEmitted(first.asked), qtbot.waitSignal(socket.disconnected):
            socket.connectToServer(socket_name(home))
            socket.write(nonsense)
    first.release()


def test_without_a_window_nobody_answers(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "ANSWER_WITHIN", 100)
    assert not hand_over(home, [])


def test_two_folders_are_two_windows(first: SingleWindow, tmp_path: Path) -> None:
    other = SingleWindow(Home(tmp_path / "another"))
    assert other.claim()
    other.release()
    first.release()


def pass_events_until_ended(process: "subprocess.Popen[str]", qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=30_000)
