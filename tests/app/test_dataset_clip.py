"""A clip in the page Dataset: looked at, marked, and its frames written as pictures of the folder."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.pages.dataset import DatasetPage
from tests.app.dataset_page import opened
from tests.app.stage import Engine
from trainer.home import Home

RATE, COUNT = 10, 40


def drawn(path: Path, count: int = COUNT) -> Path:
    """Frames whose grey is six times their number."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(count):
            grey = np.full((48, 64, 3), 6 * (number % 40), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def page(qtbot: QtBot, home: Home, train_engine: Engine, tmp_path: Path) -> DatasetPage:
    folder = tmp_path / "pets"
    folder.mkdir()
    Image.new("RGB", (600, 520), (60, 90, 120)).save(folder / "1.png")
    made = opened(qtbot, home, train_engine, folder)
    with qtbot.waitSignal(made.views.clip.read):
        made.views.importing.add([drawn(tmp_path / "day.mp4")])
    return made


def show(page: DatasetPage, frame: int) -> None:
    clip = page.views.clip
    while clip.player.place != frame:
        (clip.player.step_on if clip.player.place < frame else clip.player.step_back)()


def new_files(page: DatasetPage) -> list[str]:
    assert page.folder.folder is not None
    return sorted(path.name for path in page.folder.folder.glob("day-*"))


def test_a_clip_is_shown_with_all_its_frames(page: DatasetPage) -> None:
    clip = page.views.clip
    assert clip.isVisible()
    assert clip.player.count == COUNT
    assert clip.about.text() == "64 × 48, 0:04.0 long, 40 frames, 10 in a second"
    assert not clip.player.is_playing


def test_the_frame_that_is_shown_becomes_a_picture(page: DatasetPage, qtbot: QtBot) -> None:
    clip = page.views.clip
    show(page, 7)
    with qtbot.waitSignals([clip.taken, page.folder.examined]):
        QTest.keyClick(clip, Qt.Key.Key_T)
    assert new_files(page) == ["day-000007.png"]
    assert page.folder.folder is not None
    with Image.open(page.folder.folder / "day-000007.png") as picture:
        assert round(float(np.asarray(picture.convert("L"), np.float64).mean()) / 6) == 7
    assert clip.isVisible()
    assert clip.words.text() == "1 picture taken: day-000007.png."
    page.back()
    assert page.views.importing.strip.isVisible()


def test_frames_are_taken_evenly_between_the_marks(page: DatasetPage, qtbot: QtBot) -> None:
    clip = page.views.clip
    show(page, 10)
    clip.mark_first()
    show(page, 29)
    clip.mark_last()
    assert clip.marks == pytest.approx((1.0, 3.0))
    assert clip.part.text() == "0:01.0 to 0:03.0 is taken"
    clip.count.setValue(4)
    clip.kind.setCurrentIndex(1)
    with qtbot.waitSignals([clip.taken, page.folder.examined]):
        clip.spread.click()
    assert new_files(page) == [f"day-{number:06d}.jpg" for number in (12, 17, 22, 27)]


def test_frames_are_taken_every_so_many_seconds(page: DatasetPage, qtbot: QtBot) -> None:
    clip = page.views.clip
    clip.seconds.setValue(1.5)
    with qtbot.waitSignals([clip.taken, page.folder.examined]):
        clip.paced.click()
    assert new_files(page) == [f"day-{number:06d}.png" for number in (0, 15, 30)]
    assert [Path(path).name for path in page.grid.selected_paths()] == new_files(page)


def test_a_long_clip_is_shown_in_steps_and_a_part_of_it_frame_by_frame(
    page: DatasetPage, qtbot: QtBot, tmp_path: Path
) -> None:
    clip = page.views.clip
    with qtbot.waitSignal(clip.read):
        page.views.open_clip(drawn(tmp_path / "long.mp4", count=480))
    assert clip.player.count == 240
    show(page, 5)
    clip.mark_first()
    show(page, 14)
    clip.mark_last()
    first, last = clip.marks
    with qtbot.waitSignal(clip.read):
        clip.closer.click()
    assert clip.player.count == round((last - first) * RATE)
    assert clip.marks == (first, last)
    with qtbot.waitSignal(clip.read):
        clip.whole.click()
    assert clip.marks == (0.0, pytest.approx(48.0))


def test_what_is_no_video_is_said_where_it_would_be(page: DatasetPage, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "broken.webm").write_bytes(b"no video" * 100)
    page.views.open_clip(tmp_path / "broken.webm")
    qtbot.waitUntil(lambda: "broken.webm can't be read as a video" in page.views.clip.canvas.accessibleDescription())
    assert not page.views.clip.one.isEnabled()


def test_leaving_stops_the_player(page: DatasetPage) -> None:
    page.views.clip.player.play()
    QTest.keyClick(page.views.clip, Qt.Key.Key_Escape)
    assert page.grid.isVisible()
    assert not page.views.clip.player.is_playing
