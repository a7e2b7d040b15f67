"""Advice before a training: each remark appears for its reason alone, and its button mends it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.pages.train import TrainPage
from app.pages.train_advice import Change, Show, Situation, advice, usual_rate
from app.pages.train_disk import Looked, ModelSize
from tests.app.stage import open_and_look, pictures
from trainer.contract import events
from trainer.contract.common import Size
from trainer.contract.optimize import AdamW, Prodigy, Schedule
from trainer.contract.train import Captions, Data, Full, Output, Samples, Steps, TrainJob
from trainer.dataset.buckets import buckets_for
from trainer.dataset.check import check
from trainer.dataset.pictures import Size as Pixels

OWN = ModelSize(128, 128, 32)


@pytest.fixture
def looked(tmp_path: Path) -> Looked:
    folder = pictures(tmp_path / "mine", (200, 200), (200, 200), (200, 140))
    buckets = buckets_for(Data(folder=str(folder)), Pixels(128, 128), 32)
    return Looked(check(folder, buckets=buckets), None, (), OWN, buckets.max_area, free=10**12)


def job(looked: Looked, **fields: Any) -> TrainJob:
    data = Data(folder=str(looked.report.folder), **fields.pop("data", {}))
    return TrainJob(**{"data": data, "steps": Steps(total=400), **fields})


def words(now: Situation) -> str:
    (one,) = advice(now)
    return one.words


def changes(now: Situation) -> dict[str, Any]:
    (one,) = advice(now)
    return {path: value for offer in one.offers if isinstance(offer, Change) for path, value in offer.fields.items()}


def measured(**fields: Any) -> events.Measured:
    known: dict[str, Any] = {
        "load_seconds": 2.0, "picture_seconds": 0.5, "step_seconds": 0.25, "steps": 4, "memory": 6 * 1024**3,
        "memory_total": 24 * 1024**3, "checkpoint": 10**6, "device": "cuda", "device_name": "a card",
    }  # fmt: skip
    return events.Measured(**{**known, **fields})


def test_a_sound_training_needs_no_advice(looked: Looked) -> None:
    assert advice(Situation(job(looked), looked, measured=measured())) == []


def test_pictures_without_caption_take_the_name_as_their_word(looked: Looked) -> None:
    for caption in looked.report.folder.glob("[01].txt"):
        caption.unlink()
    looked = replace(looked, report=check(looked.report.folder, 128))
    now = Situation(job(looked, output=Output(name="kiki")), looked)
    assert words(now) == "2 pictures have no caption."
    assert changes(now) == {"data.captions.prefix": "kiki"}
    (show,) = [offer for one in advice(now) for offer in one.offers if isinstance(offer, Show)]
    assert [path.name for path in show.paths] == ["0.png", "1.png"]
    with_word = job(looked, data={"captions": Captions(prefix="kiki")})
    assert "“kiki” alone stands for them" in words(Situation(with_word, looked))


def test_small_pictures_offer_what_fits_and_their_own_size(looked: Looked) -> None:
    small = replace(looked, area=192 * 192)
    now = Situation(job(looked), small)
    assert words(now) == "1 picture is smaller than 192 × 192: enlarged and blurred."
    # by hand: 200 x 140 are 28,000 pixels, whose square has sides of 167.3; in steps of 32 that is 160
    assert changes(now) == {"data.resolution": Size(width=160, height=160), "data.enlarge": False}
    kept = Situation(job(looked, data={"enlarge": False}), small)
    assert "trained at their own size" in words(kept)


def test_another_resolution_than_the_models_own(looked: Looked, train_page: TrainPage) -> None:
    entry = train_page.form.entry
    assert entry is not None
    data = {"resolution": Size(width=96, height=96)}
    now = Situation(job(looked, data=data), looked, entry)
    assert words(now) == "The model was made at 128 × 128, and would be trained at 96 × 96."
    assert changes(now) == {"data.resolution": None}


def test_too_few_steps(looked: Looked) -> None:
    now = Situation(job(looked, steps=Steps(total=10, batch_size=2)), looked)
    assert words(now) == "Each picture is seen only 7 times: little will be learned."
    assert changes(now) == {"steps.total": 150}  # 75 times 3 pictures in batches of 2 are 112.5 steps


def test_a_warm_up_without_end(looked: Looked) -> None:
    now = Situation(job(looked, schedule=Schedule(warmup=400)), looked)
    assert "warm-up of 400 steps" in words(now)
    assert changes(now) == {"schedule.warmup": 40}


@pytest.mark.parametrize(
    ("fields", "usual"),
    [
        ({"optimizer": AdamW(learning_rate=0.01)}, 1e-4),
        ({"optimizer": AdamW(learning_rate=1e-6)}, 1e-4),
        ({"optimizer": AdamW(learning_rate=1e-3), "method": Full()}, 1e-5),
        ({"optimizer": Prodigy(learning_rate=1e-4)}, 1.0),
    ],
)
def test_a_rate_far_from_the_usual(looked: Looked, fields: dict[str, Any], usual: float) -> None:
    now = Situation(job(looked, **fields), looked)
    assert usual_rate(now.job) == pytest.approx(usual)
    assert changes(now) == {"optimizer.learning_rate": pytest.approx(usual)}


def test_prompts_without_previews(looked: Looked) -> None:
    now = Situation(job(looked, samples=Samples(prompts=("a cat",))), looked)
    assert changes(now) == {"samples.every": 100}


def test_a_name_that_is_taken(looked: Looked) -> None:
    now = Situation(job(looked, output=Output(name="Kiki")), looked, taken=frozenset({"kiki", "kiki 2"}))
    assert "named Kiki already" in words(now)
    assert changes(now) == {"output.name": "Kiki 3"}


def test_no_room_for_checkpoints(looked: Looked) -> None:
    now = Situation(job(looked), replace(looked, free=2_500_000), measured=measured(checkpoint=10**6))
    assert "checkpoints need 2.9 MB" in words(now)  # two that are kept, and one more while it is written
    assert changes(now) == {"output.keep_checkpoints": 1}
    roomy = Situation(job(looked), replace(looked, free=3_500_000), measured=measured(checkpoint=10**6))
    assert advice(roomy) == []


def test_tight_memory_offers_what_needs_less(looked: Looked) -> None:
    tight = measured(memory=23 * 1024**3)
    now = Situation(job(looked, steps=Steps(total=400, batch_size=4)), looked, measured=tight)
    assert words(now) == "Memory is tight: it needs 23.0 GB of 24.0 GB."
    assert changes(now) == {"steps.batch_size": 2, "steps.accumulation": 2, "steps.gradient_checkpointing": True}


def test_a_button_of_the_plan_mends_it_and_the_remark_goes(train_page: TrainPage, tmp_path: Path, qtbot: QtBot) -> None:
    folder = pictures(tmp_path / "mine", (200, 200), (200, 200))
    (folder / "0.txt").unlink()
    open_and_look(train_page, folder, qtbot)
    plan = train_page.plan
    assert "1 picture has no caption." in plan.said()
    plan.offers()["Use “mine”"].click()
    assert train_page.form.tree()["data"]["captions"]["prefix"] == "mine"
    assert "1 picture has no caption." not in plan.said()


def test_show_opens_the_pictures_in_place(train_page: TrainPage, tmp_path: Path, qtbot: QtBot) -> None:
    folder = pictures(tmp_path / "mine", (200, 200), (200, 200))
    (folder / "1.txt").unlink()
    open_and_look(train_page, folder, qtbot)
    train_page.plan.offers()["Show"].click()
    assert train_page.shown.isVisible()
    qtbot.waitUntil(lambda: not train_page.shown.canvas.is_empty)
    train_page.shown.left.emit()
    assert train_page.plan.isVisible()
