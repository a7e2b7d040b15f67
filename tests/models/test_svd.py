"""Stable Video Diffusion's files: the published keys, the original's own numbers, and no bit lost between layouts."""

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests import tiny_video
from trainer.contract.errors import UserError
from trainer.library.folders import read_folder
from trainer.library.identify import identify_file
from trainer.library.identity import Kind, ModelFamily
from trainer.models import svd_file, svd_keys, svd_networks
from trainer.models.architecture import VAEShape
from trainer.models.svd import SVD, SVDBundle, antialiased
from trainer.models.svd_architecture import VideoArchitecture, VideoUNetShape, VisionShape

CPU = torch.device("cpu")

OF_TEXT = {
    "positional_embedding": (77, 1024),
    "text_projection": (1024, 1024),
    "logit_scale": (),
    "token_embedding.weight": (49408, 1024),
    "ln_final.weight": (1024,),
    "ln_final.bias": (1024,),
}
"""What the published file holds of OpenCLIP's other half, and no program reads."""
CLIP = "conditioner.embedders.0.open_clip.model."

PUBLISHED_KEYS = 2446
PUBLISHED_SHA256 = "022abc12eb6d31209f67c5db71aeb7886ec95a57e79477fb53e865dbf1e80f3d"
"""Of the sorted lines `key 320x320`, joined with newlines. Counted from the modules that
Stability-AI/generative-models (commit 0ad7de9) builds from its scripts/sampling/configs/svd.yaml, and from
open_clip_torch 3.3.0's ViT-H-14. They have 2,389,819,785 numbers: the 9.56 GB of the published svd.safetensors
in fp32."""


