"""Live and Result: the curves, the previews step by step, an engine that is silent, and runs of an earlier start."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.models_list import Models
from app.pages.train import TrainPage
from app.queue import Queue
from app.widgets import loss_chart
from app.widgets.loss_chart import LossChart, Series
from app.widgets.previews import Previews
from tests.app.stage import Engine, play
from trainer.contract import events
from trainer.engine import runs
from trainer.engine.demo import SAMPLE_DATASET, demo_job
from trainer.home import Home


def sample(tmp_path: Path, prompt: str, step: int) -> events.Sample:
    path = tmp_path / f"{prompt}-{step}.png"
    shutil.copy(SAMPLE_DATASET / f"{1 + step // 10:05d}.png", path)
    return events.Sample(step=step, prompt=prompt, path=str(path))


@pytest.fixture
def previews(qtbot: QtBot, tmp_path: Path) -> Previews:
    made = Previews()
    qtbot.addWidget(made)
    made.resize(700, 400)
    made.show()
    for step in (20, 0, 10):
        for prompt in ("a cat", "a dog"):
            made.add(sample(tmp_path, prompt, step))
    qtbot.waitUntil(lambda: made.shown() == {"a cat": [0, 10, 20], "a dog": [0, 10, 20]})
    return made


def test_series_of_many_steps_stay_short_and_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_chart, "MOST_POINTS", 100)
    series = Series()
    for step in range(1, 20_001):
        series.add(step, step / 20_000, 1e-4)
    assert 50 <= len(series.steps) <= 100
    assert series.steps[-1] == 20_000
    # each point is the mean of the steps since the one before it, so a straight line stays one
    starts = np.array([0, *series.steps[:-1]])
    expected = (starts + 1 + np.array(series.steps)) / 2 / 20_000
    assert np.allclose(series.losses, expected)


def test_a_resumed_run_takes_the_place_of_what_followed_its_checkpoint() -> None:
    series = Series()
    for step in range(1, 21):
        series.add(step, 1.0, step / 100)
    series.add(11, 3.0, 0.5)
    assert series.steps == list(range(1, 12))
    assert (series.losses[-1], series.rates[-1]) == (3.0, 0.5)
    assert series.means[-1] == pytest.approx(1 + 2 / 11)  # of eleven values, as long as there are few


def test_the_chart_is_drawn_once_for_many_values(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    original = LossChart._draw
    monkeypatch.setattr(LossChart, "_draw", lambda self: drawn.append(1) or original(self))
    chart = LossChart()
    qtbot.addWidget(chart)
    chart.resize(600, 200)
    chart.show()
    for step in range(1, 20_001):
        chart.add(step, 1.0 / step, 1e-4)
    assert drawn == []
    qtbot.waitUntil(lambda: bool(drawn))
    assert len(drawn) == 1
    assert chart.learning_rates[-1] == 1e-4


def test_the_slider_walks_through_the_steps(previews: Previews) -> None:
    assert previews.step == 20
    previews.scrub(0)
    assert previews.step == 0


def test_a_new_step_is_shown_only_to_who_looks_at_the_newest(previews: Previews, tmp_path: Path, qtbot: QtBot) -> None:
    previews.add(sample(tmp_path, "a cat", 30))
    qtbot.waitUntil(lambda: previews.step == 30)
    previews.scrub(10)
    previews.add(sample(tmp_path, "a cat", 40))
    qtbot.waitUntil(lambda: previews.shown()["a cat"] == [0, 10, 20, 30, 40])
    assert previews.step == 10


def test_two_steps_are_laid_over_one_another(previews: Previews, qtbot: QtBot) -> None:
    previews.scrub(10)
    previews.compare()
    pair = previews.pair
    assert pair is not None
    with qtbot.waitSignal(pair.drawn):
        pass
    assert not pair.pictures.picture_rect().isEmpty()
    qtbot.keyClick(pair, Qt.Key.Key_Escape)
    assert previews.pair is None


def test_a_silent_engine_is_said_and_can_be_stopped_now(
    train_page: TrainPage, train_engine: Engine, tmp_path: Path
) -> None:
    train_page.start()
    play(train_page, train_engine, tmp_path)
    live = train_page.live
    silence = events.Warning(title="The engine has not answered for 10 seconds.", fix="Wait.", cause="silence")
    train_engine.say(silence)
    assert live.silence == "The engine has not answered for 10 seconds. Wait."
    live.stop_now()
    assert train_engine.asked[-1] == "stop now"
    train_engine.say(events.Step(step=21, total=300, loss=0.2))
    assert live.silence == ""
    train_engine.say(silence)
    train_engine.end(events.Stopped())
    assert live.silence == ""


def test_memory_is_shown_where_it_is_known(train_page: TrainPage, train_engine: Engine, tmp_path: Path) -> None:
    train_page.start()
    play(train_page, train_engine, tmp_path)
    assert "memory" not in train_page.live.numbers
    train_engine.say(events.Step(step=21, total=300, loss=0.2, memory=3 * 1024**3))
    assert "3.0 GB of memory" in train_page.live.numbers


def test_the_result_is_shown_in_models(
    train_page: TrainPage, train_engine: Engine, tmp_path: Path, qtbot: QtBot
) -> None:
    train_page.try_result()  # nothing was trained: nothing happens
    train_page.start()
    run = play(train_page, train_engine, tmp_path)
    train_engine.end(events.Finished(seconds=61, paths=(str(run / "k.safetensors"), str(tmp_path / "k-2.safetensors"))))
    with qtbot.waitSignal(train_page.show_model) as asked:
        train_page.result.models_button.click()
    assert asked.args == ["k-2"]
    with qtbot.waitSignal(train_page.try_it) as tried:
        train_page.try_result()
    assert tried.args == ["k-2", train_page.form.tree()["samples"]["prompts"][0]]


@pytest.fixture
def broken_off(home: Home) -> Path:
    run = runs.create(home.runs, demo_job(None))
    (run / "checkpoints" / "step-00000002").mkdir(parents=True)
    with runs.recording(run, lambda event: None) as record:
        record(events.Started(job="train", name="kiki", run_folder=str(run)))
        for step in (1, 2, 3):
            record(events.Step(step=step, total=300, loss=0.5, learning_rate=1e-3))
    return run


def test_the_view_survives_with_the_run_that_was_followed(
    home: Home, train_page: TrainPage, train_engine: Engine, broken_off: Path, qtbot: QtBot
) -> None:
    train_page.set_view({"tab": 1, "scroll": 120, "run": str(broken_off)})
    qtbot.waitUntil(lambda: train_page.live.chart.steps == (1, 2, 3))
    qtbot.waitUntil(lambda: train_page.form.scrolled == 120)
    assert train_page.live.words == "Broken off at step 3 of 300. It can go on from its last checkpoint."
    assert train_page.view() == {"tab": 1, "scroll": 120, "run": str(broken_off)}
    train_page.resume_shown()
    assert train_engine.asked == [broken_off]
    assert train_page.live.chart.steps == (1, 2, 3)


def test_a_view_that_makes_no_sense_changes_nothing(home: Home, qtbot: QtBot) -> None:
    page = TrainPage(home, Models(home), Queue(Engine(), home))  # pyright: ignore[reportArgumentType]
    qtbot.addWidget(page)
    before = page.view()
    page.set_view({"tab": "x", "scroll": None, "run": 5})
    page.set_view({"tab": 99, "run": str(home.root / "gone")})
    assert page.view() == before
