"""Full-size checkpoints through the commands that a user types: install, generate, train, generate again.

Takes some minutes and 8 GB of disk: `python packaging/dev.py test -m slow tests/test_full_size_job.py -s`
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from tests.full_size import write_full
from tests.models.test_full_size import tensors
from trainer.contract.common import Sampling
from trainer.generation.pipeline import sample, to_pictures
from trainer.models.family import Bundle
from trainer.models.lora_file import LoraPair, merged, read_lora, write_lora
from trainer.models.sd import SD1
from trainer.training.examples import to_tensor

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

MEASURED = """
import os, resource, runpy, sys

sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    os.write(int(os.environ["PEAK"]), str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss).encode())
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("full") / "full.safetensors"
    write_full(path, "sd15")
    return path


def command(home: Path, *arguments: str) -> tuple[list[dict[str, Any]], float]:
    """Run a verb with --json; its lines, and the peak memory of its process in bytes."""
    read, write = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, str(ROOT / "main.py"), *arguments, "--home", str(home), "--json"],
            capture_output=True,
            text=True,
            check=False,
            pass_fds=(write,),
            env={**os.environ, "PEAK": str(write), "OMP_NUM_THREADS": str(os.cpu_count())},
        )
    finally:
        os.close(write)
        peak = os.read(read, 100)
        os.close(read)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], int(peak) * 1024


