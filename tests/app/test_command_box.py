"""The box that Ctrl+K opens."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.command_box import Choice, CommandBox, found

CHOICES = [
    Choice("Train", "Go to: Teach a model something new", "go.train"),
    Choice("Start training", "Train: Train with these settings", "train.start"),
    Choice("Keep", "Generate: Give the picture a star", "generate.keep"),
    Choice("my-cat", "Generate with this LoRA", "window.use_lora", "my-cat"),
]


def names(typed: str) -> list[str]:
    return [choice.name for choice in found(CHOICES, typed)]


def test_nothing_typed_shows_everything_in_order() -> None:
    assert names("") == [choice.name for choice in CHOICES]


def test_a_name_that_begins_so_comes_before_a_word_that_does() -> None:
    assert names("tra") == ["go.train", "train.start"]


def test_every_typed_word_has_to_fit() -> None:
    assert names("star pic") == ["generate.keep"]
    assert names("star zebra") == []


def test_letters_in_their_order_find_a_name() -> None:
    assert names("mct") == ["window.use_lora"]


@pytest.fixture
def box(qtbot: QtBot) -> Iterator[CommandBox]:
    window = QWidget()
    window.resize(800, 600)
    qtbot.addWidget(window)
    window.show()
    made = CommandBox(window)
    made.open_with(CHOICES)
    yield made
    window.close()


def test_arrows_choose_and_enter_does_it(box: CommandBox, qtbot: QtBot) -> None:
    typed = box.findChild(QLineEdit)
    assert isinstance(typed, QLineEdit)
    qtbot.keyClick(typed, Qt.Key.Key_Up)  # from the first to the last
    with qtbot.waitSignal(box.chosen) as chosen:
        qtbot.keyClick(typed, Qt.Key.Key_Return)
    assert chosen.args == ["window.use_lora", "my-cat"]
    assert not box.isVisible()


def test_enter_with_nothing_found_only_closes(box: CommandBox, qtbot: QtBot) -> None:
    typed = box.findChild(QLineEdit)
    assert isinstance(typed, QLineEdit)
    qtbot.keyClicks(typed, "zebra")
    assert box.shown() == []
    with qtbot.assertNotEmitted(box.chosen):
        qtbot.keyClick(typed, Qt.Key.Key_Return)
    assert not box.isVisible()
