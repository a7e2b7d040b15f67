"""What every test stands on: no network, no litter of threads and processes, a user's folder of its own."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest
import tqdm

import refuse_network
from trainer.home import Home
from trainer.offline import go_offline

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models gain nothing from more, and lose much on a busy machine
go_offline()  # none of the imports above brings in a model library
refuse_network.install()
hypothesis.settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("house")
tqdm.tqdm.monitor_interval = 0  # no thread of tqdm's own, which would look like a leak

PATIENCE = 3.0
"""Seconds that threads and processes get to end by themselves after their test."""


@pytest.fixture(autouse=True, scope="session")
def guarded_children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Child processes refuse the network too, and nothing reaches the user's own folder.

    Gives the file in which refused addresses are noted.
    """
    log = tmp_path_factory.mktemp("guard") / "refused.txt"
    guard = str(Path(__file__).parent / "guard")
    inherited = os.environ.get("PYTHONPATH")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(refuse_network.LOG_VARIABLE, str(log))
        patch.setenv("GESSO_HOME", str(tmp_path_factory.mktemp("nobody") / "Gesso"))
        patch.setenv("PYTHONPATH", os.pathsep.join([guard, inherited] if inherited else [guard]))
        yield log


@pytest.fixture(autouse=True)
def no_network(guarded_children: Path) -> Iterator[None]:
    """Fail a test that reached for the network, even if the code under test swallowed the refusal."""
    guarded_children.unlink(missing_ok=True)
    yield
    if guarded_children.exists():
        pytest.fail("The network was asked for: " + guarded_children.read_text("utf-8").strip().replace("\n", "; "))


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fail a test that leaves a thread or a child process behind."""
    threads = set(threading.enumerate())
    children = set(_children())
    yield
    new_threads = [thread for thread in threading.enumerate() if thread not in threads]
    left = [f"thread {thread.name}" for thread in new_threads if not _ends(thread)]
    _, alive = psutil.wait_procs([child for child in _children() if child not in children], timeout=PATIENCE)
    for child in alive:
        left.append(f"process {child.pid} ({_command_of(child)})")
        child.kill()
    psutil.wait_procs(alive, timeout=PATIENCE)
    if left:
        pytest.fail("Left running: " + "; ".join(left))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A user's folder of this test's own."""
    return Home(tmp_path / "Gesso home")


def _ends(thread: threading.Thread) -> bool:
    """Whether it is gone, or goes within our patience. Threads that Python did not start (Qt's) stay in its list for
    ever; the system knows whether they are gone."""
    if not isinstance(thread, threading._DummyThread):
        thread.join(PATIENCE)
        return not thread.is_alive()
    deadline = time.monotonic() + PATIENCE
    while thread.native_id in {one.id for one in psutil.Process().threads()}:
        if time.monotonic() > deadline:
            return False
    return True


def _children() -> list[psutil.Process]:
    """Every descendant but Python's own resource tracker, which lives as long as the process it serves."""
    found = psutil.Process().children(recursive=True)
    return [child for child in found if "multiprocessing.resource_tracker" not in _command_of(child)]


def _command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "already gone"
