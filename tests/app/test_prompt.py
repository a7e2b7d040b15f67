"""The prompt box, typed into as a user types: weights, names, what it says."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCharFormat, QTextCursor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.models_list import Models
from app.theme import theme
from app.widgets.prompt_box import PromptBox
from app.widgets.prompt_edit import PromptEdit
from app.widgets.prompt_marks import weight_colour
from app.widgets.prompt_names import Known, embedding_names, lora_use, remark, typed_name, without_tags
from tests.library import layouts
from trainer.contract.common import LoraUse
from trainer.contract.prompt_tags import tags
from trainer.home import Home


@pytest.fixture
def edit(qtbot: QtBot) -> PromptEdit:
    made = PromptEdit("a red cat", 96)
    qtbot.addWidget(made)
    made.set_names(["kiki", "pixel-art"], ["bad-hands", "kikimora"])
    made.resize(300, 96)
    made.show()
    made.setFocus()
    return made


@pytest.fixture
def box(qtbot: QtBot, home: Home) -> PromptBox:
    layouts.write_header_only(home.models / "loras" / "kiki.safetensors", layouts.kohya_lora(layouts.lora_modules(768)))
    models = Models(home)
    made = PromptBox("Prompt", "a red cat", 96, models)
    qtbot.addWidget(made)
    made.show()
    with qtbot.waitSignal(models.changed):
        models.refresh()
    return made


def _select(edit: PromptEdit, words: str) -> None:
    found = edit.document().find(words)
    assert not found.isNull()
    edit.setTextCursor(found)


def _looks(edit: PromptEdit, test: Callable[[QTextCharFormat], bool]) -> list[str]:
    """The parts of the text whose look passes."""
    found: list[str] = []
    block = edit.document().firstBlock()
    while block.isValid():
        for laid in block.layout().formats():
            cursor = QTextCursor(block)
            cursor.setPosition(block.position() + laid.start)
            cursor.setPosition(block.position() + laid.start + laid.length, QTextCursor.MoveMode.KeepAnchor)
            if test(laid.format):
                found.append(cursor.selectedText())
        block = block.next()
    return found


def _has(colour: str) -> Callable[[QTextCharFormat], bool]:
    def has(look: QTextCharFormat) -> bool:
        return look.hasProperty(QTextCharFormat.Property.ForegroundBrush) and look.foreground().color().name() == colour

    return has


def _is_wavy(look: QTextCharFormat) -> bool:
    return look.underlineStyle() == QTextCharFormat.UnderlineStyle.WaveUnderline


def test_a_weight_is_changed_and_undone_in_one_step(edit: PromptEdit) -> None:
    edit.set_text("a 🎨 red cat")
    _select(edit, "red")
    edit.change_weight(0.1)
    edit.change_weight(0.1)
    assert edit.text() == "a 🎨 (red:1.2) cat"
    assert edit.textCursor().selectedText() == "red"
    edit.undo()
    assert edit.text() == "a 🎨 (red:1.1) cat"
    edit.undo()
    assert edit.text() == "a 🎨 red cat"


def test_the_word_under_the_cursor_is_weighed_and_back_at_1_it_has_no_brackets(edit: PromptEdit) -> None:
    edit.set_text("a red cat")
    cursor = edit.textCursor()
    cursor.setPosition(3)
    edit.setTextCursor(cursor)
    edit.change_weight(-0.1)
    assert edit.text() == "a (red:0.9) cat"
    edit.change_weight(0.1)
    assert edit.text() == "a red cat"
    assert not edit.textCursor().hasSelection(), "what is typed next would take the word's place"


def test_words_have_the_colour_of_their_weight(edit: PromptEdit) -> None:
    edit.set_text("a 🎨 (red:1.3) [cat] x")
    assert _looks(edit, _has(weight_colour(1.3).name())) == ["red"]
    assert _looks(edit, _has(weight_colour(1 / 1.1).name())) == ["cat"]
    assert _looks(edit, _has(theme().colour("muted").name())) == ["(", ":1.3)", "[", "]"]


def test_a_bracket_that_stays_open_reaches_into_the_next_line(edit: PromptEdit) -> None:
    edit.set_text("a cat\nat night")
    QTest.keyClick(edit, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(edit, "(")
    assert _looks(edit, _has(weight_colour(1.1).name())) == ["a cat", "at night"]


def test_colours_follow_the_theme(edit: PromptEdit) -> None:
    edit.set_text("(red:9)")
    theme().set_wish("light")
    try:
        light = theme().colour("accent").name()
        assert _looks(edit, _has(light)) == ["red"]
    finally:
        theme().set_wish("system")


def test_a_lora_is_offered_while_typing_and_goes_to_the_list(qtbot: QtBot, edit: PromptEdit) -> None:
    QTest.keyClicks(edit, "a cat, <k")
    qtbot.waitUntil(edit._popup.isVisible)
    QTest.keyClick(edit._popup, Qt.Key.Key_Down)
    assert str(edit._popup.currentIndex().data()) == "kiki  ·  LoRA"
    with qtbot.waitSignal(edit.lora_chosen) as told:
        QTest.keyClick(edit._popup, Qt.Key.Key_Return)
    assert told.args == ["kiki"]
    assert edit.text() == "a cat, "


def test_an_embedding_is_completed_in_the_text(qtbot: QtBot, edit: PromptEdit) -> None:
    QTest.keyClicks(edit, "good, hand")
    qtbot.waitUntil(edit._popup.isVisible)
    QTest.keyClick(edit._popup, Qt.Key.Key_Down)
    QTest.keyClick(edit._popup, Qt.Key.Key_Return)
    assert edit.text() == "good, bad-hands"


def test_enter_makes_a_new_line_while_names_are_offered_but_none_is_chosen(qtbot: QtBot, edit: PromptEdit) -> None:
    QTest.keyClicks(edit, "ki")
    qtbot.waitUntil(edit._popup.isVisible)
    QTest.keyClick(edit._popup, Qt.Key.Key_Return)
    assert edit.text() == "ki\n"
    assert not edit._popup.isVisible()


def test_words_that_are_no_names_offer_nothing(edit: PromptEdit) -> None:
    QTest.keyClicks(edit, "a lighthouse")
    assert not edit._popup.isVisible()


def test_names_that_are_not_there_are_underlined(edit: PromptEdit) -> None:
    edit.set_text("<lora:kiki:0.8> bad-hands embedding:nobody <lora:nobody:1> [a:b:1.5]")
    assert _looks(edit, _is_wavy) == ["embedding:nobody", "<lora:nobody:1>", "b"]


def test_words_of_a_schedule_have_the_colour_of_their_weight_and_its_marks_are_quiet(edit: PromptEdit) -> None:
    edit.set_text("a [red:(blue:1.3):0.5] [x|[y]] BREAK z")
    assert _looks(edit, _has(weight_colour(1.3).name())) == ["blue"]
    assert _looks(edit, _has(weight_colour(1 / 1.1).name())) == ["y"]
    quiet = _looks(edit, _has(theme().colour("muted").name()))
    assert [marks.strip() for marks in quiet] == ["[", ":(", ":1.3):0.5]", "[", "|[", "]] BREAK"]


def test_lora_tags_move_to_the_list_with_one_click(qtbot: QtBot, box: PromptBox) -> None:
    box.set_text("a cat, <lora:kiki:0.8>, at night <lora:Kiki>")
    assert "Laid over the model" in box._remark.text()
    assert box._line.isVisibleTo(box)
    with qtbot.waitSignal(box.loras_wanted) as told:
        QTest.mouseClick(box._move, Qt.MouseButton.LeftButton)
    assert told.args == [(LoraUse(name="kiki", weight=0.8), LoraUse(name="Kiki"))]
    assert box.text() == "a cat, at night"
    assert not box._line.isVisibleTo(box)


def test_tokens_are_counted_after_typing_and_the_76th_is_marked(qtbot: QtBot, box: PromptBox) -> None:
    assert box._count.text() == "0 of 75 tokens"
    with qtbot.waitSignal(box.counted):
        QTest.keyClicks(box.edit, "a red cat")
    assert box._count.text() == "3 of 75 tokens"
    with qtbot.waitSignal(box.counted):
        box.set_text("cat " * 81)
    assert box._count.text() == "81 tokens, 2 chunks"
    assert box.edit._ends == (75 * len("cat "),)


def test_what_is_typed_while_tokens_are_counted_is_counted_too(qtbot: QtBot, box: PromptBox) -> None:
    box.set_text("a red cat")
    box._ask()
    box.set_text("a red cat at night")
    with qtbot.waitSignal(box.counted):
        pass
    assert box._count.text() == "5 of 75 tokens"


def test_set_text_can_be_undone(edit: PromptEdit) -> None:
    QTest.keyClicks(edit, "mine")
    edit.set_text("theirs")
    edit.undo()
    assert edit.text() == "mine"


@pytest.mark.parametrize(
    ("prompt", "uses"),
    [
        ("a <lora:kiki:0.8> b", [LoraUse(name="kiki", weight=0.8)]),
        ("<LoRA:kiki>", [LoraUse(name="kiki")]),
        ("<lora:a b:much>", [LoraUse(name="a b")]),
        ("<lora:a:0.5:0.7:dyn>", [LoraUse(name="a", weight=0.7)]),
        ("<lora:a:99><lora:b:nan>", [LoraUse(name="a", weight=4), LoraUse(name="b")]),
        ("<lora:> <hypernet:x:1> < lora:a>", []),
    ],
)
def test_lora_tags_are_read_as_a1111_writes_them(prompt: str, uses: list[LoraUse]) -> None:
    assert [lora_use(tag) for tag in tags(prompt) if tag.is_lora] == uses


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("a, <lora:k:1>, b", "a, b"),
        ("<lora:k:1>, b", "b"),
        ("a <lora:k:1> b", "a b"),
        ("a, <lora:k:1>", "a"),
        ("a\n<lora:k:1>", "a\n"),
        ("<lora:k:1>", ""),
    ],
)
def test_nothing_odd_is_left_where_a_tag_was(prompt: str, left: str) -> None:
    assert without_tags(prompt, tags(prompt)) == left


def test_embeddings_are_known_by_their_bare_name() -> None:
    found = embedding_names("(Bad-Hands:1.2), hands, embedding:nobody", ["bad-hands"])
    assert [(name.name, name.is_known) for name in found] == [("Bad-Hands", True), ("nobody", False)]
    (found,) = embedding_names("embedding:Two words, more", ["two", "two words"])
    assert (found.name, found.is_known) == ("two words", True)


@pytest.mark.parametrize(
    ("before", "typed"),
    [
        ("a ki", ("ki", 2)),
        ("a k", ("", 0)),
        ("a <", ("", 1)),
        ("<lora:k", ("k", 7)),
        ("(embedding:b", ("b", 11)),
        ("a ", ("", 0)),
    ],
)
def test_what_is_being_typed(before: str, typed: tuple[str, int]) -> None:
    assert typed_name(before) == typed


KNOWN = Known(loras=("kiki",), embeddings=("bad-hands",))


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a (red:1.2) cat, bad-hands BREAK [a:b:0.5]", ""),
        ("<lora:kitty:1> a", "no LoRA named kitty"),
        ("<lora:kiki:much> a", "much is no weight for kiki"),
        ("<hypernet:kiki:1> a", "<hypernet:kiki:1> is not known here"),
        ("embedding:nobody", "no embedding named nobody"),
        ("a [red: blue :1.2]", "blue is never read"),
    ],
)
def test_what_does_not_act_is_said(prompt: str, words: str) -> None:
    said = remark(prompt, KNOWN, is_negative=False)
    assert words in said.words
    assert bool(said.words) == bool(words)
    assert said.is_warning


def test_a_lora_that_acts_is_named_and_can_be_moved_unless_it_has_two_weights() -> None:
    said = remark("<lora:kiki:0.8> <lora:KIKI:0.1:0.2>", KNOWN, is_negative=False)
    assert "kiki, KIKI" in said.words
    assert not said.is_warning
    assert [tag.name for tag in said.movable] == ["kiki"]


def test_in_a_negative_prompt_a_lora_does_not_act() -> None:
    said = remark("<lora:kiki:0.8>", KNOWN, is_negative=True)
    assert "not from here" in said.words
    assert said.is_warning
    assert [tag.name for tag in said.movable] == ["kiki"]
