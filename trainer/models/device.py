"""Which device and number format the networks get."""

from collections.abc import Mapping

import torch

from trainer.contract.common import Hardware, SavedPrecision
from trainer.contract.errors import UserError
from trainer.contract.run import Run

SAVED: Mapping[SavedPrecision, torch.dtype] = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
"""The number formats that files are written in."""


def mixed_precision(dtype: torch.dtype) -> str:
    """What accelerate and kohya's metadata call the number format that networks compute in."""
    return {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(dtype, "no")


def choose(hardware: Hardware, run: Run | None = None) -> tuple[torch.device, torch.dtype]:
    """The device and number format that `hardware` asks for, `auto` decided by what this machine has.

    A CPU never computes in fp16 (it is 10 to 80 times slower there): it takes bf16 or fp32 instead, and warns.
    Raises UserError when the device that is asked for is missing.
    """
    device = torch.device(_device(hardware))
    if hardware.precision == "fp32":
        return device, torch.float32
    if hardware.precision == "bf16":
        return device, torch.bfloat16
    if device.type == "cpu":
        dtype = torch.bfloat16 if _fast_bf16_on_cpu() else torch.float32
        if hardware.precision == "fp16" and run is not None:
            name = "bf16" if dtype == torch.bfloat16 else "fp32"
            run.warn(f"A processor is very slow in fp16, so {name} is used.", "Choose the precision auto here.")
        return device, dtype
    if hardware.precision == "fp16":
        return device, torch.float16
    return device, torch.bfloat16 if _bf16_on_gpu(device) else torch.float16


def _device(hardware: Hardware) -> str:
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if hardware.device == "auto":
        return next((name for name in ("cuda", "mps") if found[name]), "cpu")
    if not found[hardware.device]:
        what = "NVIDIA card with a working driver" if hardware.device == "cuda" else "Apple graphics processor"
        raise UserError(f"No {what} was found, which the device {hardware.device} needs.", "Set the device to auto.")
    return hardware.device


def _fast_bf16_on_cpu() -> bool:
    """Whether the processor multiplies bf16 in hardware; where it only emulates that, fp32 is quicker."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _bf16_on_gpu(device: torch.device) -> bool:
    if device.type == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    return torch.cuda.is_bf16_supported(including_emulation=False)
