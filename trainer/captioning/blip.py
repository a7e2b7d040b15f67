"""BLIP (Li et al. 2022, arXiv 2201.12086) through transformers, from a folder on the disk."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from transformers import BertTokenizer, BlipForConditionalGeneration, StoppingCriteriaList
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.utils import logging

from trainer.captioning.captioner import Prepared, Said
from trainer.contract import caption
from trainer.contract.errors import UserError

logging.disable_progress_bar()  # the job tells how far it is


class Blip:
    """The model with its tokenizer, on one device. `options` say how it is asked."""

    def __init__(self, folder: Path, options: caption.Blip, device: torch.device, dtype: torch.dtype) -> None:
        try:
            loaded = BlipForConditionalGeneration.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
            )
            self._tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
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
        room = network.config.text_config.max_position_embeddings
        if options.max_length > room:
            raise UserError(
                f"The captioner {folder.name} has room for {room} tokens, and max_length is {options.max_length}.",
                f"Set max_length to {room} at most.",
            )
        self._network = network.to(device).eval().requires_grad_(False)
        side = self._network.config.vision_config.image_size
        # By name: what transformers chooses by itself where torchvision is installed gives other pixels.
        self._processor = BlipImageProcessorPil(size={"height": side, "width": side})
        self._options, self._device, self._dtype = options, device, dtype
        # Words drawn by chance come from one generator for all pictures at once, so they are asked one by one then.
        self.batch = 1 if device.type == "cpu" or options.top_p is not None else 16

    def prepare(self, picture: Image.Image) -> Prepared:
        return np.asarray(self._processor(picture, return_tensors="np")["pixel_values"][0], dtype=np.float32)

    @torch.inference_mode()
    def say(self, pictures: Sequence[Prepared], check: Callable[[], None]) -> list[Said]:
        check()
        pixels = torch.from_numpy(np.stack(pictures)).to(self._device, self._dtype)
        if self._options.top_p is None:
            return [Said(text) for text in self._sentences(pixels, check)]
        sentences: list[Said] = []
        for one in pixels.split(1):
            with torch.random.fork_rng([self._device] if self._device.type == "cuda" else []):
                torch.manual_seed(self._options.seed)
                sentences += [Said(text) for text in self._sentences(one, check)]
        return sentences

    def _sentences(self, pixels: Tensor, check: Callable[[], None]) -> list[str]:
        options = self._options
        prompt = self._prompt()
        tokens = self._network.generate(
            pixels,
            prompt.repeat(len(pixels), 1) if prompt is not None else None,
            min_length=options.min_length,
            max_length=options.max_length,
            num_beams=options.beams,
            do_sample=options.top_p is not None,
            # None where nothing is drawn: transformers warns of settings that mean nothing.
            top_p=options.top_p,
            repetition_penalty=options.repetition_penalty,
            stopping_criteria=StoppingCriteriaList([Checked(check)]),
        )
        # The last token of a prompt, the separator, is dropped by BLIP itself.
        begun = 1 if prompt is None else prompt.shape[1] - 1
        texts = self._tokenizer.batch_decode(tokens[:, begun:], skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    def _prompt(self) -> Tensor | None:
        words = self._options.prompt.strip()
        if not words:
            return None
        prompt = self._tokenizer(words, return_tensors="pt")["input_ids"].to(self._device)
        if prompt.shape[1] >= self._options.max_length:
            raise UserError(
                f"The words that captions begin with are {prompt.shape[1]} tokens long, "
                f"and a caption may have {self._options.max_length}.",
                "Raise max_length, or begin with fewer words.",
            )
        return prompt


class Checked:
    """Lets the user stop between two words."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: object) -> Tensor:
        self._check()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
