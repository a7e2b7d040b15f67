"""Single files: against diffusers' own converters, there and back, every number format, and what must be refused."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from tests import tiny
from tests.library import layouts
from trainer.contract.errors import UserError
from trainer.models import sd_keys
from trainer.models.architecture import Architecture, FamilyName
from trainer.models.networks import without_weights
from trainer.models.sd import SDBundle

CPU = torch.device("cpu")


def load(path: Path, family: FamilyName = "sd1", dtype: torch.dtype = torch.float32, **more: Any) -> SDBundle:
    return tiny.FAMILIES[family].load(path, device=CPU, dtype=dtype, **more)


def weights(bundle: SDBundle) -> dict[str, Tensor]:
    return {
        f"{part}.{name}": tensor
        for part, network in bundle.networks.items()
        for name, tensor in network.state_dict().items()
    }


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def rewritten(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change the tensors of a file in place."""
    tensors = safetensors.torch.load(path.read_bytes())
    change(tensors)
    safetensors.torch.save_file(tensors, path)


@dataclass(frozen=True)
class Published:
    architecture: str
    in_channels: int
    layout: Callable[[], layouts.Shapes]
    tensors: int
    sha256: str
    """Of a line "NAME 320x4x3x3" for each tensor, sorted: taken from the modules of Stability-AI/generative-models
    (UNet and VAE, by its configs/inference), open_clip 3.3.0 and transformers 5.23, made on torch's `meta` device."""


PUBLISHED = {
    "sd1": Published("sd15", 4, layouts.sd1, 1131, "c51e05b743392bf22f9d4c9db5ab979adf5ff22e5bc1331bed8953e3e23475a4"),
    "sd1 inpainting": Published(
        "sd15", 9, lambda: layouts.sd1(9), 1131, "6f441de0920d3b7ac7d90a3f58bc66ea8951438645e136c86275c524cf282772"
    ),
    "sd2": Published("sd21", 4, layouts.sd2, 1228, "ebea2f613b034590458513f84254524a78d6d9d7c387525b33b8eec61c9149aa"),
    "sd2 inpainting": Published(
        "sd21", 9, lambda: layouts.sd2(9), 1228, "5a2d60d6bbdce796e870a4144cd3ad8f2b36bb03c2934bc6c8570406db92cc1c"
    ),
    "sdxl": Published(
        "sdxl", 4, layouts.sdxl, 2515, "f5328d6acfa19b3c441983f01486867e01c323d13e267888a7ca79eef0c96b76"
    ),
    "sdxl inpainting": Published(
        "sdxl", 9, lambda: layouts.sdxl(9), 2515, "6364851ce043239fb4148df4aca60e7a193883388896e42a1ff0e913db63dfe4"
    ),
    "sdxl refiner": Published(
        "sdxl_refiner",
        4,
        layouts.sdxl_refiner,
        1858,
        "a1731d58746236e1405fe57e70470eabb29366562290fb7c25b6dc33bdbda156",
    ),
}


def digest(shapes: layouts.Shapes) -> tuple[int, str]:
    lines = "".join(f"{name} {'x'.join(map(str, shape))}\n" for name, shape in sorted(shapes.items()))
    return len(shapes), hashlib.sha256(lines.encode()).hexdigest()


@pytest.fixture(params=["sd1", "sd2", "sdxl", "sdxl_refiner"])
def family(request: pytest.FixtureRequest) -> FamilyName:
    return request.param


@pytest.mark.parametrize("change", [{}, {"in_channels": 9}, {"prediction": "v_prediction", "zero_terminal_snr": True}])
def test_there_and_back_is_bit_equal_also_through_a_folder(
    tmp_path: Path, family: FamilyName, change: dict[str, Any]
) -> None:
    first, second, third = (tmp_path / f"{number}.safetensors" for number in range(3))
    made = tiny.single_file(first, family, metadata={"gesso.note": "kept"}, **change)
    loaded = load(first, family)
    assert same(weights(made), weights(loaded))
    assert (loaded.shape, loaded.prediction, loaded.default_size) == (made.shape, made.prediction, made.default_size)
    assert loaded.metadata["gesso.note"] == "kept"
    loaded.family.save(loaded, second, dtype=None, metadata=loaded.metadata)
    assert second.read_bytes() == first.read_bytes()
    loaded.family.save_folder(loaded, tmp_path / "folder", dtype=None)
    from_folder = load(tmp_path / "folder", family)
    from_folder.family.save(from_folder, third, dtype=None, metadata=from_folder.metadata)
    assert third.read_bytes() == first.read_bytes()


