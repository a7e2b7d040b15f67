"""How many tokens a prompt has, and where in it each chunk of 75 ends: counted by CLIP's own BPE, in the pool.

The tokenizer is built of the vocabulary that ships with Gesso by the library `tokenizers` alone, as transformers'
CLIPTokenizer builds it: importing that would cost the window seconds.
"""

import functools
import gzip
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errand import Errand
from trainer.contract.prompt import CHUNK, READ_BY_ENGINE, Piece, pieces
from trainer.home import RESOURCES

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VOCABULARY = RESOURCES / "tokenizer" / "bpe_simple_vocab_16e6.txt.gz"
VOCABULARY_SIZE = 49_408
_START, _END, _WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
_WORDS = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
"""What is a word: openai/CLIP, clip/simple_tokenizer.py, `pat`."""
_building = threading.Lock()


@dataclass(frozen=True)
class Count:
    """Of one prompt. `ends` are the places in it at which a chunk is full and more follows."""

    tokens: int
    ends: tuple[int, ...] = ()

    @property
    def chunks(self) -> int:
        return len(self.ends) + 1


def count(prompt: str, _errand: Errand | None = None) -> Count:
    """To be called in a thread of the pool: the first call reads the vocabulary, which takes a tenth of a second."""
    read = pieces(prompt) if "weights" in READ_BY_ENGINE else [_as_it_stands(prompt)]
    places: list[int] = []
    with _building:
        tokenizer = _tokenizer()
    for piece in read:
        encoding = tokenizer.encode(piece.text, add_special_tokens=False)
        places += [piece.origins[start] for start, _ in encoding.offsets]
    return Count(len(places), tuple(places[CHUNK::CHUNK]))


def in_words(counted: Count) -> str:
    """`12 of 75 tokens`, `81 tokens, 2 chunks`; or what is lost where the engine reads one chunk only."""
    if counted.chunks == 1:
        return f"{counted.tokens} of {CHUNK} tokens"
    if "chunks" in READ_BY_ENGINE:
        return f"{counted.tokens} tokens, {counted.chunks} chunks"
    return f"{counted.tokens} tokens, the first {CHUNK} are read"


def _as_it_stands(prompt: str) -> Piece:
    return Piece(prompt, 1.0, tuple(range(len(prompt))))


@functools.cache
def _tokenizer() -> "Tokenizer":
    from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import BPE

    vocabulary, merges = _vocabulary()
    made = Tokenizer(
        BPE(
            vocab=vocabulary,
            merges=merges,
            continuing_subword_prefix="",
            end_of_word_suffix=_WORD_END,
            fuse_unk=False,
            unk_token=_END,
        )
    )
    made.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    made.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark in (_START, _END)])
    return made


def _vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Token to id, and the merges in order of rank: as openai/CLIP, clip/simple_tokenizer.py, numbers them."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = [chr(byte) for byte in printable] + [chr(0x100 + index) for index in range(256 - len(printable))]
    tokens = letters + [letter + _WORD_END for letter in letters]
    lines = gzip.decompress(VOCABULARY.read_bytes()).decode("utf-8").split("\n")
    pairs = (line.split() for line in lines[1 : 1 + VOCABULARY_SIZE - len(tokens) - 2])
    merges = [(left, right) for left, right in pairs]
    tokens += [left + right for left, right in merges]
    tokens += [_START, _END]
    return {token: index for index, token in enumerate(tokens)}, merges
