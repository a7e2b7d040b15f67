"""Embeddings that a prompt names: found among its tokens as A1111 finds them, and read from the library when met.

As in stable-diffusion-webui (modules/textual_inversion/textual_inversion.py, find_embedding_at_position) names are
compared token by token, which makes case and spaces indifferent, and the longest name that fits is taken.
`embedding:name`, as ComfyUI writes it, means the same, and that there is no such name is then worth a word.
"""

import re
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from trainer.contract.errors import UserError
from trainer.files import stamp_of
from trainer.library.identity import Kind
from trainer.library.index import PICKLE_SUFFIXES, Entry
from trainer.models.embedding_file import read_embedding
from trainer.models.family import Bundle

LONGEST_NAME = 256
"""Letters of a text that are looked at for a name; file names are shorter."""

_MARK = "embedding:"
_MARKED = re.compile(r"\bembedding:([^\s,()\[\]<>:|]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Match:
    """An embedding found in a text: `length` of its tokens are replaced by `vectors` [n, width]."""

    length: int
    vectors: Tensor


@dataclass
class Embeddings:
    """Those of the library, for one model."""

    bundle: Bundle
    entries: Sequence[Entry] = ()
    used: dict[Path, Hashable] = field(default_factory=dict[Path, Hashable])
    """The files that were read, with what changes when they do."""

    def __post_init__(self) -> None:
        self._read: dict[Path, Tensor] = {}
        known = [
            (entry, entry.identity.context_width)
            for entry in self.entries
            if entry.identity and entry.identity.kind is Kind.EMBEDDING
        ]
        self._mark, *names = self.bundle.family.word_ids(self.bundle, [_MARK, *(entry.name for entry, _ in known)])
        self._by_first: dict[int, list[tuple[list[int], Entry]]] = {}
        wanted = self.width if known else 0
        # of two files of the same name the one that fits comes first, then the user's own
        ranked = sorted(
            zip(names, known, strict=True),
            key=lambda one: (-len(one[0]), one[1][1] != wanted, one[1][0].read_only),
        )
        for name, (entry, _) in ranked:
            if name:
                self._by_first.setdefault(name[0], []).append((name, entry))

    @property
    def width(self) -> int:
        """Of all text encoders together."""
        encoders = self.bundle.text_encoders.values()
        return sum(encoder.get_input_embeddings().weight.shape[1] for encoder in encoders)

    def at(self, ids: Sequence[int], place: int) -> Match | None:
        """The embedding whose name begins at this place, if any. Raises UserError when it does not fit the model."""
        marked = len(self._mark) if list(ids[place : place + len(self._mark)]) == self._mark else 0
        found = self._named(ids, place + marked)
        return Match(marked + len(found[0]), self._vectors(found[1])) if found else None

    def unknown(self, texts: Collection[str]) -> list[str]:
        """What is written as `embedding:name` and is none."""
        found: dict[str, None] = {}
        for text in texts:
            for one in _MARKED.finditer(text):
                (ids,) = self.bundle.family.word_ids(self.bundle, [text[one.start(1) :][:LONGEST_NAME]])
                if self._named(ids, 0) is None:
                    found[one[1]] = None
        return list(found)

    def closed(self, texts: Collection[str]) -> list[Entry]:
        """Pickles in a folder of embeddings whose names stand in these texts: they are never opened."""
        closed = [entry for entry in self.entries if entry.identity is None and _is_pickled_embedding(entry.path)]
        names = self.bundle.family.word_ids(self.bundle, [entry.name for entry in closed])
        known = self.bundle.family.word_ids(self.bundle, list(texts)) if any(names) else []
        return [
            entry
            for name, entry in zip(names, closed, strict=True)
            if name and any(ids[at : at + len(name)] == name for ids in known for at in range(len(ids)))
        ]

    def _named(self, ids: Sequence[int], start: int) -> tuple[list[int], Entry] | None:
        known = self._by_first.get(ids[start], ()) if start < len(ids) else ()
        return next((one for one in known if list(ids[start : start + len(one[0])]) == one[0]), None)

    def _vectors(self, entry: Entry) -> Tensor:
        if entry.path not in self._read:
            vectors = read_embedding(entry.path)
            if vectors.shape[1] != self.width:
                raise UserError(
                    f"The embedding {entry.name} is {vectors.shape[1]} wide, and "
                    f"{self.bundle.source.stem or 'the model'} takes those {self.width} wide: "
                    "it is made for another kind of model.",
                    "Take its name out of the prompt, or choose another model.",
                )
            self._read[entry.path] = vectors
            self.used[entry.path] = (str(entry.path), stamp_of(entry.path))
        return self._read[entry.path]


def _is_pickled_embedding(path: Path) -> bool:
    folders = {part.casefold() for part in path.parts[:-1]}
    return path.suffix.lower() in PICKLE_SUFFIXES and bool(folders & {"embeddings", "textualinversion"})
