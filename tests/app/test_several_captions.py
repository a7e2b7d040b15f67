"""Several captions of one picture: one a line, numbered, counted one by one, and another is begun by a button."""

import pytest
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.widgets.dataset_inspector import DatasetInspector
from trainer.dataset.captions import alternatives


@pytest.fixture
def inspector(qtbot: QtBot, tmp_path_factory: pytest.TempPathFactory) -> DatasetInspector:
    made = DatasetInspector()
    qtbot.addWidget(made)
    made.resize(340, 700)
    made.show()
    made.show_one(tmp_path_factory.mktemp("x") / "a.png")
    made.show_caption("a cat\n\na red cat on a sofa\n" + "dog " * 80, "", can_edit=True)
    return made


def to_line(inspector: DatasetInspector, line: int) -> None:
    cursor = QTextCursor(inspector.edit.document().findBlockByNumber(line))
    inspector.edit.setTextCursor(cursor)


def test_the_tokens_are_those_of_the_caption_with_the_cursor(qtbot: QtBot, inspector: DatasetInspector) -> None:
    qtbot.waitUntil(lambda: inspector.tokens.text() == "Caption 1 of 3: 2 of 75 tokens")
    to_line(inspector, 2)
    assert inspector.tokens.text() == "Caption 2 of 3: 6 of 75 tokens"
    to_line(inspector, 1)
    assert inspector.tokens.text() == "", "a blank line is no caption"
    to_line(inspector, 3)
    assert inspector.tokens.text().startswith("Caption 3 of 3: 80 tokens")
    (mark,) = inspector.edit.extraSelections()
    assert mark.cursor.selectedText() == "dog " * 5
    assert "one of the 3 by chance" in inspector._several.text()


def test_captions_are_those_that_training_finds(inspector: DatasetInspector) -> None:
    found = tuple(text.strip() for _, text in inspector.edit.captions())
    assert found == alternatives(inspector.edit.text())
    assert inspector.edit._numbers.isVisible()


def test_another_is_begun_on_a_line_of_its_own(qtbot: QtBot, inspector: DatasetInspector) -> None:
    inspector.edit.show_text("a cat")
    assert not inspector.edit._numbers.isVisible()
    assert inspector._several.isHidden() or not inspector._several.text()
    (button,) = [one for one in inspector.findChildren(QPushButton) if one.text() == "Add another caption"]
    button.click()
    button.click()
    QTest.keyClicks(inspector.edit, "a red cat")
    assert inspector.edit.text() == "a cat\na red cat"
    qtbot.waitUntil(lambda: inspector.tokens.text() == "Caption 2 of 2: 3 of 75 tokens")
    assert inspector.edit._numbers.isVisible()
    with qtbot.waitSignal(inspector.written) as written:
        inspector.finish()
    assert written.args is not None
    assert written.args[1] == "a cat\na red cat"
