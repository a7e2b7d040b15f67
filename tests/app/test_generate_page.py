"""The page Generate, driven as a user drives it, with an engine that says what a test lets it say."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.pages.generate import GeneratePage
from app.pages.generate_size import own_size, quick_sizes
from app.settings import ModelDefaults, Settings
from app.theme import theme
from tests.app.generate_page import open_page
from tests.app.pictures import write_foreign, write_png
from tests.app.stage import Engine
from tests.library import layouts
from trainer.contract import events
from trainer.contract.common import LoraUse, Sampling, Size
from trainer.contract.generate import GenerateJob
from trainer.engine.demo import demo_job
from trainer.home import Home
from trainer.library.identity import ModelFamily
from trainer.library.index import Index

PROMPTS = ("a red cat", "a lighthouse at dusk", "a fox in a blue coat")


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def settings() -> Settings:
    defaults = ModelDefaults(size=Size(width=512, height=768), sampler="dpmpp_2m", steps=30, negative="blurry")
    return Settings(model_defaults={"dreamy": defaults})


@pytest.fixture
def paths(home: Home) -> list[str]:
    """Three pictures, newest first."""
    return [
        str(write_png(home.outputs / "2026-11-24" / f"{age}.png", GenerateJob(prompt=prompt, seed=100 + age), age=age))
        for age, prompt in enumerate(PROMPTS)
    ]


@pytest.fixture
def page(qtbot: QtBot, home: Home, engine: Engine, settings: Settings, paths: list[str]) -> GeneratePage:
    """With its history read and the models listed."""
    return open_page(qtbot, home, engine, settings)


@pytest.fixture
def trash(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A trash of this test's own; what lies in it."""
    thrown: list[str] = []

    def send(path: str) -> None:
        if path.endswith("2.png"):
            raise OSError("no trash on this disk")
        thrown.append(path)
        Path(path).unlink()

    module = ModuleType("send2trash")
    module.send2trash = send  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "send2trash", module)
    return thrown


def _button(page: GeneratePage, name: str) -> QPushButton:
    return next(one for one in page.findChildren(QPushButton) if one.accessibleName().startswith(name))


def _click(page: GeneratePage, name: str) -> None:
    QTest.mouseClick(_button(page, name), Qt.MouseButton.LeftButton)


def _show(qtbot: QtBot, page: GeneratePage, path: str) -> None:
    """Click it in the history."""
    strip = page._history._strip
    where = strip.visualRect(page._history.pictures.index(page._history.pictures.row_of(path))).center()
    QTest.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.waitUntil(lambda: page._shown is not None and str(page._shown.path) == path)


def _jobs(engine: Engine) -> list[GenerateJob]:
    return [job for job in engine.asked if isinstance(job, GenerateJob)]


def _fault(page: GeneratePage, field: str) -> str:
    shown = page._form._faults[field]
    return shown.text() if shown.isVisible() else ""


# --- the form ----------------------------------------------------------------------------------------------------


def test_what_the_form_says_is_the_job(page: GeneratePage, engine: Engine) -> None:
    wanted = GenerateJob(
        prompt="a 🎨 (red:1.2) cat",
        negative="text",
        loras=(LoraUse(name="kiki", weight=0.65),),
        size=Size(width=512, height=640),
        sampling=Sampling(sampler="euler_a", steps=12, guidance=5.5, spacing="karras"),
        seed=2**40,
        count=3,
    )
    page._form.set_job(wanted)
    page.generate()
    assert engine.asked == [wanted]


def test_an_empty_seed_draws_another_each_time(page: GeneratePage, engine: Engine) -> None:
    assert page._form._seed.text() == ""
    first, second = page._form.job(), page._form.job()
    assert first is not None
    assert second is not None
    assert first.seed != second.seed
    page.draw_seed()
    drawn = page._form.job()
    assert drawn is not None
    assert str(drawn.seed) == page._form._seed.text()


