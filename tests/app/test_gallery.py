"""The Gallery page, driven as a user drives it."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from app.favourites import Favourites
from app.pages.gallery import GalleryPage
from app.picture_index import PictureIndex, scan
from app.settings import Settings
from app.widgets.compare import Compare
from tests.app.pictures import write_png
from trainer.contract.common import LoraUse
from trainer.contract.generate import GenerateJob
from trainer.home import Home

PROMPTS = ("a red cat", "a lighthouse at dusk", "a fox in a blue coat")


@pytest.fixture
def paths(home: Home) -> list[str]:
    """Three pictures, newest first."""
    made: list[str] = []
    for age, prompt in enumerate(PROMPTS):
        loras = (LoraUse(name="kiki"),) if age == 2 else ()
        job = GenerateJob(prompt=prompt, seed=100 + age, loras=loras)
        made.append(str(write_png(home.outputs / "2026-11-24" / f"{age}.png", job, age=age)))
    return made


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def favourites(home: Home, settings: Settings) -> Favourites:
    return Favourites(home, settings)


@pytest.fixture
def page(qtbot: QtBot, home: Home, favourites: Favourites, paths: list[str]) -> GalleryPage:
    made = GalleryPage(home, favourites)
    qtbot.addWidget(made)
    made.resize(1100, 700)
    made.show()
    qtbot.waitUntil(lambda: _count(made) == f"{len(paths)} pictures")
    qtbot.waitUntil(lambda: _details(made) == "0.png")
    return made


def _count(page: GalleryPage) -> str:
    return page.bar.count_in_words


def _details(page: GalleryPage) -> str:
    return page.details._name.text()


def _shown(page: GalleryPage) -> list[str]:
    return page._pictures.paths()


def _select(page: GalleryPage, *rows: int) -> None:
    page.grid.go_to(rows[0])
    for row in rows[1:]:
        page.grid.selectionModel().select(page._pictures.index(row), QItemSelectionModel.SelectionFlag.Select)


def _search(qtbot: QtBot, page: GalleryPage, text: str, wanted: list[str]) -> None:
    page.bar.search.setText(text)
    qtbot.waitUntil(lambda: _shown(page) == wanted)


def test_outputs_and_samples_are_found_newest_first(home: Home, paths: list[str]) -> None:
    sample = str(write_png(home.runs / "2026-kiki" / "samples" / "step-1-0.png", age=-9))
    (home.outputs / "2026-11-24" / ".gesso-partial-x.png").write_bytes(b"")
    (home.outputs / "2026-11-24" / "notes.txt").write_text("")
    assert [found.path for found in scan(home)] == [sample, *paths]


def test_without_pictures_the_page_says_what_will_be_there(qtbot: QtBot, home: Home) -> None:
    page = GalleryPage(home, Favourites(home, Settings()))
    qtbot.addWidget(page)
    with qtbot.waitSignal(page._index.listed):
        page.show()
    assert _count(page) == "0 pictures"
    assert "stand here" in page.grid._words


def test_the_settings_of_the_picture_under_the_cursor_are_shown(qtbot: QtBot, page: GalleryPage) -> None:
    QTest.keyClick(page.grid, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: _details(page) == "1.png")
    assert page.details._settings._texts["Prompt"].text() == PROMPTS[1]
    assert page.details._settings._cells["Seed"][1].text() == "101"


@pytest.mark.parametrize(("text", "row"), [("FOX blue", 2), ("101", 1), ("kiki", 2), ("red cat", 0)])
def test_search_finds_prompt_seed_and_lora(
    qtbot: QtBot, page: GalleryPage, paths: list[str], text: str, row: int
) -> None:
    _search(qtbot, page, text, [paths[row]])
    assert _count(page) == "1 of 3 pictures"


def test_a_search_without_result_says_so_and_clearing_it_brings_all_back(
    qtbot: QtBot, page: GalleryPage, paths: list[str]
) -> None:
    _search(qtbot, page, "zebra", [])
    assert page.grid._words.startswith("No picture fits")
    assert _details(page) == ""
    _search(qtbot, page, "", paths)


def test_the_index_is_kept_on_disk_and_only_new_pictures_are_read(
    qtbot: QtBot, page: GalleryPage, home: Home, paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = str(write_png(home.outputs / "2026-11-24" / "new.png", GenerateJob(prompt="a new one"), age=-5))
    opened: list[str] = []

    def words(path: str, name: str) -> str:
        opened.append(path)
        return name

    monkeypatch.setattr("app.picture_index.words_of", words)
    index = PictureIndex(home)
    index.refresh()
    qtbot.waitUntil(lambda: len(index.words) == 4)
    assert opened == [new]
    assert PROMPTS[0] in index.words[paths[0]]


def test_a_damaged_index_is_made_again(qtbot: QtBot, home: Home, paths: list[str]) -> None:
    home.cache.mkdir(parents=True)
    (home.cache / "pictures.sqlite").write_bytes(b"no database at all" * 100)
    for _ in range(2):
        index = PictureIndex(home)
        index.refresh()
        qtbot.waitUntil(lambda index=index: len(index.words) == 3)


def test_a_star_is_kept_below_the_users_folder(
    qtbot: QtBot, page: GalleryPage, settings: Settings, favourites: Favourites, paths: list[str]
) -> None:
    _select(page, 1, 2)
    with qtbot.waitSignal(favourites.changed):
        QTest.keyClick(page.grid, Qt.Key.Key_S)
    assert settings.favourites == ["outputs/2026-11-24/1.png", "outputs/2026-11-24/2.png"]
    page.bar.only.setChecked(True)
    assert _shown(page) == paths[1:]
    page.grid.go_to(0)
    QTest.keyClick(page.grid, Qt.Key.Key_S)
    assert settings.favourites == ["outputs/2026-11-24/2.png"]
    assert _shown(page) == paths[2:]


def test_a_new_picture_comes_first_and_can_be_found(
    qtbot: QtBot, page: GalleryPage, home: Home, paths: list[str]
) -> None:
    made = str(write_png(home.outputs / "2026-11-25" / "n.png", GenerateJob(prompt="a zebra"), age=-5))
    page.add(made)
    page.add(made)
    assert _shown(page) == [made, *paths]
    _search(qtbot, page, "zebra", [made])


def test_refresh_shows_what_came_and_went_and_keeps_the_cursor(
    qtbot: QtBot, page: GalleryPage, home: Home, paths: list[str]
) -> None:
    page.grid.go_to(1)
    Path(paths[0]).unlink()
    made = str(write_png(home.outputs / "2026-11-25" / "n.png", age=-5))
    page.refresh()
    qtbot.waitUntil(lambda: _shown(page) == [made, *paths[1:]])
    assert page.grid.current() == paths[1]


def test_use_these_settings_carries_the_path(qtbot: QtBot, page: GalleryPage, paths: list[str]) -> None:
    with qtbot.waitSignal(page.reuse) as told:
        page.details._reuse.click()
    assert told.args == [Path(paths[0])]


def test_a_picture_without_settings_can_not_lend_them(qtbot: QtBot, page: GalleryPage, home: Home) -> None:
    page.add(str(write_png(home.outputs / "2026-11-25" / "bare.png", age=-5)))
    page.grid.go_to(0)
    qtbot.waitUntil(lambda: _details(page) == "bare.png")
    assert not page.details._reuse.isEnabled()
    assert "no settings" in page.details._settings._problem.text()


def test_space_shows_the_picture_large_and_arrows_walk_on(qtbot: QtBot, page: GalleryPage) -> None:
    QTest.keyClick(page.grid, Qt.Key.Key_Space)
    assert page._stack.currentWidget() is page.large
    QTest.keyClick(page.large, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: "2 of 3" in page.large._words.text())
    QTest.keyClick(page.large, Qt.Key.Key_Space)
    assert page._stack.currentIndex() == 0


def test_two_selected_pictures_are_compared(qtbot: QtBot, page: GalleryPage) -> None:
    _select(page, 0, 2)
    page.details._compare.click()
    qtbot.waitUntil(lambda: page._stack.currentWidget() is page.comparison)
    differing = page.comparison.differing()
    assert differing["Prompt"] == (PROMPTS[0], PROMPTS[2])
    assert set(differing) == {"Prompt", "Seed", "LoRA"}
    page.comparison.swap()
    assert page.comparison.differing()["Seed"] == ("102", "100")
    QTest.keyClick(page.comparison.pictures, Qt.Key.Key_Escape)
    assert page._stack.currentIndex() == 0


def test_with_one_selected_the_next_click_chooses_the_other(qtbot: QtBot, page: GalleryPage) -> None:
    page.grid.go_to(0)
    page.details._compare.click()
    assert "click the picture" in page.details.question
    QTest.keyClick(page.grid, Qt.Key.Key_Right)
    assert page._stack.currentIndex() == 0, "the cursor may walk there"
    where = page.grid.visualRect(page._pictures.index(2)).center()
    QTest.mouseClick(page.grid.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.waitUntil(lambda: page._stack.currentWidget() is page.comparison)
    assert page.comparison.differing()["Seed"] == ("100", "102")


def test_the_divider_is_dragged_and_moved_with_the_arrows(qtbot: QtBot) -> None:
    compare = Compare()
    qtbot.addWidget(compare)
    compare.resize(400, 400)
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    compare.set_images(image, image)
    compare.show()
    QTest.mouseClick(compare, Qt.MouseButton.LeftButton, pos=QPoint(100, 200))
    assert compare.share == pytest.approx(0.25)
    QTest.keyClick(compare, Qt.Key.Key_Right)
    assert compare.share == pytest.approx(0.27)
    QTest.keyClick(compare, Qt.Key.Key_Home)
    assert compare.share == 0


@pytest.fixture
def trash(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A trash of this test's own; what lies in it."""
    thrown: list[str] = []

    def send(path: str) -> None:
        if path.endswith("1.png"):
            raise OSError("no trash on this disk")
        thrown.append(path)
        Path(path).unlink()

    module = ModuleType("send2trash")
    module.send2trash = send  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "send2trash", module)
    return thrown


