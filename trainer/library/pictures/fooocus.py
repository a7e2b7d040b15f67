"""Pictures of Fooocus: JSON in the PNG chunk `parameters`. Its styles and expansion are in the full prompt."""

import re
from typing import cast

from trainer.contract.found_settings import (
    FoundSettings,
    Reading,
    json_object,
    real_number,
    text_of,
    whole_number,
)
from trainer.contract.names import short_name
from trainer.library.pictures.names import COMFYUI_SAMPLERS, COMFYUI_SCHEDULES, set_sampler, set_spacing

SOURCE = "Fooocus"

_READ = ("prompt", "negative_prompt", "full_prompt", "full_negative_prompt", "steps", "guidance_scale", "seed")
_OTHERS = ("resolution", "sampler", "scheduler", "base_model", "base_model_hash", "clip_skip", "metadata_scheme")


def read_fooocus(text: str) -> FoundSettings | None:
    """What the text says; None for what is no such text."""
    tree = json_object(text)
    if tree is None or "base_model" not in tree or "prompt" not in tree:
        return None
    reading = Reading(SOURCE)
    reading.take(tree, "full_prompt" if "full_prompt" in tree else "prompt", "prompt", _joined)
    negative = "full_negative_prompt" if "full_negative_prompt" in tree else "negative_prompt"
    reading.take(tree, negative, "negative", _joined)
    reading.take(tree, "steps", "sampling.steps", whole_number)
    reading.take(tree, "guidance_scale", "sampling.guidance", real_number)
    reading.take(tree, "seed", "seed", whole_number)
    reading.take(tree, "clip_skip", "sampling.clip_skip", whole_number)
    said = text_of(tree.get("resolution"))
    sides = [whole_number(number) for number in re.findall(r"\d{1,6}", said)]
    if len(sides) == 2:
        reading.set_size(sides[0], sides[1], said)
    sampler, schedule = text_of(tree.get("sampler")), text_of(tree.get("scheduler"))
    if sampler and set_sampler(reading, COMFYUI_SAMPLERS.get(sampler), sampler) and schedule:
        set_spacing(reading, COMFYUI_SCHEDULES.get(schedule), schedule)
    name, checksum = text_of(tree.get("base_model")), text_of(tree.get("base_model_hash"))
    reading.set_model(short_name(name), checksum)
    reading.leave_rest(tree, (*_READ, *_OTHERS, "version"))
    return reading.found()


def _joined(found: object) -> str:
    """A text, or several: it encodes them one by one and lays them end to end, which is what BREAK does."""
    if not isinstance(found, list):
        return text_of(found)
    return " BREAK ".join(text_of(part) for part in cast("list[object]", found)[:50])