@pytest.mark.parametrize(
    ("field", "tree", "words"),
    [
        ("seed", {"seed": "not a number"}, "A whole number is needed."),
        ("seed", {"seed": "-1"}, "At least 0 is needed."),
        ("seed", {"seed": str(2**63)}, "At most"),
        (
            "size",
            {"size": {"width": 515, "height": 0}},
            "The width: a multiple of 8 is needed. The height: at least 16 is needed.",
        ),
        ("prompt", {"prompt": "x" * 20_001}, "At most 20,000 letters are read."),
        ("negative", {"negative": "x" * 20_001}, "At most 20,000 letters are read."),
        ("model", {"model": ""}, "Choose one first."),
    ],
)
def test_each_fault_stands_under_its_field_until_it_is_mended(
    page: GeneratePage, engine: Engine, field: str, tree: dict[str, Any], words: str
) -> None:
    page.set_draft({"job": tree})
    page.generate()
    assert engine.asked == []
    assert words in _fault(page, field)
    assert page._form._fault.text().startswith("Not right yet: ")
    page.set_draft({"job": {"seed": "", "size": None, "prompt": "", "negative": "", "model": "dreamy"}})
    assert _fault(page, field) == ""
    page.generate()
    assert len(engine.asked) == 1


def test_typing_takes_the_faults_away(page: GeneratePage) -> None:
    page._form._seed.setText("x")
    page.generate()
    assert _fault(page, "seed")
    assert page._form._seed.hasFocus()
    QTest.keyClick(page._form._seed, Qt.Key.Key_Backspace)
    assert not _fault(page, "seed")
    assert not page._form._fault.isVisible()


def test_colours_that_change_are_no_edit(page: GeneratePage) -> None:
    page._form.set_prompt("(a:1.2)")
    page._form._seed.setText("x")
    page.generate()
    theme().set_wish("light")
    try:
        assert _fault(page, "seed")
    finally:
        theme().set_wish("system")


def test_a_draft_keeps_what_is_half_typed(page: GeneratePage) -> None:
    tree = {"prompt": "half a sen", "seed": "12x", "size": {"width": 515, "height": 0}, "model": "gone"}
    page.set_draft({"job": tree})
    draft = page.draft()
    page.set_draft({"job": {"prompt": "", "seed": "", "size": None, "model": "starter"}})
    page.set_draft(draft)
    assert {name: page.draft()["job"][name] for name in tree} == tree


def test_what_a_draft_of_another_version_says_oddly_leaves_its_field(page: GeneratePage) -> None:
    before = page.draft()
    page.set_draft({"job": {"count": "many", "size": "large", "loras": [{"file": 3}], "sampling": None, "new": 1}})
    page.set_draft({"job": None})
    page.set_draft({})
    assert page.draft() == before


# --- size and model ----------------------------------------------------------------------------------------------


def test_sizes_suit_the_model(page: GeneratePage) -> None:
    box = page._form._size._quick
    page.choose_model("starter")
    assert box.count() == 5
    page.choose_model("large")
    assert [box.itemText(place) for place in (1, 2, 5)] == [
        "Square: 1024 × 1024",
        "Portrait: 896 × 1152",
        "Landscape: 1152 × 896",
    ]


def test_the_models_own_size_is_named(qtbot: QtBot, page: GeneratePage) -> None:
    page.choose_model("starter")
    qtbot.waitUntil(lambda: page._form._size._quick.currentText() == "The model's own: 128 × 128")
    job = page._form.job()
    assert isinstance(job, GenerateJob)
    assert job.size is None


def test_the_own_size_is_what_the_engine_takes(home: Home) -> None:
    from trainer.models.architecture import Architecture

    starter = Index(home).find("starter")
    assert own_size(starter) == Architecture.named("starter").default_size
    assert own_size(Index(home).find("video-starter")) == (96, 96), "as its model card says"
    predicts_v = {"modelspec.prediction_type": "v"}
    layouts.write_header_only(home.models / "a.safetensors", layouts.sd2(), metadata=predicts_v)
    layouts.write_header_only(home.models / "base.safetensors", layouts.sd2())  # its zeros say that it predicts noise
    wide = {"modelspec.resolution": "640x768"}
    layouts.write_header_only(home.models / "b.safetensors", layouts.sd1(), metadata=wide)
    odd = {"modelspec.resolution": "odd"}
    layouts.write_header_only(home.models / "c.safetensors", layouts.sd1(), metadata=odd)
    assert [own_size(Index(home).find(name)) for name in ("a", "base", "b", "c")] == [
        (768, 768),
        (512, 512),
        (640, 768),
        (512, 512),
    ]


