"""Names of the user's models in a prompt: LoRA tags as A1111 writes them, embeddings, and what is unknown of them."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from trainer.contract.common import LoraUse
from trainer.contract.prompt import READ_BY_ENGINE

_LORA = re.compile(r"<(?:lora|lyco):([^<>:]+)((?::[^<>:]*)*)>", re.IGNORECASE)
_EMBEDDING = re.compile(r"\bembedding:([^\s,()\[\]<>:]+)", re.IGNORECASE)
_WORD = re.compile(r"[^\s,()\[\]<>:|{}]+")
_TYPED = re.compile(r"(?:<(?:lora|lyco)?:?|embedding:)?[^\s,()\[\]<>:|{}]*\Z", re.IGNORECASE)
LARGEST_LORA_WEIGHT = 4.0
LEAST_TYPED = 2
"""Letters after which names are offered; after `<` and `embedding:` at once."""


@dataclass(frozen=True, slots=True)
class LoraTag:
    """`<lora:name:weight>`, which stands at `prompt[start:end]`."""

    start: int
    end: int
    use: LoraUse


@dataclass(frozen=True, slots=True)
class Name:
    """An embedding that `prompt[start:end]` names."""

    start: int
    end: int
    name: str
    is_known: bool


def lora_tags(prompt: str) -> list[LoraTag]:
    """A weight that is no number counts as 1; with several, the first is taken."""
    return [
        LoraTag(found.start(), found.end(), LoraUse(name=found[1].strip(), weight=_weight(found[2])))
        for found in _LORA.finditer(prompt)
        if found[1].strip()
    ]


def without_tags(prompt: str, tags: list[LoraTag]) -> str:
    """The prompt with these cut out, and the comma that would be left alone."""
    for tag in reversed(tags):
        before, after = prompt[: tag.start].rstrip(" "), prompt[tag.end :].lstrip(" ")
        if (not before or before.endswith((",", "\n"))) and after.startswith(","):
            after = after[1:].lstrip(" ")
        elif not after and before.endswith(","):
            before = before[:-1]
        gap = " " if before and after and not before.endswith("\n") and after[0] not in ",.\n" else ""
        prompt = before + gap + after
    return prompt


def embedding_names(prompt: str, known: Collection[str]) -> list[Name]:
    """Embeddings by their bare names, as A1111 has them, and `embedding:name`, as ComfyUI writes it."""
    folded = {name.casefold() for name in known}
    found = [Name(one.start(), one.end(), one[1], one[1].casefold() in folded) for one in _EMBEDDING.finditer(prompt)]
    marked = {name.end for name in found}
    for word in _WORD.finditer(prompt):
        if word.group().casefold() in folded and word.end() not in marked:
            found.append(Name(word.start(), word.end(), word.group(), True))
    return sorted(found, key=lambda name: name.start)


def typed_name(before: str) -> tuple[str, int]:
    """(what of a name has been typed at the end of this text, length of all that a chosen name takes the place of).

    The length is 0 where nothing is to be offered.
    """
    found = _TYPED.search(before)
    typed = found.group() if found else ""
    marked = typed.startswith("<") or typed.lower().startswith("embedding:")
    name = re.sub(r"^(?:<(?:lora|lyco)?:?|embedding:)", "", typed, flags=re.IGNORECASE)
    return (name, len(typed)) if marked or len(name) >= LEAST_TYPED else ("", 0)


def remark(prompt: str, embeddings: Collection[str], *, has_weights: bool) -> str:
    """One sentence on what of this prompt will not act as it stands; "" mostly."""
    tags = lora_tags(prompt)
    if tags:
        names = ", ".join(tag.use.name for tag in tags)
        return f"{names}: LoRA files act from the list below, not from the prompt."
    named = embedding_names(prompt, embeddings)
    unknown = [name.name for name in named if not name.is_known]
    if unknown:
        return f"There is no embedding named {unknown[0]}."
    if named and "embeddings" not in READ_BY_ENGINE:
        return f"{named[0].name} is read as plain words: embeddings do not act yet."
    if has_weights and "weights" not in READ_BY_ENGINE:
        return "Weights do not act yet: brackets and numbers are read as plain words."
    return ""


def _weight(arguments: str) -> float:
    first = arguments.removeprefix(":").split(":")[0].strip()
    try:
        weight = float(first)
    except ValueError:
        return 1.0
    return min(LARGEST_LORA_WEIGHT, max(-LARGEST_LORA_WEIGHT, weight)) if weight == weight else 1.0
