"""The window's count of tokens against transformers' CLIPTokenizer, which the engine uses."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.widgets import prompt_tokens
from app.widgets.prompt_tokens import Count, count, in_words
from trainer.contract.prompt_chunks import CHUNK
from trainer.contract.prompt_schedule import negative_steps

AWKWARD = (
    "",
    "   \n\t ",
    "a photo of an ASTRONAUT's  horse\n\nriding, it's 3:45!",
    "naïve café cafe\u0301 Ünïcödé ŒUVRE İstanbul ßẞ ﬁ",
    "日本語 🎨👩‍👩‍👧 мир العربية",
    "(masterpiece:1.2), [red|blue] ((deep)) \\(literal\\)",
    "<|endoftext|> in <|startoftext|>a prompt <|ENDOFTEXT|> <|endoftext|>x",
    "x" * 300,
    "...!!! --- ??? 1234567890 ½ ² ٣",
    "\x00\x7f\u200b\u00a0\ufeff\r\n",
    "cat " * 200,
    "they'll we'd I'm YOU'RE 'sup",
    "a <lora:kiki:0.8> b, well-lit_under_score",
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from trainer.models.tokenizer import clip_tokenizer

    return clip_tokenizer(pad_with_end=True)


def _theirs(tokenizer: Any, prompt: str) -> list[int]:
    return tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"]


@pytest.mark.parametrize("prompt", AWKWARD)
def test_awkward_prompts_are_counted_as_the_engine_reads_them(tokenizer: Any, prompt: str) -> None:
    ours = prompt_tokens._tokenizer().encode(prompt, add_special_tokens=False).ids
    assert ours == _theirs(tokenizer, prompt)


@settings(max_examples=200)
@given(prompt=st.text(max_size=80))
def test_any_text_has_the_tokens_that_the_engine_reads(tokenizer: Any, prompt: str) -> None:
    assert prompt_tokens._tokenizer().encode(prompt, add_special_tokens=False).ids == _theirs(tokenizer, prompt)


@pytest.mark.parametrize("prompt", ["a red cat, " * 40, "(a, b:1.3) BREAK c [d|e, f]" * 9, "x" * 300, "a BREAK", ""])
def test_chunks_are_those_of_the_engine(prompt: str) -> None:
    from tests import tiny
    from trainer.generation.embeddings import Embeddings
    from trainer.generation.prompts import laid_out

    bundle = tiny.bundle()
    counted = count(prompt, is_negative=True)
    texts = [excerpt.text for excerpt in negative_steps(prompt, 2)]
    laid = laid_out(bundle, texts, "original", Embeddings(bundle)).values()
    assert (counted.chunks, counted.tokens) == max((len(chunks), sum(map(len, chunks))) for chunks in laid)


def test_a_chunk_ends_before_the_76th_token() -> None:
    prompt = "cat " * 160
    counted = count(prompt)
    assert counted == Count(160, (75 * 4, 150 * 4))
    assert count("cat " * CHUNK) == Count(CHUNK)


def test_what_is_counted_stands_in_words() -> None:
    assert in_words(Count(12)) == "12 of 75 tokens"
    assert in_words(Count(81, (300,))) == "81 tokens, 2 chunks"


def test_brackets_tags_and_numbers_are_not_counted() -> None:
    assert count("a (red:1.2) cat <lora:kiki:0.8>").tokens == 3
    assert count("(cat:1.2) " * 80).ends == (75 * len("(cat:1.2) ") + 1,)


def test_what_follows_the_last_comma_of_a_full_chunk_is_counted_to_the_next() -> None:
    prompt = "cat " * 60 + ", " + "dog " * 20
    assert count(prompt).ends == (60 * 4 + 2,)
    assert count("a BREAK b").ends == (8,)


def test_of_a_prompt_that_changes_the_longest_text_is_counted() -> None:
    assert count("[a:b c d:0.5] e").tokens == 4
    assert count("[a|b c d e] f").tokens == 5
    assert count("a AND b c d").tokens == 3
    assert count("a AND b c d", is_negative=True).tokens == 5


def test_counting_loads_no_model_library() -> None:
    program = (
        "import sys; from app.widgets.prompt_tokens import count; count('a');"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "False False"
