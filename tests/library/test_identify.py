"""Identification from the keys and shapes of real layouts, counted from the architectures."""

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.library import layouts
from trainer.library.header import Header, TensorInfo
from trainer.library.identify import Identity, Kind, ModelFamily, identify, identify_file

Shapes = layouts.Shapes
Maker = Callable[[], Shapes]


def header_of(shapes: Shapes, metadata: dict[str, str] | None = None, dtype: str = "F16") -> Header:
    tensors = {name: TensorInfo(dtype, shape, 0, 0) for name, shape in shapes.items()}
    return Header(tensors, metadata or {}, 0, 0)


def identity_of(shapes: Shapes, metadata: dict[str, str] | None = None, config: str = "") -> Identity:
    return identify(header_of(shapes, metadata), None, config)


def without(shapes: Shapes, *prefixes: str) -> Shapes:
    return {name: shape for name, shape in shapes.items() if not name.startswith(prefixes)}


def only(shapes: Shapes, prefix: str) -> Shapes:
    return {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}


def averaged(shapes: Shapes) -> Shapes:
    """The EMA copy of a checkpoint's UNet, as the original trainer names it."""
    return {
        "model_ema.diffusion_model" + name.replace(".", ""): shape
        for name, shape in only(shapes, layouts.PREFIX).items()
    } | {"model_ema.decay": (), "model_ema.num_updates": ()}


@pytest.mark.parametrize(
    ("make", "count"),
    [(layouts.sd1, 1131), (layouts.sd2, 1228), (layouts.sdxl, 2515), (layouts.svd, 2440)],
    ids=["sd1", "sd2", "sdxl", "svd"],
)
def test_the_layouts_have_the_counts_of_the_real_files(make: Maker, count: int) -> None:
    assert len(make()) == count


WHOLE: dict[str, tuple[Maker, Kind, ModelFamily, str]] = {
    "sd1": (layouts.sd1, Kind.CHECKPOINT, ModelFamily.SD1, "standard"),
    "sd1 without text_model": (lambda: layouts.sd1(text_model=""), Kind.CHECKPOINT, ModelFamily.SD1, "standard"),
    "sd1 inpainting": (lambda: layouts.sd1(9), Kind.CHECKPOINT, ModelFamily.SD1, "inpainting"),
    "sd1 pix2pix": (lambda: layouts.sd1(8), Kind.CHECKPOINT, ModelFamily.SD1, "pix2pix"),
    "sd2": (layouts.sd2, Kind.CHECKPOINT, ModelFamily.SD2, "standard"),
    "sd2 inpainting": (lambda: layouts.sd2(9), Kind.CHECKPOINT, ModelFamily.SD2, "inpainting"),
    "sd2 depth": (lambda: layouts.sd2(5), Kind.CHECKPOINT, ModelFamily.SD2, "depth"),
    "sdxl": (layouts.sdxl, Kind.CHECKPOINT, ModelFamily.SDXL, "standard"),
    "sdxl inpainting": (lambda: layouts.sdxl(9), Kind.CHECKPOINT, ModelFamily.SDXL, "inpainting"),
    "ssd-1b": (lambda: layouts.sdxl(depths=(0, 2, 4), middle=0), Kind.CHECKPOINT, ModelFamily.SDXL, "ssd_1b"),
    "vega": (lambda: layouts.sdxl(depths=(0, 1, 2), middle=0), Kind.CHECKPOINT, ModelFamily.SDXL, "vega"),
    "refiner": (layouts.sdxl_refiner, Kind.CHECKPOINT, ModelFamily.SDXL_REFINER, "standard"),
    "svd": (layouts.svd, Kind.CHECKPOINT, ModelFamily.SVD, "standard"),
    "x4 upscaler": (layouts.x4_upscaler, Kind.UPSCALER, ModelFamily.SD2, "x4_upscaler"),
}


@pytest.mark.parametrize("case", WHOLE)
def test_whole_models(case: str) -> None:
    make, kind, family, variant = WHOLE[case]
    found = identity_of(make())
    assert (found.kind, found.family, found.variant) == (kind, family, variant)
    assert found.certainty == "certain"
    assert found.layout == "original"
    assert found.reasons
    assert "vae" in found.parts


def test_parameters_and_precision_are_counted() -> None:
    found = identity_of(layouts.sd1())
    assert found.parameters == 859_520_964 + 83_653_863 + 123_060_480 + 77  # UNet, VAE, CLIP-L, its position ids
    assert found.precision == {"F16": 1131}
    assert (found.context_width, found.in_channels, found.parts) == (768, 4, ("unet", "vae", "text_encoder"))


