"""Names of the user's models in a prompt: LoRA tags as A1111 writes them, embeddings, and what is unknown of them."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from trainer.contract.common import LoraUse
from trainer.contract.prompt_schedule import never_read
from trainer.contract.prompt_tags import Tag, tags

_EMBEDDING = re.compile(r"\bembedding:([^\s,()\[\]<>:]+)", re.IGNORECASE)
_WORD = re.compile(r"[^\s,()\[\]<>:|{}]+")
_TYPED = re.compile(r"(?:<(?:lora|lyco)?:?|embedding:)?[^\s,()\[\]<>:|{}]*\Z", re.IGNORECASE)
LARGEST_LORA_WEIGHT = 4.0
LEAST_TYPED = 2
"""Letters after which names are offered; after `<` and `embedding:` at once."""


@dataclass(frozen=True, slots=True)
class Name:
    """An embedding that `prompt[start:end]` names."""

    start: int
    end: int
    name: str
    is_known: bool


def without_tags(prompt: str, cut: Sequence[Tag]) -> str:
    """The prompt with these cut out, and the comma that would be left alone."""
    for tag in reversed(cut):
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
    found: list[Name] = []
    for one in _EMBEDDING.finditer(prompt):
        rest = prompt[one.start(1) :].casefold()
        name = max((name for name in folded if rest.startswith(name)), key=len, default="")
        found.append(Name(one.start(), one.start(1) + len(name) if name else one.end(), name or one[1], bool(name)))
    marked = list(found)
    for word in _WORD.finditer(prompt):
        is_marked = any(name.start <= word.start() < name.end for name in marked)
        if word.group().casefold() in folded and not is_marked:
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


@dataclass(frozen=True, slots=True)
class Known:
    """Names of the library."""

    loras: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()

    def has_lora(self, name: str) -> bool:
        """A path is taken for one that is there."""
        folded = name.casefold().removesuffix(".safetensors")
        return "/" in name or "\\" in name or any(folded == known.casefold() for known in self.loras)


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence on a prompt; "" mostly. `movable` are tags that the list of LoRA files could hold."""

    words: str = ""
    is_warning: bool = True
    movable: tuple[Tag, ...] = ()


def remark(prompt: str, known: Known, *, is_negative: bool) -> Remark:
    """What in this prompt does not act as it stands; else what its tags bring in."""
    found = [tag for tag in tags(prompt) if tag.is_lora]
    movable = tuple(tag for tag in found if known.has_lora(tag.name) and (is_negative or tag.unet == tag.text_encoder))
    words = next(_problems(prompt, found, known, is_negative=is_negative), "")
    if words or not found:
        return Remark(words, movable=movable)
    names = ", ".join(dict.fromkeys(tag.name for tag in found))
    return Remark(f"Laid over the model by this prompt: {names}.", is_warning=False, movable=movable)


def _problems(prompt: str, found: Sequence[Tag], known: Known, *, is_negative: bool) -> Iterator[str]:
    if is_negative and found:
        yield f"{found[0].name}: LoRA files act from the prompt or the list below, not from here."
    for tag in found:
        if not known.has_lora(tag.name):
            yield f"There is no LoRA named {tag.name}."
        if tag.problem:
            yield f"{tag.problem} is no weight for {tag.name}: write <lora:{tag.name}:0.8>."
    for tag in tags(prompt):
        if not tag.is_lora and not is_negative:
            yield f"{prompt[tag.start : tag.end]} is not known here, and takes no part."
    for name in embedding_names(prompt, known.embeddings):
        if not name.is_known:
            yield f"There is no embedding named {name.name}."
    for start, end in never_read(prompt, is_negative=is_negative):
        yield f"{prompt[start:end].strip()} is never read: its step lies behind the last one."


def lora_use(tag: Tag) -> LoraUse:
    return LoraUse(name=tag.name, weight=min(LARGEST_LORA_WEIGHT, max(-LARGEST_LORA_WEIGHT, tag.unet)))