def test_install_generate_train_generate(checkpoint: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    installed, _ = command(home, "models", "install", str(checkpoint), "--link", "--name", "full")
    assert installed[-1]["identity"]["family"] == "sd1"
    assert installed[-1]["identity"]["certainty"] == "certain"

    generate = ["generate", "--model", "full", "--prompt", "a cat", "--size", "256x256", "--steps", "2"]
    events, peak = command(home, *generate)
    assert events[-1]["kind"] == "finished"
    print(f"peak memory while generating: {peak / checkpoint.stat().st_size:.2f} times the file's size")
    assert peak < 2.5 * checkpoint.stat().st_size

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, colour in enumerate(("red", "green")):
        Image.new("RGB", (256, 256), colour).save(pictures / f"{number}.png")
        (pictures / f"{number}.txt").write_text(colour, encoding="utf-8")
    train = ["train", "--model", "full", "--dataset", str(pictures), "--method", "lora", "--steps", "2"]
    train += [
        "--output",
        "ours",
        "--set",
        "data.resolution={width=256, height=256}",
        "--set",
        "method.text_encoder=true",
    ]
    events, _ = command(home, *train)
    losses = [event["loss"] for event in events if event["kind"] == "step"]
    assert all(0 < loss < 10 for loss in losses)
    with safe_open(home / "models" / "loras" / "ours.safetensors", "pt") as file:
        assert set(file.keys()) == kohya_keys_of_sd15()

    events, _ = command(home, *generate, "--lora", "ours:0.8")
    assert events[-1]["kind"] == "finished"


@pytest.mark.parametrize(
    ("name", "family", "prediction", "because"),
    [
        ("sd21-v", "sd2", "v_prediction", "norm1.bias spreads by 0.174, over 0.09: v-prediction"),
        ("sdxl", "sdxl", "epsilon", "with a vector of 2816 beside it: Stable Diffusion XL"),
        ("sdxl-v", "sdxl", "v_prediction", "it has the key v_pred and ztsnr: v-prediction"),
        ("sdxl-refiner", "sdxl_refiner", "epsilon", "the XL refiner, not XL itself"),
        ("sd15-inpainting", "sd1", "epsilon", "9 channels (picture, mask, masked picture): inpainting"),
        ("sdxl-inpainting", "sdxl", "epsilon", "9 channels (picture, mask, masked picture): inpainting"),
    ],
)
def test_install_and_generate(tmp_path: Path, name: str, family: str, prediction: str, because: str) -> None:
    path, home = tmp_path / f"{name}.safetensors", tmp_path / "home"
    write_full(path, name, dtype=torch.bfloat16)
    installed, _ = command(home, "models", "install", str(path), "--link", "--name", name)
    identity = installed[-1]["identity"]
    assert (identity["family"], identity["prediction"]) == (family, prediction)
    assert identity["certainty"] == "certain"
    assert any(reason.endswith(because) for reason in identity["reasons"])
    options = ["--size", "256x256", "--steps", "1"]
    if name.endswith("-inpainting"):
        for file, colour in (("picture.png", "red"), ("mask.png", "white")):
            Image.new("RGB", (256, 256), colour).save(tmp_path / file)
        options += ["--init", str(tmp_path / "picture.png"), "--mask", str(tmp_path / "mask.png"), "--strength", "1"]
    events, peak = command(home, "generate", "--model", name, "--prompt", "a cat", *options)
    size = path.stat().st_size
    path.unlink()
    assert events[-1]["kind"] == "finished"
    print(f"{name}: {size / 1e9:.2f} GB, peak memory while generating {peak / 1e9:.2f} GB")
    assert peak < 24e9


def test_xl_is_converted_to_a_folder_and_back_bit_for_bit(tmp_path: Path) -> None:
    path, folder, back = tmp_path / "xl.safetensors", tmp_path / "folder", tmp_path / "back.safetensors"
    write_full(path, "sdxl")
    before, size = tensors(path), path.stat().st_size
    _, peak = command(tmp_path / "home", "models", "convert", str(path), "--to", "diffusers", "--out", str(folder))
    path.unlink()
    command(tmp_path / "home", "models", "convert", str(folder), "--to", "single_file", "--out", str(back))
    print(f"peak memory while converting: {peak / size:.2f} times the file's size")
    assert peak < 1.5 * size
    assert tensors(back) == before


def kohya_keys_of_sd15() -> set[str]:
    """Counted from the architecture as its paper and configs describe it: 16 transformer blocks, 12 text layers."""
    places = [f"down_blocks_{block}_attentions_{layer}" for block in range(3) for layer in range(2)]
    places += ["mid_block_attentions_0"]
    places += [f"up_blocks_{block}_attentions_{layer}" for block in range(1, 4) for layer in range(3)]
    linears = [f"attn{n}_{part}" for n in (1, 2) for part in ("to_q", "to_k", "to_v", "to_out_0")]
    linears += ["ff_net_0_proj", "ff_net_2"]
    modules = {f"lora_unet_{place}_{projection}" for place in places for projection in ("proj_in", "proj_out")}
    modules |= {f"lora_unet_{place}_transformer_blocks_0_{linear}" for place in places for linear in linears}
    text = [f"self_attn_{part}_proj" for part in ("q", "k", "v", "out")] + ["mlp_fc1", "mlp_fc2"]
    modules |= {f"lora_te_text_model_encoder_layers_{layer}_{part}" for layer in range(12) for part in text}
    assert len(modules) == 192 + 72
    return {f"{module}.{part}" for module in modules for part in ("lora_down.weight", "lora_up.weight", "alpha")}


def test_diffusers_own_loader_gives_the_same_picture(checkpoint: Path, tmp_path: Path) -> None:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    bundle = SD1.load(checkpoint, device=torch.device("cpu"), dtype=torch.float32)
    path = tmp_path / "lora.safetensors"
    write_lora(path, random_pairs(bundle), {"ss_base_model_version": "sd_v1"})
    ours: dict[float, Image.Image] = {}
    for weight in (1.0, 0.5):
        with merged(bundle, [(read_lora(path), weight)]):
            ours[weight] = picture(bundle)
    noise: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    scheduler: Any = DDIMScheduler(**noise, steps_offset=1, clip_sample=False, set_alpha_to_one=False)
    pipeline: Any = StableDiffusionPipeline(
        vae=bundle.vae,
        text_encoder=bundle.text_encoder,
        tokenizer=bundle.tokenizer,
        unet=bundle.unet,
        scheduler=scheduler,
        safety_checker=None,  # pyright: ignore[reportArgumentType]
        feature_extractor=None,  # pyright: ignore[reportArgumentType]
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(str(path), adapter_name="ours")
    for weight, expected in ours.items():
        pipeline.set_adapters(["ours"], adapter_weights=[weight])
        theirs = pipeline(
            "a cat",
            width=128,
            height=128,
            num_inference_steps=2,
            guidance_scale=5.0,
            latents=torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(7)),
            output_type="pt",
        ).images[0]
        difference = (theirs * 2 - 1 - to_tensor(expected)).abs().max() * 127.5  # in grey levels
        assert float(difference) <= 0.5 + 0.255  # rounding to a grey level, and 1e-3 of the range
    assert ours[1.0].tobytes() != ours[0.5].tobytes()


def picture(bundle: Bundle) -> Image.Image:
    latents = sample(
        bundle,
        prompts=["a cat"],
        negatives=[""],
        size=(128, 128),
        sampling=Sampling(sampler="ddim", steps=2, guidance=5.0, compatibility="diffusers"),
        seeds=[7],
    )
    return to_pictures(bundle, latents)[0]


def random_pairs(bundle: Bundle) -> dict[str, LoraPair]:
    draws = torch.Generator().manual_seed(1)
    pairs: dict[str, LoraPair] = {}
    for path, name in bundle.family.lora_targets(bundle, text_encoder=True, convolutions=False).items():
        part, _, inner = path.partition(".")
        weight = getattr(bundle, part).get_submodule(inner).weight
        kernel = (1,) * (weight.ndim - 2)
        down = torch.randn(4, weight.shape[1], *kernel, generator=draws) / weight.shape[1] ** 0.5
        up = torch.randn(weight.shape[0], 4, *kernel, generator=draws) * 0.05
        pairs[name] = LoraPair(down=down, up=up, alpha=2.0)
    return pairs
