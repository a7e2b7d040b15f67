"""Sound files that are not what is asked for (reference items 20, 21, 39 to 48)."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from tests.faults.command import generate, gesso, refused, train
from tests.library import layouts
from trainer.home import Home

KINDS: dict[str, tuple[Callable[[], layouts.Shapes], str]] = {
    "a VAE": (layouts.vae, "is a VAE, and a whole model (checkpoint) is needed here"),
    "an embedding": (lambda: {"emb_params": (4, 768)}, "is an embedding (textual inversion), and a whole model"),
    "SSD-1B": (lambda: layouts.sdxl(depths=(0, 2, 4)), "is a ssd_1b model of Stable Diffusion XL"),
    "CosXL": (lambda: {**layouts.sdxl(), "edm_vpred.sigma_max": (1,)}, "is a cosxl model of Stable Diffusion XL"),
    "Stable Video Diffusion": (layouts.svd, "belongs to Stable Video Diffusion: it makes videos"),
    "pix2pix": (lambda: layouts.sd1(8), "is a pix2pix model of Stable Diffusion 1.x"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_model_that_can_not_be_generated_with_is_named(name: str, tmp_path: Path, subject: Path, home: Home) -> None:
    make, words = KINDS[name]
    path = layouts.write_header_only(tmp_path / f"{name}.safetensors", make())
    refused(*generate(path), home=home, words=(path.name, words))
    refused(*train(path, subject), home=home, words=(path.name, words), kept=("runs/",))


def test_a_lora_is_no_model_and_a_model_no_lora(model: Path, lora: Path, subject: Path, home: Home) -> None:
    assert gesso("models", "install", model, home=home).code == 0
    assert gesso("models", "install", lora, home=home).code == 0
    refused(*generate("tiny-lora"), home=home, words=("tiny-lora.safetensors is a LoRA, and a whole model",))
    refused(*train("tiny-lora", subject), home=home, words=("is a LoRA, and a whole model",), kept=("runs/",))
    words = ("tiny.safetensors is a whole model (checkpoint), and a LoRA is needed here",)
    refused(*generate("tiny", "--lora", "tiny"), home=home, words=words)


def test_a_name_that_is_unknown_gets_a_proposal(model: Path, lora: Path, home: Home) -> None:
    assert gesso("models", "install", model, "--name", "Dreamy Fox 1.5", home=home).code == 0
    assert gesso("models", "install", lora, "--name", "watercolour", home=home).code == 0
    done = refused(*generate("dreamyfox 15"), home=home, words=('no model named "dreamyfox 15"',))
    assert "Did you mean Dreamy Fox 1.5?" in done.err
    done = refused(*generate("Dreamy Fox 1.5", "--lora", "watercolor:0.5"), home=home, words=("watercolor",))
    assert "Did you mean watercolour?" in done.err
    refused(*generate(model.parent / "none.safetensors"), home=home, words=("There is no model at",))
    refused(*generate("blank:starfish"), home=home, words=("starfish",))


def kohya(width: int, algorithm: str = "lora") -> dict[str, torch.Tensor]:
    """A LoRA whose cross-attention reads text `width` wide, over one layer."""
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    low, high = torch.ones(2, width), torch.ones(32, 2)
    ends = {
        "lora": {"lora_down.weight": low, "lora_up.weight": high},
        "DoRA": {"lora_down.weight": low, "lora_up.weight": high, "dora_scale": torch.ones(1, width)},
        "LoHa": {"hada_w1_a": high, "hada_w1_b": low, "hada_w2_a": high.clone(), "hada_w2_b": low.clone()},
        "LoKr": {"lokr_w1": torch.ones(2, 2), "lokr_w2": torch.ones(16, width // 2)},
    }
    return {f"{name}.{end}": tensor for end, tensor in ends[algorithm].items()} | {f"{name}.alpha": torch.tensor(2.0)}


def test_a_lora_of_another_family_is_refused_with_its_widths(model: Path, tmp_path: Path, home: Home) -> None:
    path = tmp_path / "for sdxl.safetensors"
    save_file(kohya(2048), path)
    done = refused(*generate(model, "--lora", path), home=home, words=("for sdxl", "2048 to 32 instead of 64 to 32"))
    assert "Choose a LoRA that was made for this family of models" in done.err


@pytest.mark.parametrize("algorithm", ["DoRA", "LoHa", "LoKr"])
def test_relatives_of_lora_are_named(algorithm: str, model: Path, tmp_path: Path, home: Home) -> None:
    path = tmp_path / "other.safetensors"
    save_file(kohya(64, algorithm), path)
    refused(*generate(model, "--lora", path), home=home, words=("other.safetensors", algorithm))


def test_half_a_lora_and_one_with_nan_are_refused(model: Path, lora: Path, tmp_path: Path, home: Home) -> None:
    tensors = load_file(lora)
    lacking = {name: tensor for name, tensor in tensors.items() if name != sorted(tensors)[-1]}
    save_file(lacking, tmp_path / "half.safetensors")
    refused(*generate(model, "--lora", tmp_path / "half.safetensors"), home=home, words=("half", "incomplete"))
    tensors[sorted(tensors)[1]][0, 0] = float("nan")
    save_file(tensors, tmp_path / "nan.safetensors")
    refused(*generate(model, "--lora", tmp_path / "nan.safetensors"), home=home, words=("nan", "not numbers"))


def changed(model: Path, to: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    tensors = load_file(model)
    change(tensors)
    save_file(tensors, to)
    return to


def test_a_model_that_holds_nan_neither_generates_nor_trains(
    model: Path, subject: Path, tmp_path: Path, home: Home
) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors["model.diffusion_model.out.2.weight"][0, 0] = float("nan")

    path = changed(model, tmp_path / "spoiled.safetensors", spoil)
    refused(*generate(path), home=home, words=("not-a-number",))
    refused(*train(path, subject), home=home, words=("spoiled", "not numbers"), kept=("runs/",))


@pytest.mark.parametrize("part", ["model.diffusion_model.", "first_stage_model.", "cond_stage_model."])
def test_a_model_whose_weights_were_never_written_is_refused(
    part: str, model: Path, subject: Path, tmp_path: Path, home: Home
) -> None:
    """A file of the full size, of which the end is zeros: the download was broken off."""

    def lose(tensors: dict[str, torch.Tensor]) -> None:
        for name in tensors:
            if name.startswith(part):
                tensors[name].zero_()

    path = changed(model, tmp_path / "unwritten.safetensors", lose)
    refused(*generate(path), home=home, words=("unwritten.safetensors is incomplete", "only zeros"))
    refused(*train(path, subject), home=home, words=("unwritten.safetensors", "only zeros"), kept=("runs/",))


def test_a_model_with_a_part_missing_or_odd_is_refused(model: Path, tmp_path: Path, home: Home) -> None:
    def without_vae(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if name.startswith("first_stage_model.")]:
            del tensors[name]

    def without_one(tensors: dict[str, torch.Tensor]) -> None:
        del tensors["model.diffusion_model.time_embed.2.bias"]

    def integers(tensors: dict[str, torch.Tensor]) -> None:
        for name in tensors:
            tensors[name] = tensors[name].to(torch.int64)

    def flat(tensors: dict[str, torch.Tensor]) -> None:
        name = "model.diffusion_model.input_blocks.0.0.weight"
        tensors[name] = tensors[name].flatten()

    def three_wide(tensors: dict[str, torch.Tensor]) -> None:
        name = "first_stage_model.encoder.down.0.block.0.conv1.weight"
        tensors[name] = tensors[name].reshape(-1, 3).T.contiguous()

    for number, change in enumerate((without_vae, without_one, integers, flat, three_wide)):
        path = changed(model, tmp_path / f"odd {number}.safetensors", change)
        refused(*generate(path), home=home, words=(path.name,))


@pytest.fixture(scope="module")
def diffusers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny.bundle()
    path = tmp_path_factory.mktemp("folders") / "tiny folder"
    made.family.save_folder(made, path, dtype=torch.float16)
    return path


def edited(file: Path, **fields: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **fields}), encoding="utf-8")


def only_pickle(folder: Path) -> None:
    (folder / "unet/diffusion_pytorch_model.safetensors").rename(folder / "unet/diffusion_pytorch_model.bin")


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda folder: (folder / "vae/config.json").unlink(), "vae/config.json is missing"),
    "no weights": (lambda folder: shutil.rmtree(folder / "text_encoder"), "text_encoder/config.json is missing"),
    "only a pickle": (only_pickle, "only as a pickle (unet/diffusion_pytorch_model.bin)"),
    "a pipeline of its own": (
        lambda folder: edited(folder / "model_index.json", custom_pipeline="evil"),
        "asks to run code of its own",
    ),
    "a class of its own": (
        lambda folder: edited(folder / "model_index.json", unet=["my_module", "MyUNet"]),
        "asks to run code of its own",
    ),
    "code for a part": (
        lambda folder: edited(folder / "unet/config.json", auto_map={"AutoModel": "evil.Evil"}),
        "asks to run code of its own",
    ),
    "an unknown class": (lambda folder: edited(folder / "vae/config.json", _class_name="Mystery"), "Mystery"),
    "other sizes": (
        lambda folder: edited(folder / "unet/config.json", cross_attention_dim=768),
        "cross_attention_dim",
    ),
    "a broken config": (lambda folder: (folder / "unet/config.json").write_bytes(b'{"a": '), "unet/config.json"),
    "damaged weights": (
        lambda folder: (folder / "vae/diffusion_pytorch_model.safetensors").write_bytes(b"<html>"),
        "diffusion_pytorch_model.safetensors",
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_bad_model_folder_is_refused(name: str, diffusers_folder: Path, tmp_path: Path, home: Home) -> None:
    spoil, words = FOLDERS[name]
    path = tmp_path / "a model"
    shutil.copytree(diffusers_folder, path)
    spoil(path)
    refused("models", "install", path, home=home, words=(words,), inputs=(path,))
    refused(*generate(path), home=home, words=(words,), inputs=(path,))


def test_a_folder_that_is_no_model_is_refused(subject: Path, home: Home) -> None:
    refused("models", "install", subject, home=home, words=("no model_index.json",), inputs=(subject,))
    refused(*generate(subject), home=home, words=(subject.name,), inputs=(subject,))
