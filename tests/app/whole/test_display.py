"""The first hours, the deaths and the monkey once more in a real window, on a display of their own (Xvfb)."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.app.whole.driving import ROOT

TESTS = ("test_first_hour.py", "test_dataset_hour.py", "test_reach.py", "test_monkey.py")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
@pytest.mark.skipif(os.environ.get("QT_QPA_PLATFORM") == "xcb", reason="this is the run within")
def test_in_a_real_window() -> None:
    receive, send = os.pipe()
    command = ["Xvfb", "-displayfd", str(send), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=(send,), stderr=subprocess.DEVNULL)
    os.close(send)
    try:
        with os.fdopen(receive) as said:
            display = said.readline().strip()
        assert display, "Xvfb did not start"
        environment = {**os.environ, "QT_QPA_PLATFORM": "xcb", "DISPLAY": f":{display}", "XDG_RUNTIME_DIR": "/tmp"}
        tests = [f"tests/app/whole/{name}" for name in TESTS]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-6000:]
    finally:
        server.terminate()
        server.wait()