def test_delete_asks_first_and_keeps_when_told_so(page: GalleryPage, paths: list[str], trash: list[str]) -> None:
    QTest.keyClick(page.grid, Qt.Key.Key_Delete)
    assert page.details.question == "Move this picture to the trash?"
    QTest.keyClick(page.grid, Qt.Key.Key_Escape)
    assert page.details.question == ""
    page.delete()
    assert trash == []
    assert _shown(page) == paths


def test_what_is_deleted_goes_to_the_trash_and_the_next_is_shown(
    qtbot: QtBot, page: GalleryPage, settings: Settings, paths: list[str], trash: list[str]
) -> None:
    page.star_selected()
    QTest.keyClick(page.grid, Qt.Key.Key_Delete)
    with qtbot.waitSignal(page.said):
        page.details._yes.click()
    assert trash == paths[:1]
    assert _shown(page) == paths[1:]
    assert settings.favourites == []
    qtbot.waitUntil(lambda: _details(page) == "1.png")


def test_a_refused_trash_is_said_in_place(qtbot: QtBot, page: GalleryPage, paths: list[str], trash: list[str]) -> None:
    page.grid.selectAll()
    page.trash_selected()
    assert page.details.question == "Move these 3 pictures to the trash?"
    page.details._yes.click()
    qtbot.waitUntil(lambda: "could not be moved" in page.details._fault.text())
    assert trash == paths[:1]
    assert _shown(page) == paths[1:]


