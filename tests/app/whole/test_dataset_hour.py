"""A newcomer's twenty photographs: opened, captioned, written over, cropped, checked, and trained on, by clicks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QFileDialog, QWidget

from tests.app.whole.driving import LEFT, NONE, Person
from tests.captioning.models import write_wd
from trainer.dataset.recipes import Recipes
from trainer.home import Home

COUNT = 20
TRIGGER = "sks"
TAGGER = "wd tagger"
TWIN = "Near duplicate"
STEPS = "4"
WHOLE, CROPPED = (480, 640), (440, 600)
"""Sizes of the first picture."""


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """As they come: of several sizes, without a caption, one of them twice."""
    folder = tmp_path / "holiday"
    folder.mkdir()
    numbers = np.random.default_rng(3)
    for number in range(1, COUNT):
        width, height = ((640, 480), (480, 640), (600, 600))[number % 3]
        picture = Image.fromarray(numbers.integers(0, 256, (6, 8, 3), np.uint8)).resize((width, height))
        draw = ImageDraw.Draw(picture)
        for _ in range(12):
            x, y, r, *color = numbers.integers((0, 0, 10, 0, 0, 0), (width, height, 120, 256, 256, 256)).tolist()
            draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(color))
        picture.save(folder / f"{number:02}.jpg", quality=92)
    Image.open(folder / "07.jpg").save(folder / "07 copy.jpg", quality=70)
    return folder


def test_twenty_photographs(
    home: Home, meet: Callable[[Home], Person], photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals = {path.name: path.read_bytes() for path in photographs.glob("*.jpg")}
    write_wd(home.models / "captioners" / TAGGER)
    person = meet(home)
    person.page("Dataset")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(photographs))
    person.click("Open a folder…")
    person.wait(lambda: f"{COUNT} pictures" in person.reads(), "the pictures")
    mend_the_twin(person, photographs)
    caption_them(person, photographs)
    put_the_trigger_before(person, photographs)
    write_one_by_hand(person, photographs)
    crop_one(person, photographs)
    train(person)
    left = {path.name: path.read_bytes() for path in photographs.glob("*.jpg")}
    assert left == {name: data for name, data in originals.items() if name != "07 copy.jpg"}
    person.leave()


def mend_the_twin(person: Person, folder: Path) -> None:
    """The list of what needs a look names the copy; a click shows both, another moves the worse one away."""
    page = person.window.dataset
    problems = page.filter.problems
    person.wait(lambda: TWIN in dict(problems.counts()), "the twin")
    person.click_row(problems, [words for words, _ in problems.counts()].index(TWIN))
    person.wait(lambda: f"2 of {COUNT} pictures" in person.reads(), "both twins")
    person.click("Keep the best one")
    person.wait(lambda: not (folder / "07 copy.jpg").exists() and TWIN not in dict(problems.counts()), "one of them")
    person.type_into("Search", "")
    person.wait(lambda: f"\n{COUNT - 1} pictures" in person.reads(), "the others")


def caption_them(person: Person, folder: Path) -> None:
    person.wait(lambda: person.find(QComboBox, "Captioner").findText(TAGGER) >= 0, "the captioner")
    choose(person, "Captioner", TAGGER)
    person.click("Options", QWidget)
    person.type_into("Threshold", "0.05")
    person.wait(lambda: person.sees(f"Caption {COUNT - 1} pictures"), "all pictures on the button")
    person.click(f"Caption {COUNT - 1} pictures")
    person.wait(lambda: len(captions(folder)) == COUNT - 1, "captions")
    person.wait(lambda: person.window.queue.running is None, "the end of the job")
    person.wait(lambda: person.window.dataset.folder.rows[0].caption, "captions in the window")


def put_the_trigger_before(person: Person, folder: Path) -> None:
    before = captions(folder)
    person.click("Change captions…")
    page = person.window.dataset
    choose(person, "What is to be done", "Trigger word")
    person.type_into("Word", TRIGGER)
    person.wait(lambda: page.batch.table.model().rowCount() == COUNT - 1, "before and after")
    person.click("Change them")
    person.wait(lambda: all(text.startswith(TRIGGER) for text in captions(folder).values()), "the trigger word")
    assert {name: text.removeprefix(f"{TRIGGER}, ") for name, text in captions(folder).items()} == before


def write_one_by_hand(person: Person, folder: Path) -> None:
    grid = person.window.dataset.grid
    person.wait(grid.isVisible, "the pictures after the change")
    person.click_row(grid, 0)
    person.type_into("Caption", f"{TRIGGER}, a circle on a wall")
    person.wait(lambda: captions(folder)["01.txt"] == f"{TRIGGER}, a circle on a wall", "what was typed")


def crop_one(person: Person, folder: Path) -> None:
    """A corner is dragged inwards in the prepare view; the file stays as it is, training takes the rest."""
    person.click("Prepare")
    canvas = person.window.dataset.preparing.crop_canvas
    person.wait(lambda: canvas.isVisible() and canvas.size_of_crop == WHOLE, "the picture to crop")
    QTest.mousePress(canvas, LEFT, NONE, canvas.to_widget(*WHOLE).toPoint())
    QTest.mouseMove(canvas, canvas.to_widget(*CROPPED).toPoint())
    QTest.mouseRelease(canvas, LEFT, NONE, canvas.to_widget(*CROPPED).toPoint())
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    person.wait(lambda: not Recipes(folder).of("01.jpg").changes_nothing, "the recipe of the crop")
    left, top, right, bottom = Recipes(folder).of("01.jpg").crop or (0, 0, 0, 0)
    assert (left, top) == (0, 0)
    assert (right, bottom) == pytest.approx(CROPPED, abs=3), "a crop by the mouse is off by more than a pixel shown"


def train(person: Person) -> None:
    person.click("Train on these")
    person.wait(lambda: person.sees("Start training"), "the page Train")
    person.type_into("Steps", STEPS)
    person.click("Start training")
    person.wait(lambda: "is ready" in person.reads(), "the result")


def choose(person: Person, name: str, words: str) -> None:
    """By its first word: a space would open the list."""
    box = person.find(QComboBox, name)
    QTest.keyClicks(box, words.split()[0])
    assert box.currentText() == words


def captions(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8").strip() for path in folder.glob("*.txt")}
