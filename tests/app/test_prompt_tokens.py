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
from trainer.contract.prompt import CHUNK

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
    assert count(prompt).tokens == len(ours)


@settings(max_examples=200)
@given(prompt=st.text(max_size=80))
def test_any_text_is_counted_as_the_engine_reads_it(tokenizer: Any, prompt: str) -> None:
    assert count(prompt).tokens == len(_theirs(tokenizer, prompt))


def test_a_chunk_ends_before_the_76th_token() -> None:
    prompt = "cat " * 160
    counted = count(prompt)
    assert counted == Count(160, (75 * 4, 150 * 4))
    assert count("cat " * CHUNK) == Count(CHUNK)


def test_what_is_counted_stands_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_words(Count(12)) == "12 of 75 tokens"
    assert in_words(Count(81, (300,))) == "81 tokens, the first 75 are read"
    monkeypatch.setattr(prompt_tokens, "READ_BY_ENGINE", frozenset({"chunks"}))
    assert in_words(Count(81, (300,))) == "81 tokens, 2 chunks"


def test_where_the_engine_reads_weights_brackets_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count("a (red:1.2) cat").tokens == 9
    monkeypatch.setattr(prompt_tokens, "READ_BY_ENGINE", frozenset({"weights"}))
    assert count("a (red:1.2) cat").tokens == 3
    assert count("(cat:1.2) " * 80).ends == (75 * len("(cat:1.2) ") + 1,)


def test_counting_loads_no_model_library() -> None:
    program = (
        "import sys; from app.widgets.prompt_tokens import count; count('a');"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "False False"
