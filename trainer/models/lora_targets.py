"""Which modules of an SD 1.x or 2.x model a LoRA adapts, and their names in kohya's files."""

import re

from torch import nn

from trainer.models.family import Bundle

KOHYA_UNET = "lora_unet_"
KOHYA_TEXT = "lora_te_text_model_"
"""kohya-ss/sd-scripts, networks/lora.py. transformers dropped `text_model.` from the paths of CLIPTextModel in 5.6;
in files it stays, or no other tool would read them."""

_ATTENTION = re.compile(r"(^|\.)attentions\.\d+\.")
_RESNET = re.compile(r"(^|\.)(resnets|downsamplers|upsamplers)\.\d+\.")
_TEXT = re.compile(r"encoder\.layers\.\d+\.(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])$")


def lora_targets(bundle: Bundle, *, text_encoder: bool, convolutions: bool) -> dict[str, str]:
    """`unet.<path>` or `text_encoder.<path>` to kohya name, as sd-scripts chooses them.

    Of the UNet: every linear layer and 1x1 convolution inside its transformers; with `convolutions` also every linear
    layer and convolution inside its residual blocks, downsamplers and upsamplers. Of the text encoder: the six linear
    layers of each layer. SD 1.5 has 192, 86 more, and 72.
    """
    inside = (_ATTENTION, _RESNET) if convolutions else (_ATTENTION,)
    targets = {
        f"unet.{path}": KOHYA_UNET + path.replace(".", "_")
        for path, module in bundle.unet.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and any(pattern.search(path) for pattern in inside)
    }
    if text_encoder:
        for path, module in bundle.text_encoder.named_modules():
            plain = path.removeprefix("text_model.")
            if isinstance(module, nn.Linear) and _TEXT.match(plain):
                targets[f"text_encoder.{path}"] = KOHYA_TEXT + plain.replace(".", "_")
    return targets