def test_a_reduced_xl_and_its_refiner_are_told_by_what_they_are_told() -> None:
    small = layouts.unet(
        channels=64, context=192, linear=True, vector=1664, multipliers=(1, 2), depths=(0, 2), blocks=1
    )
    found = identity_of({f"model.diffusion_model.{name}": shape for name, shape in small.items()})
    assert (found.family, found.certainty, found.prediction) == (ModelFamily.SDXL, "likely", "epsilon")
    assert found.reasons[0].endswith("1664 beside it: Stable Diffusion XL key layout, reduced")
    found = identity_of(
        {**{f"model.diffusion_model.{name}": shape for name, shape in small.items()}, "v_pred": (0,), "ztsnr": (0,)}
    )
    assert (found.prediction, found.zero_terminal_snr) == ("v_prediction", True)
    small = layouts.unet(
        channels=64, context=128, linear=True, vector=1408, multipliers=(1, 2), depths=(0, 2), blocks=1
    )
    assert (
        identity_of({f"model.diffusion_model.{name}": shape for name, shape in small.items()}).family
        == ModelFamily.SDXL_REFINER
    )
    small = layouts.unet(
        channels=64, context=128, linear=True, vector=1000, multipliers=(1, 2), depths=(0, 2), blocks=1
    )
    assert (
        identity_of({f"model.diffusion_model.{name}": shape for name, shape in small.items()}).family
        == ModelFamily.UNKNOWN
    )


def test_a_reduced_sd1_is_sd1_and_says_what_is_reduced() -> None:
    found = identity_of(layouts.sd1_reduced(128))
    assert (found.kind, found.family, found.prediction) == (Kind.CHECKPOINT, ModelFamily.SD1, "epsilon")
    assert found.certainty in ("certain", "likely")
    assert found.context_width == 128
    assert found.reasons[0].startswith("Stable Diffusion 1.x key layout, reduced: context width 128 instead of 768")


def test_parts_that_are_there_and_missing() -> None:
    whole = layouts.sd1()
    both = identity_of(whole | averaged(whole))
    assert both.parts == ("unet", "vae", "text_encoder", "ema")
    assert both.family == ModelFamily.SD1
    ema_only = identity_of(without(whole, layouts.PREFIX) | averaged(whole))
    assert (ema_only.kind, ema_only.family) == (Kind.CHECKPOINT, ModelFamily.SD1)
    assert "unet" not in ema_only.parts
    assert any("EMA" in reason for reason in ema_only.reasons)
    no_vae = identity_of(without(whole, "first_stage_model."))
    assert no_vae.kind == Kind.CHECKPOINT
    assert "it has no VAE" in no_vae.reasons
    no_text = identity_of(without(whole, "cond_stage_model."))
    assert "it has no text encoder" in no_text.reasons


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        (layouts.unet(), ModelFamily.SD1),
        (layouts.unet(context=1024, linear=True), ModelFamily.SD2),
        (without(layouts.sdxl(), "first_stage_model.", "conditioner."), ModelFamily.SDXL),
        (layouts.diffusers_unet(768), ModelFamily.SD1),
        (layouts.diffusers_unet(1024, linear=True), ModelFamily.SD2),
    ],
    ids=["bare sd1", "bare sd2", "xl without the rest", "diffusers sd1", "diffusers sd2"],
)
def test_unets_alone_are_unets_and_no_controlnets(shapes: Shapes, family: ModelFamily) -> None:
    found = identity_of(shapes)
    assert (found.kind, found.family) == (Kind.UNET, family)


def test_controlnets() -> None:
    body = {name: shape for name, shape in layouts.unet().items() if not name.startswith(("output_blocks.", "out."))}
    body |= {"input_hint_block.0.weight": (16, 3, 3, 3), "zero_convs.0.0.weight": (320, 320, 1, 1)}
    prefixed = {f"control_model.{name}": shape for name, shape in body.items()}
    diffusers = layouts.diffusers_unet(1024, linear=True) | {"controlnet_mid_block.bias": (1280,)}
    for shapes, family in (
        (body, ModelFamily.SD1),
        (prefixed, ModelFamily.SD1),
        (prefixed | layouts.sd1(), ModelFamily.SD1),
        (diffusers, ModelFamily.SD2),
    ):
        found = identity_of(shapes)
        assert (found.kind, found.family) == (Kind.CONTROLNET, family)


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        ({"model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": (3, 3)}, ModelFamily.SD3),
        ({"double_blocks.0.img_attn.qkv.weight": (9216, 3072)}, ModelFamily.FLUX),
    ],
)
def test_families_that_gesso_has_no_use_for_are_named(shapes: Shapes, family: ModelFamily) -> None:
    assert identity_of(shapes).family == family


