"""The page Generate beginning from pictures: varied, repainted, enlarged, moved, and laid out in grids."""

import itertools
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QGuiApplication, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractScrollArea, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app.pages.generate import GeneratePage
from app.pages.generate_size import picture_size
from app.pages.generate_source import strength_in_words
from app.settings import Settings
from app.window import MainWindow
from tests.app.generate_page import click, open_page
from tests.app.pictures import write_png
from tests.app.stage import Engine
from tests.app.whole.driving import focusable, names_of
from tests.app.whole.test_reach import column_of
from trainer.contract import events
from trainer.contract.common import Hardware, LoraUse, Sampling, Size
from trainer.contract.generate import GenerateJob, Mask, SecondPass, SourcePicture, Variation
from trainer.contract.grid import Axis, GridJob
from trainer.contract.video import Motion, VideoExport, VideoJob
from trainer.home import Home

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def page(qtbot: QtBot, home: Home, engine: Engine) -> GeneratePage:
    return open_page(qtbot, home, engine, Settings(), video=True)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (600, 400), (30, 90, 160)).save(path)
    return path


def source_known(page: GeneratePage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page._form.source.picture is not None)


def begin(page: GeneratePage, qtbot: QtBot, path: Path, how: str) -> None:
    page.begin_from(path, how)  # pyright: ignore[reportArgumentType]
    qtbot.waitUntil(lambda: page._form.source.path == str(path))
    source_known(page, qtbot)


def paint_something(page: GeneratePage, qtbot: QtBot) -> None:
    canvas = page._mask_panel.canvas
    qtbot.waitUntil(lambda: not canvas._pixmap.isNull())
    QTest.mouseClick(canvas, LEFT, NONE, canvas.rect().center())
    assert canvas.can_undo


def last(engine: Engine) -> object:
    return engine.asked[-1]


# --- from a picture ----------------------------------------------------------------------------------------------


def test_a_source_is_chosen_weighed_and_taken_away(
    qtbot: QtBot, page: GeneratePage, engine: Engine, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: (str(photo), ""))
    click(page, "Begin from a picture…")
    source_known(page, qtbot)
    page._form.source._slider.setValue(25)
    assert page._form.source._words.text() == "touches it up"
    page.generate()
    job = last(engine)
    assert isinstance(job, GenerateJob)
    assert job.source == SourcePicture(path=str(photo), strength=0.25)
    assert job.size is None
    click(page, "Remove the picture")
    assert page._form.source.value() is None


def test_the_size_follows_the_source_until_one_is_chosen(qtbot: QtBot, page: GeneratePage, photo: Path) -> None:
    page.choose_model("dreamy")
    qtbot.waitUntil(lambda: page._form._size._own == (512, 512))
    begin(page, qtbot, photo, "vary")
    assert page._form._size._quick.currentText() == "As the picture: 600 × 400"
    page._form.source.remove()
    assert page._form._size._quick.currentText() == "The model's own: 512 × 512"


def test_the_engine_takes_the_size_that_is_shown() -> None:
    from trainer.generation.source import _own_size

    class Bundle:
        default_size = (512, 512)
        pixels_per_latent = 8

    for size in ((600, 400), (601, 403), (4000, 3000), (8, 8), (3000, 30)):
        assert picture_size(size, (512, 512)) == _own_size(size, Bundle())  # pyright: ignore[reportArgumentType]


def test_words_say_what_a_strength_does() -> None:
    assert [strength_in_words(one) for one in (0.2, 0.5, 1.0)] == [
        "touches it up",
        "keeps the composition",
        "starts anew",
    ]


def test_all_that_a_picture_remembers_fills_the_form(page: GeneratePage, engine: Engine, photo: Path) -> None:
    wanted = GenerateJob(
        prompt="a cat",
        size=Size(width=512, height=640),
        sampling=Sampling(clip_skip=2),
        source=SourcePicture(path=str(photo), sha256="ab" * 32, strength=0.35, resize="stretch"),
        second_pass=SecondPass(scale=1.5, steps=12, upscaler="latent", strength=0.55, model="dreamy"),
        variation=Variation(seed=2**40, strength=0.2),
        hardware=Hardware(tiles="on"),
        seed=5,
    )
    page._form.set_job(wanted)
    assert page._form._more.fold._summary.text() == "DDIM, × 1.5, variation, clip skip 2"
    draft = page.draft()
    page._form.set_job(GenerateJob())
    page.set_draft(draft)
    page.generate()
    assert last(engine) == wanted


