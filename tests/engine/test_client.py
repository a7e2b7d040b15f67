"""The engine process for real: started, listened to, cancelled, killed, crashed and orphaned."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from trainer.contract import events
from trainer.contract.generate import GenerateJob
from trainer.contract.train import Data, TrainJob
from trainer.engine import child as child_module
from trainer.engine import runs
from trainer.engine.client import Engine
from trainer.home import Home

STAGED = Path(__file__).parent / "staged.py"
ROOT = Path(__file__).parents[2]
PATIENCE = 30.0

posix = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def act(name: str) -> GenerateJob:
    return GenerateJob(prompt=name)


@pytest.fixture
def engine(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]))
    with Engine(home, command=[sys.executable, str(STAGED), "--home", str(home.root)]) as engine:
        yield engine


def test_hello_tells_the_pid_and_a_job_yields_its_events_in_order(engine: Engine) -> None:
    engine.start()
    hello = engine.ready(PATIENCE)
    assert hello is not None
    assert psutil.pid_exists(hello.pid)
    seen = list(engine.perform(act("steps")))
    assert isinstance(seen[0], events.Started)
    assert [event.step for event in seen[1:-1] if isinstance(event, events.Step)] == [1, 2, 3, 4, 5]
    assert isinstance(seen[-1], events.Finished)
    assert seen[-1].paths == ("made.png",)
    # the same process does the next job too
    assert isinstance(list(engine.perform(act("steps")))[-1], events.Finished)
    again = engine.ready(0)
    assert again is not None
    assert again.pid == hello.pid


def test_what_libraries_print_does_not_reach_the_protocol_but_the_log(engine: Engine, home: Home) -> None:
    seen = list(engine.perform(act("prints")))
    assert [type(event) for event in seen] == [events.Started, *[events.Step] * 5, events.Finished]
    assert b"noise from C" in (home.root / "logs" / "engine.log").read_bytes()


def test_cancel_ends_the_job_within_two_seconds_and_the_engine_goes_on(engine: Engine) -> None:
    seen: list[events.Event] = []
    cancelled = 0.0
    for event in engine.perform(act("waits")):
        seen.append(event)
        if isinstance(event, events.Status):
            cancelled = time.monotonic()
            engine.cancel()
    assert time.monotonic() - cancelled < 2
    assert isinstance(seen[-1], events.Stopped)
    assert isinstance(list(engine.perform(act("steps")))[-1], events.Finished)


def test_kill_ends_the_job_as_wished_and_the_next_job_gets_a_new_process(engine: Engine) -> None:
    seen: list[events.Event] = []
    for event in engine.perform(act("waits")):
        seen.append(event)
        if isinstance(event, events.Status):
            engine.kill()
    assert isinstance(seen[-1], events.Stopped)
    assert not engine.alive
    assert isinstance(list(engine.perform(act("steps")))[-1], events.Finished)


@posix
def test_a_crash_is_told_with_its_reason_and_its_last_words(engine: Engine) -> None:
    ending = list(engine.perform(act("crashes")))[-1]
    assert isinstance(ending, events.Failed)
    assert ending.cause == "crash"
    assert "touched memory that is not its own" in ending.title
    assert "staged.py" in ending.detail  # faulthandler wrote where it was
    assert isinstance(list(engine.perform(act("steps")))[-1], events.Finished)


@posix
def test_sigkill_from_outside_is_taken_for_the_system_running_out_of_memory(engine: Engine) -> None:
    ending = list(engine.perform(act("killed").model_copy(update={"batch_size": 4})))[-1]
    assert isinstance(ending, events.Failed)
    assert ending.cause == "out_of_memory"
    assert "batch_size to 1 (now 4)" in ending.fix


def test_an_out_of_memory_error_is_told_with_numbers_and_the_process_is_replaced(engine: Engine) -> None:
    engine.start()
    first = engine.ready(PATIENCE)
    ending = list(engine.perform(act("out of memory")))[-1]
    assert isinstance(ending, events.Failed)
    assert ending.cause == "out_of_memory"
    assert "2.0 GB" in ending.title
    assert "smaller size" in ending.fix
    assert isinstance(list(engine.perform(act("steps")))[-1], events.Finished)
    second = engine.ready(0)
    assert first is not None
    assert second is not None
    assert first.pid != second.pid


def test_user_errors_and_bugs_are_told_apart(engine: Engine) -> None:
    refused = list(engine.perform(act("refuses")))[-1]
    assert refused == events.Failed(title="That will not do.", fix="Do this instead.", cause="user")
    bug = list(engine.perform(act("bug")))[-1]
    assert isinstance(bug, events.Failed)
    assert bug.cause == "bug"
    assert "has_a_bug" in bug.detail


def test_an_engine_that_breaks_the_protocol_is_ended(engine: Engine) -> None:
    ending = list(engine.perform(act("babbles")))[-1]
    assert isinstance(ending, events.Failed)
    assert "no message" in ending.detail


@posix
def test_silence_is_reported_once_and_the_job_may_still_finish(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "SILENCE_SECONDS", 0.5)
    engine.start()
    hello = engine.ready(PATIENCE)
    assert hello is not None
    seen: list[events.Event] = []
    for event in engine.perform(act("freezes")):
        seen.append(event)
        if isinstance(event, events.Warning):
            os.kill(hello.pid, signal.SIGCONT)
    assert [type(event) for event in seen] == [events.Started, events.Warning, events.Status, events.Finished]


def test_an_engine_that_cannot_start_is_a_crash_with_its_messages(home: Home) -> None:
    with Engine(home, command=[sys.executable, "-c", "raise SystemExit('no engine here')"]) as engine:
        ending = list(engine.perform(act("steps")))[-1]
    assert isinstance(ending, events.Failed)
    assert ending.cause == "crash"
    assert "no engine here" in ending.detail


def test_close_stops_a_job_in_progress(engine: Engine) -> None:
    seen: list[events.Event] = []
    started = threading.Event()

    def follow() -> None:
        for event in engine.perform(act("waits")):
            seen.append(event)
            started.set()

    thread = threading.Thread(target=follow)
    thread.start()
    assert started.wait(PATIENCE)
    engine.close()
    thread.join(PATIENCE)
    assert isinstance(seen[-1], events.Stopped)


def test_a_training_gets_a_fresh_process_and_when_killed_says_where_to_resume(engine: Engine, home: Home) -> None:
    list(engine.perform(act("steps")))
    first = engine.ready(0)
    seen: list[events.Event] = []
    for event in engine.perform(TrainJob(data=Data(folder="pictures"))):
        seen.append(event)
        if isinstance(event, events.Status):
            engine.kill()
    second = engine.ready(0)
    assert first is not None
    assert second is not None
    assert first.pid != second.pid
    (run,) = runs.list_runs(home)
    assert seen[-1] == events.Stopped(resume=str(run.folder))
    assert run.state == "interrupted"


def test_a_large_log_is_set_aside_and_a_home_that_cannot_be_written_has_none(engine: Engine, home: Home) -> None:
    log = home.root / "logs" / "engine.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * (child_module.LOG_LIMIT + 1))
    list(engine.perform(act("prints")))
    assert log.with_name("engine.log.1").stat().st_size == child_module.LOG_LIMIT + 1
    assert log.stat().st_size < child_module.LOG_LIMIT
    nowhere = Home(log / "home")
    with Engine(nowhere, command=[sys.executable, str(STAGED)]) as other:
        assert isinstance(list(other.perform(act("steps")))[-1], events.Finished)


def test_the_engine_inherits_no_token_and_no_foreign_python(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONHOME", "HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.setenv(name, "harm")
    monkeypatch.setenv("HF_HUB_OFFLINE", "garbage")
    monkeypatch.setenv("KEPT", "ü")
    given = child_module.environment()
    assert "harm" not in given.values()
    assert given["HF_HUB_OFFLINE"] == "1"
    assert given["KEPT"] == "ü"


def test_the_client_is_light() -> None:
    code = "import sys, trainer.engine.client; sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=PATIENCE, check=False)
    assert done.returncode == 0


@posix
def test_no_descriptor_is_left_behind(engine: Engine) -> None:
    before = sorted(os.listdir("/dev/fd"))
    list(engine.perform(act("steps")))
    engine.close()
    assert sorted(os.listdir("/dev/fd")) == before


def test_only_one_job_at_a_time(engine: Engine) -> None:
    for event in engine.perform(act("waits")):
        if isinstance(event, events.Status):
            with pytest.raises(RuntimeError, match="one job at a time"):
                engine.perform(act("steps"))
            engine.cancel()


@posix
@pytest.mark.parametrize("act", ["waits", "is deaf"])
def test_the_engine_leaves_when_whoever_started_it_is_gone(home: Home, act: str) -> None:
    """Both write to one pipe here, which ends only when both of them have ended."""
    window = (
        "import os, sys, signal\n"
        f"sys.path[:0] = [{str(ROOT)!r}]\n"
        "from pathlib import Path\n"
        "from trainer.engine.client import Engine\n"
        "from trainer.contract.generate import GenerateJob\n"
        "from trainer.home import Home\n"
        f"command = [sys.executable, {str(STAGED)!r}]\n"
        f"engine = Engine(Home(Path({str(home.root)!r})), debug=True, command=command)\n"
        f"for event in engine.perform(GenerateJob(prompt={act!r})):\n"
        "    if event.kind == 'status':\n"
        "        print('working', flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])}
    done = subprocess.run(
        [sys.executable, "-c", window], env=environment, stdout=subprocess.PIPE, timeout=PATIENCE, check=False
    )
    assert done.stdout == b"working\n"
    assert done.returncode == -signal.SIGKILL
