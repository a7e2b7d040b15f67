"""LoRA files: every naming, the maths against PEFT, restoring, and what must be refused."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from tests import tiny
from trainer.contract.errors import UserError
from trainer.models.architecture import Architecture
from trainer.models.family import Framing
from trainer.models.lora_file import LoraFile, LoraPair, merged, read_lora, write_lora
from trainer.models.networks import without_weights
from trainer.models.sd import SD1, SD2, SDBundle
from trainer.models.sdxl import SDXL

RANK, ALPHA = 4, 2.0


def random_pairs(bundle: SDBundle, *, convolutions: bool = False) -> dict[str, LoraPair]:
    """A pair for each module, by `unet.<path>` or `text_encoder.<path>`, large enough to change the output plainly."""
    generator = torch.Generator().manual_seed(5)
    pairs: dict[str, LoraPair] = {}
    for path in bundle.family.lora_targets(bundle, text_encoder=True, convolutions=convolutions):
        part, _, inner = path.partition(".")
        weight: Tensor = getattr(bundle, part).get_submodule(inner).weight
        down = torch.randn(RANK, *weight.shape[1:], generator=generator) * 0.1
        up = torch.randn(weight.shape[0], RANK, *(1 for _ in weight.shape[2:]), generator=generator) * 0.1
        pairs[path] = LoraPair(down, up, ALPHA)
    return pairs


def written(path: Path, bundle: SDBundle, pairs: dict[str, LoraPair]) -> LoraFile:
    names = bundle.family.lora_targets(bundle, text_encoder=True, convolutions=True)
    write_lora(path, {names[module]: pair for module, pair in pairs.items()}, {"ss_network_dim": "4"})
    return read_lora(path)


def answer(bundle: SDBundle) -> Tensor:
    """What the model predicts for fixed noise and a prompt."""
    generator = torch.Generator().manual_seed(9)
    noisy = torch.randn(2, 4, 8, 8, generator=generator)
    with torch.no_grad():
        conditioning = bundle.family.encode_text(bundle, ["a red cat", "a blue dog"])
        conditioning = bundle.family.framed(bundle, conditioning, [Framing((64, 64), (0, 0), (64, 64))] * 2)
        return bundle.family.predict(bundle, noisy, torch.tensor([10, 800]), conditioning)


def test_targets_are_kohyas() -> None:
    """Counts and names as sd-scripts has them: 192 and 72 for SD 1.5, 86 more with convolutions."""
    expected = {
        "lora_unet_down_blocks_0_attentions_0_proj_in",
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0",
        "lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_ff_net_0_proj",
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
        "lora_te_text_model_encoder_layers_11_mlp_fc2",
    }
    more = {"lora_unet_up_blocks_0_upsamplers_0_conv", "lora_unet_down_blocks_1_resnets_0_conv_shortcut"}
    for family, name, text in ((SD1, "sd15", 72), (SD2, "sd21", 138)):
        parts: Any = SimpleNamespace(**without_weights(Architecture.named(name)).networks)
        targets = set(family.lora_targets(parts, text_encoder=True, convolutions=False).values())
        assert len(targets) == 192 + text
        assert expected <= targets
        assert len(family.lora_targets(parts, text_encoder=False, convolutions=False)) == 192
        convolutions = set(family.lora_targets(parts, text_encoder=False, convolutions=True).values())
        assert len(convolutions) == 192 + 86
        assert more <= convolutions


def test_targets_of_xl_are_kohyas() -> None:
    """722 in the UNet by the paths of the original layout, 66 more with convolutions, 72 and 192 in the text encoders
    (sd-scripts, networks/lora.py)."""
    parts: Any = SimpleNamespace(**without_weights(Architecture.named("sdxl")).networks)
    parts.text_encoders = {"text_encoder": parts.text_encoder, "text_encoder_2": parts.text_encoder_2}
    targets = SDXL.lora_targets(parts, text_encoder=True, convolutions=True)
    names = set(targets.values())
    unet = {name for name in names if name.startswith("lora_unet_")}
    assert len(names) == len(targets)
    assert len(unet) == 722 + 66
    assert len([name for name in names if name.startswith("lora_te1_text_model_encoder_layers_")]) == 72
    assert len([name for name in names if name.startswith("lora_te2_text_model_encoder_layers_")]) == 192
    assert len(SDXL.lora_targets(parts, text_encoder=False, convolutions=False)) == 722
    assert {
        "lora_unet_input_blocks_4_1_proj_in",
        "lora_unet_input_blocks_4_1_transformer_blocks_1_attn1_to_q",
        "lora_unet_input_blocks_8_1_transformer_blocks_9_attn2_to_out_0",
        "lora_unet_middle_block_1_transformer_blocks_9_ff_net_0_proj",
        "lora_unet_output_blocks_0_1_transformer_blocks_0_ff_net_2",
        "lora_unet_output_blocks_5_1_proj_out",
        "lora_unet_input_blocks_1_0_in_layers_2",
        "lora_unet_input_blocks_3_0_op",
        "lora_unet_input_blocks_4_0_skip_connection",
        "lora_unet_middle_block_2_emb_layers_1",
        "lora_unet_output_blocks_2_2_conv",
        "lora_unet_output_blocks_8_0_out_layers_3",
    } <= unet


def test_names_keep_text_model_under_both_layouts_of_transformers() -> None:
    class Nested(nn.Module):
        def __init__(self, flat: nn.Module) -> None:
            super().__init__()
            self.text_model = flat

    bundle = tiny.bundle()
    flat = bundle.family.lora_targets(bundle, text_encoder=True, convolutions=False)
    bundle.text_encoder = Nested(bundle.text_encoder)
    nested = bundle.family.lora_targets(bundle, text_encoder=True, convolutions=False)
    assert set(flat.values()) == set(nested.values())
    assert "text_encoder.text_model.encoder.layers.0.mlp.fc1" in nested


@pytest.mark.parametrize("weight", [1.0, 0.5])
@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl", "sdxl_refiner"])
def test_merged_equals_peft(tmp_path: Path, family: Any, weight: float) -> None:
    """PEFT's own layers compute the sum beside each layer; ours adds it into the weight."""
    from peft import LoraConfig, inject_adapter_in_model

    bundle = tiny.bundle(family)
    pairs = random_pairs(bundle)
    lora = written(tmp_path / "lora.safetensors", bundle, pairs)
    plain = answer(bundle)
    with merged(bundle, [(lora, weight)]):
        ours = answer(bundle)
    assert torch.equal(answer(bundle), plain)
    for part, network in {"unet": bundle.unet, **bundle.text_encoders}.items():
        paths = [path.removeprefix(f"{part}.") for path in pairs if path.startswith(f"{part}.")]
        config = LoraConfig(r=RANK, lora_alpha=ALPHA * weight, target_modules=paths)  # pyright: ignore[reportArgumentType] - ints only by its hints
        adapted = inject_adapter_in_model(config, network)
        for path in paths:
            layer: Any = adapted.get_submodule(path)
            layer.lora_A["default"].weight.data = pairs[f"{part}.{path}"].down
            layer.lora_B["default"].weight.data = pairs[f"{part}.{path}"].up
    theirs = answer(bundle)
    assert (theirs - plain).abs().max() > 0.05
    assert torch.allclose(ours, theirs, atol=1e-4)