def test_a_full_size_file_has_the_published_keys_and_shapes() -> None:
    parts = svd_networks.without_weights(VideoArchitecture())
    shapes = {name: tuple(fetch().shape) for name, fetch in svd_file.original_tensors(parts).items()}
    assert sum(math.prod(tuple(tensor.shape)) for tensor in parts.unet.state_dict().values()) == 1_524_623_082
    of_vae = {
        name: torch.zeros(shape, dtype=torch.float16) for name, shape in shapes.items() if ".diffusion_" not in name
    }
    shapes |= {name: tuple(tensor.shape) for name, tensor in svd_keys.stand_ins(of_vae).items()}
    shapes |= {CLIP + name: shape for name, shape in OF_TEXT.items()}
    lines = sorted(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
    assert len(lines) == PUBLISHED_KEYS
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == PUBLISHED_SHA256
    assert VideoArchitecture.of_single_file(shapes, (1024, 576), 14) == VideoArchitecture()


ORIGINALS_OWN = VideoArchitecture(
    unet=VideoUNetShape((128, 128), (True, False), 1, context_width=32, time_id_width=32),
    vae=VAEShape((128, 128), 1),
    vision=VisionShape(width=80, layers=2, intermediate=160, projection=32, patch=56),
    default_size=(16, 16),
    frames=3,
)
"""Wide enough for the 32 groups of the original's norms."""


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def drawn_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """A number for each place in the sorted names: a name that is wrong, or stands for another tensor, changes all."""
    weights: dict[str, Tensor] = {}
    for number, name in enumerate(sorted(shapes)):
        values, shape = drawn(number, *shapes[name]), shapes[name]
        spread = max(values[0].numel(), 1) ** -0.5 if len(shape) > 1 else 0.3
        weights[name] = values * spread + (1.0 if len(shape) == 1 and name.endswith(".weight") else 0.0)
    return weights


def test_the_networks_compute_what_the_originals_do(tmp_path: Path) -> None:
    """The numbers were computed by Stability-AI/generative-models (commit 0ad7de9: VideoUNet, VideoDecoder, Encoder)
    and open_clip_torch 3.3.0 with these weights under their own names, on a CPU in fp32."""
    blank = SVD.blank(ORIGINALS_OWN, device=CPU, dtype=torch.float32)
    SVD.save(blank, tmp_path / "blank.safetensors", dtype=None, metadata={})
    shapes = {name: tuple(tensor.shape) for name, tensor in load_file(tmp_path / "blank.safetensors").items()}
    text = {"positional_embedding": (7, 32), "text_projection": (32, 32), "token_embedding.weight": (9, 32)}
    shapes |= {CLIP + name: shape for name, shape in (OF_TEXT | text).items() if shape != (1024,)}
    shapes |= {CLIP + f"ln_final.{kind}": (32,) for kind in ("weight", "bias")}
    path = tmp_path / "drawn.safetensors"
    save_file(drawn_weights(shapes), path)
    bundle = SVD.load(path, device=CPU, dtype=torch.float32)
    noisy = drawn(1000, 3, 4, 8, 8)[None]
    given = {
        "concat": drawn(1001, 1, 1, 4, 8, 8).expand(-1, 3, -1, -1, -1),
        "context": drawn(1002, 1, 1, 32),
        "time_ids": torch.tensor([[5.0, 127.0, 0.02]]),
    }
    with torch.no_grad():
        output = SVD.predict(bundle, noisy, torch.tensor([0.4]), given)
        frames = SVD.decode(bundle, noisy[0] * bundle.latent_scale)
        moments = SVD.encode_pictures(bundle, drawn(1003, 1, 3, 16, 16))
        seen = bundle.image_encoder(drawn(1004, 1, 3, 224, 224)).image_embeds
    for what, mean, std, few in (
        (output, 0.134965, 0.457575, [-0.26266, 0.79092, -0.17214, 0.64862, -0.34136, 0.65365]),
        (frames, -0.138522, 0.462941, [-0.51878, 0.12881, -0.68441, 0.03345, -0.35309, -0.28528]),
        (moments, -0.469591, 0.859410, [0.5266, 0.28365, -1.99483, 0.20979, 0.199, -1.64267]),
        (seen, 0.121751, 1.572779, [-0.56524, -1.01531, -1.69333, 1.24783, -1.50671, 0.08324]),
    ):
        assert float(what.mean()) == pytest.approx(mean, abs=2e-5)
        assert float(what.std()) == pytest.approx(std, abs=2e-5)
        assert what.flatten()[:: max(what.numel() // 6, 1)][:6].tolist() == pytest.approx(few, abs=1e-4)


def original_file(path: Path) -> dict[str, Tensor]:
    """A tiny file as Stability AI's have it: with tensors that no network uses, all of them of their own."""
    bundle = tiny_video.bundle()
    SVD.save(bundle, path, dtype=torch.float16, metadata={})
    shapes = {name: tuple(tensor.shape) for name, tensor in load_file(path).items()} | {CLIP + "logit_scale": ()}
    tensors = {name: tensor.half() for name, tensor in drawn_weights(shapes).items()}
    save_file(
        tensors, path, metadata={"modelspec.title": "moving", "modelspec.resolution": "48x32", "gesso.frames": "3"}
    )
    return tensors


def test_single_file_to_folder_to_single_file_loses_no_bit(tmp_path: Path) -> None:
    first, folder, again = tmp_path / "first.safetensors", tmp_path / "folder", tmp_path / "again.safetensors"
    original_file(first)
    bundle = SVD.load(first, device=CPU, dtype=torch.float16)
    SVD.save_folder(bundle, folder, dtype=None)
    assert "original_rest.safetensors" in map(str, read_folder(folder).files)  # so that installing keeps it
    other = SVD.load(folder, device=CPU, dtype=torch.float16)
    assert other.shape == bundle.shape == replace(tiny_video.architecture(), frames=3)
    SVD.save(other, again, dtype=None, metadata=other.metadata)
    assert again.read_bytes() == first.read_bytes()


def test_a_folder_is_read_without_what_the_original_held_beside(tmp_path: Path) -> None:
    bundle = tiny_video.bundle()
    SVD.save_folder(bundle, tmp_path / "folder", dtype=None)
    other = SVD.load(tmp_path / "folder", device=CPU, dtype=torch.float32)
    assert_equal_weights(bundle, other)
    identity = read_folder(tmp_path / "folder").identity
    assert (identity.family, identity.kind, identity.prediction) == (ModelFamily.SVD, Kind.CHECKPOINT, "v_prediction")


def assert_equal_weights(one: SVDBundle, other: SVDBundle) -> None:
    for part, network in one.networks.items():
        state = other.networks[part].state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_diffusers_own_pipeline_loads_the_folder(tmp_path: Path) -> None:
    from diffusers import StableVideoDiffusionPipeline

    shape = replace(ORIGINALS_OWN, vae=VAEShape((128,), 2))
    torch.manual_seed(0)
    bundle = SVD.blank(shape, device=CPU, dtype=torch.float32)
    SVD.save_folder(bundle, tmp_path / "folder", dtype=None)
    pipeline = StableVideoDiffusionPipeline.from_pretrained(tmp_path / "folder")
    for part, network in bundle.networks.items():
        theirs = getattr(pipeline, part).state_dict()
        assert theirs.keys() == network.state_dict().keys()
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in network.state_dict().items())


def test_stand_ins_are_the_same_function(tmp_path: Path) -> None:
    """The first stage's encoder, which has no quant_conv of its own, gives what ours gives with it."""
    bundle = tiny_video.single_file(tmp_path / "tiny.safetensors")
    stored = load_file(tmp_path / "tiny.safetensors")
    start = "first_stage_model.encoder."
    alone = {name.removeprefix(start): tensor for name, tensor in stored.items() if name.startswith(start)}
    pixels = drawn(1, 1, 3, 32, 48)
    with torch.no_grad():
        expected = SVD.encode_pictures(bundle, pixels)
        last = bundle.vae.encoder.conv_out
        last.weight.copy_(alone["conv_out.weight"])
        last.bias.copy_(alone["conv_out.bias"])
        torch.testing.assert_close(bundle.vae.encoder(pixels), expected, atol=1e-4, rtol=1e-4)
    assert stored["conditioner.embedders.3.encoder.post_quant_conv.weight"].squeeze().equal(torch.eye(4))


def test_a_file_is_identified_with_reasons(tmp_path: Path) -> None:
    tiny_video.single_file(tmp_path / "tiny.safetensors")
    identity = identify_file(tmp_path / "tiny.safetensors")
    assert (identity.family, identity.kind, identity.layout) == (ModelFamily.SVD, Kind.CHECKPOINT, "original")
    assert set(identity.parts) == {"unet", "vae", "image_encoder"}
    assert "layers over time" in identity.reasons[0]


def test_frames_and_size_come_from_metadata_or_else_from_the_name(tmp_path: Path) -> None:
    for name, metadata, frames in (
        ("svd.safetensors", {}, 14),
        ("svd_xt_1_1.safetensors", {}, 25),
        ("next.safetensors", {}, 14),
        ("svd_xt.safetensors", {"gesso.frames": "8"}, 8),
    ):
        original_file(tmp_path / name)
        save_file(load_file(tmp_path / name), tmp_path / name, metadata=metadata)
        bundle = SVD.load(tmp_path / name, device=CPU, dtype=torch.float16)
        assert (bundle.shape.frames, bundle.default_size) == (frames, (1024, 576))


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("model.diffusion_model.label_emb.0.0.weight", "motion"),
        ("model.diffusion_model.middle_block.1.time_stack.0.norm_in.weight", "UNet"),
        ("first_stage_model.decoder.conv_out.time_mix_conv.weight", "VAE"),
        ("conditioner.embedders.0.open_clip.model.visual.proj", "image encoder"),
    ],
)
def test_a_missing_part_is_named(tmp_path: Path, lost: str, named: str) -> None:
    path = tmp_path / "tiny.safetensors"
    tensors = original_file(path)
    del tensors[lost]
    save_file(tensors, path)
    with pytest.raises(UserError, match=named):
        SVD.load(path, device=CPU, dtype=torch.float16)


