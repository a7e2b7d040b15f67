"""CLIP's tokenizer, built in memory from the one vocabulary file that ships with Gesso."""

import functools
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from trainer.home import RESOURCES

VOCABULARY = RESOURCES / "tokenizer" / "bpe_simple_vocab_16e6.txt.gz"
VOCABULARY_SIZE = 49_408
TOKENS = 77
"""Length of every prompt as the text encoder sees it, start and end tokens included."""

_START, _END = "<|startoftext|>", "<|endoftext|>"
_WORD_END = "</w>"


def clip_tokenizer(*, pad_with_end: bool) -> Any:
    """transformers' CLIPTokenizer. SD 1.x pads with the end token; SD 2.x (OpenCLIP) pads with id 0, which is `!`."""
    from transformers import CLIPTokenizer

    vocabulary, merges = _vocabulary()
    # The merge list is copied into Rust; a tokenizer of one's own can be given new words without touching another.
    tokenizer = CLIPTokenizer(vocab=dict(vocabulary), merges=cast(Any, list(merges)), model_max_length=TOKENS)
    if not pad_with_end:
        # Set afterwards: given at construction, `!` would become a special token and no longer be read in prompts.
        tokenizer.pad_token = "!"
    return tokenizer


def token_ids(tokenizer: Any, prompts: Sequence[str]) -> Tensor:
    """[B, 77] int64: start token, the prompt (cut where it is too long), end token, padding."""
    encoded = tokenizer(list(prompts), padding="max_length", max_length=TOKENS, truncation=True)
    return torch.tensor(encoded["input_ids"], dtype=torch.int64)


def write_vocabulary(folder: Path) -> None:
    """vocab.json and merges.txt, as diffusers folders have them, for programs that bring no tokenizer of their own."""
    vocabulary, merges = _vocabulary()
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


@functools.cache
def _vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Token to id, and the merges in order of rank: as openai/CLIP, clip/simple_tokenizer.py, numbers them."""
    characters = byte_characters()
    tokens = characters + [character + _WORD_END for character in characters]
    count = VOCABULARY_SIZE - len(tokens) - 2
    lines = gzip.decompress(VOCABULARY.read_bytes()).decode("utf-8").split("\n")[1 : 1 + count]
    merges = [(left, right) for left, right in (line.split() for line in lines)]
    tokens += [left + right for left, right in merges]
    tokens += [_START, _END]
    return {token: index for index, token in enumerate(tokens)}, merges


def byte_characters() -> list[str]:
    """A printable character for each of the 256 bytes, in vocabulary order: the printable bytes as themselves first,
    then the others as the characters from U+0100 on (the byte alphabet of GPT-2 and CLIP)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [chr(0x100 + index) for index in range(256 - len(printable))]
    return [chr(byte) for byte in printable] + others
