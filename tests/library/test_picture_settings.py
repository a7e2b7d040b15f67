"""Texts of other programs' pictures to jobs. Those marked so are of real pictures, from the tests of d3x-at/sd-parsers
(MIT), in which the words of some prompts are cut short."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.contract.any_job import any_job
from tests.library import layouts
from trainer.contract.a1111 import write_infotext
from trainer.contract.common import LoraUse, Sampling, Size
from trainer.contract.errors import UserError
from trainer.contract.found_settings import FoundSettings
from trainer.contract.generate import GenerateJob
from trainer.contract.jobfile import FORMAT
from trainer.generation.samplers import SAMPLERS
from trainer.home import Home
from trainer.library.index import Index
from trainer.library.pictures import names
from trainer.library.pictures.reading import read_settings, settings_in
from trainer.library.pictures.resolve import resolved

Graph = dict[str, dict[str, Any]]


def found_in(**texts: str) -> FoundSettings:
    found = settings_in(texts, "a.png")
    assert found is not None
    return found


def stored(path: Path, **texts: str) -> Path:
    info = PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


def graph(**changes: dict[str, Any]) -> Graph:
    """What ComfyUI's first workflow stores."""
    nodes: Graph = {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": 156680208700286, "steps": 20, "cfg": 8, "sampler_name": "euler", "scheduler": "normal",
                "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15\\dreamy.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "beautiful (scenery:1.2)", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
    }  # fmt: skip
    return nodes | changes


def comfyui(**changes: dict[str, Any]) -> FoundSettings:
    return found_in(prompt=json.dumps(graph(**changes)))


def test_the_first_workflow_of_comfyui() -> None:
    found = comfyui()
    assert found.job == GenerateJob(
        prompt="beautiful (scenery:1.2)",
        negative="text, watermark",
        model="dreamy",
        size=Size(width=512, height=768),
        sampling=Sampling(sampler="euler", steps=20, guidance=8, emphasis="comfyui"),
        seed=156680208700286,
    )
    assert (found.source, found.unread, found.notes, found.model_name) == ("ComfyUI", (), (), "dreamy")


def test_comfyui_with_loras_and_another_sampler() -> None:
    lora = {"lora_name": "ink.safetensors", "strength_model": 0.8, "strength_clip": 0.5, "model": ["4", 0]}
    alone = {"lora_name": "sub/mascot.safetensors", "strength_model": 1, "model": ["10", 0]}
    sampler = dict(graph()["3"]["inputs"], model=["11", 0], sampler_name="dpmpp_2m", scheduler="karras")
    found = comfyui(
        **{
            "3": {"class_type": "KSampler", "inputs": sampler},
            "10": {"class_type": "LoraLoader", "inputs": lora},
            "11": {"class_type": "LoraLoaderModelOnly", "inputs": alone},
        }
    )
    assert found.job.loras == (LoraUse(name="ink", weight=0.8), LoraUse(name="mascot"))
    assert (found.job.model, found.job.sampling.sampler, found.job.sampling.spacing) == ("dreamy", "dpmpp_2m", "auto")
    assert found.unread == (("strength_clip of ink", "0.5"),)


def test_comfyui_in_two_passes() -> None:
    """As a real picture of sd-parsers (unclip_2pass): the second pass is taken, the first is listed."""
    second = dict(graph()["3"]["inputs"], seed=119080905858220, steps=8, denoise=0.52, latent_image=["40", 0])
    upscale = {"upscale_method": "nearest-exact", "width": 1920, "height": 1088, "samples": ["3", 0]}
    found = comfyui(
        **{
            "40": {"class_type": "LatentUpscale", "inputs": upscale},
            "41": {"class_type": "KSampler", "inputs": second},
            "42": {"class_type": "VAEDecode", "inputs": {"samples": ["41", 0], "vae": ["4", 2]}},
            "43": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["42", 0]}},
        }
    )
    assert (found.job.seed, found.job.sampling.steps) == (119080905858220, 8)
    assert found.job.size == Size(width=1920, height=1088)
    assert [key for key, _ in found.unread] == ["denoise", "KSampler 3", "LatentUpscale 40"]
    assert "several passes" in found.notes[0]


