"""The details of a model: where it lives, its defaults in Generate, what it says of itself, its checksum."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.pages.models import ModelsPage
from app.settings import ModelDefaults, Settings, SettingsFile
from app.widgets.model_defaults import DefaultsEditor
from app.widgets.model_details import ModelDetails
from app.widgets.model_list import ModelList
from tests.app.models_page import LORA, models_of, opened, part, press, words
from tests.library import layouts
from trainer.contract.common import Size
from trainer.home import Home
from trainer.library import verify as verify_module
from trainer.library.index import Index

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")  # offscreen there is no window manager


@pytest.fixture
def cat(home: Home) -> Path:
    return layouts.write_header_only(home.models / "loras" / "cat.safetensors", LORA)


@pytest.fixture
def realistic(home: Home) -> Path:
    return layouts.write_header_only(home.models / "checkpoints" / "realistic.safetensors", layouts.sd1())


def test_a_model_of_another_program_says_where_it_lives_and_cannot_be_removed(
    qtbot: QtBot, home: Home, tmp_path: Path
) -> None:
    program = tmp_path / "ComfyUI"
    path = layouts.write_header_only(program / "models" / "loras" / "cat.safetensors", LORA)
    (program / "models" / "checkpoints").mkdir()
    settings = Settings(model_folders=[str(program)])
    SettingsFile(home).save(settings)
    page = opened(qtbot, home, settings)
    page.choose(path)
    assert f"It lies in {program}. Gesso uses it there and leaves it as it is." in words(part(page, ModelDetails))
    page.remove_selected()
    assert "Move cat to the trash?" not in words(part(page, ModelDetails))
    rows = part(page, ModelList)
    assert "used in place" in str(rows.currentIndex().data(Qt.ItemDataRole.AccessibleTextRole))


def fields(page: ModelsPage) -> dict[str, QWidget]:
    editor = part(page, DefaultsEditor)
    return {name: row.editor.widget for name, row in editor._rows.items()}


def test_defaults_of_a_checkpoint_are_kept_by_its_name_and_cleared(qtbot: QtBot, home: Home, realistic: Path) -> None:
    settings = Settings(model_defaults={"other": ModelDefaults(steps=5)})
    page = opened(qtbot, home, settings)
    page.choose(realistic)
    with qtbot.waitSignal(page.changed):
        qtbot.keyClicks(fields(page)["steps"], "30")
    with qtbot.waitSignal(page.changed):
        qtbot.keyClicks(fields(page)["negative"], "blurry")
    assert settings.model_defaults == {
        "other": ModelDefaults(steps=5),
        "realistic": ModelDefaults(steps=30, negative="blurry"),
    }
    assert "30 steps, a negative prompt" in words(page)
    part(page, DefaultsEditor).fold.set_open(True)
    with qtbot.waitSignal(page.changed):
        press(page, "Clear")
    assert settings.model_defaults == {"other": ModelDefaults(steps=5)}


def test_defaults_that_make_no_sense_are_said_and_not_kept(qtbot: QtBot, home: Home, realistic: Path) -> None:
    settings = Settings()
    page = opened(qtbot, home, settings)
    page.choose(realistic)
    editor = part(page, DefaultsEditor)
    editor.fold.set_open(True)
    qtbot.keyClicks(fields(page)["steps"], "0")
    qtbot.waitUntil(lambda: "Steps: " in words(editor))
    assert settings.model_defaults == {}


def test_what_was_typed_last_is_kept_for_the_model_it_was_typed_for(
    qtbot: QtBot, home: Home, realistic: Path, cat: Path
) -> None:
    settings = Settings()
    page = opened(qtbot, home, settings)
    page.choose(realistic)
    qtbot.keyClicks(fields(page)["guidance"], "6.5")
    page.choose(cat)
    assert settings.model_defaults == {"realistic": ModelDefaults(guidance=6.5)}
    assert not part(page, DefaultsEditor).isVisible()
    page.choose(realistic)
    assert part(page, DefaultsEditor).isVisible()
    assert [field.property("text") for field in (fields(page)["guidance"], fields(page)["steps"])] == ["6.5", ""]


def test_all_fields_of_the_defaults_come_back(qtbot: QtBot, home: Home, realistic: Path) -> None:
    whole = ModelDefaults(size=Size(width=512, height=768), sampler="euler", steps=20, guidance=7, negative="blurry")
    page = opened(qtbot, home, Settings(model_defaults={"realistic": whole}))
    page.choose(realistic)
    editor = part(page, DefaultsEditor)
    assert ModelDefaults.model_validate({name: row.editor.value() for name, row in editor._rows.items()}) == whole
    editor.show_model("another")
    values = {name: row.editor.value() for name, row in editor._rows.items()}
    assert ModelDefaults.model_validate(values) == ModelDefaults()


def test_a_model_is_used_from_its_details(qtbot: QtBot, home: Home, realistic: Path, cat: Path) -> None:
    page = opened(qtbot, home)
    page.select("realistic")
    for text, signal in (("Generate with it", page.use_model), ("Train from it", page.train_from)):
        with qtbot.waitSignal(signal) as told:
            press(page, text)
        assert told.args == ["realistic"]
    page.select("cat")
    with qtbot.waitSignal(page.use_lora) as told:
        press(page, "Use it in Generate")
    assert told.args == ["cat"]


def test_what_the_file_says_of_itself_is_shown_and_copied(qtbot: QtBot, home: Home) -> None:
    metadata = {"modelspec.license": "CC0-1.0", "modelspec.trigger_phrase": "sks cat"}
    path = layouts.write_header_only(home.models / "loras" / "said.safetensors", LORA, metadata=metadata)
    page = opened(qtbot, home)
    page.choose(path)
    qtbot.waitUntil(lambda: "CC0-1.0" in words(page))
    press(page, "Copy: Trigger words")
    assert QGuiApplication.clipboard().text() == "sks cat"


def test_the_checksum_is_computed_where_it_is_missing(qtbot: QtBot, home: Home, cat: Path) -> None:
    page = opened(qtbot, home)
    page.choose(cat)
    with qtbot.waitSignal(models_of(page).changed):
        press(page, "Compute")
    digest = hashlib.sha256(cat.read_bytes()).hexdigest()
    press(page, "Copy: Short hash, as A1111 and Civitai show it (AutoV2)")
    assert QGuiApplication.clipboard().text() == digest[:10]


def test_verifying_shows_how_far_it_is_and_stops_when_told(
    qtbot: QtBot, home: Home, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(qtbot, home)
    page.choose(cat)
    details = part(page, ModelDetails)
    half_read, may_go_on = threading.Event(), threading.Event()

    def digest(_entry: object, progress: Callable[[int, int], None], check: Callable[[], None]) -> str:
        progress(1, 2)
        half_read.set()
        assert may_go_on.wait(10)
        check()
        return "never"

    monkeypatch.setattr(verify_module, "_digest", digest)
    page.verify_selected()
    assert half_read.wait(10)
    qtbot.waitUntil(lambda: details._line.value() == 500)
    press(details, "Stop")
    may_go_on.set()
    qtbot.waitUntil(lambda: "you stopped it" in words(details))
    assert not details._progress.isVisible()
    assert Index(home).find("cat").sha256 is None
