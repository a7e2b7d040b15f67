"""What is the matter with the pictures of a training, counted beside them; each count leads to the page Dataset."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.pages.train import TrainPage
from app.pages.train_health import Badge, HealthBadges, badges_of
from app.window import MainWindow
from tests.app.dataset_page import names
from trainer.contract.common import Size
from trainer.dataset.health import examine
from trainer.dataset.items import scan


def drawn(path: Path, seed: int, side: int = 600) -> None:
    """A picture that is like no other: lines in all directions."""
    picture = Image.new("RGB", (side, side), (40 * seed % 256, 200 - 30 * seed % 200, 90))
    draw = ImageDraw.Draw(picture)
    for line in range(12):
        start = (37 * seed * line % side, 53 * line % side)
        draw.line(
            (start, (side - 29 * line * seed % side, 71 * (seed + line) % side)), fill=(250, 9 * line, 0), width=9
        )
    picture.save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures: one small, two without a caption, and a file that is no picture."""
    made = tmp_path / "faulty"
    made.mkdir()
    for seed in range(1, 5):
        drawn(made / f"{seed}.png", seed, 200 if seed == 1 else 600)
        if seed > 2:
            (made / f"{seed}.txt").write_text(f"thing {seed}\n", encoding="utf-8")
    (made / "5.png").write_bytes(b"this is no picture")
    (made / "5.txt").write_text("thing 5\n", encoding="utf-8")
    return made


def words(badges: HealthBadges) -> list[str]:
    return [made.text() for made in badges.findChildren(QPushButton) if not made.isHidden()]


def test_each_kind_of_problem_is_counted_by_pictures_the_gravest_first(folder: Path) -> None:
    found = {badge.words: badge for badge in badges_of(examine(scan(folder)))}
    assert found["unreadable"] == Badge("unreadable", 1, "bad", 'problem:"unreadable"')
    assert found["no caption"] == Badge("no caption", 2, "warning", "is:uncaptioned")
    assert found["too small"] == Badge("too small", 1, "warning", "size:<0.262144mp")
    assert next(iter(found)) == "unreadable"


def test_the_badges_come_after_the_look_and_go_with_the_folder(
    train_page: TrainPage, qtbot: QtBot, folder: Path, tmp_path: Path
) -> None:
    badges = train_page.form.pictures.badges
    train_page.open_folder(folder)
    qtbot.waitUntil(lambda: "Unreadable  1" in words(badges))
    assert "No caption  2" in words(badges)
    clean = tmp_path / "clean"
    clean.mkdir()
    for seed in range(6, 9):
        drawn(clean / f"{seed}.png", seed)
        (clean / f"{seed}.txt").write_text(f"other {seed}\n", encoding="utf-8")
    train_page.open_folder(clean)
    qtbot.waitUntil(badges.isHidden)
    with qtbot.waitSignal(train_page.health.counted):
        pass
    assert badges.isHidden()


def test_small_is_what_is_smaller_than_this_training_needs(train_page: TrainPage, qtbot: QtBot, folder: Path) -> None:
    badges = train_page.form.pictures.badges
    train_page.form.change({"data.resolution": Size(width=128, height=128)})
    train_page.open_folder(folder)
    qtbot.waitUntil(lambda: "No caption  2" in words(badges))
    assert not any("small" in one for one in words(badges))
    train_page.form.change({"data.resolution": Size(width=512, height=512)})
    qtbot.waitUntil(lambda: "Too small  1" in words(badges))
    assert "size:<0.262144mp" in {badge.query for badge in badges.shown}


def test_no_more_than_six_are_shown_and_the_last_finds_the_rest(qtbot: QtBot) -> None:
    badges = HealthBadges()
    qtbot.addWidget(badges)
    badges.show_badges(tuple(Badge(f"kind {number}", number, "warning", f"q{number}") for number in range(1, 9)))
    assert words(badges)[-1] == "3 kinds more"
    assert len(words(badges)) == 6
    with qtbot.waitSignal(badges.asked) as asked:
        badges.findChildren(QPushButton)[-1].click()
    assert asked.args == ["is:problem"]


def test_a_badge_opens_the_page_dataset_at_its_pictures(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    window.show_page("train")
    window.train.open_folder(folder)
    badges = window.train.form.pictures.badges
    qtbot.waitUntil(lambda: "Unreadable  1" in words(badges))
    made = next(made for made in badges.findChildren(QPushButton) if made.text() == "Unreadable  1")
    with qtbot.waitSignal(window.dataset.folder.examined):
        made.click()
    assert window.settings.page == "dataset"
    qtbot.waitUntil(lambda: names(window.dataset) == ["5.png"])
