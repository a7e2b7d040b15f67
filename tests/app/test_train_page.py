"""The page Train: what its form says, its plan, a training played to it event by event, and runs that go on."""

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.models_list import Models
from app.pages.train import TrainPage
from app.pages.train_disk import Earlier, seconds_for, size_of
from app.pages.train_estimate import duration, estimate
from app.pages.train_presets import Preset, presets
from app.queue import Queue, Queued
from app.widgets.loss_chart import LossChart
from tests.app.stage import Engine, open_and_look, pictures, play
from tests.library import layouts
from trainer.contract import events
from trainer.contract.train import Data, TrainJob
from trainer.dataset.buckets import buckets_for
from trainer.dataset.pictures import Size
from trainer.engine import runs
from trainer.engine.demo import SAMPLE_CLASS, demo_job
from trainer.home import Home
from trainer.library.index import Index


@pytest.fixture
def engine(train_engine: Engine) -> Engine:
    return train_engine


@pytest.fixture
def page(train_page: TrainPage) -> TrainPage:
    return train_page


def test_the_page_opens_with_the_demo_ready_to_start(page: TrainPage) -> None:
    job = page.form.job()
    assert job is not None
    assert job.samples.every > 0
    demo = demo_job(None)
    assert job.model_copy(update={"samples": demo.samples}) == demo
    assert job.samples.model_copy(update={"every": 0}) == demo.samples


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_every_preset_makes_a_job_and_says_what_it_is(page: TrainPage, preset: Preset) -> None:
    page.form.choose_preset(preset.name)
    assert isinstance(page.form.job(), TrainJob)
    assert page.form.preset_about
    assert not page.form.is_changed


def test_a_change_is_marked_and_the_preset_brings_it_back(page: TrainPage) -> None:
    tree = page.form.tree()
    page.form.set_tree({**tree, "steps": {**tree["steps"], "total": 77}})
    assert page.form.is_changed
    page.form.take_samples()
    assert not page.form.is_changed


def test_a_draft_survives_json(page: TrainPage, home: Home, engine: Engine, qtbot: QtBot) -> None:
    page.form.choose_preset("full")
    page.form.set_folder("")
    draft = json.loads(json.dumps(page.draft()))
    other = TrainPage(home, Models(home), Queue(engine, home))  # pyright: ignore[reportArgumentType]
    qtbot.addWidget(other)
    other.set_draft(draft)
    assert other.draft() == draft
    other.set_draft({"tree": {"steps": "nonsense"}, "preset": 5})
    assert other.draft() == draft


def test_a_missing_folder_is_said_in_place_and_nothing_starts(page: TrainPage, engine: Engine) -> None:
    page.form.set_folder("")
    page.start()
    assert page.form.fault == "Choose a folder of pictures first."
    assert engine.asked == []


def test_a_fault_names_its_field(page: TrainPage) -> None:
    tree = page.form.tree()
    page.form.set_tree({**tree, "output": {**tree["output"], "name": ""}})
    assert page.form.job() is None
    assert page.form.fault.startswith("Name: ")


def test_another_optimizer_brings_its_usual_rate(page: TrainPage) -> None:
    page.form.choose_optimizer("prodigy")
    job = page.form.job()
    assert job is not None
    assert (job.optimizer.kind, job.optimizer.learning_rate) == ("prodigy", 1.0)


def test_own_pictures_leave_nothing_of_the_samples_behind(page: TrainPage, tmp_path: Path, qtbot: QtBot) -> None:
    open_and_look(page, pictures(tmp_path / "my dog", (200, 200)), qtbot)
    job = page.form.job()
    assert job is not None
    assert job.output.name == "my dog"
    assert job.data.prior is None
    assert job.samples.prompts == ()


def test_a_folder_without_a_usable_picture_does_not_start(
    page: TrainPage, engine: Engine, tmp_path: Path, qtbot: QtBot
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"no picture")
    open_and_look(page, folder, qtbot)
    page.start()
    assert "no picture" in page.form.fault
    assert engine.asked == []


def test_the_plan_names_the_file_that_is_the_matter(page: TrainPage, tmp_path: Path, qtbot: QtBot) -> None:
    folder = pictures(tmp_path / "mine", (200, 200), (200, 200), (40, 40))
    (folder / "bad.png").write_bytes(b"no picture")
    open_and_look(page, folder, qtbot)
    said = page.plan.said()
    assert any(line.startswith("bad.png: ") for line in said)
    assert "1 picture is smaller than 128 × 128: enlarged and blurred." in said


def test_the_plan_counts_batches_of_each_shape_apart(page: TrainPage, tmp_path: Path, qtbot: QtBot) -> None:
    open_and_look(page, pictures(tmp_path / "mine", (200, 200), (200, 200), (200, 200), (300, 150)), qtbot)
    tree = page.form.tree()
    tree["steps"] |= {"total": 60, "batch_size": 2}
    tree["data"] |= {"buckets": True, "repeats": 1}
    with qtbot.waitSignal(page.looked):  # buckets matter to the check
        page.form.set_tree(tree)
    # By hand: 3 squares are 2 batches, 1 wide picture is another: 3 steps; 60 / 3 = 20 epochs.
    assert "60 steps / 3 = 20 epochs: each picture is seen about 20 times." in page.plan.said()
    assert "60 steps, 20 epochs" in page.plan.said()