# --- what the UNet predicts ---------------------------------------------------------------------------------------

PROBE = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"


def spread_values(spread: float, dtype: str) -> bytes:
    generator = random.Random(0)
    values = [generator.gauss(0.02, spread) for _ in range(320)]
    if dtype == "BF16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    return struct.pack(f"<320{'e' if dtype == 'F16' else 'f'}", *values)


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F32"])
@pytest.mark.parametrize(("spread", "prediction"), [(0.03, "epsilon"), (0.2, "v_prediction")])
def test_sd2_is_told_by_one_small_tensor(tmp_path: Path, dtype: str, spread: float, prediction: str) -> None:
    path = tmp_path / "a.safetensors"
    layouts.write_header_only(path, layouts.sd2(), dtype, values={PROBE: spread_values(spread, dtype)})
    found = identify_file(path)
    assert (found.family, found.prediction) == (ModelFamily.SD2, prediction)
    assert any(PROBE in reason for reason in found.reasons)


def test_the_probe_reads_only_its_own_tensor() -> None:
    asked: list[str] = []

    def read(name: str) -> bytes:
        asked.append(name)
        return spread_values(0.2, "F16")

    assert identify(header_of(layouts.sd2()), read).prediction == "v_prediction"
    assert identify(header_of(layouts.sd1()), read).prediction == "epsilon"
    assert asked == [PROBE]


def test_without_reading_sd2_stays_open_and_nan_does_not_decide() -> None:
    assert identity_of(layouts.sd2()).prediction == "unknown"
    broken = struct.pack("<320e", *[float("nan")] * 320)
    assert identify(header_of(layouts.sd2()), lambda name: broken).prediction == "unknown"


@pytest.mark.parametrize(
    ("config", "prediction"),
    [
        ("model:\n  params:\n    parameterization: v\n", "v_prediction"),
        ('model:\n  params:\n    parameterization: "v" # comment\n', "v_prediction"),
        ("model:\n  params:\n    # parameterization: v\n", "epsilon"),
        ("model:\n  params:\n    parameterization: eps\n", "epsilon"),
    ],
)
def test_the_yaml_beside_a_file_counts_first(tmp_path: Path, config: str, prediction: str) -> None:
    path = layouts.write_header_only(tmp_path / "a.safetensors", layouts.sd2())
    (tmp_path / "a.yaml").write_text(config, encoding="utf-8")
    assert identify_file(path).prediction == prediction
    assert identity_of(layouts.sd1(), config="parameterization: v").prediction == "v_prediction"


@pytest.mark.parametrize(
    ("metadata", "prediction"),
    [
        ({"modelspec.prediction_type": "v"}, "v_prediction"),
        ({"modelspec.predict_key": "epsilon"}, "epsilon"),
        ({"modelspec.architecture": "stable-diffusion-v2-768-v"}, "v_prediction"),
        ({"modelspec.architecture": "stable-diffusion-v2-512"}, "epsilon"),
        ({"ss_base_model_version": "sd_v2_v"}, "v_prediction"),
    ],
)
def test_metadata_tells_what_is_predicted(metadata: dict[str, str], prediction: str) -> None:
    assert identity_of(layouts.sd2(), metadata).prediction == prediction


def test_keys_of_sdxl_with_v_prediction() -> None:
    plain = identity_of(layouts.sdxl())
    assert (plain.prediction, plain.zero_terminal_snr) == ("epsilon", False)
    marked = identity_of(layouts.sdxl() | {"v_pred": (0,)})
    assert (marked.prediction, marked.zero_terminal_snr) == ("v_prediction", False)
    rescaled = identity_of(layouts.sdxl() | {"v_pred": (0,), "ztsnr": (0,)})
    assert (rescaled.prediction, rescaled.zero_terminal_snr) == ("v_prediction", True)
    assert identity_of(layouts.sdxl() | {"edm_vpred.sigma_max": ()}).variant == "cosxl"
    playground = identity_of(layouts.sdxl() | {"edm_mean": (4,), "edm_std": (4,)})
    assert (playground.variant, playground.prediction) == ("playground", "unknown")
    assert identity_of(layouts.svd()).prediction == "v_prediction"