def test_a_mask_comes_back_with_its_options(page: GeneratePage, engine: Engine, photo: Path) -> None:
    mask = Mask(path=str(photo), sha256="cd" * 32, feather=9, only_masked=True, padding=64, fill="noise", inverted=True)
    wanted = GenerateJob(seed=1, source=SourcePicture(path=str(photo), mask=mask))
    page._form.set_job(wanted)
    page.generate()
    assert last(engine) == wanted


def test_a_source_that_is_gone_says_so_in_place(qtbot: QtBot, page: GeneratePage, tmp_path: Path) -> None:
    page._form.set_job(GenerateJob(source=SourcePicture(path=str(tmp_path / "gone.png"))))
    qtbot.waitUntil(page._form.source._fault.isVisible)
    assert "moved" in page._form.source._fault.text()


def test_a_mask_and_a_second_pass_at_once_are_refused_in_place(page: GeneratePage, engine: Engine, photo: Path) -> None:
    page._form.set_job(GenerateJob(source=SourcePicture(path=str(photo), mask=Mask(path=str(photo)))))
    page._form._more._second_pass.set_on(True)
    page.generate()
    assert engine.asked == []
    assert "but not both" in page._form._faults["source"].text()


# --- painting ----------------------------------------------------------------------------------------------------


def test_generate_writes_the_painted_mask_first(
    qtbot: QtBot, page: GeneratePage, engine: Engine, photo: Path, home: Home
) -> None:
    begin(page, qtbot, photo, "repaint")
    paint_something(page, qtbot)
    page.generate()
    qtbot.waitUntil(lambda: bool(engine.asked))
    job = last(engine)
    assert isinstance(job, GenerateJob)
    assert job.source is not None
    assert job.source.mask is not None
    (kept,) = (home.root / "masks").iterdir()
    assert job.source.mask.path == str(kept)
    assert QImage(str(kept)).size() == QImage(str(photo)).size()
    assert not page._beginning.is_painting, "the picture forms where it was painted on"


def test_escape_keeps_the_mask_and_it_can_be_changed_or_forgotten(
    qtbot: QtBot, page: GeneratePage, engine: Engine, photo: Path
) -> None:
    begin(page, qtbot, photo, "repaint")
    paint_something(page, qtbot)
    page.stop()
    qtbot.waitUntil(lambda: page._form.source.has_mask)
    assert "cancel" not in engine.asked
    click(page, "Change the mask…")
    qtbot.waitUntil(lambda: not page._mask_panel.canvas._pixmap.isNull())
    page._mask_panel.canvas.clear()
    click(page, "Done")
    qtbot.waitUntil(lambda: not page._form.source.has_mask)


def test_nothing_painted_is_no_mask(qtbot: QtBot, page: GeneratePage, engine: Engine, photo: Path) -> None:
    begin(page, qtbot, photo, "repaint")
    qtbot.waitUntil(lambda: not page._mask_panel.canvas._pixmap.isNull())
    page.generate()
    qtbot.waitUntil(lambda: bool(engine.asked))
    assert not page._form.source.has_mask


# --- below a result ----------------------------------------------------------------------------------------------


def test_a_result_is_varied_with_its_own_settings(qtbot: QtBot, page: GeneratePage, engine: Engine, home: Home) -> None:
    made = GenerateJob(prompt="a fox", seed=3, second_pass=SecondPass(), size=Size(width=512, height=512))
    path = write_png(home.outputs / "2026-11-24" / "fox.png", made)
    page.show_picture(str(path))
    qtbot.waitUntil(lambda: page._shown is not None)
    click(page, "Vary it")
    job = page._form.job()
    assert isinstance(job, GenerateJob)
    assert (job.prompt, job.size, job.second_pass) == ("a fox", None, None)
    assert job.source == SourcePicture(path=str(path), strength=0.6)
    assert job.seed != 3
    click(page, "Enlarge")
    assert last(engine) == made
    source_known(page, qtbot)


