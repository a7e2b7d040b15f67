"""Completion of tags in captions: from a booru's list that the user chose, with counts, kinds and other names."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.pages.dataset_completion import TagCompletion
from app.widgets.caption_edit import CaptionEdit
from app.widgets.tag_offers import in_words, short

DANBOORU = """name,category,count,aliases
long_hair,0,4350000,"longhair,hair_long"
long_sleeves,0,1500000,
long_dog_(artist),1,950,
luna_(sailor_moon),4,12400,"long_cat"
"""


@pytest.fixture
def edit(qtbot: QtBot) -> CaptionEdit:
    made = CaptionEdit()
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def completing(qtbot: QtBot, edit: CaptionEdit, tmp_path: Path) -> TagCompletion:
    made = TagCompletion(edit, edit)
    qtbot.addWidget(made.button)
    made.set_counts([("long sleeves", 3), ("long scarf", 2)])
    (tmp_path / "danbooru.csv").write_text(DANBOORU, encoding="utf-8")
    return made


def offered(edit: CaptionEdit, typed: str) -> list[tuple[str, str, str]]:
    """Tag, other name, and what stands beside it."""
    edit._offers.set_candidates(())
    edit.clear()
    QTest.keyClicks(edit, typed)
    return [(one.tag, one.alias, in_words(one)) for one in edit._offers.candidates]


def test_a_chosen_list_is_offered_after_the_datasets_own(
    qtbot: QtBot, edit: CaptionEdit, completing: TagCompletion, tmp_path: Path
) -> None:
    assert offered(edit, "long") == [("long sleeves", "", "3 here"), ("long scarf", "", "2 here")]
    with qtbot.waitSignal(completing.said) as said:
        completing.use(tmp_path / "danbooru.csv")
    assert "4 tags" in str(said.args)
    assert offered(edit, "cat, long") == [
        ("long sleeves", "", "3 here  ·  1.5M"),
        ("long scarf", "", "2 here"),
        ("long hair", "", "4.3M"),
        ("luna (sailor moon)", "long_cat", "character  ·  12k"),
        ("long dog (artist)", "", "artist  ·  950"),
    ]
    assert "long sleeves" not in [tag for tag, *_ in offered(edit, "long sleeves, long")]
    assert completing.button.text() == "Tags of danbooru"


def test_enter_writes_the_tag_in_the_place_of_what_was_typed(
    qtbot: QtBot, edit: CaptionEdit, completing: TagCompletion, tmp_path: Path
) -> None:
    with qtbot.waitSignal(completing.said):
        completing.use(tmp_path / "danbooru.csv")
    edit.clear()
    QTest.keyClicks(edit, "cat, longh")
    qtbot.waitUntil(edit._popup.isVisible)
    QTest.keyClick(edit._popup, Qt.Key.Key_Down)
    QTest.keyClick(edit._popup, Qt.Key.Key_Return)
    assert edit.text() == "cat, long hair"


def test_the_list_is_remembered_and_read_when_a_dataset_is_there(
    qtbot: QtBot, edit: CaptionEdit, completing: TagCompletion, tmp_path: Path
) -> None:
    with qtbot.waitSignal(completing.said):
        completing.use(tmp_path / "danbooru.csv")
    again = TagCompletion(edit, edit)
    qtbot.addWidget(again.button)
    again.set_view(completing.view())
    again.set_counts([])
    qtbot.waitUntil(lambda: not again._errands)
    assert ("long hair", "longhair", "4.3M") in offered(edit, "longha")
    again.forget()
    assert offered(edit, "longha") == []
    assert again.view() == ""


def test_a_file_that_is_no_list_is_refused_and_the_one_before_stays(
    qtbot: QtBot, edit: CaptionEdit, completing: TagCompletion, tmp_path: Path
) -> None:
    with qtbot.waitSignal(completing.said):
        completing.use(tmp_path / "danbooru.csv")
    (tmp_path / "other.csv").write_text("a,b\n", encoding="utf-8")
    with qtbot.waitSignal(completing.said) as said:
        completing.use(tmp_path / "other.csv")
    assert "holds no tags" in str(said.args)
    assert completing.view() == str(tmp_path / "danbooru.csv")
    assert offered(edit, "longha") != []


def test_a_list_that_is_none_leaves_the_remembered_one_to_be_read(
    qtbot: QtBot, edit: CaptionEdit, tmp_path: Path
) -> None:
    (tmp_path / "danbooru.csv").write_text(DANBOORU, encoding="utf-8")
    made = TagCompletion(edit, edit)
    qtbot.addWidget(made.button)
    made.set_view(str(tmp_path / "danbooru.csv"))
    with qtbot.waitSignal(made.said):
        made.use(tmp_path / "none.csv")
    made.set_counts([])
    qtbot.waitUntil(lambda: not made._errands)
    assert offered(edit, "longha") != []


def test_of_two_lists_the_one_asked_for_last_holds(
    qtbot: QtBot, edit: CaptionEdit, completing: TagCompletion, tmp_path: Path
) -> None:
    large, small = tmp_path / "large.csv", tmp_path / "small.csv"
    large.write_text("".join(f"tag_{number},0,{number}\n" for number in range(50_000)), encoding="utf-8")
    small.write_text("long_boat,0,5\n", encoding="utf-8")
    completing.use(large)
    completing.use(small)
    qtbot.waitUntil(lambda: not completing._errands)
    assert completing.view() == str(small)
    assert [tag for tag, _, _ in offered(edit, "long b")] == ["long boat"]


@pytest.mark.parametrize(
    ("count", "words"),
    [(7, "7"), (999, "999"), (1500, "2k"), (999_499, "999k"), (999_500, "1.0M"), (4_350_000, "4.3M")],
)
def test_counts_are_short(count: int, words: str) -> None:
    assert short(count) == words


def test_what_is_typed_behind_a_letter_of_two_units_is_completed(edit: CaptionEdit, completing: TagCompletion) -> None:
    edit.show_text("\U0001f600 cat, , hat")
    cursor = edit.textCursor()
    cursor.setPosition(len("\U0001f600 cat, ") + 1)  # in Qt's places, of which the face takes two
    edit.setTextCursor(cursor)
    QTest.keyClicks(edit, "lo")
    assert [one.tag for one in edit._offers.candidates] == ["long sleeves", "long scarf"]
    edit._complete("long scarf")
    assert edit.text() == "\U0001f600 cat, long scarf, hat"
