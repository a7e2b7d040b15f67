"""diffusers folders: there and back, read by diffusers itself, older names, half-precision files, pieces."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from diffusers import DDIMScheduler

from tests import tiny
from trainer.contract.errors import UserError
from trainer.models import sd_keys
from trainer.models.architecture import FamilyName
from trainer.models.sd import SDBundle

CPU = torch.device("cpu")


def load(path: Path, family: FamilyName = "sd1", **more: Any) -> SDBundle:
    return tiny.FAMILIES[family].load(path, device=CPU, dtype=torch.float32, **more)


def same(left: SDBundle, right: SDBundle) -> bool:
    return left.shape == right.shape and all(
        torch.equal(tensor, right.networks[part].state_dict()[name])
        for part, network in left.networks.items()
        for name, tensor in network.state_dict().items()
    )


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_there_and_back_and_read_by_diffusers(tmp_path: Path, family: FamilyName) -> None:
    from diffusers import StableDiffusionPipeline

    made = tiny.bundle(family)
    path = tmp_path / "ein Modell"
    made.family.save_folder(made, path, dtype=None)
    assert same(load(path, family), made)
    pipeline: Any = StableDiffusionPipeline.from_pretrained(path, local_files_only=True)
    prompts = ["a red cat", "hi there"]
    ids = pipeline.tokenizer(prompts, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    noisy = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    timesteps = torch.tensor([1, 900])
    with torch.no_grad():
        context = made.family.encode_text(made, prompts)
        assert torch.allclose(pipeline.text_encoder(ids.input_ids)[0], context["context"], atol=1e-5)
        ours = made.family.predict(made, noisy, timesteps, context)
        assert torch.allclose(pipeline.unet(noisy, timesteps, context["context"]).sample, ours, atol=1e-5)
        pixels = made.family.decode(made, noisy)
        theirs = pipeline.vae.decode(noisy / pipeline.vae.config.scaling_factor).sample
        assert torch.allclose(theirs, pixels, atol=1e-5)
        moments = made.family.encode_pictures(made, pixels)
        posterior = pipeline.vae.encode(pixels).latent_dist
        assert torch.allclose(posterior.mean, moments[:, :4], atol=1e-5)
        sample = posterior.mean + posterior.std * noisy
        assert torch.allclose(made.family.latents(made, moments, noisy), sample * 0.18215, atol=1e-5)
    assert pipeline.scheduler.config.prediction_type == made.prediction


@pytest.mark.parametrize("family", ["sdxl", "sdxl_refiner"])
def test_folders_of_xl_are_read_by_diffusers(tmp_path: Path, family: FamilyName) -> None:
    from diffusers import DiffusionPipeline

    made = tiny.bundle(family)
    path = tmp_path / "folder"
    made.family.save_folder(made, path, dtype=None)
    pipeline: Any = DiffusionPipeline.from_pretrained(path, local_files_only=True)
    assert pipeline.unet.config.addition_time_embed_dim == 256
    assert pipeline.vae.config.scaling_factor == 0.13025
    for part, network in made.networks.items():
        theirs = {sd_keys.plain(key): tensor for key, tensor in getattr(pipeline, part).state_dict().items()}
        for name, tensor in network.state_dict().items():
            assert torch.equal(theirs[sd_keys.plain(name)], tensor)
    with torch.no_grad():
        ours = made.family.encode_text(made, ["a red cat"])
        theirs = pipeline.encode_prompt("a red cat", do_classifier_free_guidance=False)
    torch.testing.assert_close(ours["context"], theirs[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours["pooled"], theirs[2], atol=1e-5, rtol=1e-5)


def test_a_text_encoder_that_is_there_is_read_whatever_the_pipeline_is_for(tmp_path: Path) -> None:
    """XL's own pipeline for pictures from pictures has both; the refiner, of the same class, the second alone."""
    made = tiny.bundle("sdxl")
    path = tmp_path / "folder"
    made.family.save_folder(made, path, dtype=None)
    index = path / "model_index.json"
    tree = {**json.loads(index.read_text()), "_class_name": "StableDiffusionXLImg2ImgPipeline"}
    index.write_text(json.dumps(tree))
    assert same(load(path, "sdxl"), made)
    index.write_text(json.dumps({**tree, "text_encoder": [None, None]}))
    with pytest.raises(UserError, match="its UNet needs a text_encoder, and it has none"):
        load(path, "sdxl")


def test_from_folder_to_single_file_and_back(tmp_path: Path) -> None:
    made = tiny.bundle("sd2")
    made.family.save_folder(made, tmp_path / "folder", dtype=None)
    loaded = load(tmp_path / "folder", "sd2")
    loaded.family.save(loaded, tmp_path / "model.safetensors", dtype=None, metadata={})
    assert same(load(tmp_path / "model.safetensors", "sd2"), made)


