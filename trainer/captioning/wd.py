"""WD taggers (SmilingWolf), versions 1 to 3, in the format that all of them are published in: ONNX.

onnxruntime runs them, on the processor: it is one wheel of 17 to 28 MB with little behind it, while timm, which reads
the safetensors of version 3 alone, can't be imported without torchvision.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from trainer.captioning.captioner import Prepared, Said
from trainer.contract.errors import UserError
from trainer.dataset.readings import FLOOR
from trainer.dataset.tag_scores import Category
from trainer.library.captioner_files import ONNX, TAG_LIST, tag_rows

_CATEGORIES: dict[int, Category] = {0: "general", 4: "character", 9: "rating"}
_QUIET = 3
"""onnxruntime's level of errors; below it are remarks for programmers."""
_REFUSALS: tuple[type[Exception], ...] = tuple(
    getattr(import_module("onnxruntime.capi.onnxruntime_pybind11_state"), name)
    for name in ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
)
"""What onnxruntime raises on a model that it can't run; they share no parent of their own."""
_FIX = "Get the model again, with all of its files from one place."

onnxruntime.disable_telemetry_events()  # its builds for Windows would report to their maker


class Wd:
    """A tagger with its tags, from a folder that trainer.library.captioner_files has checked."""

    batch = 1
    """A processor gains nothing from more, and can be stopped after each."""

    def __init__(self, folder: Path) -> None:
        self.rows = tag_rows(folder / TAG_LIST)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _QUIET
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / ONNX), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except _REFUSALS as error:
            raise UserError(f"{ONNX} of the tagger {folder.name} can't be run.", _FIX, str(error)) from error
        taken, given = self._session.get_inputs()[0], self._session.get_outputs()[0]
        shape = list(taken.shape)
        if len(shape) != 4 or shape[3] != 3 or not isinstance(shape[1], int) or shape[1] != shape[2]:
            raise UserError(
                f"The tagger {folder.name} takes {shape}, where WD taggers take square pictures with channels last.",
                "Choose a WD tagger by SmilingWolf, versions 1 to 3.",
            )
        self.size = shape[1]
        self._input, self._output = taken.name, given.name
        if given.shape[-1] != len(self.rows):
            raise UserError(
                f"The tagger {folder.name} gives {given.shape[-1]} scores, and {TAG_LIST} lists {len(self.rows)} tags.",
                _FIX,
            )

    def prepare(self, picture: Image.Image) -> Prepared:
        return np.asarray(squared(picture, self.size), dtype=np.float32)[:, :, ::-1]

    def say(self, pictures: Sequence[Prepared], check: Callable[[], None]) -> list[Said]:
        check()
        # Some of these models were exported for one picture at a time.
        rows = [self._session.run([self._output], {self._input: picture[None]})[0] for picture in pictures]
        return [self._said(np.asarray(row, dtype=np.float32)[0].tolist()) for row in rows]

    def _said(self, scores: list[float]) -> Said:
        found: dict[Category, dict[str, float]] = {category: {} for category in _CATEGORIES.values()}
        for row, score in zip(self.rows, scores, strict=True):
            if score >= FLOOR and row.category in _CATEGORIES:
                found[_CATEGORIES[row.category]][row.name] = round(score, 4)
        return Said(scores=found)


def squared(picture: Image.Image, size: int) -> Image.Image:
    """The picture in the middle of a white square, brought to `size`: as these models were trained (their maker's
    demo). sd-scripts resizes by areas instead, which shifts scores a little."""
    side = max(picture.size)
    square = Image.new("RGB", (side, side), "white")
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square if side == size else square.resize((size, size), Image.Resampling.BICUBIC)
