"""Files of textual inversion: vectors that stand in place of words, in every layout that is about.

A1111's and kohya's hold one tensor, `emb_params`, or `string_to_param.*`; diffusers' hold one under the word itself, or
one vector each under `word`, `word_1` and so on. All of them are [vectors, width]. Those for XL hold two, `clip_l` and
`clip_g`, for its two text encoders.
"""

import re
from pathlib import Path

import torch
from torch import Tensor

from trainer.contract.errors import UserError
from trainer.contract.prompt_chunks import CHUNK
from trainer.models.tensors import TensorFile

CPU = torch.device("cpu")
FOR_XL = ("clip_l", "clip_g")
_GET_AGAIN = "Get the embedding again, or take its name out of the prompt."


def read_embedding(path: Path) -> Tensor:
    """[vectors, width] in float32; for XL, width is that of both text encoders together, the first one's in front.

    Raises UserError for what is no embedding, or is damaged.
    """
    file = TensorFile(path)
    names = list(file.header.tensors)
    of_both = set(FOR_XL) <= set(names)
    named = [name for name in names if name == "emb_params" or name.startswith("string_to_param.")]
    wanted = FOR_XL if of_both else sorted(named or names, key=_by_number)
    tensors = [file.load(name, CPU, torch.float32) for name in wanted]
    rows = [tensor[None] if tensor.ndim == 1 else tensor for tensor in tensors]
    same = 0 if of_both else 1
    if not rows or any(row.ndim != 2 or row.shape[same] != rows[0].shape[same] for row in rows):
        raise UserError(f"{path.name} is not an embedding.", _GET_AGAIN)
    vectors = torch.cat(rows, dim=1 - same)
    if not vectors.isfinite().all():
        raise UserError(f"{path.name} is damaged: it holds values that are not numbers.", _GET_AGAIN)
    if not 1 <= len(vectors) <= CHUNK:
        raise UserError(f"{path.name} has {len(vectors)} vectors, and 1 to {CHUNK} can be read.", _GET_AGAIN)
    return vectors


def _by_number(name: str) -> tuple[str, int]:
    """`word_10` behind `word_2`."""
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if stem and re.fullmatch(r"\d{1,9}", number) else (name, 0)
