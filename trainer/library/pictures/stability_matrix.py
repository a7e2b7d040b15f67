"""Pictures of StabilityMatrix: the PNG chunk `parameters-json`. Its samplers have A1111's names."""

from trainer.contract.a1111 import sampler_of, spacing_of
from trainer.contract.found_settings import (
    FoundSettings,
    Reading,
    json_object,
    real_number,
    text_of,
    whole_number,
)
from trainer.contract.names import short_name
from trainer.library.pictures.names import set_sampler

SOURCE = "StabilityMatrix"

_READ = ("PositivePrompt", "NegativePrompt", "Steps", "CfgScale", "Seed", "Width", "Height", "Sampler")
_MODEL = ("ModelName", "ModelHash", "ModelVersionId", "ExtraNetworkModelVersionIds")


def read_stability_matrix(text: str) -> FoundSettings | None:
    """What the text says; None for what is no such text."""
    tree = json_object(text)
    if tree is None or not any(name in tree for name in _READ):
        return None
    reading = Reading(SOURCE)
    reading.take(tree, "PositivePrompt", "prompt", text_of)
    reading.take(tree, "NegativePrompt", "negative", text_of)
    reading.take(tree, "Steps", "sampling.steps", whole_number)
    reading.take(tree, "CfgScale", "sampling.guidance", real_number)
    reading.take(tree, "Seed", "seed", whole_number)
    reading.take_size(tree, "Width", "Height")
    said = text_of(tree.get("Sampler"))
    sampler, schedule = sampler_of(said) or (None, "")
    if said and set_sampler(reading, sampler, said) and sampler:
        spacing = spacing_of(schedule or "Uniform", sampler)
        if spacing not in (None, "auto"):
            reading.set("sampling.spacing", spacing, "Sampler")
    reading.set("sampling.emphasis", "comfyui", "Emphasis")  # its pictures are made by ComfyUI
    reading.set_model(short_name(text_of(tree.get("ModelName"))), text_of(tree.get("ModelHash")))
    reading.leave_rest(tree, (*_READ, *_MODEL))
    return reading.found()
