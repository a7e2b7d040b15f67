"""Installing, removing and verifying: whole or not at all, and never without asking."""

import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
import send2trash
from hypothesis import given
from hypothesis import strategies as st

from tests.library import layouts
from trainer import files
from trainer.contract.errors import Cancelled, UserError
from trainer.home import Home
from trainer.library import install as install_module
from trainer.library import verify as verify_module
from trainer.library.identify import ModelFamily
from trainer.library.index import Entry, Index
from trainer.library.install import install, remove
from trainer.library.names import checked_name
from trainer.library.verify import verify

LORA = layouts.kohya_lora({"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": (1280, 768)})

SMALL_MODEL = {
    f"model.diffusion_model.{name}": shape
    for name, shape in layouts.unet(channels=32, context=32, multipliers=(1,), depths=(1,), blocks=1).items()
} | {
    "first_stage_model.quant_conv.bias": (8,),
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": (32,),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    first = next(iter(LORA))
    values = {first: os.urandom(8 * 768 * 2)}
    return layouts.write_header_only(tmp_path / "down loads" / "Kätzchen 猫.safetensors", LORA, values=values)


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_is_copied_verified_and_listed(source: Path, home: Home) -> None:
    done: list[tuple[int, int]] = []
    entry = install(source, home, progress=lambda now, total: done.append((now, total)))
    assert entry.path == home.models / "loras" / "Kätzchen 猫.safetensors"
    assert entry.path.read_bytes() == source.read_bytes()
    assert entry.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert not entry.read_only
    assert done[-1] == (2 * source.stat().st_size, 2 * source.stat().st_size)
    assert Index(home).find("kätzchen 猫") == entry
    assert everything_in(home.models) == ["loras/Kätzchen 猫.safetensors"]


def test_the_config_beside_a_file_comes_along(tmp_path: Path, home: Home) -> None:
    source = layouts.write_header_only(tmp_path / "m.safetensors", SMALL_MODEL)
    (tmp_path / "m.yaml").write_text("parameterization: v")
    entry = install(source, home, name="mine")
    assert entry.identity is not None
    assert entry.identity.prediction == "v_prediction"
    assert everything_in(home.models / "checkpoints") == ["mine.safetensors", "mine.yaml"]
    (tmp_path / "m.yaml").unlink()
    entry = install(source, home, name="mine", on_clash="replace")
    assert entry.identity is not None
    assert entry.identity.prediction == "epsilon"
    assert everything_in(home.models / "checkpoints") == ["mine.safetensors"]


def test_a_safetensors_file_under_another_ending_gets_its_own(source: Path, home: Home) -> None:
    odd = source.rename(source.with_suffix(".ckpt"))
    assert install(odd, home).path.name == "Kätzchen 猫.safetensors"


def test_a_diffusers_folder_is_copied_without_what_does_not_belong(tmp_path: Path, home: Home) -> None:
    source = layouts.write_diffusers_folder(tmp_path / "my model", 1024, True, "v_prediction")
    (source / "pipeline.py").write_text("print('never')")
    (source / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x02")
    (source / "LICENSE.md").write_text("be kind")
    entry = install(source, home)
    assert entry.identity is not None
    assert entry.identity.family == ModelFamily.SD2
    assert (entry.is_folder, entry.path) == (True, home.models / "checkpoints" / "my model")
    copied = everything_in(entry.path)
    assert "LICENSE.md" in copied
    assert "tokenizer/vocab.json" in copied
    assert not any(name.endswith((".py", ".bin")) for name in copied)
    assert verify(entry, home).unchanged


@pytest.mark.parametrize("refused_links", [0, 1, 2])
def test_links_where_the_disk_allows_them_else_copies(
    source: Path, home: Home, monkeypatch: pytest.MonkeyPatch, refused_links: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "no links here")

    for name in ("link", "symlink")[:refused_links]:
        monkeypatch.setattr(install_module.os, name, refuse)
    path = install(source, home, how="link").path
    assert path.read_bytes() == source.read_bytes()
    assert path.samefile(source) == (refused_links < 2)
    assert path.is_symlink() == (refused_links == 1)
    assert everything_in(home.models) == ["loras/Kätzchen 猫.safetensors"]


def test_a_linked_folder_takes_no_second_room(tmp_path: Path, home: Home) -> None:
    source = layouts.write_diffusers_folder(tmp_path / "m")
    path = install(source, home, how="link").path
    weights = "unet/diffusion_pytorch_model.safetensors"
    assert (path / weights).samefile(source / weights)
    assert everything_in(path) == everything_in(source)


# --- the same name ------------------------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_asked_about(source: Path, home: Home, tmp_path: Path) -> None:
    install(source, home, name="Cat")
    other = layouts.write_header_only(tmp_path / "other.safetensors", LORA, "F32")
    with pytest.raises(UserError) as caught:
        install(other, home, name="cat")
    assert "--replace" in caught.value.fix
    assert "--keep-both" in caught.value.fix
    assert everything_in(home.models) == ["loras/Cat.safetensors"]
    assert install(other, home, name="cat", on_clash="keep_both").name == "cat 2"
    assert install(other, home, name="CAT", on_clash="keep_both").name == "CAT 3"
    install(other, home, name="cat", on_clash="replace")
    assert everything_in(home.models) == ["loras/CAT 3.safetensors", "loras/cat 2.safetensors", "loras/cat.safetensors"]
    assert (home.models / "loras" / "cat.safetensors").read_bytes() == other.read_bytes()


def test_a_folder_replaces_a_file_of_that_name_and_the_other_way_round(tmp_path: Path, home: Home) -> None:
    single = layouts.write_header_only(tmp_path / "m.safetensors", SMALL_MODEL)
    folder = layouts.write_diffusers_folder(tmp_path / "m")
    place = home.models / "checkpoints"
    install(single, home)
    install(folder, home, on_clash="replace")
    assert [path.name for path in place.iterdir()] == ["m"]
    install(folder, home, on_clash="replace")
    assert [path.name for path in place.iterdir()] == ["m"]
    install(single, home, on_clash="replace")
    assert [path.name for path in place.iterdir()] == ["m.safetensors"]


def test_a_link_to_a_model_that_is_gone_can_be_replaced(source: Path, home: Home) -> None:
    link = home.models / "loras" / source.name
    link.parent.mkdir(parents=True)
    link.symlink_to(source.with_name("gone.safetensors"))
    with pytest.raises(UserError, match="is a model named"):
        install(source, home)
    path = install(source, home, on_clash="replace").path
    assert path == link
    assert not path.is_symlink()


def test_what_a_crash_left_set_aside_comes_back_or_goes(tmp_path: Path, home: Home) -> None:
    folder = layouts.write_diffusers_folder(tmp_path / "m")
    path = install(folder, home).path
    aside = path.with_name(".gesso-replaced-m")
    path.rename(aside)  # a crash before the new one stood there
    with pytest.raises(UserError, match="is a model named m already"):
        install(folder, home)
    shutil.copytree(path, aside)  # a crash after that
    install(folder, home, on_clash="replace")
    assert everything_in(home.models / "checkpoints") == [f"m/{name}" for name in everything_in(folder)]


def test_what_is_in_the_library_already_is_said(source: Path, home: Home) -> None:
    path = install(source, home).path
    for again in ("ask", "replace", "keep_both"):
        with pytest.raises(UserError, match="in your library already"):
            install(path, home, on_clash=again)
    assert path.read_bytes() == source.read_bytes()


# --- refused before anything is written ---------------------------------------------------------------------------


def test_what_is_no_usable_model_is_refused(tmp_path: Path, home: Home) -> None:
    (tmp_path / "old.ckpt").write_bytes(b"PK\x03\x04" + bytes(100))
    (tmp_path / "raw.pt").write_bytes(b"\x80\x02}q\x00X\x05\x00\x00\x00state")
    (tmp_path / "empty folder").mkdir()
    (tmp_path / "cut.safetensors").write_bytes(b"1234")
    layouts.write_header_only(tmp_path / "stranger.safetensors", {"layer.weight": (3, 3)})
    layouts.write_header_only(tmp_path / "nothing.safetensors", {})
    layouts.write_header_only(tmp_path / "unet.safetensors", layouts.unet())
    flux = {"double_blocks.0.img_attn.qkv.weight": (9216, 3072)}
    layouts.write_header_only(tmp_path / "flux.safetensors", flux)
    for name, said in {
        "old.ckpt": "PyTorch",
        "raw.pt": "pickle",
        "empty folder": "model_index.json",
        "cut.safetensors": "too short",
        "stranger.safetensors": "no model that Gesso knows",
        "nothing.safetensors": "holds no weights",
        "unet.safetensors": "a UNet alone",
        "flux.safetensors": "Flux",
        "not there.safetensors": "no file",
    }.items():
        with pytest.raises(UserError) as caught:
            install(tmp_path / name, home)
        assert said in caught.value.title
        assert caught.value.fix
    assert not home.models.exists()


BAD_NAMES = [
    "",
    ".",
    "..",
    "../up",
    "a/b",
    "a\\b",
    "C:evil",
    "a:b",
    "CON",
    "nul.txt",
    "Com1",
    "LPT9.x",
    "a.",
    "a ",
    " a",
]
BAD_NAMES += [".hidden", "a\0b", "a\nb", "a\x1b[31m", "a\u202egpj", "what?", "a*b", 'a"b', "a|b", "x" * 201, "é" * 101]
BAD_NAMES += ["a\ud800"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_not_safe_everywhere_are_refused(source: Path, home: Home, name: str) -> None:
    with pytest.raises(UserError, match=r"can't be used for a file"):
        checked_name(name)
    if name:  # no name is the file's own
        with pytest.raises(UserError):
            install(source, home, name=name)
    assert not home.models.exists()


@given(st.text(max_size=30))
def test_a_name_that_passes_is_one_component(name: str) -> None:
    try:
        checked = checked_name(name)
    except UserError:
        return
    assert Path("root", checked).parent == Path("root")
    assert checked_name(checked) == checked
    assert not set(checked) & set('/\\:*?"<>|\0\n')


@pytest.mark.parametrize("name", ["cat", "Ünïcödé 猫 🐈", "v1.5 (final) #2 & co", "console", "nullify", "a..b"])
def test_ordinary_names_pass(source: Path, home: Home, name: str) -> None:
    assert install(source, home, name=name).path.name == f"{name}.safetensors"


# --- full disks, cancels, damage ----------------------------------------------------------------------------------


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_room_is_checked_first(source: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: Usage(100, 99, 1))
    with pytest.raises(UserError, match="no room"):
        install(source, home)
    assert not home.models.exists()


def test_a_disk_that_fills_up_leaves_the_library_as_it_was(
    source: Path, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(source, home, name="cat")
    before = (home.models / "loras" / "cat.safetensors").read_bytes()
    other = layouts.write_header_only(tmp_path / "other.safetensors", LORA, "F32")
    folder = layouts.write_diffusers_folder(tmp_path / "m")
    install(folder, home)
    kept = everything_in(home.models)

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(install_module, "sync", full)
        for name in ("cat", "CAT", "new"):
            with pytest.raises(UserError, match="disk is full"):
                install(other, home, name=name, on_clash="replace")
        with pytest.raises(UserError, match="disk is full"):
            install(folder, home, on_clash="replace")
    assert everything_in(home.models) == kept
    assert (home.models / "loras" / "cat.safetensors").read_bytes() == before


@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_cancel_leaves_nothing_behind(tmp_path: Path, home: Home, after: int) -> None:
    folder = layouts.write_diffusers_folder(tmp_path / "m")
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise Cancelled

    with pytest.raises(Cancelled):
        install(folder, home, check=check)
    assert everything_in(home.root) == []


def test_a_disk_that_does_not_keep_what_was_written_is_noticed(
    source: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")

    monkeypatch.setattr(install_module, "sync", forgetful)
    with pytest.raises(UserError, match="did not keep it"):
        install(source, home)
    assert everything_in(home.root) == []


def test_verify_finds_a_changed_byte_that_left_size_and_time_alone(source: Path, home: Home) -> None:
    entry = install(source, home)
    assert verify(entry, home).unchanged is True
    before = entry.path.stat()
    with entry.path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    os.utime(entry.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(UserError, match="damaged"):
        verify(entry, home)


def test_verify_keeps_the_checksum_of_what_was_put_there_by_hand(source: Path, home: Home) -> None:
    (home.models / "loras").mkdir(parents=True)
    shutil.copy(source, home.models / "loras" / "cat.safetensors")
    entry = Index(home).find("cat")
    first = verify(entry, home)
    assert first.unchanged is None
    assert verify(entry, home).to_dict() == {**first.to_dict(), "unchanged": True, "text": verify(entry, home).text}


def test_verify_tells_how_far_it_is_and_can_be_stopped(
    source: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_module, "PIECE", 4096)
    entry = install(source, home)
    told: list[tuple[int, int]] = []
    verify(entry, home, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (4096, entry.size)
    assert told[-1] == (entry.size, entry.size)
    Index(home).forget(entry.path)

    def check() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        verify(entry, home, check=check)
    assert Index(home).known_sha256(entry) is None


def test_verify_of_a_folder_reads_every_file_and_gives_the_digest_of_its_installation(
    tmp_path: Path, home: Home
) -> None:
    entry = install(layouts.write_diffusers_folder(tmp_path / "m"), home)
    told: list[tuple[int, int]] = []
    found = verify(entry, home, progress=lambda done, total: told.append((done, total)))
    assert found.unchanged is True
    assert told[-1][0] == told[-1][1] > 0


# --- removing -----------------------------------------------------------------------------------------------------


@pytest.fixture
def trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the system's trash, which a test must not fill."""
    place = tmp_path / "trash"
    place.mkdir()

    def move(path: Path) -> None:
        shutil.move(path, place / Path(path).name)

    monkeypatch.setattr(send2trash, "send2trash", move)
    return place


def test_a_removed_model_is_in_the_trash(source: Path, home: Home, tmp_path: Path, trash: Path) -> None:
    entry = install(source, home)
    beside = entry.path.with_suffix(".yaml")
    beside.write_text("parameterization: v")
    remove(entry, home)
    assert sorted(path.name for path in trash.iterdir()) == ["Kätzchen 猫.safetensors", "Kätzchen 猫.yaml"]
    remove(install(layouts.write_diffusers_folder(tmp_path / "m"), home), home)
    assert (trash / "m" / "model_index.json").exists()
    assert [entry for entry in Index(home).models().entries if not entry.read_only] == []


def test_models_that_gesso_only_reads_are_not_removed(source: Path, home: Home, trash: Path) -> None:
    shipped: Entry = Index(home, [source.parent]).models().entries[0]
    elsewhere = Index(home).find(source)
    for entry in (shipped, elsewhere):
        with pytest.raises(UserError, match="can't be removed from here"):
            remove(entry, home)
    assert source.exists()
    assert list(trash.iterdir()) == []


def test_a_trash_that_fails_is_said(source: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise PermissionError("no trash here")

    monkeypatch.setattr(send2trash, "send2trash", fail)
    entry = install(source, home)
    with pytest.raises(UserError, match="could not be moved to the trash"):
        remove(entry, home)
    assert entry.path.exists()
