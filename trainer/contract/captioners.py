"""The captioners that Gesso knows, in one table: what each is, what its files are, and what is known of the models."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CaptionerName = Literal["blip", "florence", "wd", "deepbooru", "filename"]
"""What a captioner is called, in a template between braces."""


@dataclass(frozen=True, slots=True)
class About:
    """A kind of captioner. `needs` says which files make a model of it; empty where it needs none."""

    label: str
    says: str
    needs: str


CAPTIONERS: Mapping[CaptionerName, About] = {
    "blip": About(
        "BLIP",
        "a sentence about any picture",
        "a folder with config.json, model.safetensors and vocab.txt (or tokenizer.json)",
    ),
    "florence": About(
        "Florence-2",
        "a sentence or a paragraph about any picture",
        "a folder with config.json, model.safetensors and tokenizer.json, in the layout of transformers",
    ),
    "wd": About("WD tagger", "tags and characters of anime pictures", "a folder with model.onnx and selected_tags.csv"),
    "deepbooru": About(
        "DeepBooru", "tags of anime pictures", "model-resnet_custom_v3.pt, or what Gesso made of it when installing"
    ),
    "filename": About("File name", "what the file is called", ""),
}


@dataclass(frozen=True, slots=True)
class Known:
    """A published model. `bytes` is about what it takes on the disk; `source` where a person can get it."""

    captioner: CaptionerName
    name: str
    licence: str
    bytes: int
    source: str


KNOWN: tuple[Known, ...] = (
    Known(
        "blip",
        "blip-image-captioning-base",
        "BSD-3-Clause",
        990_000_000,
        "https://huggingface.co/Salesforce/blip-image-captioning-base",
    ),
    Known(
        "blip",
        "blip-image-captioning-large",
        "BSD-3-Clause",
        1_880_000_000,
        "https://huggingface.co/Salesforce/blip-image-captioning-large",
    ),
    Known(
        "florence", "Florence-2-base", "MIT", 464_000_000, "https://huggingface.co/florence-community/Florence-2-base"
    ),
    Known("wd", "wd-vit-tagger-v3", "Apache-2.0", 379_000_000, "https://huggingface.co/SmilingWolf/wd-vit-tagger-v3"),
    Known(
        "wd", "wd-swinv2-tagger-v3", "Apache-2.0", 467_000_000, "https://huggingface.co/SmilingWolf/wd-swinv2-tagger-v3"
    ),
    Known(
        "deepbooru",
        "model-resnet_custom_v3",
        "MIT",
        644_000_000,
        "https://github.com/AUTOMATIC1111/TorchDeepDanbooru/releases/tag/v1",
    ),
)


def label(name: str) -> str:
    """What people call the captioner `name`, which is what a model's identity calls its variant."""
    return next((about.label for known, about in CAPTIONERS.items() if known == name), name)


LICENCES: Mapping[str, str] = {"blip": "BSD-3-Clause", "florence": "MIT", "wd": "Apache-2.0", "deepbooru": "MIT"}
"""By the kind of captioner, of the models that their makers published; others made from them may have their own."""

WD_THRESHOLDS: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"eva02-large"), 0.52),
    (re.compile(r"vit-large"), 0.26),
    (re.compile(r"swinv2-tagger-v3"), 0.2653),
    (re.compile(r"convnext-tagger-v3"), 0.2682),
    (re.compile(r"vit-tagger-v3"), 0.2614),
    (re.compile(r"convnextv2-tagger-v2"), 0.371),
    (re.compile(r"convnext-tagger-v2"), 0.3685),
    (re.compile(r"swinv2-tagger-v2"), 0.3771),
    (re.compile(r"moat-tagger-v2"), 0.3771),
    (re.compile(r"vit-tagger-v2"), 0.3537),
)
"""Where precision equals recall, by the model's name; for the large models of version 3, what is usual."""
USUAL_WD_THRESHOLD = 0.35
USUAL_CHARACTER_THRESHOLD = 0.85


def wd_threshold(model: str) -> float:
    """What suits the WD tagger called `model`."""
    name = model.casefold().replace("_", "-")
    return next((value for pattern, value in WD_THRESHOLDS if pattern.search(name)), USUAL_WD_THRESHOLD)
