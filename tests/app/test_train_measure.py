"""The dry run on the page Train: asked for, followed, kept for the next start, and said in the plan."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.models_list import Models
from app.pages.train import TrainPage
from app.pages.train_measure import Measurements, seconds_of
from app.queue import Queue
from tests.app.stage import Engine
from trainer.contract import events
from trainer.contract.measure import MeasureJob
from trainer.engine.demo import demo_job
from trainer.home import Home

FOUND = events.Measured(
    load_seconds=2.0,
    picture_seconds=0.5,
    step_seconds=0.25,
    steps=4,
    sample_seconds=1.0,
    memory=6 * 1024**3 + 410 * 1024**2,
    memory_total=24 * 1024**3,
    checkpoint=10**6,
    device="cuda",
    device_name="RTX 4090",
)


def test_the_time_of_a_whole_training_reckoned_by_hand() -> None:
    job = demo_job(100)
    job = job.model_copy(update={"samples": job.samples.model_copy(update={"every": 40})})
    # 2 to load, 36 pictures of half a second, 100 steps of a quarter; previews at steps 0, 40 and 80
    assert seconds_of(job, FOUND, 36) == 2 + 18 + 25 + 3 * len(job.samples.prompts)
    flipped = job.model_copy(update={"data": job.data.model_copy(update={"flip": True})})
    assert seconds_of(flipped, FOUND, 36) - seconds_of(job, FOUND, 36) == 18


def test_a_measurement_is_followed_kept_and_said(
    train_page: TrainPage, train_engine: Engine, home: Home, qtbot: QtBot
) -> None:
    assert train_page.plan.estimate.words.startswith("How long will it take?")
    train_page.measure()
    (job,) = train_engine.asked
    assert isinstance(job, MeasureJob)
    assert job.train == train_page.form.job()
    assert train_page.live.queued is None
    train_engine.say(events.Started(job="measure", name="kiki"))
    train_engine.say(events.Status(text="loading starter"))
    assert "Measuring: loading starter" in train_page.plan.said()
    assert train_page.plan.estimate.button_words == "Cancel"
    train_engine.say(events.Step(step=2, total=5))
    assert "Measuring: step 2 of 5" in train_page.plan.said()
    train_engine.say(FOUND)
    train_engine.end(events.Finished(seconds=9))
    # 2 + 36 pictures of 0.5 + 300 steps of 0.25 + 3 previews at each of 5 steps = 110 s
    assert "About 2 min  ·  6.4 GB of 24.0 GB" in train_page.plan.said()
    assert "Measured on this machine on RTX 4090: 0.25 s a step." in train_page.plan.said()
    assert train_page.plan.estimate.button_words == "Measure again"
    assert not home.runs.exists()

    kept = Measurements(home)
    assert kept.of(job.train, train_page.form.entry) == FOUND
    longer = {"steps.total": 9000, "optimizer.learning_rate": 5e-4, "output.name": "another"}
    train_page.form.change(longer)
    assert train_page.plan.estimate.button_words == "Measure again"
    train_page.form.change({"steps.batch_size": 1})
    assert train_page.plan.estimate.button_words == "Measure"


def test_a_file_of_measurements_that_is_damaged_is_begun_anew(home: Home) -> None:
    home.cache.mkdir(parents=True)
    (home.cache / "measured.json").write_text('{"a": {"load_seconds": "no"}}', encoding="utf-8")
    measurements = Measurements(home)
    assert measurements.of(demo_job(None), None) is None
    measurements.keep(demo_job(None), None, FOUND)
    assert Measurements(home).of(demo_job(None), None) == FOUND


def test_only_the_newest_are_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.pages.train_measure.KEPT", 2)
    measurements = Measurements(home)
    jobs = [demo_job(None).model_copy(update={"model": name}) for name in ("a", "b", "c")]
    for job in jobs:
        measurements.keep(job, None, FOUND)
    assert [Measurements(home).of(job, None) for job in jobs] == [None, FOUND, FOUND]


def test_pressed_again_it_is_cancelled(train_page: TrainPage, train_engine: Engine) -> None:
    train_page.measure()
    train_engine.say(events.Started(job="measure"))
    train_page.measure()
    assert train_engine.asked[-1] == "cancel"
    train_engine.end(events.Stopped())
    assert train_page.plan.estimate.words.startswith("How long will it take?")
    assert train_page.plan.estimate.button_words == "Measure"


def test_one_that_waits_is_taken_out_of_the_queue(train_page: TrainPage, train_engine: Engine) -> None:
    train_page.start()
    train_page.measure()
    assert "Waits in the queue" in train_page.plan.said()
    train_page.measure()
    assert len(train_page.queue.jobs) == 1
    assert train_page.plan.estimate.button_words == "Measure"
    train_page.measure()
    assert len(train_page.queue.jobs) == 2


def test_out_of_memory_offers_what_needs_less(train_page: TrainPage, train_engine: Engine) -> None:
    train_page.measure()
    train_engine.end(events.Failed(title="Memory ran out: 2.0 GB more were needed.", fix="x.", cause="out_of_memory"))
    assert "Memory ran out: 2.0 GB more were needed." in train_page.plan.said()
    train_page.plan.estimate.offers()["Batch size 2"].click()
    steps = train_page.form.tree()["steps"]
    assert (steps["batch_size"], steps["accumulation"]) == (2, 2)


def test_a_form_that_makes_no_sense_is_not_measured(train_page: TrainPage, train_engine: Engine) -> None:
    train_page.form.set_folder("")
    train_page.measure()
    assert train_engine.asked == []
    assert train_page.form.fault == "Choose a folder of pictures first."


def test_one_that_waited_when_the_window_was_closed_is_followed(home: Home, tmp_path: Path, qtbot: QtBot) -> None:
    engine = Engine()
    queue = Queue(engine, home)  # pyright: ignore[reportArgumentType]
    page = TrainPage(home, Models(home), queue)
    qtbot.addWidget(page)
    queue.add(MeasureJob(train=demo_job(None)))
    with qtbot.waitSignal(page.measured):
        engine.say(events.Started(job="measure"))
        engine.say(FOUND)
    assert page.plan.estimate.button_words == "Cancel"
    engine.end(events.Finished(seconds=3))
    assert page.plan.estimate.button_words != "Cancel"
