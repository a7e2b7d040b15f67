"""Full-size SD 1.5 with random weights: one step of its UNet, and opening its file, against diffusers' defaults."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.models.attention_processor import AttnProcessor2_0

from tests.benchmarks.record import Record, Timing, interleaved, timed
from tests.full_size import write_full
from trainer.contract.common import Hardware, Precision
from trainer.home import Home
from trainer.models import networks
from trainer.models.architecture import Architecture
from trainer.models.device import choose
from trainer.models.layout import lay_out_convolutions
from trainer.models.opening import open_model
from trainer.models.sd import SD1

pytestmark = pytest.mark.benchmark

ROUNDS = 5


@torch.inference_mode()
def test_a_step_of_the_unet(record: Record) -> None:
    """Two pictures of 512 px, as guidance needs them; ours in the number format and layout that are best here, theirs
    as diffusers has it: fp32, and its own attention."""
    torch.manual_seed(0)
    device, dtype = choose(Hardware(device="cpu"))
    theirs: Any = networks.unet(Architecture.named("sd15")).eval()
    ours: Any = networks.unet(Architecture.named("sd15")).eval()
    ours.load_state_dict(theirs.state_dict())
    theirs.set_attn_processor(AttnProcessor2_0())
    torch.nn.Module.to(ours, device, dtype)
    lay_out_convolutions(ours.requires_grad_(False))
    latents, context, time = torch.randn(2, 4, 64, 64), torch.randn(2, 77, 768), torch.tensor([500, 500])

    def step(unet: Any, number: torch.dtype) -> Callable[[], Timing]:
        return lambda: timed(lambda: unet(latents.to(number), time, context.to(number), return_dict=False))

    measured = interleaved({"ours": step(ours, dtype), "theirs": step(theirs, torch.float32)}, ROUNDS)
    record.speedup(f"UNet of SD 1.5, a step, {dtype}", measured["ours"], measured["theirs"], "at least 2.5")


@pytest.mark.parametrize(
    ("stored", "number", "precision"),
    [("bf16", torch.bfloat16, "bf16"), ("fp16", torch.bfloat16, "bf16"), ("fp16", torch.float32, "fp32")],
)
def test_opening_a_checkpoint(
    stored: str, number: torch.dtype, precision: Precision, tmp_path: Path, record: Record
) -> None:
    """A file of 2.1 GB whose pages are in memory, to a model that computes in the file's own format, and to those for
    which every number is converted: that costs both sides the same."""
    path = tmp_path / "full.safetensors"
    write_full(path, "sd15", dtype={"bf16": torch.bfloat16, "fp16": torch.float16}[stored])
    config = tmp_path / "config"
    _write_configs(config)
    home = Home(tmp_path / "home")

    def ours() -> object:
        return open_model(str(path), home, hardware=Hardware(device="cpu", precision=precision))

    def theirs() -> object:
        return StableDiffusionPipeline.from_single_file(
            str(path), config=str(config), local_files_only=True, torch_dtype=number
        )

    def timing(work: Callable[[], object]) -> Callable[[], Timing]:
        def side() -> Timing:
            gc.collect()
            return timed(work)

        return side

    measured = interleaved({"ours": timing(ours), "theirs": timing(theirs)})
    case = f"opening a checkpoint of 2.1 GB, {stored} as {precision}"
    record.slowdown(case, measured["ours"], measured["theirs"], "at most 0.5")


def _write_configs(folder: Path) -> None:
    """What diffusers must be told of a single file: the folder of such a model, without its weights."""
    blank = SD1.blank(Architecture.named("sd15"), device=torch.device("cpu"), dtype=torch.bfloat16)
    SD1.save_folder(blank, folder, dtype=None)
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
