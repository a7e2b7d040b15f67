"""The engine's thread and the queue, over the real process and protocol (tests/engine/staged.py plays the work)."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.engine import EngineLink
from app.queue import Queue, Queued
from trainer.contract import events
from trainer.contract.generate import GenerateJob
from trainer.home import Home

ROOT = Path(__file__).parents[2]
STAGED = ROOT / "tests" / "engine" / "staged.py"
PATIENCE = 30_000

posix = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def act(name: str) -> GenerateJob:
    return GenerateJob(prompt=name)


@pytest.fixture
def engine(home: Home, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> Iterator[EngineLink]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]))
    link = EngineLink(home, command=(sys.executable, str(STAGED), "--home", str(home.root)))
    with qtbot.waitSignal(link.state_changed, timeout=PATIENCE, check_params_cb=None):
        link.start()
    yield link
    link.close()


@pytest.fixture
def queue(engine: EngineLink, home: Home) -> Queue:
    return Queue(engine, home)


def ended(qtbot: QtBot, queue: Queue, name: str) -> Queued:
    with qtbot.waitSignal(queue.ended, timeout=PATIENCE):
        return queue.add(act(name))


def test_the_engine_becomes_ready_and_says_what_it_runs_on(engine: EngineLink) -> None:
    assert engine.state == "ready"
    assert engine.hello is not None
    assert engine.hello.device_name == "stage"


def test_a_job_runs_and_its_events_arrive_in_order(qtbot: QtBot, queue: Queue) -> None:
    seen: list[events.Event] = []
    queue.happened.connect(lambda _queued, event: seen.append(event))
    queued = ended(qtbot, queue, "steps")
    assert [event.step for event in seen if isinstance(event, events.Step)] == [1, 2, 3, 4, 5]
    assert isinstance(seen[-1], events.Finished)
    assert (queued.state, queued.step, queued.total) == ("finished", 5, 5)


def test_jobs_run_one_after_the_other_in_the_order_of_the_list(qtbot: QtBot, queue: Queue) -> None:
    order: list[str] = []
    queue.ended.connect(lambda queued: order.append(queued.title))
    first, *others = [queue.add(act("steps")), queue.add(act("prints")), queue.add(act("refuses"))]
    assert (first.state, [queued.state for queued in others]) == ("running", ["waiting", "waiting"])
    queue.move(others[1], -1)
    qtbot.waitUntil(lambda: len(order) == 3, timeout=PATIENCE)
    assert order == ["steps", "refuses", "prints"]


def test_cancelling_stops_the_running_job_and_takes_a_waiting_one_out(qtbot: QtBot, queue: Queue) -> None:
    with qtbot.waitSignal(queue.progressed, timeout=PATIENCE):
        running = queue.add(act("waits"))
    waiting = queue.add(act("steps"))
    for _ in range(2):  # from one page, then from another that still shows it
        queue.cancel(waiting)
    assert waiting not in queue.jobs
    with qtbot.waitSignal(queue.ended, timeout=PATIENCE):
        queue.cancel(running)
    assert running.state == "stopped"


@posix
def test_a_killed_engine_fails_its_job_in_plain_words_and_the_next_one_runs(qtbot: QtBot, queue: Queue) -> None:
    queued = ended(qtbot, queue, "killed")
    assert queued.state == "failed"
    assert isinstance(queued.ending, events.Failed)
    assert queued.ending.cause == "out_of_memory"  # what mostly kills a process from outside
    assert "engine" in queued.ending.title
    assert ended(qtbot, queue, "steps").state == "finished"


def test_stop_now_ends_even_a_deaf_job(qtbot: QtBot, queue: Queue) -> None:
    with qtbot.waitSignal(queue.progressed, timeout=PATIENCE):
        deaf = queue.add(act("is deaf"))
    with qtbot.waitSignal(queue.ended, timeout=PATIENCE):
        queue.stop_now()
    assert deaf.state == "stopped"


def test_what_waits_or_was_interrupted_is_there_again_after_a_restart(
    qtbot: QtBot, queue: Queue, engine: EngineLink, home: Home
) -> None:
    with qtbot.waitSignal(queue.progressed, timeout=PATIENCE):
        running = queue.add(act("waits"))
    with qtbot.waitSignal(queue._writing.done):
        queue.add(act("steps"))
    restored = Queue(EngineLink(home), home)
    restored._engine.state = "busy"
    with qtbot.waitSignal(restored._writing.done):  # else it might come after the last one, far below
        restored.restore()
    assert [queued.title for queued in restored.waiting] == ["steps"]
    assert [queued.title for queued in restored.jobs if queued.state == "stopped"] == ["waits"]
    with qtbot.waitSignal(queue.ended, timeout=PATIENCE):
        queue.cancel(running)
    qtbot.waitUntil(lambda: not queue.waiting and queue.running is None, timeout=PATIENCE)
    qtbot.waitUntil(lambda: not (home.root / "queue.json").exists())


def test_a_damaged_list_is_set_aside_and_said(qtbot: QtBot, queue: Queue, home: Home) -> None:
    home.root.mkdir(parents=True, exist_ok=True)
    (home.root / "queue.json").write_text('{"waiting": [{"job": {"kind": "generate", "steps": 1}}]}')
    with qtbot.waitSignal(queue.trouble):
        queue.restore()
    assert queue.jobs == []
    assert (home.root / "queue.damaged.json").exists()


def test_closing_during_a_job_lets_it_stop_and_leaves_nothing_behind(
    qtbot: QtBot, queue: Queue, engine: EngineLink
) -> None:
    with qtbot.waitSignal(queue.progressed, timeout=PATIENCE):
        queue.add(act("waits"))
    engine.close()
    assert not engine._thread.isRunning()


def test_closing_keeps_what_waits_and_what_ran(qtbot: QtBot, queue: Queue, engine: EngineLink, home: Home) -> None:
    with qtbot.waitSignal(queue.progressed, timeout=PATIENCE):
        queue.add(act("waits"))
    queue.add(act("steps"))
    queue.leave()
    with qtbot.waitSignal(engine.idle, timeout=PATIENCE):
        engine.cancel()
    restored = Queue(EngineLink(home), home)
    restored._engine.state = "busy"
    restored.restore()
    assert [(queued.title, queued.state) for queued in restored.jobs] == [("waits", "stopped"), ("steps", "waiting")]


def test_a_stop_is_heard_before_the_engine_has_the_job(qtbot: QtBot, queue: Queue, engine: EngineLink) -> None:
    """The process that was used is being replaced, or still loads."""
    with qtbot.waitSignal(queue.ended, timeout=PATIENCE):
        queued = queue.add(act("waits"))
        queue.cancel(queued)
    assert queued.state == "stopped"
