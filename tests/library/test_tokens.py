"""Counting tokens by ourselves against the tokenizer that the window counts with, and known words."""

import random

import pytest

from app.widgets.prompt_tokens import _tokenizer
from trainer.home import RESOURCES
from trainer.library.tokens import count_tokens, is_word

LETTERS = "abcdefXYZ 0129_-'.,!?éßñ狐の🦊\u0301\n\t()[]{}:;\"#&"


def texts() -> list[str]:
    chance = random.Random(3)
    made = ["".join(chance.choice(LETTERS) for _ in range(30)) for _ in range(500)]
    captions = [path.read_text("utf-8") for path in sorted((RESOURCES / "sample-dataset").glob("*.txt"))]
    return made + captions + ["", "it's 1girl_solo (object), don't", "<|startoftext|>a cat<|endoftext|>", "cat " * 100]


def test_counts_are_those_of_the_tokenizer() -> None:
    tokenizer = _tokenizer()
    for text in texts():
        assert count_tokens(text) == len(tokenizer.encode(text, add_special_tokens=False).ids), text


@pytest.mark.parametrize(("word", "known"), [("skirt", True), ("Umbrella", True), ("umbrela", False), ("", False)])
def test_known_words(word: str, known: bool) -> None:
    assert is_word(word) == known