def test_without_a_video_model_moving_says_what_is_missing(
    qtbot: QtBot, home: Home, engine: Engine, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(qtbot, home, engine, Settings())
    others = [one for one in page._beginning._models.entries if one.name != "video-starter"]
    monkeypatch.setattr(page._beginning._models, "entries", others)
    page.show_picture(str(photo))
    qtbot.waitUntil(lambda: page._shown is not None)
    click(page, "Make it move")
    assert "Stable Video Diffusion model is needed" in page._results.words
    assert not page._form.is_video


def test_where_a_picture_is_let_go_decides(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    picture = write_png(tmp_path / "made.png", GenerateJob(prompt="a green boat"), side=64)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(picture))])
    copy = Qt.DropAction.CopyAction
    where = QPoint(window.width() - 60, 100)
    QGuiApplication.sendEvent(window, QDragEnterEvent(QPoint(9, 9), copy, data, LEFT, NONE))
    QGuiApplication.sendEvent(window, QDragMoveEvent(where, copy, data, LEFT, NONE))
    assert window.frame.overlay.under == 1
    QGuiApplication.sendEvent(window, QDropEvent(QPointF(where), copy, data, LEFT, NONE))
    qtbot.waitUntil(lambda: window.generate._form.source.path == str(picture))
    assert window.generate._form._prompt.text() == "a green boat"
    source_known(window.generate, qtbot)


# --- video -------------------------------------------------------------------------------------------------------


def test_a_video_model_changes_the_form(qtbot: QtBot, page: GeneratePage, engine: Engine, photo: Path) -> None:
    page.choose_model("moving")
    form = page._form
    assert not any(field.isVisible() for field in (form._prompt, form._loras, form._more, form._grid))
    page.generate()
    assert engine.asked == []
    assert form._faults["source"].text() == "Choose one first."
    begin(page, qtbot, photo, "move")
    qtbot.waitUntil(lambda: "1024 × 576" in form._size._quick.currentText())
    page.generate()
    job = last(engine)
    assert isinstance(job, VideoJob)
    assert (job.model, job.picture, job.size, job.frames) == ("moving", str(photo), None, None)
    page.choose_model("dreamy")
    assert form._prompt.isVisible()


def test_what_a_video_remembers_fills_the_form(page: GeneratePage, engine: Engine, photo: Path) -> None:
    wanted = VideoJob(
        model="moving",
        picture=str(photo),
        frames=14,
        motion=Motion(fps=8, bucket=40, noise=0.1),
        export=VideoExport(format="gif", quality=60, loop=False),
        seed=9,
    )
    page._form.set_job(wanted)
    draft = page.draft()
    page._form.set_job(GenerateJob())
    page.set_draft(draft)
    page.generate()
    assert last(engine) == wanted


def test_a_forming_video_plays_where_it_is_and_its_file_is_shown(
    qtbot: QtBot, page: GeneratePage, engine: Engine, photo: Path, home: Home
) -> None:
    page._form.set_job(VideoJob(model="moving", picture=str(photo)))
    page.generate()
    strip = QImage(16, 9 * 4, QImage.Format.Format_RGB32)
    painter = QPainter(strip)
    for place in range(4):
        painter.fillRect(0, 9 * place, 16, 9, Qt.GlobalColor(int(Qt.GlobalColor.black.value) + place))
    painter.end()
    preview = events.Preview(index=0, step=1, total=4, width=16, height=36, data="", frames=4)
    engine.preview.emit(preview, strip)
    player = page._results.player
    assert player.is_playing
    assert player.count == 4
    player.step_on()
    player.step_on()
    engine.preview.emit(preview, strip)
    assert (player.place, player.is_playing) == (2, False), "the next preview stays at the frame that is looked at"
    moving = home.outputs / "2026-11-24" / "7.gif"
    moving.parent.mkdir(parents=True)
    frames = [Image.new("RGB", (32, 18), (90 * n, 60, 30)) for n in range(3)]
    frames[0].save(moving, save_all=True, append_images=frames[1:], duration=100)
    engine.say(events.Saved(what="video", path=str(moving)))
    qtbot.waitUntil(lambda: page._shown is not None)
    assert (player.count, player._rate.value()) == (3, 10)
    assert page._history.pictures.paths() == [str(moving)]
    player.pause()
    for key, place in ((Qt.Key.Key_Period, 1), (Qt.Key.Key_Comma, 0)):
        QTest.keyClick(player._place, key)
        assert player.place == place
    QTest.keyClick(player._place, Qt.Key.Key_Space)
    assert player.is_playing
    player.pause()
    engine.end(events.Finished(seconds=2.0))


