"""What finished files of every method share."""

from collections.abc import Mapping

import torch

from trainer.contract.common import SavedPrecision

DTYPES: Mapping[SavedPrecision, torch.dtype] = {
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp32": torch.float32,
}