def test_comfyui_of_a_real_picture_from_a_picture() -> None:
    """From sd-parsers (img2img_cropped.png): an old sampler's name, a stray input, a picture to begin from."""
    found = found_in(
        prompt=(
            '{"3": {"inputs": {"seed": 280823642470253, "Random seed after every gen": true, "steps": 20, "cfg": 8.0, '
            '"sampler_name": "sample_dpmpp_2m", "scheduler": "normal", "denoise": 0.8700000000000001, '
            '"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["12", 0]}, '
            '"class_type": "KSampler"}, "4": {"inputs": {"config_name": "v1-inference.yaml", '
            '"ckpt_name": "v1-5-pruned-emaonly.ckpt"}, "class_type": "CheckpointLoader"}, '
            '"6": {"inputs": {"text": "photograph of victorian woman\\n", "clip": ["4", 1]}, '
            '"class_type": "CLIPTextEncode"}, "7": {"inputs": {"text": "watermark, text\\n", "clip": ["4", 1]}, '
            '"class_type": "CLIPTextEncode"}, "8": {"inputs": {"samples": ["3", 0], "vae": ["4", 2]}, '
            '"class_type": "VAEDecode"}, "9": {"inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}, '
            '"class_type": "SaveImage"}, "10": {"inputs": {"image": "example.png"}, "class_type": "LoadImage"}, '
            '"12": {"inputs": {"pixels": ["10", 0], "vae": ["4", 2]}, "class_type": "VAEEncode"}}'
        )
    )
    assert found.job == GenerateJob(
        prompt="photograph of victorian woman\n",
        negative="watermark, text\n",
        model="v1-5-pruned-emaonly",
        sampling=Sampling(sampler="dpmpp_2m", spacing="linspace", steps=20, guidance=8, emphasis="comfyui"),
        seed=280823642470253,
    )
    assert [key for key, _ in found.unread] == ["denoise", "LoadImage 10", "VAEEncode 12"]
    assert found.notes == ("It was made from another picture, which is not stored in it.",)


def test_comfyui_with_a_custom_sampler_and_values_in_nodes_of_their_own() -> None:
    inputs = {
        "noise_seed": ["20", 0], "cfg": 7.5, "sampler": ["21", 0], "sigmas": ["22", 0],
        "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
    }  # fmt: skip
    found = comfyui(
        **{
            "3": {"class_type": "SamplerCustom", "inputs": inputs},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["23", 0], "clip": ["4", 1]}},
            "20": {"class_type": "PrimitiveNode", "inputs": {"value": 77}},
            "21": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler_ancestral"}},
            "22": {"class_type": "KarrasScheduler", "inputs": {"steps": 12, "sigma_max": 14.6}},
            "23": {"class_type": "StringConstant", "inputs": {"string": "a fox"}},
        }
    )
    assert (found.job.seed, found.job.prompt, found.job.sampling.steps) == (77, "a fox", 12)
    assert (found.job.sampling.sampler, found.job.sampling.spacing) == ("euler_a", "karras")


def test_a_workflow_alone_is_not_enough() -> None:
    with pytest.raises(UserError, match="not the settings that ran"):
        settings_in({"workflow": '{"nodes": []}'}, "a.png")
    with pytest.raises(UserError, match="not the settings that ran"):
        settings_in({"workflow": "{}", "prompt": "{}"}, "a.png")


