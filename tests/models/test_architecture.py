"""Architectures: the published configs, reading them back from shapes, and the numbers of the noise schedule."""

from typing import Any

import pytest
import torch

from tests import tiny
from trainer.contract.errors import UserError
from trainer.models import sd_keys
from trainer.models.architecture import Architecture
from trainer.models.file_shapes import architecture_of
from trainer.models.networks import without_weights
from trainer.models.sd import SD1, alphas_cumprod, latent_to_rgb

SD15_UNET = {
    "act_fn": "silu",
    "attention_head_dim": 8,
    "block_out_channels": (320, 640, 1280, 1280),
    "center_input_sample": False,
    "cross_attention_dim": 768,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-5,
    "norm_num_groups": 32,
    "out_channels": 4,
    "sample_size": 64,
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}
SD21_UNET = {
    **SD15_UNET,
    "attention_head_dim": (5, 10, 20, 20),
    "cross_attention_dim": 1024,
    "sample_size": 96,
    "upcast_attention": True,
    "use_linear_projection": True,
}
SDXL_UNET = {
    **{name: value for name, value in SD21_UNET.items() if name != "upcast_attention"},
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "attention_head_dim": (5, 10, 20),
    "block_out_channels": (320, 640, 1280),
    "cross_attention_dim": 2048,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "projection_class_embeddings_input_dim": 2816,
    "sample_size": 128,
    "transformer_layers_per_block": (1, 2, 10),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
}
REFINER_UNET = {
    **SDXL_UNET,
    "attention_head_dim": (6, 12, 24, 24),
    "block_out_channels": (384, 768, 1536, 1536),
    "cross_attention_dim": 1280,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "projection_class_embeddings_input_dim": 2560,
    "transformer_layers_per_block": 4,
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
}
VAE = {
    "act_fn": "silu",
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "out_channels": 3,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
CLIP_L = {
    "hidden_act": "quick_gelu",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "max_position_embeddings": 77,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "projection_dim": 768,
    "vocab_size": 49408,
}
OPEN_CLIP_H = {
    "hidden_act": "gelu",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "max_position_embeddings": 77,
    "num_attention_heads": 16,
    "num_hidden_layers": 23,
    "projection_dim": 512,
    "vocab_size": 49408,
}
OPEN_CLIP_G = {
    **OPEN_CLIP_H,
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_attention_heads": 20,
    "num_hidden_layers": 32,
    "projection_dim": 1280,
}


@pytest.mark.parametrize(
    ("name", "unet", "texts", "side", "scale"),
    [
        ("sd15", SD15_UNET, [CLIP_L], 512, 0.18215),
        ("sd21", SD21_UNET, [OPEN_CLIP_H], 768, 0.18215),
        ("sdxl", SDXL_UNET, [CLIP_L, OPEN_CLIP_G], 1024, 0.13025),
        ("sdxl_refiner", REFINER_UNET, [OPEN_CLIP_G], 1024, 0.13025),
    ],
)
def test_configs_are_the_published_ones(
    name: str, unet: dict[str, Any], texts: list[dict[str, Any]], side: int, scale: float
) -> None:
    shape = Architecture.named(name)
    assert unet.items() <= shape.unet_config().items()
    assert {**VAE, "sample_size": side, "scaling_factor": scale}.items() <= shape.vae_config().items()
    for text, own in zip(texts, shape.text, strict=True):
        assert text.items() <= shape.text_config(own).items()


@pytest.mark.parametrize("name", ["sd15", "sd21", "sdxl", "sdxl_refiner", "starter"])
def test_an_architecture_is_read_back_from_its_files_shapes(name: str) -> None:
    shape = Architecture.named(name)
    parts = without_weights(shape)
    shapes: dict[str, tuple[int, ...]] = {}
    for part, network in parts.networks.items():
        state = network.state_dict()
        entries = sd_keys.part_entries(shape, part, state)
        shapes |= {entry.original: tuple(entry.join(state).shape) for entry in entries}
    assert architecture_of(shapes, shape.family, shape.prediction, shape.default_size) == shape
    wider = "model.diffusion_model.input_blocks.0.0.weight"
    shapes[wider] = (shapes[wider][0], 9, 3, 3)
    assert architecture_of(shapes, shape.family, shape.prediction, (64, 64)).unet.in_channels == 9


def test_an_unknown_blank_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="no blank model named 'sd3'") as error:
        Architecture.named("sd3")
    assert "sd15, sd21, sdxl, sdxl_refiner, starter" in error.value.fix


def test_noise_schedule_has_the_golden_numbers() -> None:
    table = alphas_cumprod()
    assert (table.dtype, table.shape) == (torch.float64, (1000,))
    assert table[0].item() == pytest.approx(0.99915, abs=1e-8)
    assert table[999].item() == pytest.approx(0.00466010, abs=1e-7)
    sigma = ((1 - table) / table).sqrt()
    assert sigma[0].item() == pytest.approx(0.0291675, abs=1e-6)
    assert sigma[999].item() == pytest.approx(14.614641, abs=1e-5)


def test_preview_matrix_comes_from_the_metadata_or_is_sd15s() -> None:
    assert latent_to_rgb({}, 4).shape == (5, 3)
    text = "[[1,2,3],[0,0,0],[0,0,0],[0,0,0],[0.5,0,0]]"
    assert latent_to_rgb({"gesso.latent_to_rgb": text}, 4)[4, 0] == 0.5
    for bad in ("[[1,2,3]]", "no JSON", "[[[[", "{}", text.replace("0.5", "NaN"), '[["a"]]'):
        with pytest.raises(UserError, match="latent_to_rgb"):
            latent_to_rgb({"gesso.latent_to_rgb": bad}, 4)


def test_a_blank_model_follows_the_seed_and_starts_by_predicting_nothing() -> None:
    shape = tiny.architecture()

    def made() -> Any:
        torch.manual_seed(3)
        return SD1.blank(shape, device=torch.device("cpu"), dtype=torch.float32)

    with torch.random.fork_rng(devices=[]):
        first, second = made(), made()
    for part in ("unet", "vae", "text_encoder"):
        left, right = getattr(first, part).state_dict(), getattr(second, part).state_dict()
        assert all(torch.equal(left[name], right[name]) for name in left)
    with torch.no_grad():
        conditioning = SD1.encode_text(first, ["a cat"])
        assert not SD1.predict(first, torch.ones(1, 4, 8, 8), torch.tensor([5]), conditioning).any()
    assert not any(parameter.requires_grad for parameter in first.unet.parameters())
    assert first.size_step == 16