def _order(page: GalleryPage, words: str) -> None:
    box = page.bar.findChildren(QComboBox)[0]
    box.setCurrentText(words)
    box.activated.emit(box.currentIndex())


def test_pictures_stand_in_the_order_that_is_wanted(page: GalleryPage, home: Home, paths: list[str]) -> None:
    _order(page, "Oldest first")
    assert _shown(page) == paths[::-1]
    large = str(write_png(home.outputs / "2026-11-23" / "0a.png", GenerateJob(prompt="x" * 5000), age=-5))
    page.add(large)
    assert _shown(page) == [*paths[::-1], large], "the newest comes last"
    _order(page, "By name")
    assert _shown(page) == [paths[0], large, *paths[1:]]
    _order(page, "Largest file first")
    assert _shown(page)[0] == large


def test_the_view_comes_back_once_the_pictures_are_listed(
    qtbot: QtBot, home: Home, favourites: Favourites, paths: list[str]
) -> None:
    more = [str(write_png(home.outputs / "old" / f"{number:03}.png", age=100 + number)) for number in range(300)]
    first, second = (GalleryPage(home, favourites) for _ in range(2))
    for page in (first, second):
        qtbot.addWidget(page)
        page.resize(1100, 700)
    first.show()
    qtbot.waitUntil(lambda: first._index.unread == 0 and len(_shown(first)) == 303)
    first.bar._size.setValue(120)
    first.bar.search.setText("old")
    qtbot.waitUntil(lambda: len(_shown(first)) == 300)
    first._split.setSizes([600, 500])
    first.grid.executeDelayedItemsLayout()
    _select(first, 250, 252)
    view = json.loads(json.dumps(first.view()))
    assert view["scroll"] > 0
    second.set_view(view)
    assert {name: second.view()[name] for name in ("search", "selected", "scroll")} == {
        name: view[name] for name in ("search", "selected", "scroll")
    }, "what has not been shown yet is not lost"
    second.show()
    qtbot.waitUntil(lambda: len(_shown(second)) == 300)
    assert second.grid.selected_paths() == [more[250], more[252]]
    assert second.view() == view


