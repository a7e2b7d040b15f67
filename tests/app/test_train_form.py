"""The form of a training: the search over it, marks on what was changed, faults in place, and drafts half typed."""

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.forms.row import FieldRow
from app.models_list import Models
from app.pages.train import TrainPage
from app.pages.train_find import FindBox
from app.pages.train_folds import Folds
from app.pages.train_form import TrainForm
from app.pages.train_presets import SAMPLES
from trainer.contract.train import TrainJob
from trainer.home import Home


@pytest.fixture
def form(home: Home, qtbot: QtBot) -> TrainForm:
    made = TrainForm(Models(home))
    qtbot.addWidget(made)
    made.show()
    return made


def row(form: TrainForm, path: str) -> FieldRow:
    return next(one for one in form.rows() if one.path == path)


def in_sight(form: TrainForm) -> set[str]:
    return {one.path for one in form.rows() if one.isVisible()}


def type_into(form: TrainForm, path: str, text: str, qtbot: QtBot) -> None:
    widget = row(form, path).editor.widget
    assert isinstance(widget, QLineEdit)
    widget.clear()
    qtbot.keyClicks(widget, text)


def test_every_field_of_the_job_is_in_the_form(form: TrainForm) -> None:
    form.choose_preset("starter")
    job = form.job()
    assert job is not None
    assert TrainJob.model_validate(form.tree()) == job
    paths = {one.path for one in form.rows()}
    for part in ("steps", "loss", "schedule", "hardware", "output", "method", "optimizer"):
        fields = set(type(getattr(job, part)).model_fields) - {"kind"}
        assert {f"{part}.{name}" for name in fields} <= paths


def test_the_search_opens_what_matches_and_hides_the_rest(form: TrainForm, qtbot: QtBot) -> None:
    folds = form.findChildren(Folds)[0]
    folds.set_open(["Output"])
    before = in_sight(form)
    form.find_field("min_snr")
    assert in_sight(form) == {"loss.min_snr_gamma"}
    box = form.findChildren(FindBox)[0]
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert box.text() == ""
    assert in_sight(form) == before
    assert folds.open_folds() == ["Output"]


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("learning rate", "optimizer.learning_rate"),  # by its name
        ("memory third slower", "steps.gradient_checkpointing"),  # by its help
        ("output.keep", "output.keep_checkpoints"),  # by its path
        ("batch", "steps.batch_size"),
    ],
)
def test_fields_are_found_by_name_help_and_path(form: TrainForm, words: str, path: str) -> None:
    form.find_field(words)
    assert path in in_sight(form)
    assert len(in_sight(form)) < 6


def test_a_search_in_vain_says_so(form: TrainForm) -> None:
    form.find_field("flux capacitor")
    box = form.findChildren(FindBox)[0]
    assert in_sight(form) == set()
    assert box.nothing.isVisible()


def test_options_of_another_method_are_not_found(form: TrainForm) -> None:
    form.find_field("averaged weights ema")
    assert in_sight(form) == set()


def test_a_changed_field_is_marked_and_reset_alone(form: TrainForm, qtbot: QtBot) -> None:
    form.choose_preset("lora-object")
    assert not any(one.is_changed for one in form.rows())
    form.change({"steps.total": 77, "method.rank": 64})
    assert {one.path for one in form.rows() if one.is_changed} == {"steps.total", "method.rank"}
    assert form.is_changed
    row(form, "steps.total").reset.emit("steps.total")
    assert {one.path for one in form.rows() if one.is_changed} == {"method.rank"}
    assert row(form, "steps.total").editor.value() == 1200
    row(form, "method.rank").reset.emit("method.rank")
    assert not form.is_changed


def test_options_of_an_optimizer_that_the_preset_has_not_go_back_to_their_defaults(form: TrainForm) -> None:
    form.choose_optimizer("prodigy")
    form.change({"optimizer.growth": 0.5})
    assert row(form, "optimizer.growth").is_changed
    row(form, "optimizer.growth").reset.emit("optimizer.growth")
    assert row(form, "optimizer.growth").editor.value() == 1.0


def test_a_half_typed_number_is_a_fault_in_place_and_survives_as_a_draft(
    form: TrainForm, home: Home, qtbot: QtBot
) -> None:
    type_into(form, "optimizer.learning_rate", "1e-", qtbot)
    type_into(form, "output.name", "my dog", qtbot)
    assert form.draft_job() is None
    assert form.job() is None
    assert row(form, "optimizer.learning_rate").fault
    assert form.fault.startswith("Learning rate")
    draft = json.loads(json.dumps(form.draft()))
    other = TrainForm(Models(home))
    qtbot.addWidget(other)
    other.set_draft(draft)
    assert other.draft() == draft
    assert row(other, "optimizer.learning_rate").editor.value() == "1e-"
    assert row(other, "output.name").editor.value() == "my dog"
    type_into(other, "optimizer.learning_rate", "1e-5", qtbot)
    job = other.job()
    assert job is not None
    assert (job.optimizer.learning_rate, job.output.name) == (1e-5, "my dog")
    assert row(other, "optimizer.learning_rate").fault == ""


def test_a_fold_with_a_fault_opens(form: TrainForm, qtbot: QtBot) -> None:
    type_into(form, "method.text_encoder_learning_rate", "7", qtbot)
    assert form.job() is None
    assert row(form, "method.text_encoder_learning_rate").fault
    assert "Learning" in form.draft()["open"]


def test_a_change_by_path_leaves_half_typed_fields_alone(form: TrainForm, qtbot: QtBot) -> None:
    type_into(form, "optimizer.learning_rate", "1e-", qtbot)
    form.change({"steps.batch_size": 2, "data.prior": None})
    assert row(form, "steps.batch_size").editor.value() == 2
    assert row(form, "optimizer.learning_rate").editor.value() == "1e-"
    assert form.tree()["data"]["prior"] is None


def test_numbers_show_as_many_decimals_as_they_have(form: TrainForm) -> None:
    form.change({"loss.noise_offset": 0.0375, "data.captions.dropout": 0.1})
    assert row(form, "loss.noise_offset").editor.value() == 0.0375
    assert row(form, "data.captions.dropout").editor.widget.property("text") == "0.1"


def test_class_pictures_without_a_folder_are_no_reason_to_show_no_plan(train_page: TrainPage) -> None:
    form = train_page.form
    form.prior.show_prior(True, "")
    form.prior.changed.emit()
    assert form.draft_job() is not None
    assert form.job() is None
    assert form.fault == "Choose the folder of class pictures, or do without them."
    assert "No class pictures are chosen yet." in train_page.plan.said()
    train_page.plan.offers()["Do without"].click()
    assert form.job() is not None


def test_a_preset_of_another_method_and_with_class_pictures_is_taken_as_a_whole(form: TrainForm) -> None:
    form.choose_preset(SAMPLES)
    lora = form.tree()
    full = {**lora, "method": {"kind": "full"}, "data": {**lora["data"], "prior": None}}
    for tree in (full, lora, full):  # each passes a moment in which half of the form is of the other method
        form.set_tree(tree)
        assert form.tree()["method"]["kind"] == tree["method"]["kind"]
