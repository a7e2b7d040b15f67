"""The field in which a caption is typed: letter for letter, with its own way back."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.widgets.caption_edit import CaptionEdit

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def edit(qtbot: QtBot) -> CaptionEdit:
    made = CaptionEdit()
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.mark.parametrize(
    "text",
    [
        "caf\u00e9\u00a0au lait, x",
        "b\u2028c, x",
        "b\u2029c\nd",
        "a\ufdd0b\ufdd1c",
        "\ufffc\u200b\ufeff\x0b\x0c\x85 \t",
        "\U0001f600, a  cat ,\n\n two ",
    ],
)
def test_typing_a_letter_changes_no_other(edit: CaptionEdit, text: str) -> None:
    edit.show_text(text)
    assert edit.text() == text
    edit.moveCursor(QTextCursor.MoveOperation.End)
    QTest.keyClicks(edit, "y")
    assert edit.text() == text + "y"
    edit.moveCursor(QTextCursor.MoveOperation.Start)
    QTest.keyClicks(edit, "y")
    assert edit.text() == f"y{text}y"


def test_its_keys_take_back_what_was_typed_and_then_ask_for_more(qtbot: QtBot, edit: CaptionEdit) -> None:
    edit.show_text("cat")
    edit.moveCursor(QTextCursor.MoveOperation.End)
    QTest.keyClicks(edit, "s")
    with qtbot.assertNotEmitted(edit.undoing):
        QTest.keyClick(edit, Qt.Key.Key_Z, CONTROL)
    assert edit.text() == "cat"
    with qtbot.waitSignal(edit.undoing):
        QTest.keyClick(edit, Qt.Key.Key_Z, CONTROL)
    with qtbot.assertNotEmitted(edit.redoing):
        QTest.keyClick(edit, Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    assert edit.text() == "cats"
    with qtbot.waitSignal(edit.redoing):
        QTest.keyClick(edit, Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)


def test_what_was_typed_in_an_earlier_visit_is_not_the_fields_to_take_back(qtbot: QtBot, edit: CaptionEdit) -> None:
    QTest.keyClicks(edit, "cat")
    edit.begin()
    with qtbot.waitSignal(edit.undoing):
        QTest.keyClick(edit, Qt.Key.Key_Z, CONTROL)
    assert edit.text() == "cat"


def test_the_cursor_stays_when_the_text_becomes_another(edit: CaptionEdit) -> None:
    edit.show_text("cat, sofa")
    edit.moveCursor(QTextCursor.MoveOperation.End)
    edit.show_text("cat")
    assert edit.textCursor().position() == 3
