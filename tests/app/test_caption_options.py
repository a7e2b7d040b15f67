"""The options of captioners: every field can be set, nonsense is refused in place, all is remembered."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.widgets.caption_bar import FILE_NAME, SEVERAL, CaptionBar
from trainer.contract.caption import BLIP_PRESETS, Blip, CaptionJob, DeepBooru, FileName, TagWords, Template, Wd
from trainer.contract.fields import Part
from trainer.dataset.tag_scores import Reading, retag
from trainer.library.index import Entry

MODELS = {"my blip": "blip", "other blip": "blip", "my wd": "wd", "my booru": "deepbooru"}


@pytest.fixture
def bar(qtbot: QtBot) -> CaptionBar:
    return made(qtbot)


def made(qtbot: QtBot, view: Mapping[str, Any] | None = None) -> CaptionBar:
    bar = CaptionBar()
    qtbot.addWidget(bar)
    qtbot.addWidget(bar.options)
    if view is not None:
        bar.set_view(view)
    entries = [SimpleNamespace(name=name, identity=SimpleNamespace(variant=kind)) for name, kind in MODELS.items()]
    bar.set_models(cast("list[Entry]", entries))
    return bar


def job(bar: CaptionBar) -> CaptionJob:
    found = bar.job("/pictures", ["a.png"])
    assert found is not None
    return found


def type_into(bar: CaptionBar, path: str, words: str) -> None:
    line = bar.options._grid(bar.options._shown).rows[path].editor.widget
    assert isinstance(line, QLineEdit)
    line.clear()
    QTest.keyClicks(line, words)


def paths(part: type[Part]) -> set[str]:
    """By hand, what can be said of a captioner, but for its kind and its model."""
    words = {f"words.{name}" for name in TagWords.model_fields}
    own = {name for name in part.model_fields if name not in ("kind", "model", "words")}
    return own | (words if "words" in part.model_fields else set())


@pytest.mark.parametrize(("name", "part"), [("my blip", Blip), ("my wd", Wd), ("my booru", DeepBooru)])
def test_every_field_of_a_captioner_can_be_set(bar: CaptionBar, name: str, part: type[Part]) -> None:
    bar.captioner.setCurrentText(name)
    assert set(bar.options._grid(bar.options._shown).rows) == paths(part)
    usual = BLIP_PRESETS["kohya"] if part is Blip else part()
    assert job(bar).captioner == usual.model_copy(update={"model": name})


def test_what_is_set_is_in_the_job_and_counted_on_the_button(bar: CaptionBar) -> None:
    bar.captioner.setCurrentText("my wd")
    type_into(bar, "threshold", "0.4")
    type_into(bar, "words.replace", "1girl = woman")
    wanted = Wd(model="my wd", threshold=0.4, words=TagWords(replace="1girl = woman"))
    assert job(bar).captioner == wanted
    assert bar.more.text() == "Options · 2"
    bar.options.reset()
    assert job(bar).captioner == Wd(model="my wd")
    assert bar.more.text() == "Options"


def test_a_preset_of_blip_asks_as_that_program_does_and_is_named(bar: CaptionBar) -> None:
    bar.captioner.setCurrentText("my blip")
    assert bar.options.preset.currentText() == "kohya"
    bar.options.preset.activated.emit(bar.options.preset.findData("a1111"))
    assert job(bar).captioner == BLIP_PRESETS["a1111"].model_copy(update={"model": "my blip"})
    assert bar.options.preset.currentText() == "AUTOMATIC1111"
    type_into(bar, "prompt", "a drawing of")
    assert bar.options.preset.currentText() == "own"


def test_nonsense_is_said_under_its_field_and_no_job_is_made(bar: CaptionBar) -> None:
    bar.captioner.setCurrentText("my wd")
    type_into(bar, "threshold", "7")
    assert bar.job("/pictures", []) is None
    assert not bar.options.isHidden(), "the options are shown where they were folded away"
    assert "less than or equal to 1" in bar.options._grid("wd").rows["threshold"].fault
    type_into(bar, "threshold", "0.7")
    assert isinstance(job(bar).captioner, Wd)


def test_a_text_of_several_captioners_asks_each_with_its_own_options(bar: CaptionBar) -> None:
    bar.captioner.setCurrentText("my wd")
    type_into(bar, "threshold", "0.4")
    bar.captioner.setCurrentText(SEVERAL)
    bar.options.text.clear()
    QTest.keyClicks(bar.options.text, "{blip}, {wd}, {caption}")
    found = job(bar).captioner
    assert isinstance(found, Template)
    assert (found.text, found.wd.threshold, found.wd.model) == ("{blip}, {wd}, {caption}", 0.4, "my wd")
    assert found.blip == BLIP_PRESETS["kohya"].model_copy(update={"model": "my blip"})
    bar.options.model.setCurrentIndex(1)
    bar.options.model.activated.emit(1)
    changed = job(bar).captioner
    assert isinstance(changed, Template)
    assert changed.blip.model == "other blip"
    bar.options.text.setText("{nobody}")
    assert bar.job("/pictures", []) is None
    assert "{nobody}" in bar.options._fault.text()


def test_all_of_it_is_remembered(qtbot: QtBot, bar: CaptionBar) -> None:
    bar.captioner.setCurrentText("my booru")
    bar.mode.setCurrentIndex(2)
    type_into(bar, "words.exclude", "hat")
    prefix = bar.options._job.rows["prefix"].editor.widget
    QTest.keyClicks(prefix, "kiki")
    kept = json.loads(json.dumps(bar.view()))
    again = made(qtbot, kept)
    assert job(again) == job(bar)
    assert job(again).prefix == "kiki"
    assert job(again).mode == "prepend"


def test_without_any_model_names_of_files_become_captions(qtbot: QtBot) -> None:
    bar = CaptionBar()
    qtbot.addWidget(bar)
    qtbot.addWidget(bar.options)
    assert bar.captioner.currentText() == FILE_NAME
    assert job(bar).captioner == FileName()
    assert Path(job(bar).folder) == Path("/pictures")


def test_replaced_tags_are_spelled_like_the_others_and_said_once() -> None:
    scores = {"general": {"1girl": 0.9, "solo_focus": 0.8, "woman": 0.7, "sky_(object)": 0.6}}
    reading = Reading("wd", "m", "a.png", "hash", "key", scores=scores)  # pyright: ignore[reportArgumentType]
    words = TagWords(replace="1girl = woman, sky (object) = blue_sky, hat = cap")
    assert retag(reading, Wd(threshold=0.5, words=words)) == "woman, solo focus, blue sky"
