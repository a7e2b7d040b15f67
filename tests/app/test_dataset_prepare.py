"""Pictures prepared on the page Dataset: cropped, turned, mirrored and masked, while their files stay as they are."""

import json
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.dataset_preparing import Painted
from app.pages.dataset import DatasetPage
from app.pages.dataset_listing import look
from app.prepared import prepared_image
from app.widgets.mask_canvas import MaskCanvas
from tests.app.dataset_page import is_quiet, open_folder, opened, select
from tests.app.stage import Engine
from trainer.dataset.masks import mask_path
from trainer.dataset.pictures import Size
from trainer.dataset.recipes import AS_IT_IS, Recipe, Recipes, prepared
from trainer.home import Home

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SIZE = (1200, 800)
CORNERS = {(10, 10): (255, 0, 0), (1190, 10): (0, 255, 0), (10, 790): (0, 0, 255), (1190, 790): (255, 255, 255)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures whose quarters have each a colour of its own."""
    made = tmp_path / "pets"
    made.mkdir()
    picture = Image.new("RGB", SIZE)
    for (x, y), colour in CORNERS.items():
        picture.paste(colour, (x // 600 * 600, y // 400 * 400, x // 600 * 600 + 600, y // 400 * 400 + 400))
    for name in ("1.png", "2.png", "3.png"):
        picture.save(made / name, compress_level=1)
        (made / name).with_suffix(".txt").write_text("a cat", encoding="utf-8")
    return made


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, folder: Path) -> DatasetPage:
    made = opened(qtbot, home, train_engine, folder)
    select(made, 0)
    return made


def originals(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("?.*"))}


def saved(folder: Path, name: str = "1.png") -> Recipe:
    """As it is on the disk."""
    return Recipes(folder).of(name)


def shown(qtbot: QtBot, page: DatasetPage) -> None:
    qtbot.waitUntil(lambda: page.preparing._is_shown)


def prepare(qtbot: QtBot, page: DatasetPage, mode: str = "crop") -> None:
    QTest.keyClick(page.grid, Qt.Key.Key_C)
    page.preparing.set_mode(mode)  # pyright: ignore[reportArgumentType]
    shown(qtbot, page)


def drag(page: DatasetPage, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Over the picture that is cropped, in its own pixels."""
    canvas = page.preparing.crop_canvas
    QTest.mousePress(canvas, LEFT, NONE, canvas.to_widget(*start).toPoint())
    QTest.mouseMove(canvas, canvas.to_widget(*end).toPoint())
    QTest.mouseRelease(canvas, LEFT, NONE, canvas.to_widget(*end).toPoint())


def paint(canvas: MaskCanvas, x: int, y: int) -> None:
    place: QPoint = canvas.to_widget(QPointF(x, y)).toPoint()
    QTest.mouseClick(canvas, LEFT, NONE, place)


def away_and_back(qtbot: QtBot, page: DatasetPage) -> None:
    """To the next picture and back: what was painted is written, and its strokes are forgotten."""
    for key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
        QTest.keyClick(page.preparing.mask_canvas, key)
        shown(qtbot, page)


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


def test_a_stroke_lands_in_the_mask_at_the_pixels_below_it_also_after_a_turn(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    before = originals(folder)
    page.turn_right()  # what was at the left below is at the left above now
    page.mirror()  # and then at the right
    prepare(qtbot, page, "mask")
    canvas = page.preparing.mask_canvas
    canvas.set_brush(100)
    paint(canvas, 700, 100)
    page.stop_work()
    mask = Image.open(mask_path(folder / "1.png"))
    assert mask.mode == "L"
    assert mask.size == SIZE
    assert mask.getpixel((100, 700)) == 0, "left out"
    assert [mask.getpixel(place) for place in ((700, 100), (100, 100), (1100, 700), (200, 700))] == [255] * 4
    assert originals(folder) == before
    qtbot.waitUntil(lambda: look(page.folder, page.folder.paths[0]).prepared == "turned, mirrored, masked")


def test_what_is_painted_counts_as_much_as_was_chosen_and_can_be_undone(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    prepare(qtbot, page, "mask")
    panel = page.preparing
    panel.mask_bar.counts.setValue(40)
    panel.mask_canvas.fill()
    panel.mask_bar.counts.setValue(0)
    paint(panel.mask_canvas, 600, 400)
    with qtbot.waitSignal(page.folder.masked):
        panel.finish()
    mask = Image.open(mask_path(folder / "1.png"))
    assert (mask.getpixel((10, 10)), mask.getpixel((600, 400))) == (102, 0)
    page.undo()
    with qtbot.waitSignal(page.folder.masked):
        panel.finish()
    assert Image.open(mask_path(folder / "1.png")).getextrema() == (102, 102)


def test_masks_are_steps_like_all_others(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    prepare(qtbot, page, "mask")
    panel = page.preparing
    for place in ((300, 200), (600, 400)):
        paint(panel.mask_canvas, *place)
        with qtbot.waitSignal(page.folder.masked):
            panel.finish()
    QTest.keyClick(panel.mask_canvas, Qt.Key.Key_PageDown)
    shown(qtbot, page)
    assert [step.title for step in page.folder.steps()] == ["Painted the mask of 1.png"]
    QTest.keyClick(panel.mask_canvas, Qt.Key.Key_PageUp)
    shown(qtbot, page)
    paint(panel.mask_canvas, 900, 600)
    page.back()
    qtbot.waitUntil(lambda: len(page.folder.steps()) == 2)
    with qtbot.waitSignal(page.folder.masked):
        page.undo()
    with qtbot.waitSignal(page.folder.masked, check_params_cb=lambda places, _painted: places == (0,)):
        page.undo()
    assert not mask_path(folder / "1.png").exists()
    assert page.folder.preparing.words(0) == ""
    with qtbot.waitSignal(page.folder.masked):
        page.redo()
    mask = Image.open(mask_path(folder / "1.png"))
    assert (mask.getpixel((300, 200)), mask.getpixel((600, 400)), mask.getpixel((900, 100))) == (0, 0, 255)
    assert page.folder.preparing.words(0) == "masked"


def test_a_mask_that_is_undone_while_it_is_shown_is_shown_as_it_is(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    prepare(qtbot, page, "mask")
    canvas = page.preparing.mask_canvas
    paint(canvas, 300, 200)
    away_and_back(qtbot, page)
    assert canvas.marked().pixelColor(300, 200).value() == 255
    page.undo()
    qtbot.waitUntil(lambda: page.preparing._is_shown and canvas.marked().pixelColor(300, 200).value() == 0)
    assert not mask_path(folder / "1.png").exists()


def test_a_stroke_that_was_taken_back_does_not_bring_an_undone_mask_again(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    prepare(qtbot, page, "mask")
    canvas = page.preparing.mask_canvas
    paint(canvas, 300, 200)
    away_and_back(qtbot, page)
    paint(canvas, 600, 400)
    page.undo()
    page.undo()
    qtbot.waitUntil(lambda: not page.folder.is_writing and page.preparing._is_shown)
    page.preparing.finish()
    qtbot.waitUntil(lambda: not page.folder.is_writing)
    assert not mask_path(folder / "1.png").exists()
    assert len(page.folder.undone()) == 1
    assert canvas.marked().pixelColor(300, 200).value() == 0


def test_undo_while_the_next_picture_is_read_is_about_what_was_written(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    prepare(qtbot, page, "mask")
    canvas = page.preparing.mask_canvas
    paint(canvas, 300, 200)
    QTest.keyClick(canvas, Qt.Key.Key_PageDown)
    assert not page.preparing._is_shown
    page.undo()
    shown(qtbot, page)
    qtbot.waitUntil(lambda: not page.folder.is_writing)
    assert not mask_path(folder / "1.png").exists()


def test_pictures_of_one_name_have_one_mask(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    Image.open(folder / "1.png").save(folder / "1.jpg")
    open_folder(qtbot, page, folder)
    select(page, 0)
    prepare(qtbot, page, "mask")
    canvas = page.preparing.mask_canvas
    paint(canvas, 300, 200)
    QTest.keyClick(canvas, Qt.Key.Key_PageDown)
    shown(qtbot, page)
    assert canvas.marked().pixelColor(300, 200).value() == 255
    qtbot.waitUntil(lambda: [page.folder.preparing.words(place) for place in range(3)] == ["masked", "masked", ""])


def test_nothing_is_drawn_on_a_picture_while_its_folder_is_read_anew(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    prepare(qtbot, page, "mask")
    canvas = page.preparing.mask_canvas
    paint(canvas, 300, 200)
    page.folder.open(folder)
    assert canvas.marked().isNull()
    qtbot.waitUntil(lambda: is_quiet(page))
    assert Image.open(mask_path(folder / "1.png")).getpixel((300, 200)) == 0


def test_undo_of_a_mask_whose_picture_is_gone_is_seen(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    prepare(qtbot, page, "mask")
    paint(page.preparing.mask_canvas, 300, 200)
    page.back()
    qtbot.waitUntil(lambda: len(page.folder.steps()) == 1 and not page.folder.is_writing)
    (folder / "1.png").unlink()
    open_folder(qtbot, page, folder)
    assert page.inspector._undo.isEnabled()
    page.undo()
    qtbot.waitUntil(lambda: not page.inspector._undo.isEnabled())
    assert page.inspector._redo.isEnabled()


def test_all_strokes_taken_back_leave_no_step(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    prepare(qtbot, page, "mask")
    panel = page.preparing
    paint(panel.mask_canvas, 300, 200)
    for act in (panel.finish, page.undo, panel.finish):
        act()
        qtbot.waitUntil(lambda: not page.folder.is_writing)
    assert page.folder.steps() == ()
    assert not mask_path(folder / "1.png").exists()


def test_a_mask_is_there_again_before_and_after_it_is_written(qtbot: QtBot, page: DatasetPage) -> None:
    prepare(qtbot, page, "mask")
    canvas = page.preparing.mask_canvas
    paint(canvas, 300, 200)
    for _ in range(2):
        QTest.keyClick(canvas, Qt.Key.Key_PageDown)
        shown(qtbot, page)
        assert canvas.marked().pixelColor(300, 200).value() == 0
        QTest.keyClick(canvas, Qt.Key.Key_PageUp)
        shown(qtbot, page)
        assert canvas.marked().pixelColor(300, 200).value() == 255
        assert canvas.marked().pixelColor(900, 600).value() == 0
        page.folder.finish()


def test_a_mask_of_onetrainer_is_shown_and_stays_untouched_unless_it_is_painted_on(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    path = mask_path(folder / "2.png")
    Image.new("RGB", (600, 400), (128, 128, 128)).save(path)
    before = path.read_bytes()
    select(page, 1)
    prepare(qtbot, page, "mask")
    assert page.preparing.mask_canvas.marked().pixelColor(600, 400).value() == 127
    page.back()
    page.stop_work()
    assert path.read_bytes() == before


def test_a_mask_that_the_disk_refused_is_not_lost(qtbot: QtBot, page: DatasetPage, folder: Path) -> None:
    path = mask_path(folder / "1.png")
    path.mkdir()
    prepare(qtbot, page, "mask")
    canvas = page.preparing.mask_canvas
    paint(canvas, 300, 200)
    with qtbot.waitSignal(page.folder.trouble):
        QTest.keyClick(canvas, Qt.Key.Key_PageDown)
    shown(qtbot, page)
    QTest.keyClick(canvas, Qt.Key.Key_PageUp)
    shown(qtbot, page)
    assert canvas.marked().pixelColor(300, 200).value() == 255
    earlier = Painted(QImage(), AS_IT_IS, Size(0, 0))
    page.folder.masked.emit((0,), earlier)
    away_and_back(qtbot, page)
    assert canvas.marked().pixelColor(300, 200).value() == 255, "what was painted before it is written, not it"
    path.rmdir()
    page.folder.masked.emit((0,), None)
    shown(qtbot, page)
    assert canvas.marked().pixelColor(300, 200).value() == 0, "a step that was undone has the last word"


def test_a_mask_that_others_changed_takes_no_stroke_away_that_is_not_written_yet(
    qtbot: QtBot, page: DatasetPage, folder: Path
) -> None:
    prepare(qtbot, page, "mask")
    paint(page.preparing.mask_canvas, 300, 200)
    page.folder.masked.emit((0,), None)
    shown(qtbot, page)
    with qtbot.waitSignal(page.folder.masked):
        page.preparing.finish()
    assert Image.open(mask_path(folder / "1.png")).getpixel((300, 200)) == 0


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
