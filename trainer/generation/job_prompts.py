"""What a job's prompts bring in from the library, and what is kept of them between jobs."""

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.contract.common import Sampling
from trainer.contract.generate import GenerateJob
from trainer.contract.prompt_tags import Tag, tags
from trainer.contract.run import Run
from trainer.files import stamp_of
from trainer.generation.embeddings import Embeddings
from trainer.generation.pipeline import require_finite
from trainer.generation.prompts import encode, laid_out
from trainer.library.identity import Kind
from trainer.library.index import Index
from trainer.models.family import Bundle, Conditioning
from trainer.models.lora_file import LoraFile, read_lora

KEPT = 16
"""Jobs whose encoded prompts stay in memory: some MB with prompts of the usual length."""

_TEXT_ENCODER = "lora_te"


@dataclass(frozen=True)
class ChosenLora:
    """A LoRA of this job, with its weights in the two networks that it may adapt."""

    path: Path
    file: LoraFile
    unet: float
    text_encoder: float

    def in_text_encoder(self, adapts: bool) -> LoraFile:
        """The part of it that adapts the text encoder, or the other."""
        pairs = {name: pair for name, pair in self.file.pairs.items() if name.startswith(_TEXT_ENCODER) == adapts}
        return dataclasses.replace(self.file, pairs=pairs)


def chosen_loras(job: GenerateJob, index: Index, run: Run) -> list[ChosenLora]:
    """Those in the job's list, and those that its prompt names.

    Raises UserError for a name that the library does not have, with names that come close. What else is wrong with a
    tag is said as a warning, and the rest of it acts.
    """
    found = [_chosen(index, use.name, use.weight, use.weight) for use in job.loras]
    for tag in tags(job.prompt):
        if tag.is_lora:
            _say_problem(tag, run)
            found.append(_chosen(index, tag.name, tag.unet, tag.text_encoder))
        else:
            run.warn(f"The prompt names {tag.name} as {tag.kind}, which Gesso does not know.", "It takes no part.")
    if any(tag.is_lora for tag in tags(job.negative)):
        run.warn("A LoRA in the negative prompt does not act.", "Name it in the prompt, or in the list of LoRA files.")
    return found


def say_unread_names(texts: Sequence[str], embeddings: Embeddings, run: Run) -> None:
    """Warn of names that are read as plain words, though an embedding is meant."""
    closed = embeddings.closed(texts)
    for entry in closed:
        run.warn(f"{entry.name} is read as plain words. {entry.problem}", entry.fix)
    for name in embeddings.unknown(texts):
        if name.casefold() not in {entry.name.casefold() for entry in closed}:
            run.warn(f"There is no embedding named {name}, so it is read as plain words.", "Check its spelling.")


def weighed(loras: Sequence[ChosenLora]) -> list[tuple[LoraFile, float]]:
    """As trainer.models.lora_file.merged takes them: a file with two weights in its two parts."""
    uses: list[tuple[LoraFile, float]] = []
    for lora in loras:
        if lora.unet == lora.text_encoder:
            uses.append((lora.file, lora.unet))
        else:
            uses += [(lora.in_text_encoder(False), lora.unet), (lora.in_text_encoder(True), lora.text_encoder)]
    return uses


def kept_or_encoded(
    bundle: Bundle, texts: Sequence[str], sampling: Sampling, embeddings: Embeddings, loras: Sequence[ChosenLora]
) -> Mapping[str, Conditioning]:
    """A job's texts, negatives too, encoded by the model with its LoRAs laid over it.

    They are the same whether or not they were kept, for what is kept is all that one call has given: in another batch
    the networks round otherwise. Raises UserError where an embedding does not fit, or numbers stop being finite.
    """
    emphasis, clip_skip = sampling.emphasis, sampling.clip_skip
    laid_out(bundle, texts, emphasis, embeddings)  # meets the embeddings that are used
    key = (tuple(texts), emphasis, clip_skip, _state(loras), tuple(embeddings.used.values()))
    kept = bundle.kept_prompts
    encoded = kept.pop(key, None)
    if encoded is None:
        encoded = encode(bundle, texts, emphasis, embeddings, clip_skip)
        require_finite(bundle, encoded)
    kept[key] = encoded  # the last used at the end
    while len(kept) > KEPT:
        del kept[next(iter(kept))]
    return encoded


def _state(loras: Sequence[ChosenLora]) -> Hashable:
    """What LoRA files do to the text encoder."""
    acting = [lora for lora in loras if lora.text_encoder and lora.in_text_encoder(True).pairs]
    return tuple((str(lora.path), stamp_of(lora.path), lora.text_encoder) for lora in acting)


def _chosen(index: Index, name: str, unet: float, text_encoder: float) -> ChosenLora:
    path = index.find(name, (Kind.LORA,)).path
    return ChosenLora(path, read_lora(path), unet, text_encoder)


def _say_problem(tag: Tag, run: Run) -> None:
    if tag.problem:
        run.warn(
            f'In the tag of the LoRA {tag.name}, "{tag.problem}" is no weight that Gesso knows, so it takes no part.',
            "Write it as <lora:name:0.8>.",
        )