# --- LoRA ---------------------------------------------------------------------------------------------------------

SD1_MODULES = layouts.lora_modules(768)
SD2_MODULES = layouts.lora_modules(1024, linear=True, text_width=1024, text_layers=23)
SMALL_MODULES = layouts.lora_modules(128, text_width=128, text_layers=4)


@pytest.mark.parametrize("named", [layouts.kohya_lora, layouts.peft_lora], ids=["kohya", "peft"])
@pytest.mark.parametrize(
    ("modules", "family", "certainty"),
    [
        (SD1_MODULES, ModelFamily.SD1, "certain"),
        (SD2_MODULES, ModelFamily.SD2, "certain"),
        (SMALL_MODULES, ModelFamily.UNKNOWN, "unsure"),
    ],
    ids=["sd1", "sd2", "reduced"],
)
def test_loras(named: Callable[[Shapes], Shapes], modules: Shapes, family: ModelFamily, certainty: str) -> None:
    found = identity_of(named(modules))
    assert (found.kind, found.family, found.certainty) == (Kind.LORA, family, certainty)
    assert found.variant == "lora"
    assert found.layout == ("kohya" if named is layouts.kohya_lora else "peft")
    assert found.parts == ("unet", "text_encoder")
    assert found.context_width == modules["unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"][1]


def test_a_lora_for_a_reduced_model_goes_by_its_metadata() -> None:
    found = identity_of(layouts.kohya_lora(SMALL_MODULES), {"ss_base_model_version": "sd_v1"})
    assert (found.family, found.certainty, found.context_width) == (ModelFamily.SD1, "likely", 128)


def test_shapes_of_a_lora_beat_its_metadata() -> None:
    found = identity_of(layouts.kohya_lora(SD1_MODULES), {"ss_base_model_version": "sdxl_base_v1-0"})
    assert found.family == ModelFamily.SD1
    assert any("the shapes decide" in reason for reason in found.reasons)


