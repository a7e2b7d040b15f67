"""Changing many captions at once: what is written is what the table shows, under its own title; every edit is there."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.dataset_folder import DatasetFolder
from app.widgets.batch_kinds import KINDS, Kind, Said
from app.widgets.batch_panel import BatchPanel
from app.widgets.change_table import from_difference
from trainer.cli.caption_edits import EDITS, add_edits, operation_of
from trainer.dataset.edits import InTurn
from trainer.home import Home

COUNT = 3
CAPTION = "cat, cat ears, sofa"


def opened(qtbot: QtBot, home: Home, tmp_path: Path, *captions: str) -> BatchPanel:
    made = tmp_path / "pictures"
    made.mkdir()
    for place, caption in enumerate(captions):
        Image.new("RGB", (8, 8)).save(made / f"{place}.png")
        (made / f"{place}.txt").write_text(caption, encoding="utf-8")
    folder = DatasetFolder(home)
    panel = BatchPanel(folder)
    folder.setParent(panel)
    qtbot.addWidget(panel)
    panel.show()
    with qtbot.waitSignals([folder.opened, folder.read, folder.examined]):
        folder.open(made)
    panel.open(range(len(captions)))
    return panel


@pytest.fixture
def panel(qtbot: QtBot, home: Home, tmp_path: Path) -> BatchPanel:
    return opened(qtbot, home, tmp_path, *[CAPTION] * COUNT)


def choose(panel: BatchPanel, words: str) -> None:
    place = panel.kind.findText(words)
    panel.kind.setCurrentIndex(place)
    panel.kind.activated.emit(place)


def fill(panel: BatchPanel, *lines: str, ticks: str = "", order: str = "", keep: int = 0) -> None:
    fields = panel._fields
    for line, text in zip(fields.lines, lines, strict=False):
        line.setText(text)
    for tick in fields.ticks:
        tick.setChecked(tick.text() in ticks.split(", "))
    if order:
        fields.order.setCurrentText(order)
    fields.number.setValue(keep)
    panel.look()


def after(panel: BatchPanel) -> list[str]:
    return [change.after or "" for change in panel.table.chosen()]


def captions(panel: BatchPanel) -> list[str]:
    assert panel._folder.folder is not None
    return [path.read_text(encoding="utf-8").rstrip() for path in sorted(panel._folder.folder.glob("*.txt"))]


def test_what_was_asked_for_before_can_not_be_written_any_more(qtbot: QtBot, panel: BatchPanel) -> None:
    choose(panel, "Remove tags")
    QTest.keyClicks(panel._fields.first, "cat")
    qtbot.waitUntil(lambda: after(panel) == ["cat ears, sofa"] * COUNT)
    QTest.keyClicks(panel._fields.first, " ears")
    assert not panel._apply.isEnabled(), "the table is of another tag"
    QTest.mouseClick(panel._apply, Qt.MouseButton.LeftButton)
    panel.apply()
    assert panel._folder.steps() == ()
    qtbot.waitUntil(panel._apply.isEnabled)
    assert after(panel) == ["cat, sofa"] * COUNT
    with qtbot.waitSignal(panel._folder.changed):
        QTest.mouseClick(panel._apply, Qt.MouseButton.LeftButton)
    assert captions(panel) == ["cat, sofa"] * COUNT
    assert [step.title for step in panel._folder.steps()] == ["Remove tags: cat ears"]


def test_with_another_kind_the_table_can_not_be_written_any_more(qtbot: QtBot, panel: BatchPanel) -> None:
    choose(panel, "Remove tags")
    QTest.keyClicks(panel._fields.first, "cat")
    qtbot.waitUntil(panel._apply.isEnabled)
    choose(panel, "Put behind")
    assert not panel._apply.isEnabled()
    panel.apply()
    qtbot.waitUntil(lambda: after(panel) == [])
    assert not panel._apply.isEnabled()
    assert panel._words.text() == "Nothing changes."
    assert captions(panel) == [CAPTION] * COUNT


def test_ticks_of_the_table_leave_the_wait_for_another_as_it_is(qtbot: QtBot, panel: BatchPanel) -> None:
    choose(panel, "Remove tags")
    QTest.keyClicks(panel._fields.first, "cat")
    qtbot.waitUntil(panel._apply.isEnabled)
    QTest.keyClicks(panel._fields.first, " ears")
    model = panel.table.model()
    model.setData(model.index(0, 0), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    assert not panel._apply.isEnabled()
    qtbot.waitUntil(panel._apply.isEnabled)
    assert after(panel) == ["cat, sofa"] * COUNT, "the new table has all of its ticks"


def test_opened_again_it_shows_nothing_of_the_pictures_from_before(qtbot: QtBot, panel: BatchPanel) -> None:
    choose(panel, "Lower case")
    choose(panel, "Remove tags")
    fill(panel, "cat")
    qtbot.waitUntil(panel._apply.isEnabled)
    panel.open([1])
    assert after(panel) == []
    assert not panel._apply.isEnabled()
    qtbot.waitUntil(lambda: [change.place for change in panel.table.chosen()] == [1])


def test_a_fault_is_said_and_nothing_can_be_written(qtbot: QtBot, panel: BatchPanel) -> None:
    choose(panel, "Replace text")
    fill(panel, "(cat", "dog", ticks="regular expression")
    qtbot.waitUntil(panel._fault.isVisible)
    assert "(cat" in panel._fault.text()
    assert not panel._apply.isEnabled()


@pytest.mark.parametrize(
    ("kind", "filled", "before", "wanted"),
    [
        ("Add tags", {"lines": ("hat",)}, "cat", "cat, hat"),
        ("Add tags", {"lines": ("hat",), "ticks": "at the beginning"}, "cat", "hat, cat"),
        ("Remove repeated tags", {}, "cat, sofa, cat", "cat, sofa"),
        ("Trigger word", {"lines": ("kiki",)}, "cat", "kiki, cat"),
        ("Replace text", {"lines": ("cat", "dog")}, "cat, Cat, cat ears", "dog, Cat, dog ears"),
        ("Replace text", {"lines": ("cat", "dog"), "ticks": "ignore case"}, "cat, Cat ears", "dog, dog ears"),
        ("Replace text", {"lines": ("cat", "dog"), "ticks": "whole tags"}, "cat, Cat, cat ears", "dog, Cat, cat ears"),
        (
            "Replace text",
            {"lines": (r"c(.)t", r"\1"), "ticks": "regular expression, whole tags, ignore case"},
            "Cat, cut ears, cut",
            "a, cut ears, u",
        ),
        ("Replace text", {"lines": ("  ", " ")}, "a  cat", "a cat"),
        ("Put before", {"lines": ("photo of",)}, "a cat", "photo of a cat"),
        ("Put behind", {"lines": ("at home",)}, "a cat", "a cat at home"),
        ("Sort tags", {"order": "by alphabet", "keep": 1}, "kiki, b10, b2, a", "kiki, a, b10, b2"),
        ("Sort tags", {"order": "naturally: 2 before 10"}, "b10, b2, a", "a, b2, b10"),
        ("Lower case", {}, "A Cat, SOFA", "a cat, sofa"),
        ("Underscores to spaces", {}, "blue_eyes, ^_^, >_<, a_b_c", "blue eyes, ^_^, >_<, a b c"),
        ("Spaces to underscores", {}, "blue eyes, ^_^", "blue_eyes, ^_^"),
        ("Escape brackets", {}, r"saber (fate), a \(b\)", r"saber \(fate\), a \(b\)"),
        ("Unescape brackets", {}, r"saber \(fate\), a (b)", "saber (fate), a (b)"),
    ],
)
def test_each_kind_does_what_it_says(
    qtbot: QtBot, home: Home, tmp_path: Path, kind: str, filled: dict[str, Any], before: str, wanted: str
) -> None:
    panel = opened(qtbot, home, tmp_path, before)
    choose(panel, kind)
    fill(panel, *filled.pop("lines", ()), **filled)
    qtbot.waitUntil(lambda: after(panel) == [wanted])
    assert panel._fields.isVisible()
    assert sum(fields.isVisible() for fields in panel.fields) == 1


def test_sorted_by_count_the_whole_dataset_counts(qtbot: QtBot, home: Home, tmp_path: Path) -> None:
    panel = opened(qtbot, home, tmp_path, "ant, cat, sofa", "sofa, cat", "sofa")
    panel.open([0])
    choose(panel, "Sort tags")
    fill(panel, order="the commonest first")
    qtbot.waitUntil(lambda: after(panel) == ["sofa, cat, ant"])
    with qtbot.waitSignal(panel._folder.changed):
        panel.apply()
    assert [step.title for step in panel._folder.steps()] == ["Sort tags: the commonest first"]


def test_every_edit_of_the_command_line_is_there() -> None:
    """But for one text in place of all: that is a caption by hand."""
    parser = ArgumentParser()
    add_edits(parser)
    values = {"--sort": ("count",)}
    typed = [word for flag in EDITS if flag != "--set" for word in (flag, *values.get(flag, EDITS[flag][0]))]
    all_of_them = operation_of(parser.parse_args(typed), {})
    assert isinstance(all_of_them, InTurn)
    assert {type(operation) for operation in all_of_them.operations} == {type(made(kind)) for kind in KINDS}


def made(kind: Kind) -> object:
    return kind.make(Said("a", "b", (False,) * len(kind.ticks), 0, "alphabet", dict))


def test_what_differs_late_in_a_caption_is_in_sight() -> None:
    before = "a cat on a red sofa by the window, in the evening sun"
    assert from_difference(before, before + ", hat") == ("… the evening sun", "… the evening sun, hat")
    assert from_difference("a cat", "a red cat") == ("a cat", "a red cat")
    assert from_difference("x" * 60, "x" * 60 + "y") == ("x" * 60, "x" * 60 + "y")
    assert from_difference(before, "kiki, " + before) == (before, "kiki, " + before)