def test_a_small_model_is_offered_small_sizes() -> None:
    assert quick_sizes(ModelFamily.SD1, (128, 128)) == [
        ("Square", (128, 128)),
        ("Portrait", (128, 192)),
        ("Landscape", (192, 128)),
    ]


def test_the_size_is_turned(page: GeneratePage) -> None:
    page._form._size.set_value({"width": 512, "height": 768})
    assert page._form._size._quick.currentText() == "Another size"
    page.swap_size()
    assert page._form._size.value() == {"width": 768, "height": 512}


def test_another_size_begins_with_the_models_own(page: GeneratePage) -> None:
    box = page._form._size
    box._quick.setCurrentIndex(4)
    box._quick.activated.emit(4)
    assert box.value() == {"width": 128, "height": 128}
    assert box._sides[0].isVisible()


def test_a_models_defaults_are_taken_and_given_back(page: GeneratePage) -> None:
    page._form.set_prompt("mine")
    page.choose_model("dreamy")
    job = page._form.job()
    assert isinstance(job, GenerateJob)
    assert (job.model, job.prompt, job.negative) == ("dreamy", "mine", "blurry")
    assert (job.size, job.sampling.sampler, job.sampling.steps) == (Size(width=512, height=768), "dpmpp_2m", 30)
    assert page._form._defaults.text == "Took this model's size, sampler, steps and negative prompt."
    page._form.set_prompt("changed meanwhile")
    _click(page, "Undo")
    job = page._form.job()
    assert isinstance(job, GenerateJob)
    assert (job.model, job.prompt, job.negative) == ("dreamy", "changed meanwhile", "")
    assert (job.size, job.sampling) == (None, Sampling())
    assert not page._form._defaults.isVisible()


def test_what_suits_a_distilled_model_is_taken_unless_it_has_defaults(page: GeneratePage, settings: Settings) -> None:
    page.choose_model("large lightning")
    job = page._form.job()
    assert isinstance(job, GenerateJob)
    sampling = job.sampling
    assert (sampling.sampler, sampling.spacing, sampling.steps, sampling.guidance) == ("euler", "trailing", 4, 1.0)
    text = "Took the steps, guidance, sampler and spacing that suit this kind of model."
    assert page._form._defaults.text == text
    _click(page, "Undo")
    job = page._form.job()
    assert isinstance(job, GenerateJob)
    assert job.sampling == Sampling()
    settings.model_defaults = {"large lightning": ModelDefaults(steps=6)}
    page.choose_model("large")
    page.choose_model("large lightning")
    job = page._form.job()
    assert isinstance(job, GenerateJob)
    assert (job.sampling.sampler, job.sampling.steps) == (Sampling().sampler, 6)


def test_settings_of_a_picture_are_not_overridden_by_defaults(page: GeneratePage) -> None:
    page._form.set_job(GenerateJob(model="dreamy", sampling=Sampling(steps=7)))
    job = page._form.job()
    assert isinstance(job, GenerateJob)
    assert job.sampling.steps == 7
    assert not page._form._defaults.isVisible()


def test_a_lora_that_does_not_fit_says_so(page: GeneratePage) -> None:
    page.choose_model("large")
    page.use_lora("kiki")
    page.use_lora("kiki")
    page.use_lora("nobody")
    fits, unknown = page._form._loras._rows
    assert fits._fault.text() == "Made for Stable Diffusion 1.x, not for this model."
    assert unknown._fault.text() == "This LoRA is not among your models."
    page.choose_model("dreamy")
    assert not fits._fault.isVisible()


