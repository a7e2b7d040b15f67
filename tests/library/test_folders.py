"""Models that are folders in diffusers' layout: identified by config and headers, refused when unsafe or incomplete."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.library import layouts
from trainer.contract.errors import UserError
from trainer.library.folders import model_folder, read_folder
from trainer.library.header import Header, TensorInfo
from trainer.library.identify import Kind, ModelFamily, identify

WEIGHTS = "diffusion_pytorch_model.safetensors"


def change(path: Path, **fields: object) -> None:
    value = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**value, **fields}), encoding="utf-8")


@pytest.mark.parametrize(
    ("context", "linear", "prediction", "family"),
    [
        (768, False, "epsilon", ModelFamily.SD1),
        (1024, True, "v_prediction", ModelFamily.SD2),
        (1024, True, "epsilon", ModelFamily.SD2),
        (128, False, "epsilon", ModelFamily.SD1),
    ],
)
def test_folders_are_identified(
    tmp_path: Path, context: int, linear: bool, prediction: str, family: ModelFamily
) -> None:
    folder = read_folder(layouts.write_diffusers_folder(tmp_path / "m", context, linear, prediction))
    found = folder.identity
    assert (found.kind, found.family, found.prediction) == (Kind.CHECKPOINT, family, prediction)
    assert (found.layout, found.context_width) == ("diffusers", context)
    assert found.parts == ("unet", "vae", "text_encoder")
    assert folder.weights["unet"] == (tmp_path / "m" / "unet" / WEIGHTS,)
    assert {str(file) for file in folder.files} >= {"model_index.json", "unet/config.json", "tokenizer/vocab.json"}


def test_the_scheduler_asks_for_zero_terminal_snr(tmp_path: Path) -> None:
    path = layouts.write_diffusers_folder(tmp_path / "m")
    change(path / "scheduler" / "scheduler_config.json", rescale_betas_zero_snr=True)
    assert read_folder(path).identity.zero_terminal_snr


def test_half_precision_files_and_pieces_are_found(tmp_path: Path) -> None:
    path = layouts.write_diffusers_folder(tmp_path / "m")
    (path / "vae" / WEIGHTS).rename(path / "vae" / "diffusion_pytorch_model.fp16.safetensors")
    (path / "unet" / WEIGHTS).unlink()
    shapes = layouts.diffusers_unet()
    names = list(shapes)
    pieces = [
        "diffusion_pytorch_model-00001-of-00002.safetensors",
        "diffusion_pytorch_model-00002-of-00002.safetensors",
    ]
    for piece, of_piece in zip(pieces, (names[::2], names[1::2]), strict=True):
        layouts.write_header_only(path / "unet" / piece, {name: shapes[name] for name in of_piece})
    listed = {"weight_map": {name: pieces[index % 2] for index, name in enumerate(names)}}
    (path / "unet" / f"{WEIGHTS}.index.json").write_text(json.dumps(listed), encoding="utf-8")
    folder = read_folder(path)
    assert folder.identity.family == ModelFamily.SD1
    assert [file.name for file in folder.weights["unet"]] == pieces
    assert folder.weights["vae"][0].name.endswith("fp16.safetensors")
    (path / "unet" / pieces[1]).unlink()
    with pytest.raises(UserError, match=r"00002-of-00002\.safetensors is missing"):
        read_folder(path)
    listed["weight_map"][names[0]] = "../../secret.safetensors"
    (path / "unet" / f"{WEIGHTS}.index.json").write_text(json.dumps(listed), encoding="utf-8")
    with pytest.raises(UserError, match="names the piece"):
        read_folder(path)


def _only_bin(path: Path) -> None:
    (path / "unet" / WEIGHTS).rename(path / "unet" / "diffusion_pytorch_model.bin")


def _truncated(path: Path) -> None:
    file = path / "vae" / WEIGHTS
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size - 1)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights are pickles": (_only_bin, "only as a pickle (unet/diffusion_pytorch_model.bin)"),
    "no weights": (lambda path: (path / "unet" / WEIGHTS).unlink(), "unet/ has no safetensors weights"),
    "no config": (lambda path: (path / "vae" / "config.json").unlink(), "vae/config.json is missing"),
    "no scheduler": (
        lambda path: (path / "scheduler" / "scheduler_config.json").unlink(),
        "scheduler/scheduler_config.json is missing",
    ),
    "weights cut off": (_truncated, "incomplete: got"),
    "config is a list": (lambda path: (path / "unet" / "config.json").write_text("[1]"), "not a JSON object"),
    "config is deep": (lambda path: (path / "unet" / "config.json").write_text("[" * 100_000), "not a JSON object"),
    "config is not text": (lambda path: (path / "unet" / "config.json").write_bytes(b"\xff\xfe{"), "not a JSON object"),
    "custom pipeline": (lambda path: change(path / "model_index.json", custom_pipeline="mine"), "run code of its own"),
    "pipeline in a module": (
        lambda path: change(path / "model_index.json", _class_name=["pipeline", "Mine"]),
        "run code of its own",
    ),
    "component of its own": (
        lambda path: change(path / "model_index.json", unet=["my_unet", "Mine"]),
        'run code of its own ("unet"',
    ),
    "component in a list": (
        lambda path: change(path / "model_index.json", unet=[["my_unet"], "Mine"]),
        'run code of its own ("unet"',
    ),
    "auto_map": (
        lambda path: change(path / "text_encoder" / "config.json", auto_map={"AutoModel": "code.Mine"}),
        "auto_map in text_encoder/config.json",
    ),
    "unknown pipeline": (lambda path: change(path / "model_index.json", _class_name="WaltzPipeline"), "WaltzPipeline"),
    "unknown class": (lambda path: change(path / "unet" / "config.json", _class_name="WaltzModel"), "WaltzModel"),
    "wrong width": (lambda path: change(path / "unet" / "config.json", cross_attention_dim=1024), "contradicts itself"),
    "wrong channels": (lambda path: change(path / "unet" / "config.json", in_channels=9), "contradicts itself"),
    "weights of something else": (
        lambda path: layouts.write_header_only(path / "unet" / WEIGHTS, layouts.vae()),
        "not those of a UNet",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_unsafe_and_broken_folders_are_refused_by_name(tmp_path: Path, case: str) -> None:
    path = layouts.write_diffusers_folder(tmp_path / "my model")
    spoil, said = FAULTS[case]
    spoil(path)
    with pytest.raises(UserError) as caught:
        read_folder(path)
    assert said in caught.value.title
    assert caught.value.fix


@pytest.mark.parametrize(
    ("shapes", "folder"),
    [
        (layouts.sd1(), "checkpoints"),
        (layouts.sdxl_refiner(), "checkpoints"),
        (layouts.svd(), "video"),
        (layouts.vae(), "vae"),
        ({"emb_params": (2, 768)}, "embeddings"),
        (layouts.kohya_lora(layouts.lora_modules(768)), "loras"),
        (layouts.unet(), None),
        (layouts.clip(), None),
        (layouts.x4_upscaler(), None),
        ({"double_blocks.0.img_attn.qkv.weight": (9216, 3072)}, None),
        ({"layer.weight": (3, 3)}, None),
    ],
)
def test_each_kind_has_its_folder(shapes: layouts.Shapes, folder: str | None) -> None:
    tensors = {name: TensorInfo("F16", shape, 0, 0) for name, shape in shapes.items()}
    assert model_folder(identify(Header(tensors, {}, 0, 0), None)) == folder
