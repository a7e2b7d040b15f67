"""How many tokens of CLIP's text encoder a text has, without any tokenizer library: where only the number counts."""

import functools
import itertools
import re
import unicodedata

from trainer.library.vocabulary import WORD_END, byte_characters, vocabulary

_WORD = re.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+")
"""openai/CLIP, clip/simple_tokenizer.py, `pat`, in the words of `re`. Signs like ½ count as letters here."""


def count_tokens(text: str) -> int:
    """Tokens of a text without the two that mark its start and its end; the encoder hears 75 at a time.

    The first call reads the vocabulary, which takes a tenth of a second.
    """
    return sum(_tokens_of(word) for word in _WORD.findall(unicodedata.normalize("NFC", text).lower()))


def is_word(word: str) -> bool:
    """Whether the word, in any case, is one token: that of a common word, name or number on the web."""
    return word.lower() + WORD_END in vocabulary()[0]


@functools.lru_cache(maxsize=65_536)
def _tokens_of(word: str) -> int:
    """Byte pair encoding: of all neighbours that may be merged those of the lowest rank are, until none may."""
    if word in ("<|startoftext|>", "<|endoftext|>"):
        return 1
    characters = _characters()
    parts = [characters[byte] for byte in word.encode("utf-8", "replace")]
    parts[-1] += WORD_END
    ranks = _ranks()
    while len(parts) > 1:
        pairs = set(itertools.pairwise(parts))
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        merged: list[str] = []
        for part in parts:
            if merged and (merged[-1], part) == best:
                merged[-1] += part
            else:
                merged.append(part)
        parts = merged
    return len(parts)


@functools.cache
def _characters() -> dict[int, str]:
    """The byte alphabet by byte: `byte_characters` has the printable bytes first."""
    letters = byte_characters()
    printable = [ord(letter) for letter in letters if ord(letter) < 0x100]
    others = [byte for byte in range(0x100) if byte not in set(printable)]
    return dict(zip([*printable, *others], letters, strict=True))


@functools.cache
def _ranks() -> dict[tuple[str, str], int]:
    return {pair: rank for rank, pair in enumerate(vocabulary()[1])}