def test_a_part_of_another_architecture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    tensors = original_file(path)
    tensors["model.diffusion_model.input_blocks.1.2.norm.weight"] = torch.ones(3)
    save_file(tensors, path)
    with pytest.raises(UserError, match="1 tensors that Stable Video Diffusion does not have"):
        SVD.load(path, device=CPU, dtype=torch.float16)


def test_a_folder_with_another_noise_is_refused(tmp_path: Path) -> None:
    SVD.save_folder(tiny_video.bundle(), tmp_path / "folder", dtype=None)
    config = tmp_path / "folder" / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "sigma_max": 80.0}))
    with pytest.raises(UserError, match="its noise goes from"):
        SVD.load(tmp_path / "folder", device=CPU, dtype=torch.float32)


def test_in_fp16_the_picture_is_encoded_in_fp32() -> None:
    exact, half = tiny_video.bundle(), tiny_video.bundle(dtype=torch.float16)
    before = {name: tensor.clone() for name, tensor in half.vae.state_dict().items()}
    pixels = drawn(3, 1, 3, 32, 48)
    with torch.no_grad():
        exact.vae.load_state_dict({name: tensor.float() for name, tensor in before.items()})
        torch.testing.assert_close(SVD.encode_pictures(half, pixels), SVD.encode_pictures(exact, pixels))
    assert all(torch.equal(tensor, before[name]) for name, tensor in half.vae.state_dict().items())
    assert half.vae.encoder.conv_in.weight.dtype == torch.float16


def test_words_are_refused_in_words() -> None:
    bundle = tiny_video.bundle()
    with pytest.raises(UserError, match="reads no prompt"):
        SVD.encode_text(bundle, ["a cat"])
    with pytest.raises(UserError, match="takes no LoRA"):
        SVD.lora_targets(bundle, text_encoder=False, convolutions=False)


@pytest.mark.parametrize("size", [(64, 48), (300, 224), (576, 1024), (225, 449)])
def test_antialiasing_is_that_of_diffusers(size: tuple[int, int]) -> None:
    from diffusers.pipelines.stable_video_diffusion import pipeline_stable_video_diffusion as theirs

    pixels = drawn(2, 1, 3, *size)
    expected = theirs._resize_with_antialiasing(pixels, (224, 224))
    torch.testing.assert_close(antialiased(pixels, (224, 224)), expected, atol=1e-5, rtol=1e-5)