# --- grids -------------------------------------------------------------------------------------------------------


def test_a_grid_over_guidance_and_sampler_is_counted_and_queued(page: GeneratePage, engine: Engine) -> None:
    page._form.set_job(GenerateJob(prompt="a cat", loras=(LoraUse(name="kiki"),), seed=4))
    click(page, "Grid…")
    across, down, _ = page._grids.panel.axes
    across.set_axis("sampling.guidance", "3, 5, 7")
    down.set_axis("sampling.sampler", "Euler, DPM++ 2M")
    assert page._grids.panel._words.text() == "Makes 6 pictures on 1 sheet."
    click(page, "Make the grid")
    job = last(engine)
    assert isinstance(job, GridJob)
    assert job.base.prompt == "a cat"
    assert job.axes == (
        Axis(field="sampling.guidance", values=("3", "5", "7")),
        Axis(field="sampling.sampler", values=("euler", "dpmpp_2m")),
    )
    assert page._middle.currentIndex() == 0


@pytest.mark.parametrize(
    ("field", "values", "search", "words"),
    [
        ("sampling.steps", "10, many", "", "sampling.steps can't be 'many'"),
        ("sampling.steps", "1-9 (+0)", "", "is no range"),
        ("prompt", "dog, fox", "horse", "does not stand in prompt"),
        ("", "", "", "Nothing changes yet."),
    ],
)
def test_what_is_wrong_in_a_grid_is_said_in_place(
    page: GeneratePage, engine: Engine, field: str, values: str, search: str, words: str
) -> None:
    page._form.set_prompt("a cat")
    page.grid()
    page._grids.panel.axes[0].set_axis(field, values, search)
    click(page, "Make the grid")
    assert words in page._grids.panel._fault.text()
    assert engine.asked == []


def test_a_grid_is_remembered(page: GeneratePage) -> None:
    page.grid()
    page._grids.panel.axes[0].set_axis("prompt", "cat, dog", "cat")
    draft = page.draft()
    page._grids.panel.axes[0].set_axis("seed", "1-4")
    page.set_draft(draft)
    assert page.draft() == draft
    assert page.stop() is None
    assert page._middle.currentIndex() == 0


# --- without a mouse ---------------------------------------------------------------------------------------------


def test_everything_new_has_a_name_and_a_tooltip_and_stands_in_order(
    qtbot: QtBot, page: GeneratePage, photo: Path, home: Home
) -> None:
    """With a source and its mask in the form, while a mask is painted, a video is shown, a grid is asked for."""
    page._form.set_job(GenerateJob(source=SourcePicture(path=str(photo), mask=Mask(only_masked=True))))
    page._form.set_open(True)
    page._form._more._second_pass.set_on(True)
    page._form._more._variation.set_on(True)
    source_known(page, qtbot)
    check_controls(page)
    page._beginning.paint()
    qtbot.waitUntil(lambda: not page._mask_panel.canvas._pixmap.isNull())
    check_controls(page._mask_panel)
    page._middle.setCurrentIndex(0)
    frame = QImage(8, 8, QImage.Format.Format_RGB32)
    page._results.show_video_preview([frame, frame], 6, "")
    check_controls(page._results)
    page._results.player.clear()
    page._form.set_job(GenerateJob(prompt="a cat"))
    page.grid()
    page._grids.panel.axes[0].set_axis("prompt", "cat", "cat")
    check_controls(page._grids.panel)


def check_controls(part: QWidget) -> None:
    controls = focusable(part)
    assert [str(one) for one in controls if not any(names_of(one))] == []
    assert [str(names_of(one)) for one in controls if not one.toolTip() and not is_list(one)] == []
    places = [(one.mapTo(part, QPoint(0, 0)), one) for one in in_turn(controls)]
    back = [
        f"from {names_of(one)} up to {names_of(other)}"
        for (here, one), (there, other) in itertools.pairwise(places)
        if column_of(one) is column_of(other) is not None and there.y() + other.height() <= here.y()
    ]
    assert back == []


def in_turn(controls: list[QWidget]) -> list[QWidget]:
    """As Tab comes to them."""
    found, one = [], controls[0]
    for _ in range(2000):
        if one in controls:
            found.append(one)
        one = one.nextInFocusChain() or controls[0]
        if one is controls[0]:
            break
    return found


def is_list(one: QWidget) -> bool:
    return isinstance(one, QAbstractScrollArea)
