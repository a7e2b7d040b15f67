"""A training killed at random moments and resumed ends bit-identical; see kill_and_resume.py for how it is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "kill_and_resume.py"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the script forks its attempts")


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_and_resumed_is_bit_identical(kills: int) -> None:
    command = [sys.executable, str(SCRIPT), "--kills", str(kills), "--seed", str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{kills} kills, each resumed" in done.stdout
