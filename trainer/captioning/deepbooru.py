"""DeepBooru: DeepDanbooru's network as AUTOMATIC1111 asks it, with its preparation of pictures."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image

from trainer.captioning.captioner import Prepared, Said
from trainer.captioning.deepbooru_network import DeepBooruNetwork
from trainer.contract.errors import UserError
from trainer.dataset.readings import FLOOR
from trainer.dataset.tag_scores import RATING
from trainer.library.captioner_files import DEEPBOORU_FIRST, DEEPBOORU_LAST, TAGS
from trainer.models.tensors import TensorFile

SIZE = 512
_FIX = "Install the published checkpoint again."


class DeepBooru:
    """The network with its tags, on one device."""

    def __init__(self, path: Path, device: torch.device, dtype: torch.dtype) -> None:
        file = TensorFile(path)
        shapes = file.shapes()
        self.tags = tags_of(file.header.metadata, path)
        with torch.device("meta"):
            network = DeepBooruNetwork(shapes[DEEPBOORU_LAST][0], shapes[DEEPBOORU_FIRST][0])
        expected = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
        if expected != shapes or len(self.tags) != shapes[DEEPBOORU_LAST][0]:
            raise UserError(f"{path.name} is not DeepDanbooru's network as Gesso knows it.", _FIX)
        weights = {name: file.load(name, device, dtype) for name in shapes}
        network.load_state_dict(weights, assign=True)
        self._network = network.eval().requires_grad_(False)
        self._device, self._dtype = device, dtype
        self.batch = 1 if device.type == "cpu" else 16

    def prepare(self, picture: Image.Image) -> Prepared:
        return np.asarray(fitted(picture), dtype=np.float32) / np.float32(255)

    @torch.inference_mode()
    def say(self, pictures: Sequence[Prepared], check: Callable[[], None]) -> list[Said]:
        check()
        batch = torch.from_numpy(np.stack(pictures)).to(self._device, self._dtype)
        scores = self._network(batch).float().cpu()
        return [self._said(row.tolist()) for row in scores]

    def _said(self, scores: list[float]) -> Said:
        found = [(tag, round(score, 4)) for tag, score in zip(self.tags, scores, strict=True) if score >= FLOOR]
        return Said(
            scores={
                "general": {tag: score for tag, score in found if not tag.startswith(RATING)},
                "rating": {tag: score for tag, score in found if tag.startswith(RATING)},
            }
        )


def tags_of(metadata: dict[str, str], path: Path) -> list[str]:
    """The tags in a checkpoint's metadata, in the order of the network's output. Raises UserError if there are none."""
    try:
        tags = cast(object, json.loads(metadata.get(TAGS, "")))
    except ValueError:
        tags = None
    entries = cast("list[object]", tags) if isinstance(tags, list) else []
    if not entries or not all(isinstance(tag, str) for tag in entries):
        raise UserError(f"{path.name} does not say which tags it knows.", _FIX)
    return cast("list[str]", entries)


def fitted(picture: Image.Image) -> Image.Image:
    """512 x 512: the picture as large as it fits, in the middle, its outermost rows or columns drawn out to the edges.

    As AUTOMATIC1111's mode "resize and fill" does it, rounding included.
    """
    width, height = picture.size
    if width == height:
        return picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    wide = width > height
    length = SIZE * min(width, height) // max(width, height)
    size = (SIZE, length) if wide else (length, SIZE)
    # A very long strip would be nothing wide; there A1111 fails.
    inner = picture.resize((max(size[0], 1), max(size[1], 1)), Image.Resampling.LANCZOS)
    margin = SIZE // 2 - max(length, 1) // 2
    filled = Image.new("RGB", (SIZE, SIZE))
    filled.paste(inner, (0, margin) if wide else (margin, 0))
    # A box without height: what its edge is made of, in every row. The last fills what the margin leaves, or beyond.
    for edge, at in ((0, 0), (max(length, 1), margin + max(length, 1))):
        box = (0, edge, SIZE, edge) if wide else (edge, 0, edge, SIZE)
        strip = inner.resize((SIZE, margin) if wide else (margin, SIZE), box=box)
        filled.paste(strip, (0, at) if wide else (at, 0))
    return filled