def test_invokeai_of_a_real_picture() -> None:
    """From sd-parsers (invokeai_imeta1.png)."""
    found = found_in(
        invokeai_metadata=(
            '{"generation_mode":"sdxl_txt2img","positive_prompt":"digital artwork, oil painting.",'
            '"negative_prompt":"grainy+, photo, noisy++","width":1024,"height":1024,"seed":3293022630,'
            '"rand_device":"cpu","cfg_scale":8.0,"cfg_rescale_multiplier":0.0,"steps":35,"scheduler":"euler",'
            '"model":{"model_name":"juggernautXL","base_model":"sdxl","model_type":"main"},'
            '"vae":{"model_name":"VAEFix","base_model":"sdxl"},"positive_style_prompt":"","negative_style_prompt":""}'
        )
    )
    assert found.job == GenerateJob(
        prompt="digital artwork, oil painting.",
        negative="grainy+, photo, noisy++",
        model="juggernautXL",
        size=Size(width=1024, height=1024),
        sampling=Sampling(sampler="euler", steps=35, guidance=8),
        seed=3293022630,
    )
    assert [key for key, _ in found.unread] == ["vae"]
    assert "word++" in found.notes[0]


def test_invokeai_with_loras_of_version_4() -> None:
    tree = {
        "positive_prompt": "a cat", "rand_device": "cuda", "scheduler": "dpmpp_2m_k", "seed": 5, "steps": 30,
        "cfg_scale": 7, "model": {"key": "1", "hash": "blake3:0a1b", "name": "Dreamy", "base": "sd-1", "type": "main"},
        "loras": [{"model": {"key": "2", "name": "ink"}, "weight": 0.6}], "seamless_x": True,
    }  # fmt: skip
    found = found_in(invokeai_metadata=json.dumps(tree))
    assert found.job.loras == (LoraUse(name="ink", weight=0.6),)
    assert found.job.sampling == Sampling(sampler="dpmpp_2m", steps=30, noise="nv")
    assert (found.model_name, found.unread) == ("Dreamy", (("seamless_x", "true"),))


def test_invokeai_before_version_3() -> None:
    """From sd-parsers (invokeai_sdmeta1.png)."""
    found = found_in(
        **{
            "sd-metadata": '{"model": "stable diffusion", "model_weights": "deliberateForInvoke_v08", "model_hash": '
            '"56d1442a0feefd64836a19ac8e3527ec71c884fc962e246ddf67b03e42921272", "app_id": "invoke-ai/InvokeAI", '
            '"app_version": "2.3.0", "image": {"prompt": [{"prompt": "full body photo, low contrast [rendering, '
            'glowing eyes]", "weight": 1.0}], "steps": 50, "cfg_scale": 5, "threshold": 0, "perlin": 0, "height": 768, '
            '"width": 512, "seed": 2980747362, "seamless": false, "hires_fix": false, "type": "txt2img", '
            '"postprocessing": [{"type": "codeformer", "strength": 0.9}], "sampler": "k_euler_a", "variations": []}}'
        }
    )
    assert found.job == GenerateJob(
        prompt="full body photo, low contrast",
        negative="rendering, glowing eyes",
        model="deliberateForInvoke_v08",
        size=Size(width=512, height=768),
        sampling=Sampling(sampler="euler_a", steps=50, guidance=5),
        seed=2980747362,
    )
    assert [key for key, _ in found.unread] == ["postprocessing"]
    assert found.model_hash.startswith("56d1442a0f")


def test_novelai_of_a_real_picture() -> None:
    """From sd-parsers (novelai1_cropped.png)."""
    found = found_in(
        Title="AI generated image",
        Description="masterpiece, best quality,  cat, space, icon",
        Software="NovelAI",
        Source="Stable Diffusion 1D44365E",
        Comment='{"steps": 50, "sampler": "k_euler_ancestral", "seed": 2253955223, "strength": 0.4, "noise": 0.0, '
        '"scale": 10.0, "uc": "lowres, bad anatomy"}',
    )
    assert found.job == GenerateJob(
        prompt="masterpiece, best quality,  cat, space, icon",
        negative="lowres, bad anatomy",
        sampling=Sampling(sampler="euler_a", steps=50, guidance=10),
        seed=2253955223,
    )
    assert dict(found.unread) == {"Model": "Stable Diffusion 1D44365E", "strength": "0.4"}
    assert "models can't be had" in found.notes[0]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("{x}", "(x:1.05)"),
        ("a {{x}} b", "a (x:1.103) b"),
        ("[x]", "(x:0.9524)"),
        ("{a [b]}", "(a :1.05)b"),
        ("{never closed", "(never closed:1.05)"),
        ("a} b]", "a b"),
        ("x (artist)", "x \\(artist\\)"),
        ("{" * 5000 + "x", "x"),
    ],
)
def test_weights_of_novelai(theirs: str, ours: str) -> None:
    found = found_in(Software="NovelAI", Comment=json.dumps({"prompt": theirs}))
    assert found.job.prompt == ours