def test_slider_and_number_of_a_lora_follow_each_other(page: GeneratePage) -> None:
    page.use_lora("kiki")
    (shown,) = page._form._loras._rows
    shown._slider.setValue(55)
    assert shown._number.value() == 0.55
    shown._number.setValue(-3)
    assert page._form._loras.value() == (LoraUse(name="kiki", weight=-3),)
    _click(page, "Take kiki away")
    assert page._form._loras.value() == ()


def test_weights_are_changed_in_the_prompt_that_has_the_focus(page: GeneratePage) -> None:
    page._form.set_prompt("cat")
    page._form._negative.set_text("dog")
    page.more_weight()
    page._form._negative.edit.setFocus()
    page.less_weight()
    assert (page._form._prompt.text(), page._form._negative.text()) == ("(cat:1.1)", "(dog:0.9)")


# --- the queue ---------------------------------------------------------------------------------------------------


def test_the_button_says_how_many_wait(page: GeneratePage, engine: Engine) -> None:
    start, line = _button(page, "Generate"), page._form._waiting
    page.generate()
    assert start.text() == "Generate next"
    assert not line.isVisible()
    page.generate()
    page.generate()
    assert line.text() == "2 more wait in the queue"
    assert line.isVisible()
    engine.end(events.Finished(seconds=1.0))
    assert line.text() == "1 more waits in the queue"
    engine.end(events.Finished(seconds=1.0))
    engine.end(events.Finished(seconds=1.0))
    assert start.text() == "Generate"
    assert not line.isVisible()


def test_the_last_that_waits_is_taken_back(page: GeneratePage, engine: Engine) -> None:
    page._queue.add(demo_job(1))
    page.generate()
    page.generate()
    _click(page, "Take back")
    assert "cancel" not in engine.asked, "the training goes on"
    assert len(page._queue.waiting) == 1


def test_a_job_that_does_not_react_to_stop_can_be_ended_hard(page: GeneratePage, engine: Engine) -> None:
    page.generate()
    _click(page, "Stop")
    assert engine.asked[-1] == "cancel"
    assert not _button(page, "Stopping").isEnabled()
    page.stop()
    assert engine.asked[-1] == "cancel", "patience is not over"
    page._queue._patience.stop()
    page._queue._patience.timeout.emit()
    assert "does not react" in page._results.words
    _click(page, "Stop now")
    assert engine.asked[-1] == "stop now"
    engine.end(events.Stopped(resume=""))
    assert page._results.words == "Stopped."
    assert not page._form._stop.isVisible()


def test_a_job_that_stops_in_time_offers_nothing_hard(page: GeneratePage, engine: Engine) -> None:
    page.generate()
    page.stop()
    engine.end(events.Stopped(resume=""))
    assert not page._queue._patience.isActive()
    page.generate()
    assert page._form._stop.text() == "Stop"


def test_a_failure_stands_below_the_canvas(page: GeneratePage, engine: Engine) -> None:
    page.generate()
    engine.end(events.Failed(title="That will not do.", fix="Do this instead.", detail=""))
    assert page._results.words == "That will not do. Do this instead."


def test_the_picture_forms_and_is_shown_when_it_is_saved(
    qtbot: QtBot, page: GeneratePage, engine: Engine, home: Home
) -> None:
    page._form._count.set_value(2)
    page.generate()
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    preview = events.Preview(index=0, step=1, total=4, width=8, height=8, data="")
    engine.preview.emit(preview, image)
    assert not page._results.canvas.is_empty
    assert not _button(page, "Keep").isEnabled()
    engine.happened.emit(events.Step(step=1, total=4))
    assert page._results.words == "Step 1 of 4  ·  picture 1 of 2"
    made = str(write_png(home.outputs / "2026-11-25" / "new.png", GenerateJob(prompt="new"), age=-9))
    engine.happened.emit(events.Saved(what="picture", path=made))
    qtbot.waitUntil(_button(page, "Keep").isEnabled)
    assert page._history.pictures.paths()[0] == made
    assert page._history._strip.current() == made


# --- results -----------------------------------------------------------------------------------------------------


