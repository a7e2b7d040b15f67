"""Florence-2 (Xiao et al. 2023, arXiv 2311.06242) through transformers' own classes, from a folder on the disk.

Nothing that lies in the folder is run. The models as Microsoft published them ask for that; the same weights in the
layout of transformers (florence-community) do not. Its processor is put together here: the picture by the numbers of
preprocessor_config.json, and the prompt of the task behind a place for each part of the picture.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from transformers import BartTokenizer, Florence2ForConditionalGeneration, StoppingCriteriaList
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.utils import logging

from trainer.captioning.blip import Checked
from trainer.captioning.captioner import Prepared, Said
from trainer.contract import caption
from trainer.contract.errors import UserError

PROMPTS: dict[caption.FlorenceTask, str] = {
    "caption": "What does the image describe?",
    "detailed_caption": "Describe in detail what is shown in the image.",
    "more_detailed_caption": "Describe with a paragraph what is shown in the image.",
}
"""What <CAPTION>, <DETAILED_CAPTION> and <MORE_DETAILED_CAPTION> stand for (transformers, Florence2Processor)."""
SIDE = 768
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of preprocessor_config.json as it is published, for folders without one."""

logging.disable_progress_bar()  # the job tells how far it is


class Florence:
    """The model with its tokenizer, on one device. `options` say how it is asked."""

    def __init__(self, folder: Path, options: caption.Florence, device: torch.device, dtype: torch.dtype) -> None:
        try:
            loaded = Florence2ForConditionalGeneration.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
            )
            tokenizer = BartTokenizer.from_pretrained(folder, local_files_only=True)
            self._processor, side = _processor(folder)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
            raise UserError(
                f"The captioner {folder.name} can't be loaded: its files do not fit together.",
                "Get the model again, with all of its files from one place.",
                f"{type(error).__name__}: {error}",
            ) from error
        network, told = cast(Any, loaded)  # a pair, when asked what was found
        if told["missing_keys"]:
            raise UserError(
                f"The captioner {folder.name} is incomplete: {len(told['missing_keys'])} of its weights are missing.",
                "Get the model again.",
                ", ".join(sorted(told["missing_keys"])),
            )
        text = network.config.text_config
        room = text.max_position_embeddings
        if options.max_length > room:
            raise UserError(
                f"The captioner {folder.name} has room for {room} tokens, and max_length is {options.max_length}.",
                f"Set max_length to {room} at most.",
            )
        self._network = network.to(device).eval().requires_grad_(False)
        self._tokenizer = tokenizer
        words = tokenizer(PROMPTS[options.task], add_special_tokens=False)["input_ids"]
        image = [network.config.image_token_id] * image_tokens(network.config.vision_config, side)
        self._asked = torch.tensor([[*image, text.bos_token_id, *words, text.eos_token_id]], device=device)
        self._options, self._device, self._dtype = options, device, dtype
        self.batch = 1 if device.type == "cpu" else 8

    def prepare(self, picture: Image.Image) -> Prepared:
        return np.asarray(self._processor(picture, return_tensors="np")["pixel_values"][0], dtype=np.float32)

    @torch.inference_mode()
    def say(self, pictures: Sequence[Prepared], check: Callable[[], None]) -> list[Said]:
        check()
        pixels = torch.from_numpy(np.stack(pictures)).to(self._device, self._dtype)
        asked = self._asked.repeat(len(pixels), 1)
        tokens = self._network.generate(
            input_ids=asked,
            attention_mask=torch.ones_like(asked),
            pixel_values=pixels,
            max_new_tokens=self._options.max_length,
            num_beams=self._options.beams,
            do_sample=False,
            stopping_criteria=StoppingCriteriaList([Checked(check)]),
        )
        texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [Said(" ".join(text.split())) for text in texts]


def image_tokens(vision: Any, side: int) -> int:
    """So many tokens a square picture becomes: its parts after the last convolution, and their mean."""
    for size, stride, padding in zip(vision.patch_size, vision.patch_stride, vision.patch_padding, strict=True):
        side = (side + 2 * padding - size) // stride + 1
    return side * side + 1


def _processor(folder: Path) -> tuple[CLIPImageProcessorPil, int]:
    """By name: what transformers chooses by itself where torchvision is installed gives other pixels."""
    file = folder / "preprocessor_config.json"
    numbers: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    side = int(numbers.get("size", {}).get("height", SIDE))
    made = CLIPImageProcessorPil(
        size={"height": side, "width": side},
        do_center_crop=False,
        image_mean=numbers.get("image_mean", MEAN),
        image_std=numbers.get("image_std", DEVIATION),
    )
    return made, side