def test_stability_matrix() -> None:
    """Names and kinds as its GenerationParameters.cs declares them."""
    tree = {
        "PositivePrompt": "a cat", "NegativePrompt": "blurry", "Steps": 24, "Sampler": "DPM++ 2M Karras",
        "CfgScale": 6.5, "Seed": 2216407431, "Height": 896, "Width": 640, "ModelHash": "EB2A052F91",
        "ModelName": "anime_v1.safetensors", "FrameCount": 0, "Fps": 0, "Lossless": False, "MinCfg": 1.5,
    }  # fmt: skip
    found = found_in(**{"parameters-json": json.dumps(tree), "parameters": "other\nSteps: 1, Seed: 2, Size: 8x8"})
    assert found.job == GenerateJob(
        prompt="a cat",
        negative="blurry",
        model="anime_v1",
        size=Size(width=640, height=896),
        sampling=Sampling(sampler="dpmpp_2m", steps=24, guidance=6.5, emphasis="comfyui"),
        seed=2216407431,
    )
    assert (found.source, found.model_hash, found.unread) == ("StabilityMatrix", "eb2a052f91", (("MinCfg", "1.5"),))


def test_fooocus_of_a_real_picture() -> None:
    """From sd-parsers (fooocus1_cropped.png)."""
    found = found_in(
        parameters='{"adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8Rundiffusion", '
        '"base_model_hash": "aeb7e9e689", "full_negative_prompt": ["anime", "blur"], "full_prompt": ["cinematic still '
        'a smiling goldfish", "a smiling goldfish, deep focus"], "guidance_scale": 4, "loras": [], '
        '"metadata_scheme": "fooocus", "negative_prompt": "", "prompt": "a smiling goldfish", "refiner_model": "None", '
        '"resolution": "(768, 1280)", "sampler": "dpmpp_2m", "scheduler": "karras", "seed": "6952411511246973023", '
        '"steps": 30, "version": "Fooocus v2.2.1"}'
    )
    assert found.job == GenerateJob(
        prompt="cinematic still a smiling goldfish BREAK a smiling goldfish, deep focus",
        negative="anime BREAK blur",
        model="juggernautXL_v8Rundiffusion",
        size=Size(width=768, height=1280),
        sampling=Sampling(sampler="dpmpp_2m", steps=30, guidance=4),
        seed=6952411511246973023,
    )
    assert dict(found.unread) == {"adm_guidance": "(1.5, 0.8, 0.3)"}


def test_a_jpeg_of_a1111(tmp_path: Path) -> None:
    text = write_infotext(GenerateJob(prompt="猫", seed=9), (8, 8), model="m")
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    found = read_settings(tmp_path / "a.jpg")
    assert found is not None
    assert (found.source, found.job.prompt, found.job.seed) == ("A1111", "猫", 9)


@given(made=any_job())
def test_our_own_chunk_goes_before_every_other(tmp_path_factory: pytest.TempPathFactory, made: GenerateJob) -> None:
    path = tmp_path_factory.getbasetemp() / "own.png"
    own = json.dumps({"format": FORMAT, **made.model_dump(mode="json")})
    found = read_settings(stored(path, gesso=own, parameters="x\nSteps: 1, Seed: 1, Size: 8x8"))
    assert found is not None
    assert (found.source, found.job, found.unread) == ("Gesso", made, ())


