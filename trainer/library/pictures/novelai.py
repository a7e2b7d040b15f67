"""Pictures of NovelAI: `Software`, `Description` and the JSON in `Comment` among their PNG texts.

There braces weigh up by 1.05 and square brackets down by as much; round brackets are plain signs.
"""

import re
from collections.abc import Mapping

from trainer.contract.found_settings import (
    FoundSettings,
    Reading,
    json_object,
    real_number,
    text_of,
    whole_number,
)
from trainer.library.pictures.names import (
    NOVELAI_SAMPLERS,
    NOVELAI_SCHEDULES,
    set_sampler,
    set_spacing,
)

SOURCE = "NovelAI"
STEP = 1.05
MOST_BRACKETS = 40
"""Around the same words; more would weigh them more than sevenfold."""

_READ = ("prompt", "uc", "steps", "seed", "scale", "sampler", "noise_schedule", "width", "height", "cfg_rescale")
_BRACKETS = re.compile(r"([{}\[\]])")


def read_novelai(texts: Mapping[str, str]) -> FoundSettings | None:
    """What the texts of a picture say; None if it is not NovelAI's."""
    tree = json_object(texts.get("Comment", ""))
    if tree is None or texts.get("Software") != "NovelAI":
        return None
    reading = Reading(SOURCE)
    positive = text_of(tree.get("prompt")) or texts.get("Description", "")
    reading.set("prompt", _reweighed(positive), "prompt")
    reading.set("negative", _reweighed(text_of(tree.get("uc"))), "uc")
    reading.take(tree, "seed", "seed", whole_number)
    reading.take(tree, "steps", "sampling.steps", whole_number)
    reading.take(tree, "scale", "sampling.guidance", real_number)
    if real_number(tree.get("cfg_rescale")):
        reading.take(tree, "cfg_rescale", "sampling.guidance_rescale", real_number)
    reading.take_size(tree, "width", "height")
    sampler, schedule = text_of(tree.get("sampler")), text_of(tree.get("noise_schedule"))
    if sampler and set_sampler(reading, NOVELAI_SAMPLERS.get(sampler), sampler) and schedule:
        set_spacing(reading, NOVELAI_SCHEDULES.get(schedule), schedule)
    reading.leave("Model", texts.get("Source", ""))
    reading.note("NovelAI's models can't be had, so another one has to make it.")
    reading.leave_rest(tree, (*_READ, "signed_hash"))
    return reading.found()


def _reweighed(prompt: str) -> str:
    """Its brackets as ours: `{{x}}` as `(x:1.103)`. What is never closed reaches to the end, as there."""
    made: list[str] = []
    curly = square = 0
    for part in _BRACKETS.split(prompt):
        if part == "{":
            curly += 1
        elif part == "[":
            square += 1
        elif part == "}":
            curly = max(curly - 1, 0)
        elif part == "]":
            square = max(square - 1, 0)
        else:
            made.append(_weighed(re.sub(r"([()\\])", r"\\\1", part), curly - square))
    return "".join(made)


def _weighed(words: str, level: int) -> str:
    if not level or not words.strip() or abs(level) > MOST_BRACKETS:
        return words
    return f"({words}:{STEP**level:.4g})"