def test_the_history_is_walked_with_the_arrow_keys(qtbot: QtBot, page: GeneratePage, paths: list[str]) -> None:
    assert page._history.pictures.paths() == paths
    _show(qtbot, page, paths[0])
    QTest.keyClick(page._history._strip, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: page._shown is not None and str(page._shown.path) == paths[1])
    assert "1.png" in page._results.words


def test_a_star_is_everybodys(qtbot: QtBot, page: GeneratePage, settings: Settings, paths: list[str]) -> None:
    _show(qtbot, page, paths[1])
    _click(page, "Keep")
    assert settings.favourites == ["outputs/2026-11-24/1.png"]
    assert page._results._starred
    page._favourites.toggle(paths[1])
    assert not page._results._starred
    QTest.keyClick(page._history._strip, Qt.Key.Key_S)
    assert settings.favourites == ["outputs/2026-11-24/1.png"]


def test_use_these_settings_fills_the_form(qtbot: QtBot, page: GeneratePage, paths: list[str]) -> None:
    _show(qtbot, page, paths[2])
    _click(page, "Use these settings")
    assert page._form._prompt.text() == PROMPTS[2]
    assert page._form._seed.text() == "102"


def test_vary_makes_the_picture_again_with_another_seed_and_leaves_the_form(
    qtbot: QtBot, page: GeneratePage, engine: Engine, paths: list[str]
) -> None:
    page._form.set_prompt("half typed")
    _show(qtbot, page, paths[2])
    _click(page, "New seed")
    (job,) = _jobs(engine)
    assert job.prompt == PROMPTS[2]
    assert job.seed != 102
    assert page._form._prompt.text() == "half typed"


def test_a_picture_of_another_program_fills_what_it_says_and_the_rest_is_told(page: GeneratePage, home: Home) -> None:
    page._form.choose_model("large")
    page._form.set_draft({"job": {"count": 3}})
    settings = "Steps: 31, Sampler: Euler a, Seed: 77, Size: 512x768, Model: DREAMY, Face restoration: GFPGAN"
    page.take_settings_of(write_foreign(home.root / "theirs.png", settings))
    job = page._form.job()
    assert isinstance(job, GenerateJob)
    assert (job.model, job.prompt, job.negative, job.seed, job.count) == ("dreamy", "a fox", "blurry", 77, 3)
    assert job.sampling == Sampling(sampler="euler_a", steps=31, noise="nv")
    assert page._results.words == "Not taken over: Face restoration."
    page.take_settings_of(write_foreign(home.root / "theirs.png", settings.replace("DREAMY", "gone")))
    assert page._form.model_name == "dreamy"
    assert page._results.words.startswith("Its model gone is not here; dreamy is taken instead.")


def test_a_picture_without_settings_lends_none(qtbot: QtBot, page: GeneratePage, home: Home) -> None:
    bare = str(write_png(home.outputs / "2026-11-24" / "bare.png", age=-5))
    page.refresh()
    qtbot.waitUntil(lambda: page._history.pictures.row_of(bare) >= 0)
    _show(qtbot, page, bare)
    assert not _button(page, "Use these settings").isEnabled()
    assert not _button(page, "New seed").isEnabled()
    assert _button(page, "Keep").isEnabled()


def test_the_picture_is_copied(qtbot: QtBot, page: GeneratePage, paths: list[str]) -> None:
    _show(qtbot, page, paths[0])
    with qtbot.waitSignal(page.said):
        _click(page, "Copy")
    data = QGuiApplication.clipboard().mimeData()
    assert data.hasImage()
    assert [url.toLocalFile() for url in data.urls()] == [paths[0]]


def test_two_results_are_compared(qtbot: QtBot, page: GeneratePage, paths: list[str]) -> None:
    _show(qtbot, page, paths[0])
    _click(page, "Compare")
    assert "choose the other" in page._results.question
    _show(qtbot, page, paths[2])
    qtbot.waitUntil(lambda: page._stack.currentWidget() is page._comparison)
    assert page._comparison.differing()["Seed"] == ("100", "102")
    page.stop()
    assert page._stack.currentIndex() == 0
    assert page._results.question == ""


