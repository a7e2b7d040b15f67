"""Thumbnails and what pictures remember: kept on disk, decoded in the order in which somebody looks."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt, QThreadPool
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from app.picture_index import Found, _opened, _read
from app.picture_words import differences, in_words, open_picture
from app.pictures import PictureList, read_job
from app.thumbnails import SWEEP_EVERY, Thumbnails, _keep, _told
from app.widgets.picture_grid import PictureGrid, PictureTile
from app.widgets.strip import Strip
from tests.app.pictures import write_png
from trainer.contract.common import LoraUse, Sampling
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.home import Home


def test_a_thumbnail_is_small_and_kept_on_disk(home: Home) -> None:
    path = write_png(home.outputs / "day" / "a.png", side=600)
    thumbnails = Thumbnails(home)
    assert thumbnails.read(path).width() == 256
    kept = thumbnails.place(path)
    assert kept.is_relative_to(home.cache / "thumbnails")
    _keep(QImage(40, 20, QImage.Format.Format_RGB32), kept, path, None)
    assert thumbnails.read(path).width() == 40, "the kept one is what is shown"


def test_a_changed_picture_gets_a_new_thumbnail(home: Home) -> None:
    path = write_png(home.outputs / "day" / "a.png", side=600)
    thumbnails = Thumbnails(home)
    before = thumbnails.place(path)
    write_png(path, side=600, age=5)
    assert thumbnails.place(path) != before


def test_a_torn_thumbnail_is_made_again(home: Home) -> None:
    path = write_png(home.outputs / "day" / "a.png", side=600)
    thumbnails = Thumbnails(home)
    thumbnails.read(path)
    kept = thumbnails.place(path)
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    assert thumbnails.read(path).width() == 256
    assert kept.read_bytes() == whole


def never() -> None:
    """A sweep that nobody stops."""


def test_a_sweep_takes_thumbnails_of_gone_and_changed_pictures_away_and_no_others(home: Home, tmp_path: Path) -> None:
    thumbnails = Thumbnails(home)
    elsewhere = write_png(tmp_path / "other place" / "ä.png", side=300)
    paths = [write_png(home.outputs / f"{name}.png", side=300) for name in ("stays", "goes", "changes")]
    kept = [thumbnails.place(path) for path in (*paths, elsewhere)]
    for path in (*paths, elsewhere):
        thumbnails.read(path)
    old = kept[0].with_name("from-an-older-gesso")
    old.write_bytes(b"\xff\xd8 a bare JPEG \xff\xd9")
    paths[1].unlink()
    write_png(paths[2], side=300, age=5)
    assert _told(kept[3]) == (elsewhere, "")
    assert thumbnails.sweep(never) == 3
    assert [path.exists() for path in (*kept, old)] == [True, False, False, True, False]


def test_a_sweep_comes_once_a_day(home: Home) -> None:
    thumbnails = Thumbnails(home)
    assert thumbnails.sweep(never) == 0, "there is no folder yet"
    swept: list[int] = []
    for _ in range(2):
        path = write_png(home.outputs / "a.png", side=300)
        thumbnails.read(path)
        path.unlink()
        swept.append(thumbnails.sweep(never))
    assert swept == [1, 0]
    earlier = time.time() - SWEEP_EVERY - 1
    os.utime(home.cache / "thumbnails" / "swept", (earlier, earlier))
    write_png(home.outputs / "a.png", side=300, age=5)
    assert thumbnails.sweep(never) == 1


def test_the_index_of_pictures_stands_many_threads_at_once(home: Home) -> None:
    pictures = [Found(number, str(write_png(home.outputs / f"{number}.png")), number) for number in range(80)]
    kept, begin = home.cache / "pictures.sqlite", threading.Barrier(8)

    def read(start: int) -> dict[str, str]:
        begin.wait(10)
        return _read(kept, home.root, pictures[start * 10 : start * 10 + 10], None)  # pyright: ignore[reportArgumentType]

    with ThreadPoolExecutor(8) as pool:
        read_all = [words for part in pool.map(read, range(8)) for words in part.values()]
    assert len(read_all) == 80
    with _opened(kept) as connection:
        assert connection.execute("SELECT count(*) FROM pictures").fetchone() == (80,)


def test_transparency_survives_in_thumbnails(home: Home) -> None:
    image = QImage(600, 600, QImage.Format.Format_ARGB32)
    image.fill(0)
    path = home.outputs / "a.png"
    path.parent.mkdir(parents=True)
    assert image.save(str(path))
    thumbnails = Thumbnails(home)
    thumbnails.read(path)
    assert thumbnails.read(path).pixelColor(0, 0).alpha() == 0


def test_a_cache_that_can_not_be_written_does_not_matter(home: Home) -> None:
    path = write_png(home.outputs / "day" / "a.png", side=600)
    home.cache.mkdir(parents=True)
    (home.cache / "thumbnails").write_text("a file where the folder should be")
    assert Thumbnails(home).read(path).width() == 256


def test_the_list_gives_a_thumbnail_once_it_is_decoded(qtbot: QtBot, tmp_path: Path) -> None:
    path = str(write_png(tmp_path / "a.png", side=300))
    pictures = PictureList(64)
    pictures.set_paths([path])
    assert pictures.index(0).data(1) is None
    qtbot.waitSignal(pictures.dataChanged).wait()
    pixmap = pictures.index(0).data(1)
    assert isinstance(pixmap, QPixmap)
    assert pixmap.width() == 64


def test_a_file_that_is_no_picture_is_marked_and_not_asked_for_again(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("no picture")
    asked: list[Path] = []

    def read(path: Path, _side: int) -> QImage:
        asked.append(path)
        return QImage()

    pictures = PictureList(64, read=read)
    pictures.set_paths([str(path)])
    with qtbot.waitSignal(pictures.dataChanged):
        pictures.index(0).data(1)
    assert pictures.index(0).data(PictureList.BROKEN)
    pictures.index(0).data(1)
    QThreadPool.globalInstance().waitForDone()
    assert len(asked) == 1


def test_what_was_asked_for_last_is_decoded_first(qtbot: QtBot) -> None:
    pool = QThreadPool.globalInstance()
    threads = pool.maxThreadCount()
    pool.setMaxThreadCount(1)
    begun, gate, order = threading.Event(), threading.Event(), []

    def read(path: Path, _side: int) -> QImage:
        begun.set()
        gate.wait(10)
        order.append(path.name)
        return QImage(4, 4, QImage.Format.Format_RGB32)

    pictures = PictureList(64, read=read)
    pictures.set_paths([f"/{number}" for number in range(4)])
    try:
        pictures.index(0).data(1)
        assert begun.wait(10)
        for row in (1, 2, 3):
            pictures.index(row).data(1)
        gate.set()
        assert pool.waitForDone(10_000)
    finally:
        pool.setMaxThreadCount(threads)
    assert order == ["0", "3", "2", "1"]


def test_the_job_of_a_picture_is_read_back(tmp_path: Path) -> None:
    job = GenerateJob(prompt="ein rötes 猫", seed=5)
    assert read_job(write_png(tmp_path / "a.png", job)) == job
    assert read_job(write_png(tmp_path / "b.png")) is None


def test_damaged_settings_are_said_and_the_picture_is_still_shown(tmp_path: Path) -> None:
    bad = GenerateJob.model_construct(**{**dict(GenerateJob()), "seed": -1})
    path = write_png(tmp_path / "b.png", bad)
    with pytest.raises(UserError):
        read_job(path)
    opened = open_picture(path)
    assert not opened.image.isNull()
    assert "b.png" in opened.problem


def test_two_jobs_differ_in_what_differs() -> None:
    one = GenerateJob(prompt="a cat", seed=1)
    other = one.model_copy(update={"seed": 2, "loras": (LoraUse(name="kiki", weight=0.5),)})
    assert differences(one, other) == {"LoRA": ("–", "kiki at 0.5"), "Seed": ("1", "2")}
    assert differences(one, one) == {}


def test_eta_is_said_only_where_it_acts() -> None:
    assert "Eta" in in_words(GenerateJob())
    assert "Eta" not in in_words(GenerateJob(sampling=Sampling(sampler="euler")))


def test_selecting_thousands_of_pictures_calls_no_python_for_each(qtbot: QtBot) -> None:
    pictures = PictureList(64, read=lambda _path, _side: QImage())
    grid = PictureGrid(pictures, PictureTile(lambda _path: False))
    qtbot.addWidget(grid)
    grid.set_paths([f"{number}.png" for number in range(5000)])
    calls = 0

    def count(_frame: object, event: str, _about: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        grid.selectAll()
        assert grid.count_selected() == 5000
        assert grid.selected_paths() == pictures.paths()
    finally:
        sys.setprofile(None)
    assert calls < 100


def test_what_is_selected_stays_selected_in_another_list(qtbot: QtBot) -> None:
    grid = PictureGrid(PictureList(64, read=lambda _path, _side: QImage()), PictureTile(lambda _path: False))
    qtbot.addWidget(grid)
    grid.set_paths([f"{number}.png" for number in range(10)])
    grid.set_view({"current": "4.png", "selected": ["1.png", "2.png", "4.png", "7.png", "gone.png"]})
    assert grid.selected_paths() == ["1.png", "2.png", "4.png", "7.png"]
    grid.set_paths(["7.png", "4.png", "5.png", "2.png"])
    assert grid.selected_paths() == ["7.png", "4.png", "2.png"]
    assert grid.current() == "4.png"


def test_a_picture_can_not_be_edited_as_a_word(qtbot: QtBot) -> None:
    """The list is one of strings, which views edit at a double click or F2."""
    pictures = PictureList(64, read=lambda _path, _side: QImage())
    for view in (PictureGrid(pictures, PictureTile(lambda _path: False)), Strip(pictures, 64, lambda _path: False, "")):
        qtbot.addWidget(view)
        view.show()
        pictures.set_paths(["1.png"])
        view.setCurrentIndex(pictures.index(0))
        QTest.keyClick(view, Qt.Key.Key_F2)
        QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(pictures.index(0)).center())
        assert not view.findChildren(QLineEdit)
        view.hide()
    QThreadPool.globalInstance().waitForDone()


def test_a_picture_that_another_program_changed_is_decoded_again(qtbot: QtBot, tmp_path: Path) -> None:
    changed, same = (str(write_png(tmp_path / f"{name}.png", side=40)) for name in "ab")
    pictures = PictureList(64)
    grid = PictureGrid(pictures, PictureTile(lambda _path: False))
    qtbot.addWidget(grid)
    grid.set_paths([changed, same])
    grid.show()
    qtbot.waitUntil(lambda: all(isinstance(pictures.index(row).data(1), QPixmap) for row in (0, 1)))
    write_png(Path(changed), side=50, age=5)
    with qtbot.waitSignal(pictures.renewed) as renewed:
        QApplication.sendEvent(grid.window(), QEvent(QEvent.Type.WindowActivate))
    assert renewed.args == [[changed]]
    qtbot.waitUntil(lambda: isinstance(made := pictures.index(0).data(1), QPixmap) and made.width() == 50)