XL_BLOCK = "lora_unet_input_blocks_7_1_transformer_blocks"
OTHER_LORAS: dict[str, tuple[Shapes, ModelFamily, str]] = {
    "xl": ({f"{XL_BLOCK}_0_attn2_to_k.lora_down.weight": (8, 2048)}, ModelFamily.SDXL, "lora"),
    "xl slider": ({f"{XL_BLOCK}_9_attn1_to_k.lora_down.weight": (8, 1280)}, ModelFamily.SDXL, "lora"),
    "xl text": ({"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (8, 1280)}, ModelFamily.SDXL, "lora"),
    "sd1 text": (
        {"lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (8, 768)},
        ModelFamily.SD1,
        "lora",
    ),
    "refiner": ({f"{XL_BLOCK}_0_attn2_to_v.lora_down.weight": (8, 1280)}, ModelFamily.SDXL_REFINER, "lora"),
    "loha": (
        {
            f"{XL_BLOCK}_0_attn2_to_k.hada_w1_a": (1280, 8),
            f"{XL_BLOCK}_0_attn2_to_k.hada_w1_b": (8, 2048),
        },
        ModelFamily.SDXL,
        "loha",
    ),
    "lokr": (
        {f"{XL_BLOCK}_0_attn2_to_k.lokr_w1": (16, 16), f"{XL_BLOCK}_0_attn2_to_k.lokr_w2": (80, 48)},
        ModelFamily.SD1,
        "lokr",
    ),
    "dora": (
        {
            f"{XL_BLOCK}_0_attn2_to_k.lora_down.weight": (8, 768),
            f"{XL_BLOCK}_0_attn2_to_k.dora_scale": (1280, 1),
        },
        ModelFamily.SD1,
        "dora",
    ),
    "whole difference": ({f"{XL_BLOCK}_0_attn2_to_k.diff": (1280, 1024)}, ModelFamily.SD2, "full"),
    "old diffusers": (
        {"unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight": (4, 768)},
        ModelFamily.SD1,
        "lora",
    ),
    "attn1 only, proj_in a convolution": (
        {
            "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": (4, 1280, 1, 1),
            "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight": (4, 1280),
        },
        ModelFamily.SD1,
        "lora",
    ),
    "attn1 only": (
        {"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight": (4, 1280)},
        ModelFamily.UNKNOWN,
        "lora",
    ),
    "video": (
        {"unet.mid_block.attentions.0.temporal_transformer_blocks.0.attn2.to_k.lora_A.weight": (4, 1024)},
        ModelFamily.SVD,
        "lora",
    ),
    "flux": ({"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight": (4, 3072)}, ModelFamily.FLUX, "lora"),
    "something else": ({"transformer.blocks.0.to_k.lora_A.weight": (4, 3072)}, ModelFamily.UNKNOWN, "lora"),
}


@pytest.mark.parametrize("case", OTHER_LORAS)
def test_relatives_and_parts_of_loras(case: str) -> None:
    shapes, family, algorithm = OTHER_LORAS[case]
    found = identity_of(shapes)
    assert (found.kind, found.family, found.variant) == (Kind.LORA, family, algorithm)


def test_metadata_decides_where_shapes_can_not() -> None:
    shapes, _, _ = OTHER_LORAS["attn1 only"]
    for metadata, family in (
        ({"modelspec.architecture": "stable-diffusion-v1/lora"}, ModelFamily.SD1),
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, ModelFamily.SDXL),
        ({"ss_v2": "True"}, ModelFamily.SD2),
        ({"ss_base_model_version": "sd_v2_v"}, ModelFamily.SD2),
    ):
        found = identity_of(shapes, metadata)
        assert (found.family, found.certainty) == (family, "likely")


# --- small files --------------------------------------------------------------------------------------------------

SMALL: dict[str, tuple[Shapes, Kind, ModelFamily]] = {
    "nothing": ({}, Kind.UNKNOWN, ModelFamily.UNKNOWN),
    "embedding sd1": ({"emb_params": (4, 768)}, Kind.EMBEDDING, ModelFamily.SD1),
    "embedding sd2": ({"emb_params": (4, 1024)}, Kind.EMBEDDING, ModelFamily.SD2),
    "embedding reduced": ({"emb_params": (4, 128)}, Kind.EMBEDDING, ModelFamily.UNKNOWN),
    "embedding xl": ({"clip_l": (4, 768), "clip_g": (4, 1280)}, Kind.EMBEDDING, ModelFamily.SDXL),
    "embedding diffusers": ({"<cat-toy>": (768,)}, Kind.EMBEDDING, ModelFamily.SD1),
    "embedding a1111": ({"string_to_param.*": (2, 768)}, Kind.EMBEDDING, ModelFamily.SD1),
    "vae": (layouts.vae(), Kind.VAE, ModelFamily.UNKNOWN),
    "vae in a checkpoint's names": (
        {f"first_stage_model.{name}": shape for name, shape in layouts.vae().items()},
        Kind.VAE,
        ModelFamily.UNKNOWN,
    ),
    "vae video": (layouts.vae(video=True), Kind.VAE, ModelFamily.SVD),
    "vae 16": (layouts.vae(latent=16), Kind.VAE, ModelFamily.UNKNOWN),
    "taesd": ({"taesd_decoder.1.weight": (64, 4, 3, 3)}, Kind.VAE, ModelFamily.UNKNOWN),
    "clip": (layouts.clip(), Kind.TEXT_ENCODER, ModelFamily.SD1),
    "clip flattened": (layouts.clip(text_model=""), Kind.TEXT_ENCODER, ModelFamily.SD1),
    "open clip": (layouts.open_clip(1280, 32), Kind.TEXT_ENCODER, ModelFamily.SDXL),
    "esrgan": (
        {"model.0.weight": (64, 3, 3, 3), "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3)},
        Kind.UPSCALER,
        ModelFamily.UNKNOWN,
    ),
    "ip-adapter": (
        {f"ip_adapter.{index}.to_k_ip.weight": (320, 768) for index in range(32)},
        Kind.UNKNOWN,
        ModelFamily.UNKNOWN,
    ),
    "a stranger": ({"layer.weight": (10, 10)}, Kind.UNKNOWN, ModelFamily.UNKNOWN),
}


@pytest.mark.parametrize("case", SMALL)
def test_small_files(case: str) -> None:
    shapes, kind, family = SMALL[case]
    found = identity_of(shapes)
    assert (found.kind, found.family) == (kind, family)
    assert found.reasons


def test_an_identity_survives_as_plain_json_types() -> None:
    for make in (layouts.sd1, layouts.svd, lambda: layouts.kohya_lora(SMALL_MODULES), lambda: {}):
        found = identity_of(make())
        assert Identity.from_dict(found.to_dict()) == found
    with pytest.raises((KeyError, TypeError, ValueError)):
        Identity.from_dict({**identity_of({}).to_dict(), "kind": "nonsense"})
