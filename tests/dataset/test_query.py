"""The search language: what each term finds, and where a query that can't be understood goes wrong."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainer.dataset.query import IS, QueryError, Row, compile_query
from trainer.dataset.query_tokens import quoted_term, tokens_of, unescaped
from trainer.dataset.tags import tags_of

ROWS = [
    Row("IMG_1.png", "a cat on a Sofa", ("a cat on a Sofa",), 1000, 800, 3),
    Row("sub/IMG_2.jpg", "Long hair, catalogue, saber_(fate)", ("Long hair", "catalogue", "saber_(fate)"), 400, 400),
    Row("sub/deep/x*y.png", "", (), 0, 0, 5, "pick"),
    Row(
        "z.png", r"what?, poster \(object\)" + "\nsofa", ("what?", r"poster \(object\)", "sofa"), 512, 2000, 0, "reject"
    ),
    Row("Ärger.webp", "  ", (), 512, 512, 1, "", frozenset({"caption", "too small"})),
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("cat", [0, 1]),
        ("CAT sofa", [0]),
        ("cat -sofa", [1]),
        ("cat and not sofa", [1]),
        ('"cat"', [0]),
        ('"on a"', [0]),
        ("“on a”", [0]),
        ("on a", [0, 1]),
        ('"at on"', []),
        ("cat or sofa", [0, 1, 3]),
        ("cat or sofa -cat", [0, 1, 3]),
        ("(cat or sofa) not sofa", [1]),
        ("-(cat or sofa)", [2, 4]),
        ("not not cat", [0, 1]),
        ("NOT (Cat OR Sofa)", [2, 4]),
        ("tag:sofa", [3]),
        ('tag:"long hair"', [1]),
        ('tag:"LONG*"', [1]),
        ("tag:long", []),
        ("tag:saber_(fate)", [1]),
        ("(tag:saber_(fate))", [1]),
        ("tag:what?", [3]),
        (r"tag:what\?", [3]),
        (r"tag:wha\?", []),
        ("tag:?????", [3]),
        (r'tag:"poster \(object\)"', [3]),
        (r"tag:poster_\(object\)", []),
        (r'tag:"what\?"', [3]),
        (r'tag:"poster \\(object\\)"', [3]),
        (r'tag:"poster*\\)"', [3]),
        (r'"poster \(object\)"', [3]),
        (r'"what\?"', [3]),
        ("name:img", [0, 1]),
        ("name:IMG*", [0, 1]),
        ("name:IMG_?", [0, 1]),
        ("name:*.png", [0, 2, 3]),
        ("name:sub", []),
        (r"name:\*", [2]),
        ("name:ärger", [4]),
        ("path:sub/*", [1, 2]),
        ("path:deep/", [2]),
        ("path:deep*", []),
        ("stars:>=3", [0, 2]),
        ("stars:0", [1, 3]),
        ("stars:1..3", [0, 4]),
        ("width:<512", [1]),
        ("-width:<512", [0, 2, 3, 4]),
        ("width:<=512px", [1, 3, 4]),
        ("height:>1000", [3]),
        ("size:<0.5mp", [1, 4]),
        ("size:>=0.8", [0, 3]),
        ("words:>4", [0]),
        ("words:=0", [2, 4]),
        ("tags:<3", [0, 2, 4]),
        ("tags:3", [1, 3]),
        ("is:uncaptioned", [2, 4]),
        ("is:captioned", [0, 1, 3]),
        ("is:picked or is:rejected", [2, 3]),
        ("is:unflagged", [0, 1, 4]),
        ("is:starred", [0, 2, 4]),
        ("is:problem", [4]),
        ("problem:caption", [4]),
        ('problem:"too *"', [4]),
        ("problem:cap", []),
        ("^_^", []),
        (":", []),
        ("-", []),
        ("what? ,", [3]),
    ],
)
def test_a_query_finds(query: str, found: list[int]) -> None:
    compiled = compile_query(query)
    assert [place for place, row in enumerate(ROWS) if compiled(row)] == found


@pytest.mark.parametrize(
    ("query", "place", "end", "words"),
    [
        ("cat (sofa", 4, 5, "not closed"),
        ("cat)", None, None, ""),
        ("cat )", 4, 5, "closes nothing"),
        ("cat or", 6, 6, "at the end"),
        ("or cat", 0, 2, "before or"),
        ("cat and or", 8, 10, "before or"),
        ("()", 1, 2, "missing"),
        ("a not", 5, 5, "at the end"),
        ('a "b c', 2, 6, "quote"),
        ("a colour:red", 2, 12, "colour:"),
        ("is:nice", 0, 7, "is:nice"),
        ("stars:many", 0, 10, "many"),
        ("stars:", 0, 6, "nothing"),
        ("stars:3mp", 0, 9, "3mp"),
        ("tag:", 0, 4, "tag:"),
        ('tag:" "', 0, 7, "tag:"),
        ("(" * 60 + "a" + ")" * 60, 50, 51, "brackets"),
        ("-" * 60 + "a", 50, 51, "brackets"),
        ("a" * 3000, 2000, 3000, "2000"),
    ],
)
def test_what_is_not_understood_is_said_with_its_place(
    query: str, place: int | None, end: int | None, words: str
) -> None:
    if place is None:
        compile_query(query)
        return
    with pytest.raises(QueryError, match=words) as refusal:
        compile_query(query)
    assert (refusal.value.place, refusal.value.end) == (place, end)
    assert f"letter {place + 1}" in refusal.value.title
    assert refusal.value.fix


@given(st.text(min_size=1, max_size=20), st.text(max_size=5))
@example(r"saber \(fate\)", "saber (fate)")
@example(r"\o/", "o/")
@example("ends\\", "ends")
@example("“quoted”", '"quoted"')
@example("a*b", "aXb")
@example("what?", "whatX")
@example(r"a\*b", "a*b")
def test_a_tag_in_quotes_is_found_whatever_it_holds_and_no_other(text: str, other: str) -> None:
    tags, others = tags_of(text), tags_of(other)
    for tag in tags:
        term = quoted_term("tag", tag)
        (token,) = tokens_of(term)
        assert (token.key, unescaped(token.value), token.end) == ("tag", tag, len(term))
        found = compile_query(f"({term}) {term}")
        assert found(Row("a.png", text, tags))
        assert found(Row("b.png", other, others)) is (tag.casefold() in (one.casefold() for one in others))


def test_a_query_knows_what_it_asks_for() -> None:
    assert compile_query("").uses == frozenset()
    assert compile_query('cat tag:x stars:3 size:<1 problem:x name:y "z" is:picked').uses == {
        *("caption", "tags", "stars", "width", "height", "problems", "relative", "flag")
    }
    assert {use for use, _ in IS.values()} <= set(Row.__slots__)


@pytest.mark.parametrize("query", ["cat", 'tag:"long hair"', "stars:>=3", "name:IMG*", "-sofa"])
def test_ten_thousand_rows_take_an_instant(query: str) -> None:
    """50 ms are asked for on a quiet machine; the limit leaves room for a busy one."""
    tags = (*(f"some tag {number}" for number in range(20)), "long hair")
    rows = [Row(f"sub/IMG_{place}.png", ", ".join(tags), tags, 512, 512, place % 6) for place in range(10_000)]
    compiled = compile_query(query)
    start = time.thread_time()
    assert sum(map(compiled, rows)) in (0, 4999, 10_000)
    assert time.thread_time() - start < 0.25
