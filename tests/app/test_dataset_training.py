"""What the page Dataset says of a training: buckets, what falls away, and the captions that are read."""

from pathlib import Path

import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from app.pages.dataset import DatasetPage
from tests.app.dataset_page import names, open_folder, unopened
from tests.app.stage import Engine
from trainer.contract.train import TrainJob
from trainer.home import Home

SIZES = {"1.png": (512, 512), "2.png": (600, 600), "3.png": (1000, 500)}


def job(**data: object) -> TrainJob:
    tree = {"model": "starter", "data": {"folder": "elsewhere", **data}, "steps": {"total": 10, "batch_size": 2}}
    return TrainJob.model_validate(tree)


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, tmp_path: Path) -> DatasetPage:
    folder = tmp_path / "2_cat"
    folder.mkdir()
    for name, size in SIZES.items():
        Image.new("RGB", size, (90, 120, 60)).save(folder / name)
        (folder / name).with_suffix(".txt").write_text("cat, sofa, hat\n", encoding="utf-8")
    made = unopened(qtbot, home, train_engine)
    with qtbot.waitSignal(made.views.training.worked_out):
        open_folder(qtbot, made, tmp_path)
    qtbot.waitUntil(lambda: made.views.buckets.table.model().rowCount() == 2)
    return made


def test_the_wide_picture_loses_its_ends_and_the_square_one_nothing(page: DatasetPage) -> None:
    page.grid.go_to(0)
    assert page.inspector.picture.kept_rect().isEmpty()
    assert (
        "Bucket 512 × 512, at its own scale; nothing is cut off. Shown 2 times"
        in page.inspector.training.placement.text()
    )
    page.grid.go_to(2)
    assert "Bucket 704 × 320, scaled by 0.70; 9 % are cut off" in page.inspector.training.placement.text()


def test_the_settings_of_train_hold_as_soon_as_the_page_is_seen_again(page: DatasetPage, qtbot: QtBot) -> None:
    page.grid.go_to(0)
    page.hide()
    page.views.training.ask = lambda: (job(repeats=5, buckets=False, captions={"prefix": "kiki,"}), None)
    with qtbot.waitSignal(page.views.training.worked_out):
        page.show()
    assert "Shown 10 times" in page.inspector.training.placement.text()
    assert page.inspector.training.caption.text() == "kiki, cat, sofa, hat"
    assert not page.inspector.training.roll.isVisible()
    assert page.views.buckets.table.model().rowCount() == 1


def test_a_crop_is_fitted_by_the_same_training(page: DatasetPage, qtbot: QtBot) -> None:
    panel = page.preparing

    def train_at(**data: object) -> None:
        page.hide()
        page.views.training.ask = lambda: (job(**data), None)
        with qtbot.waitSignal(page.views.training.worked_out):
            page.show()

    page.grid.go_to(2)
    train_at(resolution={"width": 128, "height": 128}, bucket_step=32)
    page.prepare()
    qtbot.waitUntil(lambda: panel._is_shown)
    assert panel._words.text() == "Bucket 160 × 96, scaled by 0.19; 17 % are cut off"
    assert panel._words.text() in page.inspector.training.placement.text()
    assert panel.crop_bar.ratio.itemText(panel.crop_bar.ratio.count() - 1) == "Bucket 160 × 96"
    assert not panel.crop_canvas.is_too_small()
    panel.crop_bar.ratio.setCurrentIndex(panel.crop_bar.ratio.count() - 1)
    panel.crop_bar.ratio.activated.emit(panel.crop_bar.ratio.currentIndex())
    assert panel.crop_canvas.ratio == 160 / 96
    panel.reset()
    qtbot.waitUntil(lambda: panel._is_shown and panel.crop_canvas.crop is None)
    train_at(resolution={"width": 256, "height": 256}, crop="piece")
    assert panel._words.text() == "Bucket 256 × 256, at its own scale; 87 % are cut off, each time elsewhere"
    assert panel._words.text() in page.inspector.training.placement.text()
    assert panel.crop_canvas.ratio is None, "no training has the bucket any more"
    train_at(resolution={"width": 2048, "height": 2048})
    assert panel.crop_canvas.is_too_small()


def test_rolling_the_dice_shows_other_orders_of_the_tags(page: DatasetPage, qtbot: QtBot) -> None:
    page.hide()
    page.views.training.ask = lambda: (job(captions={"shuffle": True, "keep_tags": 0}), None)
    with qtbot.waitSignal(page.views.training.worked_out):
        page.show()
    page.grid.go_to(1)
    seen: set[str] = set()
    for _ in range(40):
        seen.add(page.inspector.training.caption.text())
        page.inspector.training.roll.click()
    assert len(seen) == 6
    assert all(sorted(one.split(", ")) == ["cat", "hat", "sofa"] for one in seen)


def test_a_click_on_a_bucket_shows_its_pictures(page: DatasetPage, qtbot: QtBot) -> None:
    page.buckets()
    table = page.views.buckets.table
    table.clicked.emit(table.model().index(1, 0))
    assert page.filter.query == "bucket:704x320"
    qtbot.waitUntil(lambda: names(page) == ["3.png"])
    assert page.grid.isVisible()


def test_a_bucket_that_fills_no_batch_is_marked(page: DatasetPage, qtbot: QtBot) -> None:
    page.hide()
    page.views.training.ask = lambda: (job(), None)
    with qtbot.waitSignal(page.views.training.worked_out):
        page.show()
    model = page.views.buckets.table.model()
    assert [model.index(row, 3).data() for row in range(2)] == ["", ""]  # each is shown twice
    page.hide()
    page.views.training.ask = lambda: (
        job().model_copy(update={"steps": job().steps.model_copy(update={"batch_size": 3})}),
        None,
    )
    with qtbot.waitSignal(page.views.training.worked_out):
        page.show()
    assert [model.index(row, 3).data() for row in range(2)] == ["", "Fewer than a batch of 3"]