def test_walking_by_keys_compares_only_with_enter(qtbot: QtBot, page: GeneratePage, paths: list[str]) -> None:
    _show(qtbot, page, paths[0])
    page.compare()
    strip = page._history._strip
    QTest.keyClick(strip, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: page._shown is not None and str(page._shown.path) == paths[1])
    assert page._stack.currentIndex() == 0
    QTest.keyClick(strip, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page._stack.currentWidget() is page._comparison)
    assert page._comparison.differing()["Seed"] == ("100", "101")


def test_stop_leaves_a_question_before_it_stops_anything(
    qtbot: QtBot, page: GeneratePage, engine: Engine, paths: list[str]
) -> None:
    _show(qtbot, page, paths[0])
    page.generate()
    page.compare()
    page.stop()
    assert "cancel" not in engine.asked
    page.stop()
    assert engine.asked[-1] == "cancel"


def test_the_trash_asks_first_and_then_shows_the_next(
    qtbot: QtBot, page: GeneratePage, settings: Settings, paths: list[str], trash: list[str]
) -> None:
    _show(qtbot, page, paths[0])
    page.keep()
    _click(page, "Move to trash")
    assert page._results.question == "Move this picture to the trash?"
    _click(page, "Keep it")
    assert trash == []
    QTest.keyClick(page._history._strip, Qt.Key.Key_Delete)
    with qtbot.waitSignal(page.said):
        page._results._yes.click()
    assert trash == paths[:1]
    assert settings.favourites == []
    assert page._history.pictures.paths() == paths[1:]
    qtbot.waitUntil(lambda: page._shown is not None and str(page._shown.path) == paths[1])


def test_a_refused_trash_is_said_in_place(qtbot: QtBot, page: GeneratePage, paths: list[str], trash: list[str]) -> None:
    _show(qtbot, page, paths[2])
    page.to_trash()
    page._results._yes.click()
    qtbot.waitUntil(lambda: "could not be moved" in page._results.words)
    assert page._history.pictures.paths() == paths


def test_the_history_follows_what_was_deleted_elsewhere(qtbot: QtBot, page: GeneratePage, paths: list[str]) -> None:
    _show(qtbot, page, paths[0])
    page.hide()
    Path(paths[0]).unlink()
    with qtbot.waitSignal(page._history.listed):
        page.show()
    assert page._history.pictures.paths() == paths[1:]
    qtbot.waitUntil(lambda: page._shown is not None and str(page._shown.path) == paths[1])


def test_a_damaged_picture_says_so(qtbot: QtBot, page: GeneratePage, home: Home) -> None:
    broken = home.outputs / "2026-11-24" / "broken.png"
    broken.write_bytes(b"no picture")
    page.show_picture(str(broken))
    qtbot.waitUntil(lambda: "can't be shown" in page._results.words)
    assert not _button(page, "Keep").isEnabled()


@pytest.fixture
def again(qtbot: QtBot, page: GeneratePage, home: Home, settings: Settings) -> GeneratePage:
    """The page of the next start."""
    made = GeneratePage(home, page._form._loras._models, page._queue, settings, page._favourites)
    qtbot.addWidget(made)
    made.resize(page.size())
    return made


def test_the_view_comes_back(qtbot: QtBot, page: GeneratePage, again: GeneratePage, paths: list[str]) -> None:
    _show(qtbot, page, paths[1])
    page._form.set_open(True)
    view = page.view()
    again.set_view(view)
    with qtbot.waitSignal(again._history.listed):
        again.show()
    qtbot.waitUntil(lambda: again._shown is not None)
    assert again.view() == view
    assert again._history._strip.current() == paths[1]


def test_a_view_of_another_version_is_harmless(page: GeneratePage) -> None:
    before = page.view()
    page.set_view({"picture": 3, "scroll": "far", "new": 1})
    assert page.view() == before


def test_narrow_pages_show_the_buttons_by_their_signs(page: GeneratePage) -> None:
    keep = _button(page, "Keep")
    assert keep.text() == "Keep"
    page.resize(980, 640)
    assert keep.text() == ""
    assert keep.accessibleName() == "Keep"
