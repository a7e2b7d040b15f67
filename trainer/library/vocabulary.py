"""CLIP's vocabulary, from the one file that ships with Gesso. Engine and window build their tokenizers of it."""

import functools
import gzip

from trainer.home import RESOURCES

VOCABULARY = RESOURCES / "tokenizer" / "bpe_simple_vocab_16e6.txt.gz"
VOCABULARY_SIZE = 49_408
START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
START_ID, END_ID = VOCABULARY_SIZE - 2, VOCABULARY_SIZE - 1


@functools.cache
def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Token to id, and the merges in order of rank: as openai/CLIP, clip/simple_tokenizer.py, numbers them."""
    characters = byte_characters()
    tokens = characters + [character + WORD_END for character in characters]
    count = VOCABULARY_SIZE - len(tokens) - 2
    lines = gzip.decompress(VOCABULARY.read_bytes()).decode("utf-8").split("\n")[1 : 1 + count]
    merges = [(left, right) for left, right in (line.split() for line in lines)]
    tokens += [left + right for left, right in merges]
    tokens += [START, END]
    return {token: index for index, token in enumerate(tokens)}, merges


def byte_characters() -> list[str]:
    """A printable character for each of the 256 bytes, in vocabulary order: the printable bytes as themselves first,
    then the others as the characters from U+0100 on (the byte alphabet of GPT-2 and CLIP)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [chr(0x100 + index) for index in range(256 - len(printable))]
    return [chr(byte) for byte in printable] + others