def test_no_time_is_promised_without_a_run_that_was_alike() -> None:
    job = demo_job(None)
    assert seconds_for(job, ()) is None
    known = Earlier(Path("x"), job, "finished", 300, 300, 8.0, False)
    assert seconds_for(job, (known,)) == 300 * 4 * 2 / 8.0  # class pictures stand beside the others
    other = job.model_copy(update={"model": "another"})
    assert seconds_for(other, (known,)) is None
    assert estimate(job, None, (known,), None)[0].startswith("About 5 min")


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (59, "59 s"), (540, "9 min"), (12_000, "3 h 20 min")])
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_starters_size_is_read_from_its_header(home: Home) -> None:
    starter = next(entry for entry in Index(home).models().entries if entry.name == "starter")
    size = size_of(starter)
    assert (size.width, size.height, size.step) == (128, 128, 32)
    buckets = buckets_for(Data(folder="x", buckets=False), Size(size.width, size.height), size.step)
    assert buckets.max_area == 128 * 128


def test_a_model_that_says_no_size_takes_its_familys(home: Home) -> None:
    layouts.write_header_only(home.models / "checkpoints" / "sd15.safetensors", layouts.sd1())
    entry = next(entry for entry in Index(home).models().entries if entry.name == "sd15")
    size = size_of(entry)
    assert (size.width, size.height, size.step) == (512, 512, 64)


def test_live_follows_a_training(page: TrainPage, engine: Engine, tmp_path: Path, qtbot: QtBot) -> None:
    page.start()
    assert page.tabs.currentWidget() is page.live
    play(page, engine, tmp_path)
    assert page.live.chart.steps == tuple(range(1, 21))
    assert "step 20 of 300" in page.live.numbers
    assert "2 min left" in page.live.numbers
    qtbot.waitUntil(lambda: page.live.previews.shown() == {"a kiki cat": [0]})


def test_pause_then_resume_goes_on_with_the_same_curve(page: TrainPage, engine: Engine, tmp_path: Path) -> None:
    page.start()
    run = play(page, engine, tmp_path)
    page.live.pause()
    assert engine.asked[-1] == "cancel"
    engine.end(events.Stopped(resume=str(run)))
    assert page.live.words.startswith("Paused at step 20")
    page.live.resume()
    assert engine.asked[-1] == run
    play(page, engine, tmp_path, 11, 12)  # back to its checkpoint
    assert page.live.chart.steps == tuple(range(1, 13))


def test_a_second_stop_ends_the_engine(page: TrainPage, engine: Engine, tmp_path: Path) -> None:
    page.start()
    play(page, engine, tmp_path)
    page.live.stop()
    page.live.stop()
    assert engine.asked[-2:] == ["cancel", "stop now"]


def test_a_failure_is_said_where_it_happened(page: TrainPage, engine: Engine) -> None:
    page.start()
    engine.end(events.Failed(title="The disk is full.", fix="Make room.", detail="Traceback"))
    assert page.live.words == "The disk is full. Make room."


def test_a_finished_lora_can_be_tried(page: TrainPage, engine: Engine, tmp_path: Path, qtbot: QtBot) -> None:
    page.start()
    run = play(page, engine, tmp_path)
    paths = (str(run / "kiki.safetensors"), str(tmp_path / "kiki-2.safetensors"))
    engine.end(events.Finished(seconds=61, paths=paths))
    assert page.tabs.currentWidget() is page.result
    assert page.result.title == "kiki-2 is ready", "its name was taken, so it got a number"
    with qtbot.waitSignal(page.try_it) as tried:
        page.result.try_button.click()
    assert tried.args == ["kiki-2", page.form.tree()["samples"]["prompts"][0]]
    qtbot.waitUntil(lambda: bool(page.result.previews.shown()))


def test_other_jobs_do_not_show_here(page: TrainPage, engine: Engine) -> None:
    from trainer.contract.generate import GenerateJob

    page.queue.add(GenerateJob(prompt="a cat"))
    engine.say(events.Step(step=1, total=2, loss=1.0))
    assert page.live.queued is None
    assert page.live.chart.steps == ()


def test_a_run_that_was_broken_off_is_offered_and_goes_on(
    page: TrainPage, home: Home, engine: Engine, qtbot: QtBot
) -> None:
    job = demo_job(None)
    run = runs.create(home.runs, job)
    (run / "checkpoints" / "step-00000002").mkdir(parents=True)
    with runs.recording(run, lambda event: None) as record:
        record(events.Started(job="train", name="kiki", run_folder=str(run)))
        record(events.Step(step=2, total=300, loss=0.5, pictures_per_second=4.0))
    with qtbot.waitSignal(page.listed):
        page.hide()
        page.show()
    assert any("broken off at step 2 of 300" in line for line in page.plan.said())
    with qtbot.waitSignal(page.live.followed):
        page.resume(str(run))
    assert engine.asked == [run]
    assert page.live.chart.steps == (2,)


def test_a_waiting_training_is_taken_out(page: TrainPage, engine: Engine) -> None:
    from trainer.contract.generate import GenerateJob

    page.queue.add(GenerateJob(prompt="a cat"))
    page.start()
    waiting = page.live.queued
    assert isinstance(waiting, Queued)
    assert waiting.state == "waiting"
    page.live.stop()
    assert waiting not in page.queue.jobs
    assert page.live.queued is None
    assert SAMPLE_CLASS.is_dir()


def test_a_training_that_waits_behind_another_leaves_that_one_in_sight(
    page: TrainPage, engine: Engine, tmp_path: Path
) -> None:
    page.start()
    play(page, engine, tmp_path)
    running, steps = page.live.queued, page.live.chart.steps
    assert steps
    page.start()
    assert page.live.queued is running
    assert page.live.chart.steps == steps


def test_the_chart_keeps_a_bounded_number_of_points(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.widgets.loss_chart.MOST_POINTS", 100)
    chart = LossChart()
    qtbot.addWidget(chart)
    for step in range(1, 1001):
        chart.add(step, 1.0)
    assert len(chart.steps) <= 100
    assert chart.steps[-1] == 1000
    assert chart.mean == pytest.approx(1.0)
