"""Numbers that stopped being numbers: found, and said in words."""

import torch
from torch import Tensor

from trainer.contract.errors import UserError
from trainer.generation.denoising import OnStep
from trainer.models.family import Bundle


def is_finite(tensor: Tensor) -> bool:
    """Whether all of it is. On a graphics card the answer waits until everything before it is done."""
    # the sum is finite exactly when all are, short of an overflow that would be as wrong
    return bool(tensor.float().sum().isfinite())


def not_finite(bundle: Bundle, where: str) -> UserError:
    """What to raise; `where` is "in the output of the VAE" or another place."""
    if bundle.dtype == torch.float16:
        fix = "Set hardware.precision to bf16 or fp32: this model's numbers are too large for fp16."
    elif bundle.dtype == torch.bfloat16:
        fix = "Set hardware.precision to fp32; if it stays, the model or a LoRA is damaged, or a weight is too high."
    else:
        fix = "The model or a LoRA is damaged, or a LoRA's weight or the guidance is too high: try without the LoRA."
    return UserError(f"The picture was lost: not-a-number values appeared {where}.", fix)


def watched(bundle: Bundle, steps: int, on_step: OnStep | None) -> OnStep:
    """What a sampler tells of its steps. On a processor each is looked at for numbers that are not finite, which raises
    UserError naming the step; on a graphics card that would wait for the step to end, so the result is asked instead.
    """

    def after_step(index: int, clean: Tensor) -> None:
        if clean.device.type == "cpu" and not is_finite(clean):
            raise not_finite(bundle, f"in step {index + 1} of {steps}, in the output of the UNet")
        if on_step is not None:
            on_step(index, clean)

    return after_step