def test_pictures_that_remember_nothing(tmp_path: Path) -> None:
    assert read_settings(stored(tmp_path / "a.png")) is None
    assert read_settings(stored(tmp_path / "a.png", parameters="just a title", Comment="{}")) is None
    train = {"format": 1, "kind": "convert", "model": "m"}
    assert read_settings(stored(tmp_path / "a.png", gesso=json.dumps(train))) is None


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, '{"format": 99, "kind": "generate"}'])
def test_a_damaged_job_of_ours_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"a\.png"):
        read_settings(stored(tmp_path / "a.png", gesso=text))


ODD = [
    None,
    True,
    -1,
    10**400,
    1e400,
    float("nan"),
    "x" * 70,
    [],
    ["3", 0],
    ["3"],
    {},
    {"a": [1]},
    "\ud800",
    "9" * 5000,
]
KEYS = ("parameters-json", "parameters", "invokeai_metadata", "sd-metadata", "prompt", "UserComment", "Comment")
INNER = (
    "prompt", "positive_prompt", "image", "seed", "steps", "scheduler", "sampler", "width", "height", "model", "loras",
    "PositivePrompt", "Sampler", "Seed", "Width", "base_model", "resolution", "full_prompt", "scale", "uc", "3", "4",
    "class_type", "inputs", "model_weights",
)  # fmt: skip


@given(key=st.sampled_from(KEYS), tree=st.dictionaries(st.sampled_from(INNER), st.sampled_from(ODD)))
def test_wrong_kinds_of_values_never_raise(key: str, tree: dict[str, object]) -> None:
    for one in (tree, {"image": tree}, {"3": {"class_type": "KSampler", "inputs": tree}}):
        found = settings_in({key: json.dumps(one), "Software": "NovelAI"}, "a.png")
        assert found is None or isinstance(found.job, GenerateJob)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        '{"a":' * 100_000,
        '{"3": {"class_type": "KSampler", "inputs": {"model": ["3", 0], "positive": ["3", 0], "seed": ["3", 0]}}}',
        json.dumps({str(n): {"class_type": "SaveImage", "inputs": {"images": [str(n + 1), 0]}} for n in range(20_000)}),
        "{" * 200_000,
        "word+" * 100_000,
    ],
)
@pytest.mark.parametrize("key", KEYS)
def test_hostile_texts_take_no_time(key: str, text: str) -> None:
    started = time.perf_counter()
    settings_in({key: text, "Software": "NovelAI", "Description": text}, "a.png")
    assert time.perf_counter() - started < 20


def test_every_name_leads_to_a_sampler_of_ours() -> None:
    known = set(SAMPLERS) | {
        "ddpm", "pndm", "heun", "dpm_2", "dpmpp_2m_sde", "dpmpp_sde", "dpmpp_3m_sde", "unipc", "lcm",
    }  # fmt: skip
    assert set(names.COMFYUI_SAMPLERS.values()) | set(names.NOVELAI_SAMPLERS.values()) <= known
    assert {sampler for sampler, _ in names.INVOKEAI_SAMPLERS.values()} <= known


@pytest.fixture
def index(home: Home) -> Index:
    """Two models and two LoRAs, one of which says its hash."""
    layouts.write_header_only(home.models / "checkpoints" / "Dreamy.safetensors", layouts.sd1())
    layouts.write_header_only(home.models / "checkpoints" / "other.safetensors", layouts.sd1())
    shapes = layouts.kohya_lora(layouts.lora_modules(768))
    layouts.write_header_only(home.models / "loras" / "ink.safetensors", shapes)
    said = {"sshs_model_hash": "4d5c6a5a4f9b" + "0" * 52}
    layouts.write_header_only(home.models / "loras" / "renamed.safetensors", shapes, metadata=said)
    empty = {"sshs_model_hash": hashlib.sha256(b"").hexdigest()}
    layouts.write_header_only(home.models / "loras" / "empty.safetensors", shapes, metadata=empty)
    return Index(home)


