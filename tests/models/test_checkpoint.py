"""Single files: against diffusers' own converters, there and back, every number format, and what must be refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from tests import tiny
from trainer.contract.errors import UserError
from trainer.models import sd_keys
from trainer.models.architecture import Architecture, FamilyName
from trainer.models.networks import without_weights
from trainer.models.sd import SD1, SD2, SDBundle

CPU = torch.device("cpu")
FAMILIES = {"sd1": SD1, "sd2": SD2}


def load(path: Path, family: str = "sd1", dtype: torch.dtype = torch.float32, **more: Any) -> SDBundle:
    return FAMILIES[family].load(path, device=CPU, dtype=dtype, **more)


def weights(bundle: SDBundle) -> dict[str, Tensor]:
    return {
        f"{part}.{name}": tensor
        for part in ("unet", "vae", "text_encoder")
        for name, tensor in getattr(bundle, part).state_dict().items()
    }


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def rewritten(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change the tensors of a file in place."""
    tensors = safetensors.torch.load(path.read_bytes())
    change(tensors)
    safetensors.torch.save_file(tensors, path)


@pytest.fixture(params=["sd1", "sd2"])
def family(request: pytest.FixtureRequest) -> FamilyName:
    return request.param


def test_there_and_back_is_bit_equal(tmp_path: Path, family: FamilyName) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    made = tiny.single_file(first, family, metadata={"gesso.note": "kept"})
    loaded = load(first, family)
    assert same(weights(made), weights(loaded))
    assert (loaded.shape, loaded.prediction, loaded.default_size) == (made.shape, made.prediction, made.default_size)
    assert loaded.metadata["gesso.note"] == "kept"
    loaded.family.save(loaded, second, dtype=None, metadata=loaded.metadata)
    assert second.read_bytes() == first.read_bytes()


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tiny.single_file(path, "sd2", metadata={"modelspec.title": "My own"})
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["modelspec.architecture"] == "stable-diffusion-v2-768-v"
    assert metadata["modelspec.prediction_type"] == "v"
    assert metadata["modelspec.resolution"] == "64x64"
    assert metadata["modelspec.title"] == "My own"


def test_the_map_agrees_with_the_converters_of_diffusers(tmp_path: Path, family: FamilyName) -> None:
    from diffusers.loaders import single_file_utils

    path = tmp_path / "model.safetensors"
    made = tiny.single_file(path, family)
    stored = safetensors.torch.load_file(path)
    unet = single_file_utils.convert_ldm_unet_checkpoint(dict(stored), made.shape.unet_config())
    vae = single_file_utils.convert_ldm_vae_checkpoint(dict(stored), made.shape.vae_config())
    if family == "sd1":
        text = single_file_utils.convert_ldm_clip_checkpoint(dict(stored))
        text.pop("text_model.embeddings.position_ids")
    else:
        text = single_file_utils.convert_open_clip_checkpoint(made.text_encoder, dict(stored))
        spare = [name for name in text if ".layers.2." in name]
        assert len(spare) == 16
        for name in spare:
            text.pop(name)
    text = {sd_keys.plain(name): tensor for name, tensor in text.items()}
    for state, network in ((unet, made.unet), (vae, made.vae), (text, made.text_encoder)):
        assert same(state, dict(network.state_dict()))


def test_full_size_models_have_the_published_numbers_of_tensors(tmp_path: Path) -> None:
    """1,131 and 1,228, counted in the published files; ours are made from the architecture, without weights."""
    for name, count in (("sd15", 1131), ("sd21", 1228)):
        parts = without_weights(Architecture.named(name))
        entries = [
            *sd_keys.unet_entries(parts.architecture, parts.unet.state_dict()),
            *sd_keys.vae_entries(parts.architecture, parts.vae.state_dict()),
            *sd_keys.text_entries(parts.architecture, parts.text_encoder.state_dict()),
        ]
        names = {entry.original for entry in entries}
        extra = 1 if name == "sd15" else 12 + 2  # position_ids; the last layer, text_projection and logit_scale
        assert len(names) == len(entries)
        assert len(names) + extra == count
        assert "model.diffusion_model.output_blocks.8.2.conv.weight" in names
        assert "first_stage_model.decoder.up.3.upsample.conv.bias" in names


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_every_number_format_is_read_as_every_other(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "model.safetensors"
    made = weights(tiny.single_file(path, dtype=dtype))
    for wanted in (torch.bfloat16, torch.float32):
        expected = {name: tensor.to(dtype).to(wanted) for name, tensor in made.items()}
        assert same(weights(load(path, dtype=wanted)), expected)


def test_weights_in_the_right_format_are_mapped_and_changing_them_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tiny.single_file(path)
    before = path.read_bytes()
    bundle = load(path)
    with torch.no_grad():
        for parameter in bundle.unet.parameters():
            parameter.add_(1)
    assert path.read_bytes() == before


def test_text_model_may_be_missing_and_position_ids_may_be_anything(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    made = tiny.single_file(path)

    def old_names(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if name.startswith("cond_stage_model.transformer.text_model.")]:
            tensors[name.replace("text_model.", "")] = tensors.pop(name)
        tensors["cond_stage_model.transformer.embeddings.position_ids"] = torch.full((1, 77), 0.25)
        tensors["cond_stage_model.logit_scale"] = torch.tensor(4.6)
        tensors["alphas_cumprod"] = torch.zeros(1000)

    rewritten(path, old_names)
    assert same(weights(load(path)), weights(made))


def test_averaged_weights_are_ignored_or_chosen(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    made = tiny.single_file(path)
    with pytest.raises(UserError, match="no averaged"):
        load(path, ema=True)

    def with_ema(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if name.startswith("model.diffusion_model.")]:
            tensors["model_ema." + name.removeprefix("model.").replace(".", "")] = tensors[name] + 1
        tensors["model_ema.decay"] = torch.tensor(0.9999)
        tensors["model_ema.num_updates"] = torch.tensor(7)

    rewritten(path, with_ema)
    assert same(weights(load(path)), weights(made))
    averaged = load(path, ema=True)
    assert torch.equal(averaged.unet.get_parameter("conv_in.weight"), made.unet.get_parameter("conv_in.weight") + 1)
    assert same(dict(averaged.vae.state_dict()), dict(made.vae.state_dict()))


def drop(prefix: str) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if name.startswith(prefix)]:
            del tensors[name]

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop("first_stage_model."), "lacks the VAE"),
        (drop("first_stage_model.encoder."), "lacks the VAE's encoder"),
        (drop("cond_stage_model."), "lacks the text encoder"),
        (drop("model.diffusion_model.middle_block.1."), "UNet of .* is incomplete: 26 of"),
        (drop("first_stage_model.decoder.up.0."), "VAE of .* is incomplete"),
        (
            lambda tensors: tensors.update({"model.diffusion_model.label_emb.0.0.weight": torch.zeros(4)}),
            "has 1 tensors",
        ),
        (
            lambda tensors: tensors.update({"model.diffusion_model.time_embed.0.bias": torch.zeros(3)}),
            r"time_embedding.linear_1.bias is 3 instead of 128",
        ),
    ],
)
def test_a_file_that_is_not_whole_is_refused_by_the_name_of_the_part(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], None], said: str
) -> None:
    path = tmp_path / "model.safetensors"
    tiny.single_file(path)
    rewritten(path, change)
    with pytest.raises(UserError, match=said):
        load(path)