def test_older_names_and_half_precision_files_and_pieces(tmp_path: Path) -> None:
    made = tiny.bundle()
    path = tmp_path / "folder"
    made.family.save_folder(made, path, dtype=torch.float16)
    vae = path / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = safetensors.torch.load(vae.read_bytes())
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for name in [name for name in tensors if ".attentions." in name]:
        for new, former in old.items():
            if f".{new}." in name:
                tensors[name.replace(f".{new}.", f".{former}.")] = tensors.pop(name)
    vae.unlink()
    safetensors.torch.save_file(tensors, vae.with_name("diffusion_pytorch_model.fp16.safetensors"))

    unet = path / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = safetensors.torch.load(unet.read_bytes())
    unet.unlink()
    places: dict[str, str] = {}
    for number, half in enumerate((list(tensors)[::2], list(tensors)[1::2]), start=1):
        name = f"diffusion_pytorch_model-0000{number}-of-00002.safetensors"
        safetensors.torch.save_file({key: tensors[key] for key in half}, unet.with_name(name))
        places |= dict.fromkeys(half, name)
    unet.with_name("diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))

    for network in (made.unet, made.vae, made.text_encoder):
        torch.nn.Module.to(torch.nn.Module.to(network, torch.float16), torch.float32)
    assert same(load(path), made)


def test_old_names_of_other_layers_stay() -> None:
    assert sd_keys.modern_vae_key("decoder.mid_block.attentions.0.query.weight") == (
        "decoder.mid_block.attentions.0.to_q.weight"
    )
    assert sd_keys.modern_vae_key("decoder.conv_in.weight") == "decoder.conv_in.weight"


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("scheduler", {"beta_schedule": "linear"}, "scheduler has beta_schedule = 'linear'"),
        ("scheduler", {"prediction_type": "sample"}, "neither the noise nor v"),
        ("scheduler", {"_class_name": "EDMEulerScheduler"}, "scheduler is EDMEulerScheduler"),
        ("unet", {"time_cond_proj_dim": 256}, "time_cond_proj_dim"),
        ("unet", {"addition_embed_type": "text_time"}, "addition_embed_type"),
        ("vae", {"scaling_factor": 0.13025}, "VAE has scaling_factor"),
        ("vae", {"norm_num_groups": 4}, "VAE has norm_num_groups"),
        ("text_encoder", {"hidden_act": "relu"}, "hidden_act"),
        ("unet", {"class_embed_type": "timestep"}, "class_embed_type"),
        ("unet", {"layers_per_block": "two"}, "missing or odd"),
        ("vae", {"latent_channels": None}, "missing or odd"),
        ("text_encoder", {"hidden_size": 32}, "text_encoder of .* does not fit together"),
    ],
)
def test_configs_that_say_something_else_are_refused(
    tmp_path: Path, part: str, change: dict[str, object], said: str
) -> None:
    made = tiny.bundle()
    made.family.save_folder(made, tmp_path / "folder", dtype=None)
    (config,) = (tmp_path / "folder" / part).glob("*config.json")
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    with pytest.raises(UserError, match=said):
        load(tmp_path / "folder")
    with pytest.raises(UserError, match="averaged"):
        load(tmp_path / "folder", ema=True)


def test_a_schedule_that_ends_in_pure_noise_survives_in_both_layouts(tmp_path: Path) -> None:
    made = tiny.bundle("sd2")
    usual = tiny.bundle("sd2").alphas_cumprod
    made.shape = replace(made.shape, zero_terminal_snr=True)
    made.family.save(made, tmp_path / "file.safetensors", dtype=None, metadata={})
    from_file = load(tmp_path / "file.safetensors", "sd2")
    from_file.family.save_folder(from_file, tmp_path / "folder", dtype=None)
    from_folder = load(tmp_path / "folder", "sd2")
    config = json.loads((tmp_path / "folder" / "scheduler" / "scheduler_config.json").read_text())
    theirs: Any = DDIMScheduler.from_config(config)
    for bundle in (from_file, from_folder):
        assert bundle.shape == made.shape
        assert bundle.alphas_cumprod[-1] == 0.0
        assert bundle.alphas_cumprod[0] == usual[0]
        torch.testing.assert_close(bundle.alphas_cumprod.float(), theirs.alphas_cumprod, rtol=1e-4, atol=1e-6)


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    made = tiny.bundle()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="exists"):
        made.family.save_folder(made, tmp_path / "folder", dtype=None)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (tmp_path / "folder" / "mine.txt").read_text() == "mine"
