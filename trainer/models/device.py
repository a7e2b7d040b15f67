"""Which device and number format the networks get, and how much memory it has and had to give."""

import gc
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
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


def wider(device: torch.device, dtype: torch.dtype) -> torch.dtype | None:
    """The next number format with room for larger numbers that this device computes in; None behind fp32."""
    if dtype == torch.float16:
        return torch.bfloat16 if device.type == "cpu" or _bf16_on_gpu(device) else torch.float32
    return torch.float32 if dtype == torch.bfloat16 else None


def device_name(device: torch.device) -> str:
    """As its maker calls it, where that is known."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def total_memory(device: torch.device) -> int:
    """What the device has, in bytes; a processor and Apple's graphics use the computer's."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return psutil.virtual_memory().total


def peak_memory(device: torch.device) -> int:
    """The most that was held so far, in bytes: by tensors on a graphics card, by the process on a processor.

    Apple's graphics remember no peak: there it is what is held now.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    return _peak_of_process()


def held_memory(device: torch.device) -> int:
    """What is taken now, in bytes: of a graphics card by everybody, elsewhere by this process."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total - free
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    return psutil.Process().memory_info().rss


def free_memory(device: torch.device) -> int:
    """What new tensors can still take, in bytes: what others left, and what torch keeps in stock of a graphics card."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return psutil.virtual_memory().available


def hand_back_memory(device: torch.device) -> None:
    """Collect what nobody holds any more, and give torch's stock of a graphics card's memory back to the system."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def finish(device: torch.device) -> None:
    """Wait until the device has done all that it was given, so that a clock tells the truth."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _peak_of_process() -> int:
    # Linux hands the peak of getrusage on from the process that started this one; its own is in the status file.
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


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
