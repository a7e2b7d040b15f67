"""How many tokens a prompt has, and where in it each chunk of 75 ends: counted by CLIP's own BPE, in the pool.

The tokenizer is built of the vocabulary that ships with Gesso by the library `tokenizers` alone, as transformers'
CLIPTokenizer builds it: importing that would cost the window seconds.
"""

import functools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errand import Errand
from trainer.contract.prompt import pieces
from trainer.contract.prompt_chunks import CHUNK, COMMA, chunked
from trainer.contract.prompt_schedule import Excerpt, branches, negative_steps
from trainer.library.vocabulary import END, START, WORD_END, vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

STEPS = 100
"""In how many steps a prompt that changes is looked through for its longest text."""

_WORDS = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
"""What is a word: openai/CLIP, clip/simple_tokenizer.py, `pat`."""
_building = threading.Lock()


@dataclass(frozen=True)
class Count:
    """Of what is read at a time of one prompt. `ends` are the places in it at which another chunk begins."""

    tokens: int
    ends: tuple[int, ...] = ()

    @property
    def chunks(self) -> int:
        return len(self.ends) + 1


def count(prompt: str, _errand: Errand | None = None, *, is_negative: bool = False) -> Count:
    """Of a prompt that changes from step to step, or is composed, the longest text.

    To be called in a thread of the pool: the first call reads the vocabulary, which takes a tenth of a second.
    """
    parts = [negative_steps(prompt, STEPS)] if is_negative else [part.steps for part in branches(prompt, STEPS)]
    excerpts = {id(excerpt): excerpt for part in parts for excerpt in part}
    return max((_counted(excerpt) for excerpt in excerpts.values()), key=lambda one: (one.chunks, one.tokens))


def count_caption(caption: str, _errand: Errand | None = None) -> Count:
    """Of a caption, which training takes as it stands: nothing in it is weight or alternation. The one end is where
    the text encoder stops to read."""
    with _building:
        tokenizer = _tokenizer()
    encoding = tokenizer.encode(caption, add_special_tokens=False)
    starts = [start for start, _ in encoding.offsets]
    return Count(len(starts), (starts[CHUNK],) if len(starts) > CHUNK else ())


def in_words(counted: Count) -> str:
    """`12 of 75 tokens`; `81 tokens, 2 chunks`."""
    if counted.chunks == 1:
        return f"{counted.tokens} of {CHUNK} tokens"
    return f"{counted.tokens} tokens, {counted.chunks} chunks"


def _counted(excerpt: Excerpt) -> Count:
    with _building:
        tokenizer = _tokenizer()
    tokens: list[tuple[int, int] | None] = []
    """(id, where in the prompt it begins); None for a BREAK."""
    for piece in pieces(excerpt.text):
        if piece.is_break:
            tokens.append(None)
            continue
        encoding = tokenizer.encode(piece.text, add_special_tokens=False)
        places = (excerpt.origins[piece.origins[start]] for start, _ in encoding.offsets)
        tokens += zip(encoding.ids, places, strict=True)
    chunks = chunked(tokens, size=lambda token: 1, is_comma=lambda token: token[0] == COMMA)
    return Count(sum(map(len, chunks)), tuple(chunk[0][1] for chunk in chunks[1:] if chunk))


@functools.cache
def _tokenizer() -> "Tokenizer":
    from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import BPE

    ids, merges = vocabulary()
    made = Tokenizer(
        BPE(
            vocab=ids,
            merges=merges,
            continuing_subword_prefix="",
            end_of_word_suffix=WORD_END,
            fuse_unk=False,
            unk_token=END,
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
    made.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark in (START, END)])
    return made