def pipeline_of(bundle: Any) -> Any:
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

    parts = {"vae": bundle.vae, "unet": bundle.unet, "tokenizer": bundle.tokenizer, "scheduler": None}
    if bundle.family.name == "sdxl":
        parts |= {**bundle.text_encoders, "tokenizer_2": bundle.tokenizer_2}
        return StableDiffusionXLPipeline(**parts, add_watermarker=False)
    unused = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return StableDiffusionPipeline(**parts, **unused, text_encoder=bundle.text_encoder)


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_diffusers_loads_our_file_and_gives_the_same_answer(tmp_path: Path, family: Any) -> None:
    bundle = tiny.bundle(family)
    path = tmp_path / "lora.safetensors"
    lora = written(path, bundle, random_pairs(bundle))
    ours: dict[float, Tensor] = {}
    for weight in (1.0, 0.5):
        with merged(bundle, [(lora, weight)]):
            ours[weight] = answer(bundle)
    pipeline = pipeline_of(bundle)
    pipeline.load_lora_weights(str(path), adapter_name="ours")
    for weight, expected in ours.items():
        pipeline.set_adapters(["ours"], adapter_weights=[weight])
        assert torch.allclose(answer(bundle), expected, atol=1e-3)
    assert (ours[1.0] - ours[0.5]).abs().max() > 0.05


def test_weights_come_back_as_the_same_tensors_even_after_a_failure(tmp_path: Path) -> None:
    bundle = tiny.bundle()
    lora = written(tmp_path / "lora.safetensors", bundle, random_pairs(bundle, convolutions=True))
    before = {name: id(parameter) for name, parameter in bundle.unet.named_parameters()}

    def fail() -> None:
        with merged(bundle, [(lora, 1.0), (lora, -0.25)]):
            assert {name: id(parameter) for name, parameter in bundle.unet.named_parameters()} != before
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {name: id(parameter) for name, parameter in bundle.unet.named_parameters()} == before


