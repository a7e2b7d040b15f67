"""Models of other programs, used where they lie."""

import json
from pathlib import Path

import pytest

from tests.library import layouts
from trainer.contract.errors import UserError
from trainer.home import Home
from trainer.library import index as index_module
from trainer.library.index import Index
from trainer.library.other_programs import named_folders, require_other_folder, shelves

LORA = layouts.kohya_lora({"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": (1280, 768)})
A1111 = ("models/Stable-diffusion", "models/Lora", "models/VAE", "embeddings")
COMFY = ("models/checkpoints", "models/loras", "models/embeddings", "models/vae")


def program(folder: Path, *shelves: str) -> Path:
    for shelf in (*shelves, "models/ControlNet", "models/hypernetworks", "outputs"):
        (folder / shelf).mkdir(parents=True)
    return folder


def name_in_settings(home: Home, *folders: Path) -> None:
    home.root.mkdir(parents=True, exist_ok=True)
    (home.root / "settings.json").write_text(json.dumps({"model_folders": [str(folder) for folder in folders]}))


@pytest.mark.parametrize("layout", [A1111, COMFY])
@pytest.mark.parametrize("chosen", ["", "..", "models"])
def test_of_a_program_only_its_model_folders_are_listed(tmp_path: Path, layout: tuple[str, ...], chosen: str) -> None:
    top = program(tmp_path / "portable" / "ComfyUI", *layout)
    wanted = {top / shelf for shelf in layout if chosen != "models" or shelf.startswith("models")}
    assert set(shelves((top / chosen).resolve())) == wanted


@pytest.mark.parametrize("inside", [(), ("loras",), ("SDXL", "anime"), ("lora", "vae")])
def test_any_other_folder_is_listed_whole(tmp_path: Path, inside: tuple[str, ...]) -> None:
    for name in inside:
        (tmp_path / name).mkdir()
    assert shelves(tmp_path) == (tmp_path,)


def test_a_model_of_another_program_is_found_by_name_and_stays_read_only(home: Home, tmp_path: Path) -> None:
    top = program(tmp_path / "sd", *A1111)
    path = layouts.write_header_only(top / "models" / "Lora" / "people" / "cat.safetensors", LORA)
    layouts.write_header_only(top / "models" / "ControlNet" / "pose.safetensors", LORA)
    name_in_settings(home, top)
    assert [entry.name for entry in Index(home).models().entries] == ["cat", "starter", "video-starter"]
    found = Index(home).find("cat")
    assert (found.path, found.read_only) == (path, True)


def test_ones_own_model_comes_before_another_programs_and_that_before_what_ships(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, other = tmp_path / "shipped", tmp_path / "other"
    monkeypatch.setattr(index_module, "SHIPPED_MODELS", shipped)
    name_in_settings(home, other)
    paths = [layouts.write_header_only(place / "cat.safetensors", LORA) for place in (home.models, other, shipped)]
    for path in paths:
        assert Index(home).find("cat").path == path
        path.unlink()


@pytest.mark.parametrize("saved", ["", "[]", "{", '{"model_folders": 3}', '{"model_folders": [3, ""]}', "[" * 100_000])
def test_settings_that_make_no_sense_name_no_folder(home: Home, saved: str) -> None:
    assert named_folders(home) == ()
    home.root.mkdir()
    (home.root / "settings.json").write_text(saved)
    assert named_folders(home) == ()
    assert [entry.name for entry in Index(home).models().entries] == ["starter", "video-starter"]


def test_while_the_settings_are_damaged_the_last_good_copy_counts(home: Home, tmp_path: Path) -> None:
    name_in_settings(home, tmp_path)
    (home.root / "settings.json").rename(home.root / "settings.last-good.json")
    (home.root / "settings.json").write_bytes(b"\xff\x00")
    assert named_folders(home) == (tmp_path,)


def test_a_folder_that_is_gone_stops_nothing(home: Home, tmp_path: Path) -> None:
    name_in_settings(home, tmp_path / "unplugged")
    assert [entry.name for entry in Index(home).models().entries] == ["starter", "video-starter"]


def test_folders_that_make_no_sense_are_refused(home: Home, tmp_path: Path) -> None:
    home.models.mkdir(parents=True)
    other = tmp_path / "other"
    other.mkdir()
    assert require_other_folder(other, home) == other
    (tmp_path / "link").symlink_to(home.models)
    for folder, why in (
        (home.models, "lies in your Gesso folder"),
        (home.root, "lies in your Gesso folder"),
        (tmp_path / "link", "lies in your Gesso folder"),
        (tmp_path, "holds your Gesso folder"),
        (tmp_path / "gone", "There is no folder"),
    ):
        with pytest.raises(UserError, match=why):
            require_other_folder(folder, home)
