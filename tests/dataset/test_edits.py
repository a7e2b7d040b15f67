"""Edits of captions change what they name, and no other letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.contract.errors import UserError
from trainer.dataset.captions import split_tags
from trainer.dataset.edits import (
    AddLine,
    AddTags,
    Append,
    Deduplicate,
    EscapeBrackets,
    InTurn,
    Lowercase,
    Operation,
    Prepend,
    RemoveTags,
    ReplaceTag,
    ReplaceText,
    SetText,
    SortTags,
    SpacesToUnderscores,
    UnderscoresToSpaces,
    UnescapeBrackets,
    WithPrefix,
    WithSuffix,
    WithTrigger,
)
from trainer.dataset.tags import counts, each_line, parse_line, selection_state, tags_of

ODD = " a , b,c ,, (d, e:1.1) ,  "


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        (AddTags(("x",)), "a, b", "a, b, x"),
        (AddTags(("x", "y")), "a,b", "a,b,x,y"),
        (AddTags(("x, y",), after=0), "a, b", "x, y, a, b"),
        (AddTags(("x",), after=1), "a, b", "a, x, b"),
        (AddTags(("x",), after=9), "a", "a, x"),
        (AddTags(("a",)), "b,  a ,c", "b,  a ,c"),
        (AddTags(("x",)), "", "x"),
        (AddTags(("x",)), "a, b,", "a, b, x,"),
        (AddTags(("x",)), "one\n\ntwo", "one, x\n\ntwo, x"),
        (RemoveTags(("b",)), "a, b,  c", "a,  c"),
        (RemoveTags(("a",)), " a, b", " b"),
        (RemoveTags(("b",)), "a, b ", "a "),
        (RemoveTags(("a", "c")), "a, b, c, a", "b"),
        (RemoveTags(("a",)), "a", ""),
        (RemoveTags(("A",)), "a, b", "a, b"),
        (RemoveTags(("cat",)), "cats, cat ears", "cats, cat ears"),
        (ReplaceTag("a", "x"), "b,a ,c", "b,x ,c"),
        (ReplaceTag("a", "x, y"), "b, a", "b, x, y"),
        (ReplaceTag("a", "b"), "a, c, b", "c, b"),
        (ReplaceTag("a", "a, b"), "c, a, a", "c, a, b"),
        (ReplaceTag("a", ""), "a, b", "b"),
        (ReplaceTag(r"poster \(object\)", "poster"), r"a, poster \(object\)", "a, poster"),
        (ReplaceText("(", "["), "a (b)", "a [b)"),
        (ReplaceText("cat", r"\1", case=False), "Cat, cats", r"\1, \1s"),
        (ReplaceText("cat", "dog", whole_tag=True), "cat, cats", "dog, cats"),
        (ReplaceText("CAT", "dog", whole_tag=True, case=False), "cat, cats", "dog, cats"),
        (ReplaceText(r"(\w+) hair", r"\1-haired", regex=True), "long hair, red hair", "long-haired, red-haired"),
        (ReplaceText(r"^|$", "_", regex=True), "one\ntwo", "_one_\n_two_"),
        (ReplaceText(r"tag_\d+", "", regex=True, whole_tag=True), "a, tag_1, b, tag_22", "a, b"),
        (ReplaceText("", "x"), "a", "a"),
        (SortTags(), "c,  B , a", "a,  B , c"),
        (SortTags(keep=1), "me, c, b", "me, b, c"),
        (SortTags("natural"), "10girls, 2girls, 1boy", "1boy, 2girls, 10girls"),
        (SortTags("count", counts={"b": 2, "c": 9}), "a, b, c", "c, b, a"),
        (Deduplicate(), "a, b,a , c, b", "a, b , c"),
        (Deduplicate(), "a\na", "a\na"),
        (WithPrefix("a photo of"), "cat", "a photo of cat"),
        (WithPrefix("a photo of"), "a photo of cat\n dog", "a photo of cat\na photo of  dog"),
        (WithPrefix("x"), "", "x"),
        (WithSuffix("in oil"), "cat", "cat in oil"),
        (WithSuffix("in oil"), "cat in oil", "cat in oil"),
        (WithTrigger("kiki"), "a cat", "kiki, a cat"),
        (WithTrigger("kiki"), "a cat called Kiki", "a cat called Kiki"),
        (Prepend("x", ""), "a", "xa"),
        (Append("x"), "a", "a, x"),
        (Append("x"), "", "x"),
        (AddLine("two"), "one", "one\ntwo"),
        (AddLine("one"), "one", "one"),
        (AddLine("one"), "", "one"),
        (SetText("new"), ODD, "new"),
        (Lowercase(), "Straße, CAFÉ", "straße, café"),
        (UnderscoresToSpaces(), "blue_eyes, ^_^ , a_b_c", "blue eyes, ^_^ , a b c"),
        (SpacesToUnderscores(), "blue eyes ,  a b", "blue_eyes ,  a_b"),
        (EscapeBrackets(), r"a (b), c \(d\)", r"a \(b\), c \(d\)"),
        (UnescapeBrackets(), r"a \(b\), (c:1.2), \\(", r"a (b), (c:1.2), \\("),
        (InTurn((AddTags(("b",)), SortTags())), "c", "b, c"),
    ],
)
def test_an_edit_changes_what_it_names(operation: Operation, before: str, after: str) -> None:
    assert operation(before) == after


TEXTS = st.text(alphabet="ab ,\n\\(_)é", max_size=30)


@given(TEXTS)
def test_edits_that_find_nothing_change_no_letter(text: str) -> None:
    nothing: list[Operation] = [
        RemoveTags(("z",)),
        ReplaceTag("z", "y"),
        ReplaceText("z", "y"),
        ReplaceText("z+", "y", regex=True, whole_tag=True),
        InTurn(()),
    ]
    assert [operation(text) for operation in nothing] == [text] * len(nothing)


@given(st.text(alphabet="ab ,\\(_)é", max_size=30))
def test_the_parts_of_a_line_are_the_line(line: str) -> None:
    parts = parse_line(line)
    assert str(parts) == line
    assert tuple(parts.tags) == split_tags(line)


@given(st.text(alphabet="abc ,", max_size=30), st.sampled_from("abcd"), st.integers(0, 4))
def test_adding_removing_and_sorting_do_to_the_tags_what_lists_do(line: str, tag: str, place: int) -> None:
    tags = list(split_tags(line))
    added = split_tags(AddTags((tag,), place)(line))
    assert list(added) == (tags if tag in tags else [*tags[:place], tag, *tags[place:]])
    assert list(split_tags(RemoveTags((tag,))(line))) == [one for one in tags if one != tag]
    assert list(split_tags(SortTags(keep=place)(line))) == tags[:place] + sorted(tags[place:])
    assert list(split_tags(Deduplicate()(line))) == list(dict.fromkeys(tags))


@given(TEXTS)
def test_escaping_and_unescaping_come_to_the_same(text: str) -> None:
    assert EscapeBrackets()(EscapeBrackets()(text)) == EscapeBrackets()(text)
    assert UnescapeBrackets()(EscapeBrackets()(text)) == UnescapeBrackets()(text)


@pytest.mark.parametrize(
    ("pattern", "by", "words"),
    [
        ("(a", "", "can't be read"),
        ("a{2", r"\2", "group"),
        ("[", "", "can't be read"),
        ("a" * 3000, "", "3000 characters"),
    ],
)
def test_a_pattern_that_makes_no_sense_is_said(pattern: str, by: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        ReplaceText(pattern, by, regex=True)("a{2 aaa")


def test_a_pattern_that_would_never_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.dataset.edits.PATTERN_SECONDS", 0.05)
    with pytest.raises(UserError, match="too long"):
        ReplaceText("(a+)+c", "", regex=True)("a" * 5000 + "b")


def test_lines_keep_their_ends() -> None:
    assert each_line("a\n\n b\u2028c\n", str.upper) == "A\n\n B\u2028C\n"


def test_tags_are_counted_once_a_caption() -> None:
    assert tags_of("a, b,a\nc, b\n") == ("a", "b", "c")
    assert counts(["a, b, a", "b", "", "c\nb", "Z"]) == [("b", 3), ("Z", 1), ("a", 1), ("c", 1)]


@pytest.mark.parametrize(
    ("captions", "state"), [(["a, b", "a"], "all"), (["a", "ab"], "some"), (["b"], "none"), ([], "none")]
)
def test_how_many_of_a_selection_have_a_tag(captions: list[str], state: str) -> None:
    assert selection_state(captions, "a") == state