def test_two_uses_add_up_and_convolutions_are_adapted(tmp_path: Path) -> None:
    bundle = tiny.bundle()
    pairs = {path: pair for path, pair in random_pairs(bundle, convolutions=True).items() if path.endswith("conv1")}
    lora = written(tmp_path / "lora.safetensors", bundle, pairs)
    path = next(iter(pairs))
    layer: Any = bundle.unet.get_submodule(path.removeprefix("unet."))
    x = torch.randn(1, layer.in_channels, 5, 5, generator=torch.Generator().manual_seed(1))
    low = nn.functional.conv2d(x, pairs[path].down, padding=1)
    expected = layer(x) + 0.75 * ALPHA / RANK * nn.functional.conv2d(low, pairs[path].up)
    with merged(bundle, [(lora, 1.0), (lora, -0.25)]):
        assert torch.allclose(layer(x), expected, atol=1e-5)


def peft_names(pairs: dict[str, LoraPair], prefix: str = "") -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for path, pair in pairs.items():
        long = path.replace("text_encoder.", f"text_encoder.{prefix}")
        tensors |= {f"{long}.lora_A.weight": pair.down, f"{long}.lora_B.weight": pair.up}
    return tensors


def old_names(pairs: dict[str, LoraPair]) -> dict[str, Tensor]:
    """diffusers before PEFT: attention layers hang on a processor, text layers have `lora_linear_layer`."""
    tensors: dict[str, Tensor] = {}
    for path, pair in pairs.items():
        if ".attn" in path and ".to_" in path:
            attention, _, layer = path.replace("to_out.0", "to_out").rpartition(".")
            long = f"{attention}.processor.{layer}_lora"
        else:
            long = f"{path}.lora_linear_layer".replace("text_encoder.", "text_encoder.text_model.")
        tensors |= {f"{long}.down.weight": pair.down, f"{long}.up.weight": pair.up}
    return tensors


def kohya_diffusers_names(pairs: dict[str, LoraPair]) -> dict[str, Tensor]:
    """kohya's naming with diffusers' paths for XL's UNet, as some trainers write it."""
    tensors: dict[str, Tensor] = {}
    for path, pair in pairs.items():
        part, _, inner = path.partition(".")
        plain = inner.removeprefix("text_model.").replace(".", "_")
        starts = {
            "unet": "lora_unet_",
            "text_encoder": "lora_te1_text_model_",
            "text_encoder_2": "lora_te2_text_model_",
        }
        tensors |= {f"{starts[part]}{plain}.lora_down.weight": pair.down}
        tensors |= {f"{starts[part]}{plain}.lora_up.weight": pair.up}
    return tensors


@pytest.mark.parametrize("naming", [peft_names, old_names, kohya_diffusers_names])
def test_every_naming_of_an_xl_lora_does_the_same(
    tmp_path: Path, naming: Callable[[dict[str, LoraPair]], dict[str, Tensor]]
) -> None:
    bundle = tiny.bundle("sdxl")
    pairs = {path: LoraPair(pair.down, pair.up, RANK) for path, pair in random_pairs(bundle).items()}
    ours = written(tmp_path / "ours.safetensors", bundle, pairs)
    path = tmp_path / "theirs.safetensors"
    safetensors.torch.save_file({name: tensor.clone() for name, tensor in naming(pairs).items()}, path)
    theirs = read_lora(path)
    assert len(theirs.pairs) == len(ours.pairs)
    with merged(bundle, [(ours, 1.0)]):
        wanted = answer(bundle)
    with merged(bundle, [(theirs, 1.0)]):
        assert torch.equal(answer(bundle), wanted)
    with merged(bundle, [(ours, 0.4), (theirs, 0.6)]):  # two names for one layer add up
        torch.testing.assert_close(answer(bundle), wanted, atol=1e-4, rtol=1e-4)


