"""Pictures prepared on the page Dataset: cropped, turned and mirrored, while their files stay as they are."""

import json
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.pages.dataset import DatasetPage
from app.pages.dataset_listing import look
from app.prepared import prepared_image
from tests.app.dataset_page import opened, select
from tests.app.prepare_page import CORNERS, LEFT, NONE, SIZE, originals, prepare, shown, write_pets
from tests.app.stage import Engine
from trainer.dataset.recipes import AS_IT_IS, Recipe, Recipes, prepared
from trainer.home import Home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pets(tmp_path / "pets")


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, folder: Path) -> DatasetPage:
    made = opened(qtbot, home, train_engine, folder)
    select(made, 0)
    return made


def saved(folder: Path, name: str = "1.png") -> Recipe:
    """As it is on the disk."""
    return Recipes(folder).of(name)


def drag(page: DatasetPage, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Over the picture that is cropped, in its own pixels."""
    canvas = page.preparing.crop_canvas
    QTest.mousePress(canvas, LEFT, NONE, canvas.to_widget(*start).toPoint())
    QTest.mouseMove(canvas, canvas.to_widget(*end).toPoint())
    QTest.mouseRelease(canvas, LEFT, NONE, canvas.to_widget(*end).toPoint())


def near(crop: tuple[int, int, int, int] | None, wanted: tuple[int, int, int, int]) -> bool:
    """A pixel of the window is some of the picture."""
    return crop is not None and all(abs(a - b) <= 3 for a, b in zip(crop, wanted, strict=True))


def test_a_crop_that_is_drawn_becomes_the_recipe_and_the_file_stays(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    before = originals(folder)
    prepare(qtbot, page)
    with qtbot.waitSignal(page.folder.prepared):
        drag(page, (300, 200), (900, 700))
    page.stop_work()
    assert near(saved(folder).crop, (300, 200, 900, 700))
    assert originals(folder) == before
    assert look(page.folder, page.folder.paths[0]).prepared == "cropped"
    crop = saved(folder).crop
    assert crop is not None
    assert f"{crop[2] - crop[0]} × {crop[3] - crop[1]} of 1200 × 800" in page.inspector.about.text()


def test_what_was_cropped_small_is_found_by_its_size_and_called_too_small(qtbot: QtBot, page: DatasetPage) -> None:
    assert page.folder.rows[0].problems == {"same file"}
    with qtbot.waitSignal(page.folder.examined):
        page.folder.preparing.change("", {0: Recipe(crop=(0, 0, 300, 200))})
    assert (page.folder.rows[0].width, page.folder.rows[0].height) == (300, 200)
    assert page.folder.rows[0].problems == {"too small"}
    page.filter.set_query("width:<512")
    qtbot.waitUntil(lambda: page._pictures.paths() == page.folder.paths[:1])
    with qtbot.waitSignal(page.folder.examined):
        page.folder.undo()
    qtbot.waitUntil(lambda: page._pictures.paths() == [])
    assert page.folder.rows[0].problems == {"same file"}


def test_everything_shows_the_prepared_picture(qtbot: QtBot, page: DatasetPage) -> None:
    page.folder.preparing.change("", {0: Recipe(turns=1, crop=(0, 0, 400, 600))})
    size = page._pictures._decoder._read(Path(page.folder.paths[0]), 256).size()
    assert (size.width(), size.height()) == (171, 256)
    qtbot.waitUntil(lambda: page.inspector.picture._pixmap.height() == 600)
    assert page.inspector.picture._pixmap.width() == 400
    qtbot.waitUntil(lambda: page._pictures.data(page._pictures.index(0), Qt.ItemDataRole.DecorationRole) is not None)
    thumbnail = page._pictures.data(page._pictures.index(0), Qt.ItemDataRole.DecorationRole)
    assert thumbnail.height() == 256  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_qt_prepares_a_picture_as_training_does(folder: Path, turns: int, mirrored: bool) -> None:
    recipe = Recipe(turns, mirrored, (100, 200, 700, 750))
    path = folder / "1.png"
    wanted, made = prepared(path, recipe), prepared_image(path, recipe)
    assert (made.width(), made.height()) == wanted.size
    for place in ((5, 5), (550, 5), (5, 540), (590, 545)):
        assert made.pixelColor(*place).getRgb()[:3] == wanted.getpixel(place)  # pyright: ignore[reportIndexIssue]
    assert max(prepared_image(path, recipe, 200).width(), prepared_image(path, recipe, 200).height()) == 200


def test_turns_and_mirror_are_for_all_that_are_selected(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    select(page, 0, 2)
    page.turn_right()
    page.mirror()
    page.stop_work()
    assert [saved(folder, f"{name}.png") for name in (1, 2, 3)] == [Recipe(1, True), AS_IT_IS, Recipe(1, True)]
    prepare(qtbot, page)
    QTest.keyClick(page.preparing.crop_canvas, Qt.Key.Key_L)
    page.stop_work()
    assert saved(folder) == saved(folder, "3.png") == Recipe(2, True)


def test_a_crop_turns_with_its_picture(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    prepare(qtbot, page)
    drag(page, (100, 100), (500, 300))
    page.preparing.turn(1)
    page.stop_work()
    recipe = saved(folder)
    assert recipe.turns == 1
    assert near(recipe.crop, (500, 100, 700, 500))
    shown(qtbot, page)
    assert page.preparing.crop_canvas.crop == recipe.crop
    assert prepared(folder / "1.png", recipe).getpixel((50, 50)) == CORNERS[10, 10]


def test_keys_go_on_to_the_next_picture_and_what_was_drawn_is_kept(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    prepare(qtbot, page)
    drag(page, (300, 200), (900, 700))
    canvas = page.preparing.crop_canvas
    QTest.keyClick(canvas, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    crop = canvas.crop
    QTest.keyClick(canvas, Qt.Key.Key_PageDown)
    assert page.grid.current().endswith("2.png")
    shown(qtbot, page)
    assert canvas.crop is None
    QTest.keyClick(canvas, Qt.Key.Key_PageUp)
    shown(qtbot, page)
    assert canvas.crop == crop
    page.stop_work()
    assert saved(folder).crop == crop
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert page._middle.currentIndex() == 0


def test_undo_takes_back_what_was_done_last_be_it_a_crop_or_a_caption(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    page.turn_left()
    page.inspector.edit.setPlainText("a dog")
    with qtbot.waitSignal(page.folder.changed):
        page.inspector.finish()
    page.mirror()
    page.folder.finish()
    assert [step.title for step in page.folder.steps()] == [
        "Turned left a picture",
        "Edited 1.png",
        "Mirrored a picture",
    ]

    def state() -> tuple[Recipe, str]:
        page.folder.finish()
        QApplication.processEvents()
        return saved(folder), (folder / "1.txt").read_text(encoding="utf-8").strip()

    states = [state()]
    for _ in range(3):
        page.undo()
        states.append(state())
    assert states == [
        (Recipe(3, True), "a dog"),
        (Recipe(3), "a dog"),
        (Recipe(3), "a cat"),
        (AS_IT_IS, "a cat"),
    ]
    for before in reversed(states[:3]):
        page.redo()
        assert state() == before


def test_what_the_command_line_prepared_meanwhile_is_taken_in(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    elsewhere = Recipes(folder)
    elsewhere.set("2.png", Recipe(2))
    elsewhere.save()
    with qtbot.waitSignal(page.folder.prepared, check_params_cb=lambda places: places == (1,)):
        page.folder.look_again(())
    assert page.folder.preparing.recipe(1) == Recipe(2)


def test_the_recipes_of_one_folder_stay_with_it(qtbot: QtBot, page: DatasetPage, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "others"
    other.mkdir()
    Image.new("RGB", SIZE).save(other / "1.png")
    prepare(qtbot, page)
    drag(page, (300, 200), (900, 700))
    with qtbot.waitSignal(page.folder.read):
        page.open_folder(other)
    page.folder.finish()
    assert json.loads((folder / ".gesso" / "recipes.json").read_text("utf-8"))["recipes"].keys() == {"1.png"}
    assert page.folder.preparing.recipe(0) == AS_IT_IS
    assert not page.close_up.is_preparing
    qtbot.waitUntil(lambda: not page._errands and not page.searching.is_due)
