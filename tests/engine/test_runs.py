"""Run folders: made, recorded, read back, held by one process."""

import subprocess
import sys
from pathlib import Path

import pytest

from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.train import Data, Output, TrainJob
from trainer.engine import runs
from trainer.home import Home


def job(name: str = "my cat") -> TrainJob:
    return TrainJob(data=Data(folder="/pictures"), output=Output(name=name))


def recorded(folder: Path, *said: events.Event) -> runs.Summary:
    with runs.recording(folder, lambda event: None) as emit:
        for event in said:
            emit(event)
    return runs.summary(folder)


STARTED = events.Started(job="train")
STEP = events.Step(step=3, total=9, loss=0.5)


def test_two_runs_of_one_name_get_two_folders_and_hold_their_jobs(home: Home) -> None:
    first, second = runs.create(home.runs, job()), runs.create(home.runs, job())
    assert first != second
    assert first.name.endswith("-my-cat")
    assert runs.job_of(first) == runs.job_of(second) == job()
    assert {summary.folder for summary in runs.list_runs(home)} == {first, second}


@pytest.mark.parametrize("name", ["a, b (c) d!", "Kätzchen 🐈", "x" * 100, "🐈🐈"])
def test_any_name_gives_a_folder_below_runs(home: Home, name: str) -> None:
    folder = runs.create(home.runs, job(name))
    assert folder.parent == home.runs
    assert not folder.name.endswith((".", " "))


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ((), "new"),
        ((STARTED, STEP), "interrupted"),
        ((STARTED, STEP, events.Finished(seconds=1)), "finished"),
        ((STARTED, STEP, events.Stopped()), "stopped"),
        ((STARTED, STEP, events.Failed(title="No room.", fix="Free some.")), "failed"),
        ((STARTED, events.Stopped(), STARTED, STEP), "interrupted"),
    ],
)
def test_a_run_is_what_its_events_say(home: Home, said: tuple[events.Event, ...], state: str) -> None:
    summary = recorded(runs.create(home.runs, job()), *said)
    assert summary.state == state
    assert (summary.step, summary.total) == ((3, 9) if STEP in said else (0, 0))
    assert summary.problem == ("No room." if state == "failed" else "")


def test_a_torn_line_costs_only_itself(home: Home) -> None:
    folder = runs.create(home.runs, job())
    recorded(folder, STARTED, STEP)
    path = folder / runs.EVENTS_FILE
    path.write_bytes(path.read_bytes() + b'{"kind":"step","st')
    assert recorded(folder, STARTED, events.Finished(seconds=1)).state == "finished"
    assert list(runs.events_of(folder)) == [STARTED, STEP, STARTED, events.Finished(seconds=1)]


def test_previews_are_told_and_not_recorded(home: Home) -> None:
    folder = runs.create(home.runs, job())
    preview = events.Preview(index=0, step=1, total=2, width=1, height=1, data="")
    told: list[events.Event] = []
    with runs.recording(folder, told.append) as emit:
        emit(preview)
        emit(STEP)
    assert told == [preview, STEP]
    assert list(runs.events_of(folder)) == [STEP]


def test_a_run_is_held_by_one_process_and_let_go_when_that_is_killed(home: Home) -> None:
    folder = runs.create(home.runs, job())
    holder = (
        "import sys; from pathlib import Path; from trainer.engine.runs import held\n"
        "with held(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(folder)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert runs.summary(folder).state == "running"
        with pytest.raises(UserError, match="being worked on already"), runs.held(folder):
            pass
        process.kill()
    with runs.held(folder):
        pass
    assert runs.summary(folder).state == "new"


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no run folder"):
        runs.job_of(tmp_path / "nothing")
    with pytest.raises(UserError, match="not a run folder"):
        runs.job_of(tmp_path)