@pytest.mark.parametrize("view", [{}, {"tile": "x", "split": [1], "order": 3, "selected": 5, "current": []}])
def test_a_view_that_makes_no_sense_changes_nothing(page: GalleryPage, view: dict[str, object]) -> None:
    before = page.view()
    page.set_view(view)
    assert page.view() == before


def test_a_star_given_elsewhere_is_seen_at_once(page: GalleryPage, favourites: Favourites, paths: list[str]) -> None:
    page.bar.only.setChecked(True)
    assert _shown(page) == []
    assert favourites.toggle(paths[1]) is True
    assert _shown(page) == [paths[1]]
    assert favourites.toggle(Path(paths[1])) is False
    assert _shown(page) == []


def test_favourites_move_with_the_users_folder(home: Home, settings: Settings, tmp_path: Path) -> None:
    Favourites(home, settings).star([home.outputs / "a.png", tmp_path / "elsewhere.png"])
    assert settings.favourites == sorted([str(tmp_path / "elsewhere.png"), "outputs/a.png"])
    moved = Home(tmp_path / "moved")
    assert Favourites(moved, settings).is_starred(moved.outputs / "a.png")
    assert not Favourites(moved, settings).is_starred(home.outputs / "a.png")


def test_the_full_view_is_left_as_it_was_entered(page: GalleryPage) -> None:
    page.full_view()
    assert page._stack.currentWidget() is page.large
    page.full_view()
    assert page._stack.currentIndex() == 0


def test_find_goes_to_the_search_from_anywhere(page: GalleryPage) -> None:
    page.full_view()
    page.search()
    assert page._stack.currentIndex() == 0
    assert page.bar.search.hasFocus()
