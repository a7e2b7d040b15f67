"""Pictures of InvokeAI: the PNG chunk `invokeai_metadata` since version 3, and `sd-metadata` before."""

import re
from typing import cast

from trainer.contract.found_settings import (
    FoundSettings,
    Reading,
    Tree,
    json_object,
    real_number,
    text_of,
    whole_number,
)
from trainer.contract.names import short_name
from trainer.library.pictures.names import INVOKEAI_SAMPLERS, set_sampler, set_spacing

SOURCE = "InvokeAI"

_FIELDS = ("positive_prompt", "negative_prompt", "width", "height", "seed", "steps", "cfg_scale", "scheduler", "model")
_OTHER_FIELDS = ("loras", "rand_device", "app_version", "generation_mode", "cfg_rescale_multiplier", "clip_skip")
_WEIGHED = re.compile(r"[\w)][+-]+(?=[\s,.)]|$)|\)[\d.]+")
"""Weights in its own language: `word++`, `(two words)1.3`."""


def read_invokeai(text: str) -> FoundSettings | None:
    """What `invokeai_metadata` says; None for what is no such text."""
    tree = json_object(text)
    if tree is None or not any(name in tree for name in ("positive_prompt", "generation_mode", "model")):
        return None
    reading = Reading(SOURCE)
    _read_words(text_of(tree.get("positive_prompt")), text_of(tree.get("negative_prompt")), reading)
    _read_numbers(tree, reading)
    if real_number(tree.get("cfg_rescale_multiplier")):
        reading.take(tree, "cfg_rescale_multiplier", "sampling.guidance_rescale", real_number)
    skipped = whole_number(tree.get("clip_skip"))
    if skipped:  # it counts the layers that are left out, where 1 is already the last but one
        reading.set_all({"sampling.clip_skip": skipped + 1}, "clip_skip", skipped)
    _read_sampler(text_of(tree.get("scheduler")), reading)
    reading.set("sampling.noise", "nv" if tree.get("rand_device") == "cuda" else "cpu", "rand_device")
    model = _inner(tree, "model")
    reading.set_model(_name(model), text_of(model.get("hash")).removeprefix("sha256:"))
    _read_loras(tree.get("loras"), reading)
    if "img2img" in text_of(tree.get("generation_mode")) or "inpaint" in text_of(tree.get("generation_mode")):
        reading.note("It was made from another picture, which is not stored in it.")
    reading.leave_rest(tree, (*_FIELDS, *_OTHER_FIELDS))
    return reading.found()


def read_invokeai_2(text: str) -> FoundSettings | None:
    """What `sd-metadata` says; None for what is no such text."""
    tree = json_object(text)
    image = _inner(tree or {}, "image")
    if tree is None or not image:
        return None
    reading = Reading(SOURCE)
    prompt: object = image.get("prompt")
    if isinstance(prompt, list):
        parts = cast("list[object]", prompt)
        prompt = ", ".join(text_of(cast(Tree, part).get("prompt")) for part in parts[:50] if isinstance(part, dict))
    words = text_of(prompt)
    positive, opened, rest = words.partition("[")  # `what is wanted [what is not]`
    is_pair = bool(opened) and rest.rstrip().endswith("]") and "[" not in rest
    _read_words(positive.strip() if is_pair else words, rest.rstrip()[:-1] if is_pair else "", reading)
    _read_numbers(image, reading)
    _read_sampler(text_of(image.get("sampler")), reading)
    reading.set_model(short_name(text_of(tree.get("model_weights"))), text_of(tree.get("model_hash")))
    reading.leave_rest(image, ("prompt", "sampler", "type", *_FIELDS))
    return reading.found()


def _read_words(positive: str, negative: str, reading: Reading) -> None:
    reading.set("prompt", positive, "positive_prompt")
    reading.set("negative", negative, "negative_prompt")
    if _WEIGHED.search(positive) or _WEIGHED.search(negative):
        reading.note("Weights are written another way there (word++): write them as (word:1.2).")


def _read_numbers(tree: Tree, reading: Reading) -> None:
    reading.take_size(tree, "width", "height")
    reading.take(tree, "seed", "seed", whole_number)
    reading.take(tree, "steps", "sampling.steps", whole_number)
    reading.take(tree, "cfg_scale", "sampling.guidance", real_number)


def _read_sampler(said: str, reading: Reading) -> None:
    sampler, spacing = INVOKEAI_SAMPLERS.get(said, (None, ""))
    if said and set_sampler(reading, sampler, said) and spacing:
        set_spacing(reading, spacing, said)


def _read_loras(found: object, reading: Reading) -> None:
    uses: list[Tree] = []
    for item in cast("list[object]", found) if isinstance(found, list) else []:
        tree = cast(Tree, item) if isinstance(item, dict) else {}
        model = _inner(tree, "model") or _inner(tree, "lora")
        uses.append({"name": _name(model), "weight": real_number(tree.get("weight"))})
    if uses:
        reading.set("loras", uses, "loras")


def _name(model: Tree) -> str:
    return text_of(model.get("name")) or text_of(model.get("model_name"))


def _inner(tree: Tree, name: str) -> Tree:
    found = tree.get(name)
    return cast(Tree, found) if isinstance(found, dict) else {}
