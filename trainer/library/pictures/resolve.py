"""Which models of the library a picture means. A name counts more than a hash, and the hash of nothing never counts."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trainer.contract.common import LoraUse
from trainer.contract.errors import UserError
from trainer.contract.found_settings import FoundSettings
from trainer.contract.names import short_name
from trainer.contract.prompt_tags import tags
from trainer.library.header import read_header
from trainer.library.identity import Kind
from trainer.library.index import Entry, folded

SHORTEST = 8
"""Digits of a hash that are compared; fewer fit too many files."""

_OLD_START, _OLD_LENGTH = 0x100000, 0x10000
_HASH_KEYS = ("sshs_model_hash", "sshs_legacy_hash")
_NOTHING = hashlib.sha256(b"").hexdigest()


def resolved(found: FoundSettings, entries: Sequence[Entry], current: str) -> FoundSettings:
    """With the names that models have in this library, and sentences on those that aren't there.

    `current` is the model that is taken where the picture's own is missing, or not said. Reads the heads of LoRA files
    where only a hash can help.
    """
    model, notes = _model(found, _of_kind(entries, Kind.CHECKPOINT), current)
    renamed: dict[str, str] = {}
    for name in _lora_names(found):
        here, note = _lora(name, found.lora_hashes, _of_kind(entries, Kind.LORA))
        notes += [note] if note else []
        if here != name:
            renamed[name] = here
    job = found.job.model_copy(
        update={
            "model": model,
            "prompt": _with_names(found.job.prompt, renamed),
            "loras": tuple(LoraUse(name=renamed.get(use.name, use.name), weight=use.weight) for use in found.job.loras),
        }
    )
    return replace(found, job=job, notes=(*found.notes, *notes))


def _model(found: FoundSettings, entries: Sequence[Entry], current: str) -> tuple[str, list[str]]:
    here = _named(found.model_name, entries)
    if here is not None:
        return here.name, []
    by_hash = _hashed(found.model_hash, entries, _model_hashes)
    if by_hash is not None:
        said = f"Its model {found.model_name} is" if found.model_name else "Its model is"
        return by_hash.name, [f"{said} {by_hash.name} here: the hash is the same."]
    if not found.model_name:
        return current, [f"It does not say which model made it; {short_name(current)} is taken."]
    return current, [f"Its model {found.model_name} is not here; {short_name(current)} is taken instead."]


def _lora(name: str, hashes: Mapping[str, str], entries: Sequence[Entry]) -> tuple[str, str]:
    """(the name here, what to say of it)."""
    if _named(name, entries) is not None:
        return name, ""
    by_hash = _hashed(hashes.get(name, ""), entries, _lora_hashes)
    if by_hash is not None:
        return by_hash.name, f"Its LoRA {name} is {by_hash.name} here: the hash is the same."
    return name, f"Its LoRA {name} is not here."


def _lora_names(found: FoundSettings) -> list[str]:
    names = [use.name for use in found.job.loras] + [tag.name for tag in tags(found.job.prompt) if tag.is_lora]
    return list(dict.fromkeys(names))


def _with_names(prompt: str, renamed: dict[str, str]) -> str:
    """The prompt with other names in its tags."""
    for tag in reversed(tags(prompt)):
        if tag.is_lora and tag.name in renamed:
            inside = prompt[tag.start : tag.end].replace(tag.name, renamed[tag.name], 1)
            prompt = prompt[: tag.start] + inside + prompt[tag.end :]
    return prompt


def _of_kind(entries: Iterable[Entry], kind: Kind) -> list[Entry]:
    return [entry for entry in entries if entry.identity is not None and entry.identity.kind is kind]


def _named(name: str, entries: Iterable[Entry]) -> Entry | None:
    return next((one for one in entries if name and folded(name) in (folded(one.name), folded(one.path.name))), None)


def _hashed(checksum: str, entries: Sequence[Entry], hashes_of: Callable[[Entry, str], list[str]]) -> Entry | None:
    """The one model with that hash; None if there are several, or the hash is that of no bytes at all."""
    digits = checksum.lower()
    if len(digits) < SHORTEST or not set(digits) <= set("0123456789abcdef") or _NOTHING.startswith(digits):
        return None
    fitting = [entry for entry in entries if any(full.startswith(digits) for full in hashes_of(entry, digits))]
    return fitting[0] if len(fitting) == 1 else None


def _model_hashes(entry: Entry, digits: str) -> list[str]:
    """SHA-256 where it was ever taken, and for a hash of A1111's first kind that one."""
    known = [entry.sha256] if entry.sha256 else []
    return [*known, _old_hash(entry.path)] if len(digits) == SHORTEST and not entry.is_folder else known


def _lora_hashes(entry: Entry, _digits: str) -> list[str]:
    """SHA-256 where it was ever taken, and what the trainer wrote into the head of the file."""
    try:
        metadata = read_header(entry.path).metadata
    except UserError:
        metadata = {}
    said = [metadata[key].lower().removeprefix("0x") for key in _HASH_KEYS if key in metadata]
    return [*([entry.sha256] if entry.sha256 else []), *said]


def _old_hash(path: Path) -> str:
    """SHA-256 of 64 kB behind the first megabyte: A1111's hash before 2023, of which it showed 8 digits."""
    try:
        with path.open("rb") as file:
            file.seek(_OLD_START)
            return hashlib.sha256(file.read(_OLD_LENGTH)).hexdigest()
    except OSError:
        return ""
