"""CLIP's tokenizer, built in memory from the one vocabulary file that ships with Gesso."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from trainer.library.vocabulary import END_ID, START_ID, vocabulary

TOKENS = 77
"""Length of every prompt as the text encoder sees it, start and end tokens included."""


@cache
def clip_tokenizer(*, pad_with_end: bool) -> Any:
    """transformers' CLIPTokenizer. SD 1.x pads with the end token; SD 2.x (OpenCLIP) pads with id 0, which is `!`.

    One for all models, so nothing may be added to its words.
    """
    from transformers import CLIPTokenizer

    ids, merges = vocabulary()
    tokenizer = CLIPTokenizer(vocab=dict(ids), merges=cast(Any, list(merges)), model_max_length=TOKENS)
    if not pad_with_end:
        # Set afterwards: given at construction, `!` would become a special token and no longer be read in prompts.
        tokenizer.pad_token = "!"
    return tokenizer


def token_ids(tokenizer: Any, prompts: Sequence[str]) -> Tensor:
    """[B, 77] int64: start token, the prompt (cut where it is too long), end token, padding."""
    encoded = tokenizer(list(prompts), padding="max_length", max_length=TOKENS, truncation=True)
    return torch.tensor(encoded["input_ids"], dtype=torch.int64)


def word_ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """The tokens of each text, all of them, without start, end and padding."""
    # `verbose` would warn of what is longer than the text encoder takes at a time
    return tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"] if texts else []


def chunk_ids(tokenizer: Any, chunks: Sequence[Sequence[int]]) -> Tensor:
    """[B, 77] int64: start token, the tokens of a chunk (75 at most), end token, padding."""
    padding = tokenizer.pad_token_id
    rows = [[START_ID, *chunk, END_ID] for chunk in chunks]
    return torch.tensor([row + [padding] * (TOKENS - len(row)) for row in rows], dtype=torch.int64)


def write_vocabulary(folder: Path) -> None:
    """vocab.json and merges.txt, as diffusers folders have them, for programs that bring no tokenizer of their own."""
    ids, merges = vocabulary()
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
