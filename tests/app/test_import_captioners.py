"""Captioners published as pickles, from a drop to the list of models: what they are is said, and asked about once."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.drops import use_of
from app.pages.models import ModelsPage
from app.queue import Queue
from tests.app.models_page import models_of, opened, press, words
from tests.app.stage import Engine
from tests.captioning.models import write_deepbooru
from tests.captioning.test_blip import pickled
from tests.captioning.test_deepbooru import published
from trainer.captioning.pickles import import_model
from trainer.contract.events import Failed, Finished
from trainer.contract.import_model import ImportJob
from trainer.contract.run import Run
from trainer.home import Home
from trainer.library.identity import Kind


@pytest.fixture
def queue(home: Home, train_engine: Engine) -> Queue:
    return Queue(train_engine, home)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def page(qtbot: QtBot, home: Home, queue: Queue) -> ModelsPage:
    made = opened(qtbot, home)
    made.importing.connect(queue.add)
    queue.ended.connect(made.ended)
    return made


def offered(qtbot: QtBot, page: ModelsPage, source: Path) -> str:
    page.install(source)
    qtbot.waitUntil(lambda: not page._card.is_busy)
    return words(page._card)


def test_such_a_file_is_for_installing_and_other_pickles_are_not(tmp_path: Path) -> None:
    assert use_of(published(tmp_path / "model-resnet_custom_v3.pt")).does == "install"
    assert use_of(pickled(tmp_path / "my blip")).does == "install"
    other = tmp_path / "model.pt"
    other.write_bytes(b"PK")
    assert use_of(other).does == "nothing"


def test_deepbooru_is_explained_asked_about_installed_by_the_engine_and_listed(
    qtbot: QtBot, page: ModelsPage, train_engine: Engine, home: Home, tmp_path: Path
) -> None:
    source = published(tmp_path / "model-resnet_custom_v3.pt")
    said = offered(qtbot, page, source)
    assert "looks like DeepBooru" in said
    assert "runs none of it" in said
    assert train_engine.asked == []
    press(page._card, "Install")
    (job,) = train_engine.asked
    assert job == ImportJob(source=str(source))
    assert page._card.isHidden()
    assert isinstance(job, ImportJob)
    paths = import_model(job, Run(lambda _: None), home)  # what the engine does
    with qtbot.waitSignal(models_of(page).changed):
        train_engine.end(Finished(seconds=1, paths=tuple(map(str, paths))))
    (entry,) = models_of(page).of_kind(Kind.CAPTIONER)
    assert entry.name == "model-resnet_custom_v3"
    assert page._chosen == entry.path


def test_a_folder_of_blip_with_a_name_that_is_taken_offers_both_or_replacing(
    qtbot: QtBot, page: ModelsPage, train_engine: Engine, home: Home, tmp_path: Path
) -> None:
    source = pickled(tmp_path / "my blip")
    import_model(ImportJob(source=str(source)), Run(lambda _: None), home)
    assert "There is a model named my blip already" in offered(qtbot, page, source)
    press(page._card, "Keep both")
    assert train_engine.asked == [ImportJob(source=str(source), on_clash="keep_both")]


def test_what_turns_out_to_be_something_else_is_said(
    qtbot: QtBot, page: ModelsPage, train_engine: Engine, tmp_path: Path
) -> None:
    offered(qtbot, page, published(tmp_path / "booru.pt"))
    press(page._card, "Install")
    with qtbot.waitSignal(page.said) as said:
        train_engine.end(Failed(title="It is not that file.", fix="Get it again."))
    assert said.args == ["booru.pt was not installed: It is not that file. Get it again."]


def test_nothing_is_installed_where_the_question_is_answered_with_no(
    qtbot: QtBot, page: ModelsPage, train_engine: Engine, home: Home, tmp_path: Path
) -> None:
    write_deepbooru(home.models / "captioners" / "mine.safetensors", ("1girl",))
    offered(qtbot, page, published(tmp_path / "booru.pt"))
    press(page._card, "Cancel")
    assert page._card.isHidden()
    assert train_engine.asked == []
