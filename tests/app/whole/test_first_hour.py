"""What a newcomer does in the first hour, with the real engine and the starter model, by mouse and keyboard alone.

Runs on the platform that is given: offscreen in the suite, and in a real window with

    QT_QPA_PLATFORM=xcb xvfb-run -s "-screen 0 1280x800x24" .venv/bin/python -m pytest tests/app/whole
"""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit

from app.pictures import PictureList, read_job
from app.widgets.picture_grid import PictureGrid
from tests.app.whole.driving import CONTROL, Person
from trainer.contract import events
from trainer.contract.generate import GenerateJob
from trainer.home import Home

PROMPT = "a large kiki cat on a mint background"
STEPS, EVERY = "30", "15"


def test_the_first_hour(home: Home, meet: Callable[[Home], Person]) -> None:
    person = meet(home)
    first = make_the_first_picture(person, home)
    train_a_lora(person)
    second = generate_with_it(person, home)
    find_compare_and_restore(person, first, second)
    seen = as_it_stands(person)
    person.leave()
    again = meet(home)
    assert not again.sees("Look around first"), "the welcome comes once"
    assert as_it_stands(again) == seen
    again.leave()


def make_the_first_picture(person: Person, home: Home) -> Path:
    """What Welcome offers first; the picture forms before it is there."""
    forming: list[int] = []

    def formed(_queued: object, preview: events.Preview, _image: object) -> None:
        forming.append(preview.step)

    person.window.queue.preview.connect(formed)
    person.click("Make a picture")
    person.wait(lambda: pictures(home), "the first picture")
    person.wait(lambda: person.window.queue.running is None, "the end of the first job")
    person.window.queue.preview.disconnect(formed)
    assert forming, "no preview came before the picture"
    assert forming == sorted(forming)
    (first,) = pictures(home)
    return first


def train_a_lora(person: Person) -> None:
    """On the sample pictures, with fewer steps than the preset; previews arrive while it runs."""
    person.page("Train")
    person.type_into("Steps", STEPS)
    person.type_into("Make previews every", EVERY)
    page = person.window.train
    person.wait(lambda: STEPS in person.reads() and "epoch" in person.reads(), "the plan in words")
    with person.bot.waitSignal(page.live.followed):
        person.click("Start training")
    person.wait(lambda: any(15 in steps for steps in page.live.previews.shown().values()), "a preview on the way")
    assert person.window.queue.running is not None, "the previews came only after the end"
    person.wait(lambda: "kiki is ready" in person.reads(), "the result")
    assert page.live.chart.steps == tuple(range(1, int(STEPS) + 1))
    assert all(steps == [0, 15, 30] for steps in page.live.previews.shown().values())


def generate_with_it(person: Person, home: Home) -> Path:
    """Try it brings Generate with the LoRA laid over the model; Ctrl+Enter in the prompt makes the picture."""
    person.click("Try it")
    person.wait(lambda: person.sees("Weight of kiki"), "the LoRA in the form")
    person.type_into("Prompt", PROMPT)
    before = pictures(home)
    QTest.keyClick(person.find(QPlainTextEdit, "Prompt"), Qt.Key.Key_Return, CONTROL)
    person.wait(lambda: len(pictures(home)) > len(before), "a picture with the LoRA")
    person.wait(lambda: person.window.queue.running is None, "the end of the job")
    (second,) = pictures(home) - before
    job = read_job(second)
    assert isinstance(job, GenerateJob)
    assert [use.name for use in job.loras] == ["kiki"]
    assert job.prompt == PROMPT
    return second


def find_compare_and_restore(person: Person, first: Path, second: Path) -> None:
    """Both are in the Gallery, with the previews of the training; the first one's settings come back."""
    person.page("Gallery")
    grid = person.window.gallery.grid
    person.wait(lambda: {str(first), str(second)} <= set(shown(grid)), "both pictures in the gallery")
    assert len(shown(grid)) == 2 + 9, "the previews of the training are missing"
    person.click_row(grid, shown(grid).index(str(first)))
    person.click_row(grid, shown(grid).index(str(second)), CONTROL)
    person.click("Compare")
    person.wait(lambda: person.sees("Two pictures with a divider"), "the comparison")
    assert {"Prompt", "LoRA"} <= set(person.window.gallery.comparison.differing())
    person.click("Back")
    person.click_row(grid, shown(grid).index(str(first)))
    person.wait(lambda: first.name in person.reads(), "what the picture remembers")
    person.click("Use these settings")
    job = read_job(first)
    assert isinstance(job, GenerateJob)
    assert person.text_of("Prompt") == job.prompt != PROMPT
    assert person.text_of("Seed") == str(job.seed)
    person.wait(lambda: not person.sees("Weight of kiki"), "a form without the LoRA")


def as_it_stands(person: Person) -> dict[str, object]:
    """What has to survive: the page in front, both forms, what was made, the window's place."""
    seen: dict[str, object] = {"page": person.window.settings.page}
    if person.window.screen().size().width() > person.window.width():  # Qt's offscreen screen is smaller than we are
        seen["size"] = person.window.size()
    person.page("Train")
    seen |= {name: person.text_of(name) for name in ("Steps", "Make previews every", "Its name", "Preset")}
    person.page("Gallery")
    person.wait(lambda: shown(person.window.gallery.grid), "the pictures")
    seen["pictures"] = shown(person.window.gallery.grid)
    person.page("Generate")
    seen |= {f"{name} of Generate": person.text_of(name) for name in ("Model", "Prompt", "Seed", "Steps", "Guidance")}
    return seen


def pictures(home: Home) -> set[Path]:
    return set(home.outputs.glob("*/*.png"))


def shown(grid: PictureGrid) -> list[str]:
    return [str(grid.model().index(row, 0).data(PictureList.PATH)) for row in range(grid.model().rowCount())]
