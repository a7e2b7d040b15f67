"""Prompts through the text encoder: chunks of tokens with their weights to what the UNet is conditioned on.

The language is read by trainer.contract (prompt, prompt_schedule, prompt_chunks); here tokens and tensors begin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.contract.common import EmphasisName
from trainer.contract.prompt import Piece, pieces
from trainer.contract.prompt_chunks import COMMA, chunked
from trainer.generation.embeddings import Embeddings
from trainer.models.family import Bundle, Conditioning

AT_ONCE = 32
"""Chunks that go through the text encoder in one call."""

LEAST_MEAN = 1e-3
"""In standard deviations. What is nearer to nothing is rounding, and no measure of how strong a prompt is."""


@dataclass(frozen=True)
class Unit:
    """A token and its weight, or an embedding's vectors [n, width]."""

    what: int | Tensor
    weight: float = 1.0

    @property
    def size(self) -> int:
        return 1 if isinstance(self.what, int) else len(self.what)

    @property
    def in_places(self) -> list[int | Tensor]:
        """What stands in each of its places in the chunk."""
        return [self.what] if isinstance(self.what, int) else list(self.what)


Chunks = list[list[Unit]]


@torch.inference_mode()
def encode(
    bundle: Bundle,
    texts: Sequence[str],
    emphasis: EmphasisName = "original",
    embeddings: Embeddings | None = None,
    clip_skip: int = 1,
) -> dict[str, Conditioning]:
    """Each different text through the text encoder once: text to conditioning, a row for each chunk under each key.

    Where texts have different numbers of chunks the empty text is there too, to pad with (see `padded`). What comes
    out depends on the texts and their order alone. `clip_skip` is that of `Family.encode_chunks`. Numbers that are
    not finite are left for the caller to find.
    """
    laid = laid_out(bundle, texts, emphasis, embeddings or Embeddings(bundle))
    weighed = {text for text, chunks in laid.items() if any(unit.weight != 1.0 for chunk in chunks for unit in chunk)}
    if len({len(chunks) for chunks in laid.values()}) > 1 or (weighed and emphasis == "comfyui"):
        laid.setdefault("", [[]])
    together = _through_text_encoder(bundle, [chunk for chunks in laid.values() for chunk in chunks], clip_skip)
    encoded: dict[str, dict[str, Tensor]] = {}
    start = 0
    for text, chunks in laid.items():
        encoded[text] = {key: rows[start : start + len(chunks)] for key, rows in together.items()}
        start += len(chunks)
    for text in weighed:
        base = encoded[""]["context"][0] if emphasis == "comfyui" else None
        rows = zip(encoded[text]["context"], laid[text], strict=True)
        widths = bundle.context_widths
        encoded[text]["context"] = torch.stack([_weighed(hidden, chunk, base, widths) for hidden, chunk in rows])
    return dict(encoded)


def padded(encoded: Mapping[str, Conditioning], text: str, chunks: int) -> Conditioning:
    """The conditioning of a text, its context [1, chunks * 77, width] made as long as wished with the empty text.

    What else there is, the vector of the whole prompt, is the first chunk's (as in A1111, modules/sd_hijack_clip.py).
    """
    own = encoded[text]
    missing = chunks - chunks_of(own)
    padding = [encoded[""]["context"]] * missing if missing else []
    context = torch.cat([own["context"], *padding]).flatten(0, 1)[None]
    return {key: context if key == "context" else rows[:1] for key, rows in own.items()}


def chunks_of(conditioning: Conditioning) -> int:
    return len(conditioning["context"])


def laid_out(bundle: Bundle, texts: Sequence[str], emphasis: EmphasisName, embeddings: Embeddings) -> dict[str, Chunks]:
    """Each different text in chunks, in order."""
    laid: dict[str, Chunks] = {}
    for text in dict.fromkeys(texts):
        read = [_as_it_stands(text)] if emphasis == "none" else pieces(text)
        tokens = bundle.family.word_ids(bundle, [piece.text for piece in read])
        units: list[Unit | None] = []
        for piece, ids in zip(read, tokens, strict=True):
            units += [None] if piece.is_break else _units(ids, piece.weight, embeddings)
        laid[text] = chunked(units, size=lambda unit: unit.size, is_comma=_is_comma)
    return laid


def _as_it_stands(text: str) -> Piece:
    return Piece(text, 1.0, tuple(range(len(text))))


def _is_comma(unit: Unit) -> bool:
    return isinstance(unit.what, int) and unit.what == COMMA


def _units(ids: Sequence[int], weight: float, embeddings: Embeddings) -> list[Unit | None]:
    units: list[Unit | None] = []
    place = 0
    while place < len(ids):
        match = embeddings.at(ids, place)
        units.append(Unit(match.vectors if match else ids[place], weight))
        place += match.length if match else 1
    return units


def _through_text_encoder(bundle: Bundle, chunks: Sequence[Sequence[Unit]], clip_skip: int) -> dict[str, Tensor]:
    rows = [[part for unit in chunk for part in unit.in_places] for chunk in chunks]
    groups = [
        bundle.family.encode_chunks(bundle, rows[start : start + AT_ONCE], clip_skip=clip_skip)
        for start in range(0, len(rows), AT_ONCE)
    ]
    return {key: torch.cat([group[key] for group in groups]) for key in groups[0]}


def _weighed(hidden: Tensor, chunk: Sequence[Unit], base: Tensor | None, widths: Sequence[int]) -> Tensor:
    """The hidden states of a chunk, each text encoder's by itself: their means have nothing to do with each other."""
    if not widths:
        return _emphasised(hidden, chunk, base)
    bases = [None] * len(widths) if base is None else base.split(widths, dim=-1)
    own = zip(hidden.split(widths, dim=-1), bases, strict=True)
    return torch.cat([_emphasised(part, chunk, of_part) for part, of_part in own], dim=-1)


def _emphasised(hidden: Tensor, chunk: Sequence[Unit], base: Tensor | None) -> Tensor:
    """The hidden states [77, width] of a chunk, each times the weight of its token.

    Without a base their mean is then what it was (stable-diffusion-webui, modules/sd_emphasis.py, "Original"). With
    one, the empty prompt's, each goes from there towards the words by its weight (ComfyUI, comfy/sd1_clip.py).
    """
    weights = torch.ones(len(hidden), device=hidden.device)
    places = [unit.weight for unit in chunk for _ in range(unit.size)]
    weights[1 : 1 + len(places)] = torch.tensor(places, device=hidden.device)
    if bool((weights == 1.0).all()):
        return hidden
    before = hidden.float()
    if base is not None:
        return torch.lerp(base.float(), before, weights[:, None]).to(hidden.dtype)
    after = before * weights[:, None]
    # Where the last layer norm has no bias the mean is nothing but rounding: to restore it would be to roll dice.
    if before.mean().abs() > LEAST_MEAN * before.std() and after.mean().abs() > LEAST_MEAN * after.std():
        after = after * (before.mean() / after.mean())
    return after.to(hidden.dtype)
