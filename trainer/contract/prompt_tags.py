"""Tags in a prompt that name a file and are no words themselves: `<lora:name:0.8>`. Pure text.

The grammar is A1111's (stable-diffusion-webui, modules/extra_networks.py, and extensions-builtin/Lora there):
`<lora:name:TE:UNET>`, where TE is the weight in the text encoder and UNET that in the UNet; what is not said is the
same as the other, or 1. They may be named: `<lora:name:te=0.5:unet=1>`. Tags of another kind are cut out all the same.
"""

import math
import re
from dataclasses import dataclass

_TAG = re.compile(r"<(\w+):([^<>]+)>")
LORA_KINDS = ("lora", "lyco")


@dataclass(frozen=True, slots=True)
class Tag:
    """`prompt[start:end]`, as `<kind:name:...>`. `problem` says what of it can't be read, which takes no part."""

    start: int
    end: int
    kind: str
    name: str
    unet: float = 1.0
    text_encoder: float = 1.0
    problem: str = ""

    @property
    def is_lora(self) -> bool:
        return self.kind in LORA_KINDS


def tags(prompt: str) -> list[Tag]:
    """Those with a name, in order."""
    found = (_tag(one) for one in _TAG.finditer(prompt))
    return [tag for tag in found if tag.name]


def _tag(found: re.Match[str]) -> Tag:
    kind = found[1].lower()
    name, *arguments = found[2].split(":")
    tag = Tag(found.start(), found.end(), kind, name.strip())
    if not tag.is_lora:
        return tag
    named = {"te": "", "unet": ""}
    problems: list[str] = []
    for place, argument in enumerate(arguments):
        key, is_named, value = argument.partition("=")
        key = key.strip().lower() if is_named else ("te", "unet", "dyn")[min(place, 2)]
        if key not in named or _number(value if is_named else argument) is None:
            problems.append(argument.strip())
        else:
            named[key] = value if is_named else argument
    text_encoder = _number(named["te"])
    unet = _number(named["unet"])
    text_encoder = 1.0 if text_encoder is None else text_encoder
    unet = text_encoder if unet is None else unet
    return Tag(tag.start, tag.end, kind, tag.name, unet, text_encoder, ", ".join(problems))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