def a1111(prompt: str, settings: str) -> FoundSettings:
    return found_in(parameters=f"{prompt}\nSteps: 20, Seed: 1, Size: 512x512, {settings}")


def test_names_count_more_than_hashes(index: Index) -> None:
    other = index.find("other")
    index.refresh(other.path, "6ce0161689" + "0" * 54)
    entries = index.models().entries
    found = resolved(
        a1111("x <lora:ink:0.5>", 'Model: dreamy, Model hash: 6ce0161689, Lora hashes: "ink: 4d5c6a5a4f9b"'),
        entries,
        "starter",
    )
    assert (found.job.model, found.job.prompt, found.notes) == ("Dreamy", "x <lora:ink:0.5>", ())
    found = resolved(a1111("x", "Model: gone, Model hash: 6CE0161689"), entries, "starter")
    assert found.job.model == "other"
    assert found.notes == ("Its model gone is other here: the hash is the same.",)


def test_a_missing_model_leaves_the_one_in_use(index: Index) -> None:
    entries = index.models().entries
    found = resolved(a1111("x", "Model: gone, Model hash: 1234567890"), entries, "Dreamy")
    assert (found.job.model, found.notes) == ("Dreamy", ("Its model gone is not here; Dreamy is taken instead.",))
    found = resolved(a1111("x", "CFG scale: 3"), entries, "a/b/Dreamy.safetensors")
    assert found.job.model == "a/b/Dreamy.safetensors"
    assert found.notes == ("It does not say which model made it; Dreamy is taken.",)


def test_a_lora_under_another_name_is_found_by_its_hash(index: Index) -> None:
    found = resolved(
        a1111(
            "x <lora:old:0.5:1> <lora:lost:1>", 'Model: dreamy, Lora hashes: "old: 4d5c6a5a4f9b, lost: 1234567890ab"'
        ),
        index.models().entries,
        "starter",
    )
    assert found.job.prompt == "x <lora:renamed:0.5:1> <lora:lost:1>"
    assert found.notes == ("Its LoRA old is renamed here: the hash is the same.", "Its LoRA lost is not here.")


@pytest.mark.parametrize("checksum", ["e3b0c44298fc", "e3b0c442", "4d5c", "", "zzzzzzzzzzzz"])
def test_the_hash_of_nothing_and_hashes_that_are_none_never_count(index: Index, checksum: str) -> None:
    said = a1111("x <lora:old:1>", f'Model: gone, Model hash: {checksum}, Lora hashes: "old: {checksum}"')
    found = resolved(said, index.models().entries, "starter")
    assert (found.job.prompt, found.job.model) == ("x <lora:old:1>", "starter")


def test_a_hash_that_several_have_counts_for_none(index: Index, home: Home) -> None:
    for name in ("Dreamy", "other"):
        index.refresh(index.find(name).path, "6ce0161689" + "0" * 54)
    found = resolved(a1111("x", "Model: gone, Model hash: 6ce0161689"), index.models().entries, "starter")
    assert found.job.model == "starter"


def test_the_old_hash_of_a1111(tmp_path: Path, home: Home) -> None:
    """SHA-256 of 64 kB from byte 0x100000 on, 8 digits of it."""
    path = layouts.write_header_only(home.models / "checkpoints" / "dreamy.safetensors", layouts.sd1())
    with path.open("r+b") as file:
        file.seek(0x100000)
        file.write(b"some weights")
    old = hashlib.sha256(b"some weights".ljust(0x10000, b"\0")).hexdigest()[:8]
    found = resolved(a1111("x", f"Model hash: {old}"), Index(home).models().entries, "starter")
    assert (found.job.model, found.notes) == ("dreamy", ("Its model is dreamy here: the hash is the same.",))
