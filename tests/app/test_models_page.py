"""The Models page: finding, understanding, bringing in, checking and removing models, as somebody does it by mouse."""

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest
import send2trash
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLabel, QLineEdit, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from app.pages.models import ModelsPage
from app.widgets.model_details import ModelDetails
from app.widgets.model_install import InstallCard, look_at, progress_in_words
from app.widgets.model_list import GROUPS, GroupList, ModelList
from app.widgets.model_words import count_in_words, precision
from tests.app.models_page import LORA, listed_again, models_of, opened, part, press, words
from tests.library import layouts
from trainer.contract.errors import UserError
from trainer.home import Home
from trainer.library import install as install_module
from trainer.library.identify import identify_file
from trainer.library.index import Index

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")  # offscreen there is no window manager


@pytest.fixture
def cat(home: Home) -> Path:
    return layouts.write_header_only(home.models / "loras" / "cat.safetensors", LORA)


@pytest.fixture
def broken(home: Home) -> Path:
    path = home.models / "loras" / "broken.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"12345678 this is no header")
    return path


@pytest.fixture
def video(home: Home) -> Path:
    return layouts.write_header_only(home.models / "video" / "svd_xt.safetensors", layouts.svd())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Of the same name as `cat`, but for its case, and with other bytes."""
    values = {next(iter(LORA)): os.urandom(8 * 768 * 2)}
    return layouts.write_header_only(tmp_path / "downloads" / "Cat.safetensors", LORA, values=values)


def names(page: ModelsPage) -> list[str]:
    rows = part(page, ModelList).model()
    return [str(rows.index(row, 0).data()) for row in range(rows.rowCount())]


def chosen(page: ModelsPage) -> str:
    return str(part(page, ModelList).currentIndex().data())


def offered(qtbot: QtBot, page: ModelsPage, path: Path) -> InstallCard:
    """The card, once it has looked at `path`."""
    card = part(page, InstallCard)
    page.install(path)
    qtbot.waitUntil(lambda: not card.is_busy)
    return card


def test_every_model_is_listed_with_what_ships_and_what_cannot_be_used(
    qtbot: QtBot, home: Home, cat: Path, broken: Path
) -> None:
    page = opened(qtbot, home)
    assert names(page) == ["broken", "cat", "starter", "video-starter"]
    rows = part(page, ModelList).model()
    spoken = [str(rows.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole)) for row in range(3)]
    assert "is not a safetensors file" in spoken[0]
    assert "LoRA" in spoken[1]
    assert "fp16" in spoken[1]
    assert "came with Gesso" in spoken[2]


def test_each_model_belongs_to_one_kind(qtbot: QtBot, home: Home, cat: Path, broken: Path, video: Path) -> None:
    for entry in Index(home).models().entries:
        assert sum(belongs(entry) for _, belongs in GROUPS[1:]) == 1, entry.name
    page = opened(qtbot, home)
    kinds = part(page, GroupList)
    shown = [kinds.model().index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(8)]
    counts = ["All, 5", "Checkpoints, 1", "LoRA, 1", "Embeddings, 0", "VAE, 0", "Video, 2", "Captioners, 0"]
    assert shown == [*counts, "Can't be used, 1"]
    kinds.setCurrentIndex(kinds.model().index(5, 0))
    assert names(page) == ["svd_xt", "video-starter"]


def test_search_looks_for_all_words_in_name_kind_and_family(qtbot: QtBot, home: Home, cat: Path, video: Path) -> None:
    page = opened(qtbot, home)
    field = part(page, QLineEdit)
    qtbot.keyClicks(field, "DIFFUSION lora")
    assert names(page) == ["cat"]
    qtbot.keyClicks(field, " rabbit")
    assert names(page) == []
    assert "Nothing here fits “DIFFUSION lora rabbit”." in words(page)
    press(page, "Show all models")
    assert names(page) == ["cat", "starter", "svd_xt", "video-starter"]


def test_a_kind_without_models_says_how_to_get_one(qtbot: QtBot, home: Home) -> None:
    page = opened(qtbot, home)
    kinds = part(page, GroupList)
    kinds.setCurrentIndex(kinds.model().index(2, 0))
    assert "Drop a .safetensors file here, or press Install." in words(page)


def test_the_details_say_what_it_is_and_why(qtbot: QtBot, home: Home, cat: Path) -> None:
    page = opened(qtbot, home)
    page.choose(cat)
    shown = words(part(page, ModelDetails))
    assert "A LoRA for Stable Diffusion 1.x" in shown
    for reason in identify_file(cat).reasons:
        assert reason in shown
    assert str(cat) in shown


def test_the_details_of_an_unusable_file_say_what_is_wrong_and_what_to_do(
    qtbot: QtBot, home: Home, broken: Path
) -> None:
    page = opened(qtbot, home)
    page.choose(broken)
    entry = next(entry for entry in Index(home).models().entries if entry.name == "broken")
    shown = words(part(page, ModelDetails))
    assert entry.problem in shown
    assert entry.fix in shown


def test_a_choice_survives_a_new_listing_and_ends_with_its_file(qtbot: QtBot, home: Home, cat: Path) -> None:
    page = opened(qtbot, home)
    page.choose(cat)
    layouts.write_header_only(home.models / "loras" / "ant.safetensors", LORA)
    listed_again(qtbot, page)
    assert chosen(page) == "cat"
    cat.unlink()
    listed_again(qtbot, page)
    assert part(page, ModelDetails).entry is None


def test_verify_tells_the_checksum_in_the_gui_thread(qtbot: QtBot, home: Home, cat: Path) -> None:
    page = opened(qtbot, home)
    page.choose(cat)
    details, threads = part(page, ModelDetails), list[bool]()
    details.altered.connect(lambda: threads.append(threading.current_thread() is threading.main_thread()))
    with qtbot.waitSignal(models_of(page).changed):
        press(page, "Verify")
    assert threads == [True]
    assert "Its header is sound" in words(details)
    digest = hashlib.sha256(cat.read_bytes()).hexdigest()
    assert digest in words(details).replace(" ", "")
    press(details, "Copy: SHA-256")
    assert QGuiApplication.clipboard().text() == digest


def test_damage_is_said_beside_the_model_that_has_it(qtbot: QtBot, home: Home, cat: Path) -> None:
    Index(home).refresh(cat, "0" * 64)
    page = opened(qtbot, home)
    page.choose(cat)
    press(page, "Verify")
    qtbot.waitUntil(lambda: "is damaged" in words(part(page, ModelDetails)))
    page.choose(next(entry.path for entry in Index(home).models().entries if entry.name == "starter"))
    assert "is damaged" not in words(part(page, ModelDetails))


def test_removing_asks_in_place_and_moves_to_the_trash(
    qtbot: QtBot, home: Home, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send2trash, "send2trash", lambda path: Path(path).unlink())
    page = opened(qtbot, home)
    page.choose(cat)
    press(page, "Remove")
    press(page, "Keep it")
    assert cat.exists()
    press(page, "Remove")
    with qtbot.waitSignal(models_of(page).changed):
        press(page, "Move to trash")
    assert not cat.exists()
    assert names(page) == ["starter", "video-starter"]


def test_what_came_with_gesso_cannot_be_removed(qtbot: QtBot, home: Home) -> None:
    page = opened(qtbot, home)
    page.choose(next(entry.path for entry in Index(home).models().entries))
    remove = next(one for one in page.findChildren(QPushButton) if one.text() == "Remove")
    assert not remove.isEnabled()
    assert "came with Gesso" in remove.toolTip()


def test_show_in_folder_opens_the_folder(qtbot: QtBot, home: Home, cat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", seen.append)
    page = opened(qtbot, home)
    page.choose(cat)
    press(page, "Show in folder")
    assert [Path(url.toLocalFile()) for url in seen] == [cat.parent]


def test_installing_says_what_will_happen_then_does_it_and_chooses_the_new_one(
    qtbot: QtBot, home: Home, source: Path
) -> None:
    page = opened(qtbot, home)
    card = offered(qtbot, page, source)
    assert "Install Cat.safetensors?" in words(card)
    assert "a LoRA for Stable Diffusion 1.x" in words(card)
    assert not home.models.exists()
    with qtbot.waitSignal(models_of(page).changed):
        press(card, "Install")
    assert (home.models / "loras" / "Cat.safetensors").read_bytes() == source.read_bytes()
    assert card.isHidden()
    assert chosen(page) == "Cat"


def test_the_button_offers_a_file_or_a_folder(
    qtbot: QtBot, home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = layouts.write_diffusers_folder(tmp_path / "a model")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(source)], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(model))
    page = opened(qtbot, home)
    card = part(page, InstallCard)
    for place, expected in enumerate(("Install Cat.safetensors?", "Install a model?")):
        press(page, "Install …")
        menu = part(page, QMenu)
        menu.actions()[place].trigger()
        with qtbot.waitSignal(menu.destroyed):
            menu.close()
        qtbot.waitUntil(lambda: not card.is_busy)
        assert expected in words(card)
        press(card, "Cancel")


def test_a_bug_in_the_work_is_told_to_whoever_waits(
    qtbot: QtBot, home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(qtbot, home)
    card = offered(qtbot, page, source)
    monkeypatch.setattr(install_module, "checked_name", lambda name: 1 // 0)
    with qtbot.captureExceptions() as raised:
        press(card, "Install")
        qtbot.waitUntil(lambda: not card.is_busy)
    assert [kind for kind, _, _ in raised] == [ZeroDivisionError]
    assert "Something went wrong inside Gesso" in words(card)


def test_a_link_takes_no_second_room(qtbot: QtBot, home: Home, source: Path) -> None:
    page = opened(qtbot, home)
    card = offered(qtbot, page, source)
    card._link.click()
    with qtbot.waitSignal(card.installed):
        press(card, "Install")
    assert (home.models / "loras" / "Cat.safetensors").samefile(source)


@pytest.mark.parametrize(("answer", "replaced"), [("Replace", True), ("Keep both", False)])
def test_a_name_that_is_taken_is_asked_about(
    qtbot: QtBot, home: Home, cat: Path, source: Path, answer: str, replaced: bool
) -> None:
    before = cat.read_bytes()
    page = opened(qtbot, home)
    card = offered(qtbot, page, source)
    assert "There is a model named cat already" in words(card)
    with qtbot.waitSignal(card.installed):
        press(card, answer)
    installed = "Cat.safetensors" if replaced else "Cat 2.safetensors"
    assert (cat.parent / installed).read_bytes() == source.read_bytes()
    assert (cat.exists() and cat.read_bytes() == before) is not replaced


def test_what_is_no_model_is_refused_on_the_card(qtbot: QtBot, home: Home, tmp_path: Path) -> None:
    bad = tmp_path / "holiday.safetensors"
    bad.write_bytes(b"no model at all")
    page = opened(qtbot, home)
    card = offered(qtbot, page, bad)
    assert "holiday.safetensors was not installed" in words(card)
    press(card, "Close")
    assert card.isHidden()


def test_a_kind_without_use_is_refused_with_the_reason(qtbot: QtBot, home: Home, tmp_path: Path) -> None:
    encoder = layouts.write_header_only(tmp_path / "clip.safetensors", layouts.clip())
    page = opened(qtbot, home)
    card = offered(qtbot, page, encoder)
    assert "which Gesso can't use" in words(card)


def test_several_arrivals_are_asked_about_one_after_the_other(
    qtbot: QtBot, home: Home, source: Path, tmp_path: Path
) -> None:
    other = layouts.write_header_only(tmp_path / "dog.safetensors", LORA)
    page = opened(qtbot, home)
    card = offered(qtbot, page, source)
    page.install(other)
    assert "Install Cat.safetensors?" in words(card)
    assert "1 more after this" in words(card)
    press(card, "Cancel")
    qtbot.waitUntil(lambda: "Install dog.safetensors?" in words(card))


def test_cancelling_a_copy_leaves_nothing_behind(
    qtbot: QtBot, home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(qtbot, home)
    card = offered(qtbot, page, source)
    begun, may_go_on = threading.Event(), threading.Event()
    advance = install_module._Transfer._advance

    def held(transfer: install_module._Transfer, count: int) -> None:
        begun.set()
        assert may_go_on.wait(10)
        advance(transfer, count)

    monkeypatch.setattr(install_module._Transfer, "_advance", held)
    press(card, "Install")
    assert begun.wait(10)
    press(card, "Cancel")
    with qtbot.waitSignal(page.said) as said:
        may_go_on.set()
    assert said.args == ["Cat.safetensors was not installed."]
    assert [path for path in home.models.rglob("*") if path.is_file()] == []
    assert card.isHidden()


def test_progress_is_told_in_words() -> None:
    gigabyte = 2**30
    assert progress_in_words(2 * gigabyte, 8 * gigabyte, 10.0) == (
        "1.0 GB of 4.0 GB copied and checked  ·  102 MB/s  ·  30 s left"
    )
    assert progress_in_words(0, 8, 0.0) == "0 bytes of 4 bytes copied and checked"


def test_a_folder_that_is_no_model_and_a_file_that_is_gone_are_refused(home: Home, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="model_index"):
        look_at(tmp_path, home)
    with pytest.raises(UserError, match="is not there"):
        look_at(tmp_path / "gone.safetensors", home)


def test_names_of_files_are_never_taken_as_markup(qtbot: QtBot, home: Home) -> None:
    path = layouts.write_header_only(home.models / "loras" / "b<b>&big.safetensors", LORA)
    page = opened(qtbot, home)
    page.choose(path)
    row = part(page, ModelList).currentIndex()
    assert "b&lt;b&gt;&amp;big" in str(row.data(Qt.ItemDataRole.ToolTipRole))
    formats = {one.textFormat() for one in part(page, ModelDetails).findChildren(QLabel)}
    assert formats == {Qt.TextFormat.PlainText}


def test_numbers_and_formats_in_words(home: Home, cat: Path) -> None:
    assert [count_in_words(n) for n in (999_999, 18_692_184, 1_066_235_307)] == [
        "999,999",
        "18.7 million",
        "1.07 billion",
    ]
    assert precision(identify_file(cat)) == "fp16"


@pytest.fixture
def realistic(home: Home) -> Path:
    return layouts.write_header_only(home.models / "checkpoints" / "realistic.safetensors", layouts.sd1())


def test_the_view_comes_back(qtbot: QtBot, home: Home, cat: Path, realistic: Path) -> None:
    first = opened(qtbot, home)
    first.choose(cat)
    kinds = part(first, GroupList)
    kinds.setCurrentIndex(kinds.model().index(2, 0))
    qtbot.keyClicks(part(first, QLineEdit), "cat")
    view = json.loads(json.dumps(first.view()))
    second = opened(qtbot, home)
    second.set_view(view)
    assert names(second) == ["cat"]
    assert chosen(second) == "cat"
    assert second.view() == view
    second.set_view({"kind": "nonsense", "search": 3, "selected": None})
    assert second.view() == view


def test_find_goes_to_the_search(qtbot: QtBot, home: Home) -> None:
    page = opened(qtbot, home)
    page.search()
    assert part(page, QLineEdit).hasFocus()
