"""What two captions do not have in common, against what a reader would mark."""

import pytest

from trainer.dataset.differences import differing


@pytest.mark.parametrize(
    ("first", "second", "mine", "theirs"),
    [
        ("cat, red sofa, hat", "cat, hat, blue sofa", ["red sofa"], ["blue sofa"]),
        ("cat, hat", "hat ,  CAT", [], []),
        ("a cat on a red sofa", "a cat on a blue sofa", ["red"], ["blue"]),
        ("a cat", "", ["a", "cat"], []),
        ("", "", [], []),
        ("cat, 🐱 ears\nhat", "cat", ["🐱 ears", "hat"], []),
        ("the dog's bone", "the dog's red bone", [], ["red"]),
    ],
)
def test_only_what_the_other_lacks_is_marked(first: str, second: str, mine: list[str], theirs: list[str]) -> None:
    one, other = differing(first, second)
    assert [first[begin:end] for begin, end in one] == mine
    assert [second[begin:end] for begin, end in other] == theirs
