"""What a model says of itself: title, author, licence, trigger words, what it was trained on.

Read from the file's own metadata (modelspec, and kohya's `ss_*` keys), from the notes that AUTOMATIC1111 keeps beside a
model (`name.json`) and those of Civitai's helpers (`name.civitai.info`). None of it is proof: anybody can write it.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from trainer.contract.errors import UserError
from trainer.library.header import read_header

LARGEST_NOTE = 4_000_000
"""Bytes of a file beside a model that are read at most."""
LONGEST = 2000
"""Characters of one text that are shown at most."""
MOST_TAGS = 12

Tree = dict[str, object]


@dataclass(frozen=True, slots=True)
class ModelNotes:
    """What is empty is not said. `tags` are the commonest in the captions that it was trained on."""

    title: str = ""
    author: str = ""
    licence: str = ""
    description: str = ""
    hint: str = ""
    base: str = ""
    """Name of the model that it was trained from."""
    rank: str = ""
    """Of a LoRA: `16, alpha 8`."""
    triggers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def read_notes(path: Path) -> ModelNotes:
    """Of the model at `path`; of a folder in diffusers layout nothing is known. Never raises for what can't be read."""
    if path.is_dir():
        return ModelNotes()
    try:
        metadata = read_header(path).metadata
    except UserError:
        return ModelNotes()
    spec = {key.removeprefix("modelspec."): text for key, text in metadata.items() if key.startswith("modelspec.")}
    beside, civitai = _json(path.with_suffix(".json")), _json(path.with_suffix(".civitai.info"))
    activation = _text(beside.get("activation text"))
    words = [spec.get("trigger_phrase", ""), activation, *_texts(civitai.get("trainedWords"))]
    return ModelNotes(
        title=_short(spec.get("title", "")),
        author=_short(spec.get("author", "")),
        licence=_short(spec.get("license", "")),
        description=_short(
            spec.get("description") or metadata.get("ss_training_comment", "") or _text(beside.get("description"))
        ),
        hint=_short(spec.get("usage_hint") or _text(beside.get("notes"))),
        base=_short(metadata.get("ss_sd_model_name") or _text(civitai.get("baseModel"))),
        rank=_rank(metadata.get("ss_network_dim", ""), metadata.get("ss_network_alpha", "")),
        triggers=_once(words),
        tags=_commonest(metadata.get("ss_tag_frequency", "")),
    )


def _rank(rank: str, alpha: str) -> str:
    if not rank.isdigit():
        return ""
    try:
        return f"{rank}, alpha {float(alpha):g}"
    except ValueError:
        return rank


def _commonest(frequencies: str) -> tuple[str, ...]:
    """Of kohya's `{folder: {tag: count}}`."""
    counts: Counter[str] = Counter()
    for folder in _tree(frequencies).values():
        for tag, count in cast("Tree", folder).items() if isinstance(folder, dict) else ():
            if isinstance(count, int) and tag.strip():
                counts[_short(tag)] += count
    return tuple(tag for tag, _ in counts.most_common(MOST_TAGS))


def _json(path: Path) -> Tree:
    try:
        if path.stat().st_size > LARGEST_NOTE:
            return {}
        return _tree(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}


def _tree(text: str) -> Tree:
    try:
        found = cast(object, json.loads(text))
    except (ValueError, RecursionError):
        return {}
    return cast("Tree", found) if isinstance(found, dict) else {}


def _texts(value: object) -> list[str]:
    return [_text(one) for one in cast("list[object]", value)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(short for word in words if (short := _short(word.strip().strip(",")))))
