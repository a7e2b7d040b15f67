"""Which modules of an SD 1.x, 2.x or XL model a LoRA adapts, and their names in kohya's files."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from torch import nn

from trainer.models import sd_keys

KOHYA_UNET = "lora_unet_"
KOHYA_TEXT = "lora_te_text_model_"
KOHYA_TEXT_1 = "lora_te1_text_model_"
KOHYA_TEXT_2 = "lora_te2_text_model_"
"""kohya-ss/sd-scripts, networks/lora.py: of the one text encoder, and of the two that XL has. transformers dropped
`text_model.` from the paths of CLIPTextModel in 5.6; in files it stays, or no other tool would read them."""

_ATTENTION = re.compile(r"(^|\.)attentions\.\d+\.")
_RESNET = re.compile(r"(^|\.)(resnets|downsamplers|upsamplers)\.\d+\.")
_TEXT = re.compile(r"encoder\.layers\.\d+\.(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])$")


def unet_targets(unet: nn.Module, *, convolutions: bool, as_original: bool = False) -> dict[str, str]:
    """`unet.<path>` to kohya name, as sd-scripts chooses them.

    Every linear layer and 1x1 convolution inside the UNet's transformers; with `convolutions` also every linear layer
    and convolution inside its residual blocks, downsamplers and upsamplers: 192 and 86 more in SD 1.5, 722 and 66 more
    in XL. `as_original`: by the path that a module has in the single-file layout, as is the custom for XL.
    """
    inside = (_ATTENTION, _RESNET) if convolutions else (_ATTENTION,)
    paths = [
        path
        for path, module in unet.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and any(pattern.search(path) for pattern in inside)
    ]
    originals = original_paths(unet) if as_original else {}
    return {f"unet.{path}": KOHYA_UNET + originals.get(path, path).replace(".", "_") for path in paths}


def text_targets(encoders: Mapping[str, tuple[str, nn.Module]]) -> dict[str, str]:
    """`text_encoder.<path>` and so on to kohya name: the six linear layers of each layer.

    `encoders`: by the prefix of kohya's names the part, and its network. CLIP ViT-L/14 has 72 of them, 6 x 12.
    """
    return {
        f"{part}.{path}": prefix + path.removeprefix("text_model.").replace(".", "_")
        for prefix, (part, network) in encoders.items()
        for path, module in network.named_modules()
        if isinstance(module, nn.Linear) and _TEXT.match(path.removeprefix("text_model."))
    }


def original_paths(unet: nn.Module) -> dict[str, str]:
    """Of every linear layer and convolution of a diffusers UNet its path in the original layout, where it has one:
    layers over time, as in video models, have none."""
    config: Any = unet.config
    attention = [name.startswith("CrossAttn") for name in config.down_block_types]
    modules = sd_keys.unet_modules(config.layers_per_block, attention)
    paths: dict[str, str] = {}
    for path, module in unet.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            with suppress(KeyError):
                paths[path] = sd_keys.renamed(f"{path}.weight", modules).removesuffix(".weight")
    return paths
