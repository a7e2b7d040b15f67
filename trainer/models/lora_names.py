"""What the tensors of a LoRA file are called, in kohya's and in diffusers' naming, old and new."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trainer.models.lora_targets import KOHYA_TEXT, KOHYA_TEXT_2, KOHYA_UNET

Which = Literal["down", "up", "alpha"]


@dataclass(frozen=True)
class LoraName:
    """`module` is the kohya name of what is adapted; `which` of its tensors this is."""

    module: str
    which: Which


_KOHYA = re.compile(r"(?P<module>lora_[^.]+)\.(?P<end>lora_down\.weight|lora_up\.weight|alpha)")
_DIFFUSERS = re.compile(
    r"(?:(?P<part>unet|text_encoder(?:_2)?)\.)?(?:base_model\.model\.)?(?P<path>[^ ]+?)"
    r"(?:\.lora_(?P<half>A|B)(?:\.[^.]+)?|(?:_lora|\.lora|\.lora_linear_layer)\.(?P<word>down|up))\.weight"
)
_DIFFUSERS_ALPHA = re.compile(
    r"(?P<part>unet|text_encoder(?:_2)?)\.(?P<path>[^ ]+?)(?:_lora|\.lora|\.lora_linear_layer)?\.alpha"
)
_WHICH: dict[str, Which] = {"lora_down.weight": "down", "lora_up.weight": "up", "A": "down", "B": "up"}

OTHER_METHODS = {
    "DoRA": ("dora_scale", "lora_magnitude_vector"),
    "LoHa": (".hada_",),
    "LoKr": (".lokr_",),
    "OFT": (".oft_",),
    "IA3": (".on_input",),
    "LoCon with a middle matrix": (".lora_mid.",),
    "full difference": (".diff", ".diff_b", ".w_norm", ".b_norm"),
}
"""What else comes in files that people call LoRA, by what its tensors are called."""


def other_method(names: Iterable[str]) -> str:
    """The method that a file was made by when it is not an ordinary LoRA; empty when it is."""
    listed = list(names)
    for method, signs in OTHER_METHODS.items():
        if any(sign in name for name in listed for sign in signs):
            return method
    return ""


_TEXTS = {"text_encoder": KOHYA_TEXT, "text_encoder_2": KOHYA_TEXT_2}


def parse(name: str) -> LoraName | None:
    """What the tensor is; None when it is nothing of a LoRA for an SD 1.x, 2.x or XL model."""
    if found := _KOHYA.fullmatch(name):
        which = _WHICH.get(found["end"], "alpha")
        return LoraName(_standard(found["module"]), which)
    if found := _DIFFUSERS.fullmatch(name):
        which = _WHICH[found["half"]] if found["half"] else "down" if found["word"] == "down" else "up"
        return LoraName(kohya_name(found["part"] or "unet", found["path"]), which)
    if found := _DIFFUSERS_ALPHA.fullmatch(name):
        return LoraName(kohya_name(found["part"], found["path"]), "alpha")
    return None


def kohya_name(part: str, path: str) -> str:
    """The kohya name of a module, from its path in the UNet or a text encoder (with or without `text_model.`)."""
    if part in _TEXTS:
        return _TEXTS[part] + path.removeprefix("text_model.").replace(".", "_")
    # Old names go through the attention's processor, and leave out the number of the output layer.
    path = re.sub(r"\.to_out$", ".to_out.0", path.replace(".processor.", "."))
    return KOHYA_UNET + path.replace(".", "_")


def _standard(module: str) -> str:
    """Text encoder names as SD 1.x and 2.x have them: XL's files write `lora_te1_`, as do some tools for other models,
    and some leave out `text_model_`."""
    if found := re.fullmatch(r"lora_te(1|2)?_(?:text_model_)?(encoder_.+)", module):
        return (KOHYA_TEXT_2 if found[1] == "2" else KOHYA_TEXT) + found[2]
    return module


class Alphas:
    """The alphas that a PEFT file keeps in its metadata: JSON of LoraConfig under `lora_adapter_metadata`."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        try:
            tree = json.loads(metadata.get("lora_adapter_metadata", "{}"))
        except (ValueError, RecursionError):
            tree = {}
        self._values: dict[str, Any] = tree if isinstance(tree, dict) else {}

    def of(self, name: str, rank: int) -> float | None:
        """The alpha of the module that tensor `name` belongs to; None when the metadata does not say."""
        found = _DIFFUSERS.fullmatch(name)
        if found is None:
            return None
        part, path = found["part"] or "unet", found["path"]
        alpha = self._values.get(f"{part}.lora_alpha")
        patterns = self._values.get(f"{part}.alpha_pattern")
        for pattern, value in patterns.items() if isinstance(patterns, dict) else ():
            # A pattern is the end of a module's path, or with ^ all of it, and the first that fits counts (peft,
            # utils/other.py: get_pattern_key). It is compared as text: a file brings no regular expressions.
            if path == pattern.removeprefix("^") or path.endswith(f".{pattern}"):
                alpha = value
                break
        if not isinstance(alpha, int | float) or isinstance(alpha, bool):
            return None
        # Rank-stabilised LoRA divides by the square root of the rank (Kalajdzievski 2023, arXiv 2312.03732).
        return alpha * math.sqrt(rank) if self._values.get(f"{part}.use_rslora") is True else float(alpha)