def test_what_no_network_uses_comes_back_too(tmp_path: Path, family: FamilyName) -> None:
    """A last layer, a projection and a scale that are not the stand-ins, and marks in a number format of their own."""
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    tiny.single_file(first, family, dtype=torch.float16, prediction="v_prediction", zero_terminal_snr=True)

    def change(tensors: dict[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            if name.endswith(("text_projection", "logit_scale")) or ".resblocks.2." in name:
                tensors[name] = torch.rand(tensor.shape).to(tensor)
        tensors["v_pred"], tensors["ztsnr"] = torch.empty(0), torch.empty(0, dtype=torch.float16)

    rewritten(first, change)
    before = safetensors.torch.load_file(first)
    loaded = load(first, family, torch.float16)
    assert loaded.prediction == "v_prediction"
    loaded.family.save_folder(loaded, tmp_path / "folder", dtype=None)
    for bundle in (loaded, load(tmp_path / "folder", family, torch.float16)):
        bundle.family.save(bundle, second, dtype=None, metadata={})
        after = safetensors.torch.load_file(second)
        assert same(after, before)
        assert all(after[name].dtype == tensor.dtype for name, tensor in before.items())


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
    found = {"unet": unet, "vae": vae}
    for place, shape in made.shape.texts:
        network = made.text_encoders[place.part]
        if place.is_open_clip:
            text = single_file_utils.convert_open_clip_checkpoint(network, dict(stored), place.prefix)
        else:
            prefixed = {
                name.replace(place.prefix, "cond_stage_model.transformer."): one for name, one in stored.items()
            }
            text = single_file_utils.convert_ldm_clip_checkpoint(prefixed)
            text.pop("text_model.embeddings.position_ids")
        spare = [name for name in text if f".layers.{shape.layers}." in name]
        assert len(spare) == (0 if place.projects or not place.is_open_clip else 16)
        found[place.part] = {name: tensor for name, tensor in text.items() if name not in spare}
    for part, network in made.networks.items():
        theirs = {sd_keys.plain(name): tensor for name, tensor in found[part].items()}
        assert same(theirs, {sd_keys.plain(name): tensor for name, tensor in network.state_dict().items()})


@pytest.mark.parametrize("name", PUBLISHED)
def test_full_size_files_have_the_published_tensors(name: str) -> None:
    """The networks of an architecture give the names and shapes that other programs' own modules give, and so do the
    headers by which tests identify files."""
    architecture, channels = Architecture.named(PUBLISHED[name].architecture), PUBLISHED[name].in_channels
    shape = replace(architecture, unet=replace(architecture.unet, in_channels=channels))
    parts = without_weights(shape)
    ours: dict[str, tuple[int, ...]] = {}
    for part, network in parts.networks.items():
        state = network.state_dict()
        for entry in sd_keys.part_entries(shape, part, state):
            assert entry.original not in ours
            ours[entry.original] = tuple(entry.join(state).shape)
    laid = PUBLISHED[name].layout()
    beside = {key for key in laid if key not in ours}
    assert {key: laid[key] for key in ours} == ours
    # the numbers of positions and a scale of logits; in SD 2.x also the projection, and the 12 tensors of a last layer
    ends = ("position_ids", "logit_scale")
    unused = [key for key in beside if not key.endswith((*ends, "text_projection")) and ".resblocks.23." not in key]
    assert unused == []
    assert digest(laid) == (PUBLISHED[name].tensors, PUBLISHED[name].sha256)


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
