"""A grid over guidance and steps, asked for in the window and made by the real engine."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox

from app.pictures import read_job
from tests.app.whole.driving import Person
from trainer.contract.generate import GenerateJob
from trainer.home import Home

GUIDANCE, STEPS = ("1", "4", "7"), ("3", "6")


def test_a_grid_over_guidance_and_steps(home: Home, meet: Callable[[Home], Person]) -> None:
    person = meet(home)
    person.click("Make a picture")
    person.wait(lambda: list(home.outputs.glob("*/*.png")), "the first picture")
    person.wait(lambda: person.window.queue.running is None, "the end of the first job")
    (first,) = home.outputs.glob("*/*.png")
    person.click("Grid…")
    choose(person, "Across", "Guidance")
    person.type_into("Values: Across", ", ".join(GUIDANCE))
    choose(person, "Down", "Steps")
    person.type_into("Values: Down", ", ".join(STEPS))
    assert "Makes 6 pictures on 1 sheet" in person.reads()
    person.click("Make the grid")
    person.wait(lambda: person.window.queue.running is None and sheets(home), "the sheet")
    first_job, shared = read_job(first), read_job(sheets(home)[0])
    assert isinstance(first_job, GenerateJob)
    assert isinstance(shared, GenerateJob)
    assert shared.prompt == first_job.prompt, "the sheet doesn't remember what its pictures have in common"
    made = [read_job(path) for path in home.outputs.glob("*/*.png") if path not in (first, *sheets(home))]
    cells = [(job.sampling.guidance, job.sampling.steps) for job in made if isinstance(job, GenerateJob)]
    assert sorted(cells) == sorted((float(guidance), int(steps)) for guidance in GUIDANCE for steps in STEPS)
    person.wait(lambda: "grid" in person.reads(), "the sheet in the window")
    person.leave()


def choose(person: Person, side: str, field: str) -> None:
    box = person.find(QComboBox, side)
    QTest.keyClicks(box, field)
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert box.currentText() == field


def sheets(home: Home) -> list[Path]:
    return list(home.outputs.glob("*/*-grid.png"))