def te1_names(pairs: dict[str, LoraPair], names: dict[str, str]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for path, pair in pairs.items():
        name = names[path].replace("lora_te_text_model_", "lora_te1_")
        tensors |= {f"{name}.lora_down.weight": pair.down, f"{name}.lora_up.weight": pair.up}
    return tensors


@pytest.mark.parametrize("naming", ["peft", "peft with text_model", "old diffusers", "te1 without text_model"])
def test_every_naming_is_read_as_the_same_lora(tmp_path: Path, naming: str) -> None:
    bundle = tiny.bundle()
    pairs = random_pairs(bundle)
    names = bundle.family.lora_targets(bundle, text_encoder=True, convolutions=False)
    tensors = {
        "peft": lambda: peft_names(pairs),
        "peft with text_model": lambda: peft_names(pairs, "text_model."),
        "old diffusers": lambda: old_names(pairs),
        "te1 without text_model": lambda: te1_names(pairs, names),
    }[naming]()
    path = tmp_path / "lora.safetensors"
    safetensors.torch.save_file({name: tensor.clone() for name, tensor in tensors.items()}, path)
    read = read_lora(path)
    assert set(read.pairs) == {names[module] for module in pairs}
    for module, pair in pairs.items():
        found = read.pairs[names[module]]
        assert torch.equal(found.down, pair.down)
        assert torch.equal(found.up, pair.up)
        assert found.alpha == RANK  # none of these files says an alpha


PEFT_PATH = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.mark.parametrize(
    ("config", "alpha"),
    [
        ({"unet.r": 4, "unet.lora_alpha": 8}, 8.0),
        ({"unet.r": 4, "unet.lora_alpha": 8, "unet.alpha_pattern": {"attn1.to_q": 3}}, 3.0),
        ({"unet.r": 4, "unet.lora_alpha": 8, "unet.alpha_pattern": {"attn1.to_q": 3, "to_q": 5}}, 3.0),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {f"^{PEFT_PATH}": 3}}, 3.0),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {"^attn1.to_q": 3}}, 8.0),
        ({"unet.r": 4, "unet.lora_alpha": 8, "unet.use_rslora": True}, 16.0),
        ({"text_encoder.lora_alpha": 8}, 4.0),
        ("no object", 4.0),
    ],
)
def test_peft_alpha_is_read_from_the_metadata(tmp_path: Path, config: object, alpha: float) -> None:
    path = tmp_path / "lora.safetensors"
    module = f"unet.{PEFT_PATH}"
    tensors = {f"{module}.lora_A.weight": torch.ones(4, 8), f"{module}.lora_B.weight": torch.ones(8, 4)}
    safetensors.torch.save_file(tensors, path, {"lora_adapter_metadata": json.dumps(config)})
    (pair,) = read_lora(path).pairs.values()
    assert pair.alpha == alpha


def test_written_hashes_are_of_the_tensors_as_the_safetensors_library_orders_them(tmp_path: Path) -> None:
    bundle = tiny.bundle()
    path = tmp_path / "lora.safetensors"
    lora = written(path, bundle, random_pairs(bundle))
    data = safetensors.torch.save(safetensors.torch.load_file(path))
    start = 8 + int.from_bytes(data[:8], "little")
    assert lora.metadata["sshs_model_hash"] == hashlib.sha256(data[start:]).hexdigest()
    assert len(lora.metadata["sshs_legacy_hash"]) == 8
    assert {pair.alpha for pair in lora.pairs.values()} == {ALPHA}


NAME = "lora_unet_mid_block_attentions_0_proj_in"


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({f"{NAME}.hada_w1_a": (4, 4)}, "LoHa"),
        ({f"{NAME}.lokr_w1": (4, 4)}, "LoKr"),
        ({f"{NAME}.lora_down.weight": (4, 8), f"{NAME}.lora_up.weight": (8, 4), f"{NAME}.dora_scale": (8, 1)}, "DoRA"),
        ({f"{NAME}.lora_down.weight": (4, 8)}, "half of"),
        ({f"{NAME}.lora_down.weight": (4, 8), f"{NAME}.lora_up.weight": (8, 3)}, "don't fit together"),
        ({"model.weight": (4, 8)}, "is not a LoRA"),
        (
            {f"{NAME}.lora_down.weight": (4, 8), f"{NAME}.lora_up.weight": (8, 4), "bundle_emb.cat.clip_l": (1, 8)},
            "1 of the 3 tensors",
        ),
    ],
)
def test_what_is_no_ordinary_lora_is_refused_by_name(
    tmp_path: Path, tensors: dict[str, tuple[int, ...]], said: str
) -> None:
    path = tmp_path / "lora.safetensors"
    safetensors.torch.save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, path)
    with pytest.raises(UserError, match=said):
        read_lora(path)


def test_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    tensors = {f"{NAME}.lora_down.weight": torch.full((4, 8), torch.nan), f"{NAME}.lora_up.weight": torch.zeros(8, 4)}
    safetensors.torch.save_file(tensors, path)
    with pytest.raises(UserError, match="not numbers"):
        read_lora(path)


def test_a_lora_of_another_family_is_refused_with_its_widths_and_changes_nothing(tmp_path: Path) -> None:
    bundle, other = tiny.bundle("sd1"), tiny.bundle("sd2")
    lora = written(tmp_path / "lora.safetensors", other, random_pairs(other))
    before = answer(bundle)
    with (
        pytest.raises(UserError, match=r"another kind of model .* 64 to 64 instead of 32 to 32"),
        merged(bundle, [(lora, 1.0)]),
    ):
        pass
    assert torch.equal(answer(bundle), before)
    strange = LoraFile("strange", {"lora_te2_x": LoraPair(torch.zeros(4, 8), torch.zeros(8, 4), 4.0)})
    with pytest.raises(UserError, match="1 of the 1 layers"), merged(bundle, [(strange, 1.0)]):
        pass
