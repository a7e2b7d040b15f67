"""The people of these tests, whose engines end with their test even when it fails."""

from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from tests.app.whole.driving import Person
from trainer.home import Home


@pytest.fixture
def meet(qtbot: QtBot) -> Iterator[Callable[[Home], Person]]:
    """Opens Gesso on a user's folder, as somebody who sits down before it."""
    people: list[Person] = []

    def sit_down(home: Home) -> Person:
        people.append(Person(home, qtbot))
        return people[-1]

    yield sit_down
    for person in people:
        person.drop_everything()
